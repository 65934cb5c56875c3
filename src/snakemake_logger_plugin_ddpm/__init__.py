"""What a run of the workflow shows: a line for each job begun and ended; failed jobs, with their logs, last.

A terminal has no lines for jobs that begin on this machine, but a last line with those that run. A logger
plugin of Snakemake, chosen in profiles/default. Snakemake's own log of a run, in .snakemake/log, and the logs
of the jobs are as they are without it. Dry runs and --verbose show what Snakemake itself shows.
"""

from snakemake_logger_plugin_ddpm.handler import LogHandler

__all__ = ["LogHandler"]
