"""The paper's tables as views over measurements, beside the published numbers."""
