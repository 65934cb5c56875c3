"""Data sets as uint8 arrays with a manifest, and scaling to [-1, 1]."""
