"""Which measurement fills which column, and how good it is to be high."""

from __future__ import annotations

import dataclasses

_SPLITS = "standard deviation over the splits of the samples"
_SUBSETS = "standard deviation over random subsets"
_IMAGES = "standard error over images"


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
    fields = {"within": _IMAGES, **more}
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

TABLE1 = (IS, FID, NLL_TEST, NLL_TRAIN, FID_TEST, KID, PRECISION, RECALL)
TABLE2 = (IS, FID, FID_TEST)
TEXT = (IS, FID, FID_TEST, NLL_TEST, NLL_TRAIN, NLL_GAP, RATE, DISTORTION, RMSE, PRIOR, PARAMETERS)
TEXT_FIXED_SMALL = (IS, FID)
