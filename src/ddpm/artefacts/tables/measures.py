"""Which measurement fills which column, and how good it is to be high."""

from __future__ import annotations

import dataclasses


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
        has_spread: its measurements carry a spread within a run.
        shows_spreads: what is shown has the spreads within a run and over training seeds.
        required: a trained model without this number is an error.
    """

    column: str
    metric: str
    splits: tuple[str | None, ...] = ()
    decimals: int = 2
    best: str | None = None
    has_spread: bool = False
    shows_spreads: bool = False
    required: bool = True


IS = Measure("IS", "IS", best="max", has_spread=True, shows_spreads=True)
FID = Measure("FID", "FID", ("train", None), best="min", shows_spreads=True)
FID_TEST = Measure("FID_test", "FID", ("test",), best="min", shows_spreads=True)
NLL_TEST = Measure("NLL_test", "NLL", ("test",), best="min")
NLL_TRAIN = Measure("NLL_train", "NLL", ("train",))
KID = Measure("KID", "KID", ("train", "test", None), decimals=4, has_spread=True, required=False)
PRECISION = Measure("precision", "precision", ("train", "test", None), required=False)
RECALL = Measure("recall", "recall", ("train", "test", None), required=False)

TABLE1 = (IS, FID, NLL_TEST, NLL_TRAIN, FID_TEST, KID, PRECISION, RECALL)
TABLE2 = (IS, FID, FID_TEST)
