"""Samples in shards, and the chains that figures 2, 7, 8 and 9 show."""
