"""What a study costs before any of it is run: its jobs, their time, memory and disk."""
