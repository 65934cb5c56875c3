"""From the measurements of a model's runs to the one number that a cell shows."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ddpm.errors import DataError
from ddpm.records.status import TRAINED, has_diverged, has_failed, is_evaluated

if TYPE_CHECKING:
    import pandas as pd

_SPLITS = "standard deviation over the splits of the samples"
_SUBSETS = "standard deviation over random subsets"
STANDARD_ERROR = "standard error over images"


@dataclasses.dataclass(frozen=True)
class Measure:
    """A column of measured numbers.

    Attributes:
        column: its name in the table's CSV file.
        metric: metric of the measurements.
        splits: splits whose measurements may fill it, preferred first; None stands for rows
            without a split, and an empty tuple for any rows.
        decimals: digits shown after the point.
        best: `max` or `min` chooses the best value; None where nothing is marked best.
        within: what the spread within a run is; "" if its measurements carry none.
        of_samples: it is measured on samples, so that there is a value for each sampling seed.
        shows_spreads: what is shown has the spreads within a run and over seeds.
        required: a trained model without this number is an error.
    """

    column: str
    metric: str
    splits: tuple[str | None, ...] = ()
    decimals: int = 2
    best: str | None = None
    within: str = ""
    of_samples: bool = True
    shows_spreads: bool = False
    required: bool = True

    @property
    def split(self) -> str | None:
        """The split that it is measured on or against; None for none."""
        return self.splits[0] if self.splits else None


def _of_bound(column: str, metric: str, split: str | None, **more: str | None) -> Measure:
    """A part of the variational bound: it has a value for each training seed, of no samples."""
    fields = {"within": STANDARD_ERROR, **more}
    return Measure(column, metric, (split,), of_samples=False, **fields)  # type: ignore[arg-type]


IS = Measure("IS", "IS", best="max", within=_SPLITS, shows_spreads=True)
FID = Measure("FID", "FID", ("train", None), best="min", shows_spreads=True)
FID_TEST = Measure("FID_test", "FID", ("test",), best="min", shows_spreads=True)
NLL_TEST = _of_bound("NLL_test", "NLL", "test", best="min")
NLL_TRAIN = _of_bound("NLL_train", "NLL", "train")
KID = Measure("KID", "KID", ("train", "test", None), decimals=4, within=_SUBSETS, required=False)
PRECISION = Measure("precision", "precision", ("train", "test", None), required=False)
RECALL = Measure("recall", "recall", ("train", "test", None), required=False)

NLL_GAP = _of_bound("NLL_gap", "NLL gap", None)
RATE = _of_bound("rate", "rate", "test")
DISTORTION = _of_bound("distortion", "distortion", "test")
RMSE = _of_bound("RMSE", "RMSE", "test")
PARAMETERS = Measure("parameters", "parameters", decimals=1, of_samples=False)
PRIOR = _of_bound("L_T", "L_T", "test")


OVER_TRAINING = "training seeds"


@dataclasses.dataclass(frozen=True)
class Summary:
    """One measured number of one model.

    Attributes:
        value: mean over all runs (training seed x sampling seed) that did not diverge; NaN if
            there is none.
        spread: mean over those runs of the spread within a run (`Measure.within` says which).
        seed_spread: standard deviation (n - 1) over training seeds, each seed's value being its
            mean over sampling seeds; NaN with fewer than two training seeds.
        sampling_spread: standard deviation (n - 1) over the sampling seeds of a training seed, mean
            over training seeds; NaN where none has two sampling seeds.
        training_seeds: number of training seeds that entered.
        sampling_seeds: number of sampling seeds of a training seed, the fewest if they differ.
        n: images in each run, the fewest if runs differ; None if there is no run.
        rows: the measurements that entered, those of diverged runs included.
    """

    value: float
    spread: float
    seed_spread: float
    sampling_spread: float
    training_seeds: int
    sampling_seeds: int
    n: int | None
    rows: pd.DataFrame

    def own_spread(self, within: str) -> tuple[float, str]:
        """The spread that tells most of how far the number may be off, and what it is.

        The first that is known of: over training seeds, over sampling seeds, within a run.

        Args:
            within: what the spread within a run is.

        Returns:
            NaN and "" where none is known.
        """
        found = (
            (self.seed_spread, f"standard deviation over {self.training_seeds} {OVER_TRAINING}"),
            (self.sampling_spread, f"standard deviation over {self.sampling_seeds} sampling seeds"),
            (self.spread, within),
        )
        return next(((spread, kind) for spread, kind in found if math.isfinite(spread)), (math.nan, ""))


def summarise(rows: pd.DataFrame, measure: Measure) -> Summary:
    """Summarises one model's measurements (columns of `ddpm.records.measurements.SCHEMA`) of one measure.

    Raises:
        DataError: a number is given twice for one run.
    """
    entered = _of_measure(rows, measure)
    twice = entered[entered.duplicated(["model", "training_seed", "sampling_seed", "split"])]
    if len(twice):
        row = twice.iloc[0]
        raise DataError(
            f"model {row['model']}, training seed {row['training_seed']}, sampling seed "
            f"{row['sampling_seed']}: {measure.metric} is measured twice; delete that run's measurements and "
            "build the table again"
        )
    runs = entered[~_lacks_values(entered)]
    by_seed = runs.groupby("training_seed", dropna=False)["value"]
    sampled = by_seed.size()
    return Summary(
        value=_mean(runs["value"]),
        spread=_mean(runs["spread"].dropna()),
        seed_spread=float(by_seed.mean().std(ddof=1)),
        sampling_spread=_mean(by_seed.std(ddof=1)[sampled > 1]),
        training_seeds=len(sampled),
        sampling_seeds=int(sampled.min()) if len(sampled) else 0,
        n=int(runs["n"].min()) if runs["n"].notna().any() else None,
        # A diverged run may have left no row of this very metric: its other rows say why.
        rows=entered if len(entered) else rows[_lacks_values(rows)],
    )


def require_runs(rows: pd.DataFrame, model: str, seeds: Iterable[int], measures: Sequence[Measure]) -> None:
    """Checks that every training seed of a model diverged or has each required number.

    Raises:
        DataError: names the model, seed and metric that are missing.
    """
    for seed in seeds:
        run = rows[rows["training_seed"] == seed]
        if _lacks_values(run).any():
            continue
        for measure in measures:
            if measure.required and _of_measure(run, measure).empty:
                split = f" ({' or '.join(s for s in measure.splits if s)})" if any(measure.splits) else ""
                raise DataError(
                    f"model {model}, training seed {seed}: its measurements have no {measure.metric}{split}; "
                    "delete that run's measurements and build the table again"
                )


def status_of(rows: pd.DataFrame, seeds: Sequence[int]) -> str:
    """How training ended: as in `ddpm.records.status`, or which of several seeds have no numbers."""
    failed = rows[_where(rows, has_failed)].drop_duplicates("training_seed")
    if failed.empty:
        return TRAINED
    if len(seeds) == 1:
        return str(failed["status"].iloc[0])
    runs = zip(failed["training_seed"], failed["status"], strict=True)
    which = ", ".join(f"seed {seed} {str(status).removeprefix('diverged ')}" for seed, status in runs)
    how = "diverged" if _where(failed, has_diverged).all() else "have no numbers"
    return f"{len(failed)} of {len(seeds)} seeds {how}: {which}"


def _lacks_values(rows: pd.DataFrame) -> pd.Series:
    """Which rows have no value: of runs without weights to evaluate, or of what is not finite."""
    return _where(rows, lambda status: not is_evaluated(status))


def _where(rows: pd.DataFrame, holds: Callable[[str], bool]) -> pd.Series:
    return rows["status"].fillna("").astype(str).map(holds).astype(bool)


def best_of(summaries: Mapping[str, Summary], measure: Measure) -> set[str]:
    """Names of the best of several models by one measure: all that tie, none if nothing is measured."""
    values = {name: summary.value for name, summary in summaries.items() if math.isfinite(summary.value)}
    if measure.best is None or not values:
        return set()
    best = max(values.values()) if measure.best == "max" else min(values.values())
    return {name for name, value in values.items() if value == best}


def _of_measure(rows: pd.DataFrame, measure: Measure) -> pd.DataFrame:
    """Finished samples' rows of a metric, of the first of the measure's splits that has any."""
    found = rows[(rows["metric"] == measure.metric) & rows["reverse_steps"].isna()]
    if not measure.splits:
        return found
    of_splits = [
        found[found["split"].isna() if split is None else found["split"] == split] for split in measure.splits
    ]
    return next((rows for rows in of_splits if len(rows)), found.iloc[:0])


def _mean(values: pd.Series) -> float:
    """The mean; NaN if there are none or one of them is NaN, so that no bad number is passed over."""
    return float(values.mean(skipna=False)) if len(values) else math.nan
