"""From the terms of the bound to NLL, rate and distortion (section 4.3, Table 4, figure 5)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ddpm.errors import DataError
from ddpm.evaluation.protocol import Score
from ddpm.records.status import is_not_finite
from ddpm.records.traced_files import read_frame

COLUMNS = ("t", "reverse_steps", "term", "mse", "rate", "rmse", "rate_error", "rmse_error")
METRICS = ("NLL", "L_T", "L_1:T-1", "L_0", "rate", "distortion", "RMSE")
GREY_LEVELS = 127.5  # grey levels in one unit of [-1, 1]
# Mean over images, and its standard error; None for one image.
Mean = tuple[float, float | None]


def read_bound_terms(paths: Sequence[str | Path], images: int) -> pd.DataFrame:
    """The shards' rows (image, prior, terms, mse) in order of the images.

    Raises:
        DataError: the shards do not hold each of the split's images once.
    """
    frame = pd.concat([read_frame(path) for path in paths], ignore_index=True)
    if frame["image"].tolist() != list(range(images)):
        raise DataError(
            f"{paths[0]} and its neighbours: hold {len(frame)} of {images} images; delete them, run again"
        )
    return frame


def is_finite(frame: pd.DataFrame) -> bool:
    """Whether the bound of every image is finite."""
    columns = [np.stack(frame[name].to_list()).ravel() for name in ("prior", "terms", "mse")]
    return bool(np.isfinite(np.concatenate(columns)).all())


def likelihood(frame: pd.DataFrame) -> dict[str, Mean]:
    """NLL (the bound L), L_T, L_1:T-1, L_0, rate, distortion and RMSE from rows of the bound's terms.

    Rate is L_T + L_1:T-1, what is needed to know x_1; distortion is L_0; all in bits/dim. RMSE is that of
    x0-hat(x_1), in grey levels of [0, 255].
    """
    prior = frame["prior"].to_numpy(np.float64)
    terms = np.stack(frame["terms"].to_list()).astype(np.float64)
    between = terms[:, 1:].sum(axis=1)
    parts = {
        "NLL": prior + terms.sum(axis=1),
        "L_T": prior,
        "L_1:T-1": between,
        "L_0": terms[:, 0],
        "rate": prior + between,
        "distortion": terms[:, 0],
    }
    values: dict[str, Mean] = {name: _mean_and_error(x) for name, x in parts.items()}
    first = rate_distortion(frame).iloc[0]
    error = float(first["rmse_error"])
    values["RMSE"] = (float(first["rmse"]), error if np.isfinite(error) else None)
    return values


def likelihood_scores(
    frame: pd.DataFrame | None, split: str, split_size: int, timesteps: int, status: str
) -> list[Score]:
    """The parts of the bound as scores; NaN and n 0 if training diverged or the bound is not finite.

    Args:
        frame: rows of the bound's terms; None if there are none, or none that are finite.
        split, split_size: of which the images are, and how many it has in all.
        timesteps: T.
        status: of the measurements, as in `ddpm.records.status`.
    """
    if frame is None:
        reason = "no bound: it is not finite" if is_not_finite(status) else f"no bound: training {status}"
        return [Score(metric, split, math.nan, None, 0, reason) for metric in METRICS]
    protocol = (
        f"bound of all {timesteps} terms, one noise draw each, x0-hat clipped; "
        "spread: standard error over images"
    )
    if (n := len(frame)) < split_size:
        protocol += f"; only the first {n:,} of {split_size:,} {split} images"
    parts = likelihood(frame)
    return [Score(metric, split, *parts[metric], n, protocol) for metric in METRICS]


def rate_distortion(frame: pd.DataFrame) -> pd.DataFrame:
    """Rate and distortion at each t = 1..T.

    Returns:
        columns t, reverse_steps (T - t + 1), term (L_{t-1}, bits/dim), mse (of x0-hat on [-1, 1]),
        rate (L_T + sum of terms of larger t: what is needed to know x_t, bits/dim), rmse
        (127.5 sqrt of the mean mse over images, grey levels), and rate_error and rmse_error, their
        standard errors over images (NaN for one image).
    """
    terms = np.stack(frame["terms"].to_list()).astype(np.float64)
    mse = np.stack(frame["mse"].to_list()).astype(np.float64)
    timesteps = terms.shape[1]
    t = np.arange(1, timesteps + 1)
    rates = _rates(frame["prior"].to_numpy(np.float64), terms)
    mean_mse = mse.mean(axis=0)
    rmse = GREY_LEVELS * np.sqrt(mean_mse)
    # The error of a square root: that of its argument over twice the root.
    rmse_error = GREY_LEVELS**2 * _errors(mse) / (2 * np.where(rmse > 0, rmse, np.nan))
    return pd.DataFrame(
        {
            "t": t,
            "reverse_steps": timesteps - t + 1,
            "term": terms.mean(axis=0),
            "mse": mean_mse,
            "rate": rates.mean(axis=0),
            "rmse": rmse,
            "rate_error": _errors(rates),
            "rmse_error": rmse_error,
        }
    )


def _rates(prior: np.ndarray, terms: np.ndarray) -> np.ndarray:
    """Each image's rate at each t [n, T]: its L_T and its terms of larger t."""
    beyond = np.zeros_like(terms)
    beyond[:, :-1] = np.cumsum(terms[:, :0:-1], axis=1)[:, ::-1]
    return prior[:, None] + beyond


def _errors(values: np.ndarray) -> np.ndarray:
    """Standard errors of the means over images [T]; NaN for one image."""
    if len(values) < 2:
        return np.full(values.shape[1], np.nan)
    return values.std(axis=0, ddof=1) / np.sqrt(len(values))


def _mean_and_error(values: np.ndarray) -> Mean:
    error = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else None
    return float(values.mean()), error
