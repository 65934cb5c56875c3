"""Runs `snakemake --lint`, less its wish for a conda environment or container of each rule.

One environment serves all rules (envs/). The file of a rule's own would be copied by Snakemake to where its
paths lead nowhere.
"""

import re
import subprocess
import sys

NOT_WANTED = "Specify a conda environment or container for each rule."

run = subprocess.run(
    [sys.executable, "-m", "snakemake", "--lint"],
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
    check=False,
)
lints = re.findall(r"^    \* (.*):$", run.stdout, re.MULTILINE)
if set(lints) - {NOT_WANTED} or (run.returncode and not lints):
    sys.exit(run.stdout)
