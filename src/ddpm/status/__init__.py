"""`ddpm status`: how far a study is, from its files, its locks, and Slurm's queue; without torch."""
