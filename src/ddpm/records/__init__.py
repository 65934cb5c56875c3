"""What is written down: whole files, rows, provenance, locks, and Snakemake's records."""
