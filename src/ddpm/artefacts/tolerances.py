"""What is expected of a study's next run, from several runs: means, and how far a run may lie from them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd
from scipy import stats

from ddpm.artefacts.expected import COLUMNS, Number, Place
from ddpm.errors import DataError
from ddpm.graph import layout

FALSE_ALARM = 0.01
"""Chance that a run like the others has any number beyond its tolerance, if numbers scatter normally."""
# Of float32: what equal runs may differ by, relative to the number.
_ROUNDING = 1e-6


def expected_frame(runs: Sequence[Mapping[Place, Number]]) -> pd.DataFrame:
    """The expected numbers with their tolerances, columns `COLUMNS`.

    A tolerance is a prediction interval for one more run: t s sqrt(1 + 1/n) of n runs. s is the standard
    deviation over the runs, or that of all numbers of its kind (by the median of their relative ones), if
    that is more: n runs of one number may lie close by chance. t is Student's quantile for the degrees of
    freedom of the kind, of a chance of FALSE_ALARM over all numbers.

    Args:
        runs: the numbers of each run (`ddpm.artefacts.expected.table_numbers`).

    Raises:
        DataError: there are fewer than three runs, or they have other numbers, or numbers of other settings.
    """
    if len(runs) < 3:
        raise DataError(f"{len(runs)} runs: a spread takes three or more; give more folders of results")
    for number, run in enumerate(runs[1:], 2):
        for place in runs[0].keys() ^ run.keys():
            raise DataError(f"{place}: in run 1 or run {number} alone; build the same tables in all")
        for place, first in runs[0].items():
            if run[place].settings != first.settings:
                raise DataError(
                    f"{place}: run {number} has other settings than run 1; give runs of one study"
                )
    values = pd.DataFrame([{place: number.value for place, number in run.items()} for run in runs]).T
    means, deviations = values.mean(axis=1), values.std(axis=1, ddof=1)
    relative = deviations / means.abs()
    kinds = pd.Series([runs[0][Place(*place)].kind for place in values.index], index=values.index)
    # The median of deviations of few runs lies below the deviation that they estimate.
    usual = relative.groupby(kinds).transform("median") / math.sqrt(
        stats.chi2.median(len(runs) - 1) / (len(runs) - 1)
    )
    count = relative.groupby(kinds).transform("count").clip(lower=1)
    chance = FALSE_ALARM / (2 * len(values))
    quantiles = stats.t.isf(chance, (len(runs) - 1) * count)
    spread = pd.concat([deviations, usual * means.abs()], axis=1).max(axis=1)
    tolerances = quantiles * spread * math.sqrt(1 + 1 / len(runs)) + _ROUNDING * means.abs()
    return pd.DataFrame(
        [
            (*place, _rounded(mean, 7), _rounded(tolerance, 3), runs[0][Place(*place)].settings)
            for place, mean, tolerance in zip(values.index, means, tolerances, strict=True)
        ],
        columns=list(COLUMNS),
    )


def _rounded(value: float, digits: int) -> float:
    """A number with so many significant digits."""
    return float(f"{value:.{digits}g}")


def about_run(home: Path, tables: Sequence[str]) -> str:
    """Commits, hardware and training seeds of a run, in a line, from the traces of its tables."""
    paths = [Path(layout.TABLE_TRACE.format(home=home, table=table)) for table in tables]
    trace = pd.concat([pd.read_csv(path) for path in paths if path.exists()])
    commits = sorted({str(commit)[:12] for commit in trace["git_commit"].dropna()})
    hardware = sorted(set(trace["hardware"].dropna()))
    seeds = sorted({str(int(seed)) for seed in trace["training_seed"].dropna()})
    return f"commit {', '.join(commits)}; {'; '.join(hardware)}; training seeds {', '.join(seeds)}"
