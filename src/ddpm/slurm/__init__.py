"""What the workflow and training ask Slurm: jobs in its queue, what it accepts, and to queue a job again."""
