"""A study as a Workflow Run RO-Crate: its files, and how each was made, for other programs to read."""
