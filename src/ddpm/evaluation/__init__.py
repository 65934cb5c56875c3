"""Measurements: features, quality (IS, FID, KID, precision, recall), likelihood, neighbours."""
