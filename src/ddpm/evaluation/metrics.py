"""The metrics and plots that DVC compares between versions, made from measurements and training curves."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ddpm.evaluation.protocol import METRICS
from ddpm.records.measurements import read_measurements
from ddpm.records.traced_files import read_frame, read_provenance

REPORTED = (*METRICS, "NLL")
Metrics = dict[str, dict[str, float]]


def metrics(files: Sequence[str]) -> Metrics:
    """Mean over seeds of each metric of each model, from measurement rows.

    Returns:
        by model, then by metric and split, such as {"epsilon_L_simple": {"FID_train": 3.2, "NLL_test": 3.7}};
        NLL in bits/dim. A model whose training diverged has no numbers.
    """
    rows = read_measurements(files)
    measured = rows["value"].notna() & rows["status"].ne("reference")
    finished = measured & rows["metric"].isin(REPORTED) & rows["reverse_steps"].isna()
    found: Metrics = {}
    for (model, metric, split), values in (
        rows[finished].fillna({"split": ""}).groupby(["model", "metric", "split"])["value"]
    ):
        name = f"{metric}_{split}" if split else str(metric)
        if math.isfinite(mean := float(values.mean())):
            found.setdefault(str(model), {})[name] = mean
    return found


def headline(found: Metrics) -> dict[str, float | str]:
    """The best numbers of a study, few enough to read in a line of `dvc metrics show`.

    Args:
        found: as `metrics` returns it.

    Returns:
        best_FID (against the training images) and best_NLL (bits/dim, test split), each with its model
        beside it under best_FID_model and best_NLL_model; a number that no model has is left out.
    """
    best: dict[str, float | str] = {}
    for name, key in (("best_FID", "FID_train"), ("best_NLL", "NLL_test")):
        values = {model: numbers[key] for model, numbers in found.items() if key in numbers}
        if values:
            model = min(values, key=values.__getitem__)
            best |= {name: values[model], f"{name}_model": model}
    return best


def training_plot(files: Sequence[str]) -> pd.DataFrame:
    """Columns run ("<model> seed <n>"), step, loss, gradient_norm: all training curves."""
    frames = []
    for file in files:
        about = read_provenance(file)
        frame = read_frame(file).reindex(columns=["step", "loss", "gradient_norm"])
        frames.append(frame.assign(run=f"{about['model']} seed {about['training_seed']}"))
    return _together(frames, ["run", "step", "loss", "gradient_norm"])


def progressive_plot(files: Sequence[str]) -> pd.DataFrame:
    """Columns model, reverse_steps, FID, IS: of x0-hat in the course of the reverse process."""
    rows = read_measurements(files)
    rows = rows[rows["reverse_steps"].notna() & rows["metric"].isin(["FID", "IS"])]
    wide = rows.pivot_table(values="value", index=["model", "reverse_steps"], columns="metric").reset_index()
    return wide.reindex(columns=["model", "reverse_steps", "FID", "IS"])


def checkpoints_plot(files: Sequence[str]) -> pd.DataFrame:
    """Columns model, training_seed, step, FID: the FID of the checkpoints of training."""
    frames = []
    for file in files:
        rows = read_measurements([file])
        step = int(re.sub(r"\D", "", Path(file).stem))
        fid = rows[rows["metric"] == "FID"][["model", "training_seed", "value"]]
        frames.append(fid.rename(columns={"value": "FID"}).assign(step=step))
    return _together(frames, ["model", "training_seed", "step", "FID"])


def _together(frames: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    return pd.concat(frames)[columns] if frames else pd.DataFrame(columns=columns)
