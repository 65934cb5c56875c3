"""Algorithms 3 and 4 of the paper as files: schedule, channel, index code, decoder (Eq. 13), stack, formats."""
