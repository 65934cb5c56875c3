"""Files fetched into resources/: their registry, where they come from, and the download."""
