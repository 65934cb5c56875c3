"""The gap of the NLL between the test and the training split (section 4.3)."""

from __future__ import annotations

import numpy as np
import pandas as pd

METRIC = "NLL gap"
_RUN = ["model", "training_seed"]


def with_gap(rows: pd.DataFrame) -> pd.DataFrame:
    """Measurements with rows for the gap of each training run: NLL on test less NLL on train, bits/dim.

    Its spread is both standard errors in quadrature, for the images of the splits are others; its n is the
    smaller one. A run without one of the NLLs has no gap; that of a diverged run is NaN.

    Args:
        rows: columns of `ddpm.measurements.SCHEMA`.
    """
    nll = rows[rows["metric"] == "NLL"]
    train = nll[nll["split"] == "train"].set_index(_RUN)[["value", "spread", "n"]]
    both = nll[nll["split"] == "test"].join(train, on=_RUN, rsuffix="_train", how="inner")
    gap = both.assign(
        metric=METRIC,
        split=None,
        value=both["value"] - both["value_train"],
        spread=np.hypot(both["spread"].astype(float), both["spread_train"].astype(float)),
        n=both[["n", "n_train"]].min(axis=1).astype("Int64"),
        protocol="NLL on test less NLL on train; spread: both standard errors in quadrature",
    )
    return pd.concat([rows, gap[list(rows.columns)]], ignore_index=True) if len(gap) else rows
