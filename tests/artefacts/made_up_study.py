"""A study with made-up measurements, written where its tables look for them."""

from __future__ import annotations

import dataclasses
import math
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from ddpm.graph import layout
from ddpm.graph.dependencies import PUBLISHED
from ddpm.graph.fingerprint import result_fingerprint
from ddpm.graph.run_files import training_runs
from ddpm.records.measurements import Measurement, write_measurements
from ddpm.records.traced_files import write_frame
from ddpm.study import Study, load_study

PROJECT = Path(__file__).parents[2]
TITLE = "Made up: <tiny> & grey"
STUDY = f"""
title: "{TITLE}"
datasets:
  tiny: {{source: digits}}
defaults:
  dataset: tiny
  network: {{channels: 32, channel_multipliers: [1, 2], attention_resolutions: [4], groups: 8}}
  diffusion: {{timesteps: 100}}
  training: {{steps: 1000}}
models:
  mu_learned: {{diffusion: {{prediction: mu_tilde, variance: learned, loss: kl}}}}
  mu_fixed: {{diffusion: {{prediction: mu_tilde, loss: kl}}}}
  mu_mse: {{diffusion: {{prediction: mu_tilde}}, seeds: [0, 1]}}
  eps_learned: {{diffusion: {{variance: learned, loss: kl}}}}
  eps_fixed: {{diffusion: {{loss: kl}}}}
  eps_simple: {{seeds: [0, 1]}}
sampling: {{images: 1000, seeds: [0, 7]}}
quality:
  features: {{kind: classifier, dataset: tiny}}
artefacts:
  models: null
  table1: {{L: eps_fixed, L_simple: eps_simple}}
  table2:
    mu_tilde_L_learned: mu_learned
    mu_tilde_L_fixed: mu_fixed
    mu_tilde_mse: mu_mse
    epsilon_L_learned: eps_learned
    epsilon_L_fixed: eps_fixed
    epsilon_L_simple: eps_simple
  table4: {{model: eps_simple}}
  figure5: {{model: eps_simple}}
  figure13: {{model: eps_simple, rows: 3, columns: 4}}
"""

# Diverged runs: (model, training seed) -> step.
DIVERGED = {("mu_mse", 1): 340, ("eps_learned", 0): 120}
FID = {"mu_learned": 30.0, "mu_fixed": 20.0, "mu_mse": 25.0, "eps_fixed": 15.0, "eps_simple": 5.0}
QUALITY = (("IS", None), ("FID", "train"), ("FID", "test"), ("KID", "train"), ("precision", "train"))

Change = Callable[[list[Measurement]], list[Measurement]]


def make(folder: Path, text: str = STUDY) -> Study:
    """The study's file and the published numbers in `folder`, which must be the working folder."""
    (folder / "config").mkdir(exist_ok=True)
    (folder / "config" / "made_up.yaml").write_text(text)
    shutil.copy(PROJECT / PUBLISHED, folder / PUBLISHED)
    return load_study("config/made_up.yaml")


def measure(study: Study, change: Change = list) -> None:
    """Writes all measurements; `change` edits the rows of each file before they are written."""
    write_rows(study, quality_rows, likelihood_rows, reference_rows(study), change)
    write_curve(study)


def write_rows(
    study: Study,
    quality: Callable[..., list[Measurement]],
    likelihood: Callable[..., list[Measurement]],
    reference: list[Measurement],
    change: Change,
) -> None:
    """Writes the rows that `quality` and `likelihood` give of each run, and those of the reference."""
    for run in training_runs(study, study.models):
        for sampling in study.sampling_seeds(str(run["model"])):
            path = layout.path(layout.QUALITY_ROWS, study.name, sampling=sampling, **run)
            write(study, path, change(quality(study, sampling=sampling, **run)))
        for split in ("train", "test"):
            path = layout.path(layout.LIKELIHOOD_ROWS, study.name, split=split, **run)
            write(study, path, change(likelihood(study, split=split, **run)))
    path = layout.path(layout.REFERENCE_ROWS, study.name, dataset=next(iter(study.datasets)))
    write(study, path, change(reference))


def write(study: Study, path: Path, rows: list[Measurement]) -> None:
    """Writes the rows of one file, as of the study's settings."""
    settings = result_fingerprint(study, str(path))
    write_measurements(path, [dataclasses.replace(row, settings=settings) for row in rows])


def quality_rows(study: Study, model: str, seed: int, sampling: int) -> list[Measurement]:
    """IS is 8 + seed + 0.1 sampling, FID is FID[model] + 2 seed + 0.01 sampling, against test 1 more."""
    fid = FID.get(model, math.nan) + 2.0 * seed + 0.01 * sampling
    values = {"IS": 8.0 + seed + 0.1 * sampling, "FID": fid, "KID": 0.0123}
    return [
        row(
            study,
            model,
            seed,
            metric,
            values.get(metric, 0.5) + (metric == "FID" and split == "test"),
            split=split,
            n=1000,
            sampling_seed=sampling,
            spread=0.2 if metric in ("IS", "KID") else None,
            protocol=f"{metric} the made-up way",
        )
        for metric, split in QUALITY
    ]


def likelihood_rows(study: Study, model: str, seed: int, split: str) -> list[Measurement]:
    """NLL is 3.7 on test and 3.6 on train, 0.2 more for each seed."""
    value = {"test": 3.7, "train": 3.6}[split] + 0.2 * seed
    return [
        row(study, model, seed, metric, value, split=split, n=500, protocol="the bound", spread=0.01)
        for metric in ("NLL", "L_T")
    ]


def reference_rows(study: Study) -> list[Measurement]:
    """IS of real images and of noise."""
    return [
        row(study, f"reference: {name}", None, metric, value, split=split, n=400, protocol="as the samples")
        for name, value in (("training images", 9.5), ("noise", 1.5))
        for metric, split in (("IS", None), ("FID", "test"))
    ]


def write_curve(study: Study, timesteps: int = 100, status: str = "trained") -> None:
    """A rate-distortion curve: rate reverse_steps / T, RMSE T - reverse_steps; empty if diverged."""
    steps = np.arange(1, timesteps + 1)
    curve = {"t": timesteps - steps + 1, "reverse_steps": steps, "rate": steps / timesteps}
    frame = pd.DataFrame(curve | {"term": 0.0, "mse": 0.0, "rmse": 1.0 * (timesteps - steps)})
    path = layout.path(layout.RATE_DISTORTION, study.name, model="eps_simple", seed=0, split="test")
    provenance = {"git_commit": "abc", "hardware": "a laptop", "weights_hash": "w" * 64, "status": status}
    provenance["settings"] = result_fingerprint(study, str(path))
    write_frame(path, frame if status == "trained" else frame.iloc[:0], provenance)


def row(
    study: Study,
    model: str,
    seed: int | None,
    metric: str,
    value: float,
    diverged: Mapping[tuple[str, int], int] = DIVERGED,
    **more: object,
) -> Measurement:
    """One measurement; NaN of no images for a diverged run."""
    step = diverged.get((model, seed))
    status = "reference" if seed is None else "trained" if step is None else f"diverged at step {step}"
    if step is not None:
        more |= {"n": 0, "spread": None, "protocol": "not measured"}
    known = {"settings": "0123456789ab", "git_commit": "abc", "hardware": "a laptop", "data_hash": "d" * 64}
    return Measurement(
        study=study.name,
        model=model,
        training_seed=seed,
        metric=metric,
        value=value if step is None else math.nan,
        status=status,
        **known | more,
    )
