"""Choosing among the checkpoints of a training run by FID, as the paper reports its scores (section 4.1).

Each checkpoint draws its own samples from a seed that the final samples do not use, so that the number
that is reported is not the one by which the weights were chosen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from ddpm.errors import DataError
from ddpm.network.weights import read_weights
from ddpm.records.measurements import read_measurements
from ddpm.records.status import diverged_at, has_diverged


def is_candidate(status: str, step: int, file: Path) -> bool:
    """Whether a finished run has weights of a step to evaluate; a diverged one has those from before it.

    Of a run that diverged, a checkpoint from before counts if its weights are finite.

    Args:
        status: how the run ended, as in `ddpm.records.status`.
        step: the step.
        file: the weights of that step, if the run has come to it.

    Raises:
        WeightsError: a checkpoint that the run has come to is missing or damaged.
    """
    if not has_diverged(status):
        return True
    if step >= diverged_at(status):
        return False
    tensors, _ = read_weights(file)
    return all(bool(tensor.isfinite().all()) for tensor in tensors.values())


def best_step(rows: Mapping[int, str], settings: str) -> tuple[int, float]:
    """The step of minimum FID, the earlier of equals, and that FID; the last step and NaN for none.

    Args:
        rows: the file of each candidate's measurements, by step in ascending order.
        settings: the fingerprint that they must have been measured under.

    Raises:
        DataError: the measurements are missing, damaged, or of other settings.
    """
    values = {step: _fid(path, settings) for step, path in rows.items()}
    finite = [(value, step) for step, value in values.items() if math.isfinite(value)]
    if not finite:
        return max(values), math.nan
    value, step = min(finite)
    return step, value


def _fid(path: str, settings: str) -> float:
    rows = read_measurements([path])
    if set(rows["settings"]) != {settings}:
        raise DataError(f"{path}: was measured under other settings; delete it and run `snakemake {path}`")
    [value] = rows.loc[rows["metric"] == "FID", "value"]
    return float(value)
