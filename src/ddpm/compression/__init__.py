"""Algorithms 3 and 4 as files: schedule, channel, index code, decoder (Eq. 13), stack, file format."""
