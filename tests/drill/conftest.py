"""The drill lies in benchmarks/, beside its script; Snakemake is run as the workflow's tests run it."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "benchmarks"), str(ROOT / "tests" / "workflow")]
