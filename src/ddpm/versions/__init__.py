"""Results that DVC stores, as Snakemake takes them up: their times put in order, outdated ones made again.

Snakemake decides by file times, and by records that it keeps where a file was made. A file that DVC puts in
place has a time of its own and no record. Snakemake is not needed here; DVC is asked through its command.
"""
