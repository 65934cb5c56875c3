"""Numbers of the paper's text that follow from others, as measurements beside those of the runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ddpm.artefacts.tables.measures import NLL_GAP, PARAMETERS

if TYPE_CHECKING:
    import pandas as pd

    from ddpm.study.settings import Study


def with_gap(rows: pd.DataFrame) -> pd.DataFrame:
    """Measurements with rows for the gap of each training run: NLL on test less that on train (section 4.3).

    In bits/dim. Its spread is both standard errors in quadrature, for the images of the splits are others;
    its n is the smaller one. A run without one of the NLLs has no gap; that of a diverged run is NaN.

    Args:
        rows: columns of `ddpm.records.measurements.SCHEMA`.
    """
    import pandas as pd

    run = ["model", "training_seed"]
    nll = rows[rows["metric"] == "NLL"]
    train = nll[nll["split"] == "train"].set_index(run)[["value", "spread", "n"]]
    both = nll[nll["split"] == "test"].join(train, on=run, rsuffix="_train", how="inner")
    gap = both.assign(
        metric=NLL_GAP.metric,
        split=None,
        value=both["value"] - both["value_train"],
        spread=np.hypot(both["spread"].astype(float), both["spread_train"].astype(float)),
        n=both[["n", "n_train"]].min(axis=1).astype("Int64"),
        protocol="NLL on test less NLL on train; spread: both standard errors in quadrature",
    )
    return pd.concat([rows, gap[list(rows.columns)]], ignore_index=True) if len(gap) else rows


def with_parameters(rows: pd.DataFrame, study: Study, model: str) -> pd.DataFrame:
    """Measurements with a row for each training run of a model: its network's parameters, in millions.

    Args:
        rows: columns of `ddpm.records.measurements.SCHEMA`.
        study: the study.
        model: a key of `models`.
    """
    import pandas as pd

    from ddpm.plan.network_cost import model_cost

    runs = rows[rows["model"] == model].drop_duplicates("training_seed")
    unknown = pd.array([pd.NA] * len(runs), dtype="Int64")
    counted = runs.assign(
        metric=PARAMETERS.metric,
        split=None,
        value=model_cost(study, model).parameters / 1e6,
        spread=float("nan"),
        n=unknown,
        sampling_seed=unknown,
        reverse_steps=unknown,
        protocol="counted from the settings of the network, in millions",
    )
    return pd.concat([rows, counted], ignore_index=True) if len(counted) else rows
