"""The number of parameters of a model's network, as measurements beside those of its runs."""

from __future__ import annotations

import pandas as pd

from ddpm.plan.network_cost import model_cost
from ddpm.study.settings import Study

METRIC = "parameters"


def with_parameters(rows: pd.DataFrame, study: Study, model: str) -> pd.DataFrame:
    """Measurements with a row for each training run of a model: its network's parameters, in millions.

    Args:
        rows: columns of `ddpm.measurements.SCHEMA`.
        study: the study.
        model: a key of `models`.
    """
    runs = rows[rows["model"] == model].drop_duplicates("training_seed")
    unknown = pd.array([pd.NA] * len(runs), dtype="Int64")
    counted = runs.assign(
        metric=METRIC,
        split=None,
        value=model_cost(study, model).parameters / 1e6,
        spread=float("nan"),
        n=unknown,
        sampling_seed=unknown,
        reverse_steps=unknown,
        protocol="counted from the settings of the network, in millions",
    )
    return pd.concat([rows, counted], ignore_index=True) if len(counted) else rows
