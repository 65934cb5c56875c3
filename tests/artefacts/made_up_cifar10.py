"""A study at the paper's scale (CIFAR-10, Inception features) with made-up measurements."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import made_up_study
import numpy as np
import pandas as pd
from made_up_study import PUBLISHED, Change, write

from ddpm.artefacts.published import read_published
from ddpm.artefacts.tables.table import BuiltTable, build_table
from ddpm.graph import layout
from ddpm.graph.fingerprint import result_fingerprint
from ddpm.graph.run_files import checkpoint_rows, training_runs
from ddpm.records.measurements import Measurement
from ddpm.records.traced_files import write_frame
from ddpm.study import Study

STUDY = """
title: "Made up: CIFAR-10"
datasets:
  cifar10: {source: cifar10}
defaults:
  dataset: cifar10
  training: {steps: 800000}
models:
  mu_learned:
    diffusion: {prediction: mu_tilde, variance: learned, loss: kl}
    pretrained: {repository: someone/weights, revision: v1, averaged: false}
  mu_fixed: {diffusion: {prediction: mu_tilde, loss: kl}}
  mu_mse: {diffusion: {prediction: mu_tilde}, checkpoints: {steps: [400000], evaluate: 400000}}
  eps_learned: {diffusion: {variance: learned, loss: kl}}
  eps_fixed: {diffusion: {loss: kl}, seeds: [0, 1]}
  eps_simple: {checkpoints: {steps: [200000, 400000, 600000], evaluate: minimum_fid}}
sampling: {images: 50000, seeds: [0, 1, 2]}
quality:
  features: {kind: inception}
artefacts:
  table1: {L: eps_fixed, L_simple: eps_simple}
  table2:
    mu_tilde_L_learned: mu_learned
    mu_tilde_L_fixed: mu_fixed
    mu_tilde_mse: mu_mse
    epsilon_L_learned: eps_learned
    epsilon_L_fixed: eps_fixed
    epsilon_L_simple: eps_simple
  table4: {model: eps_simple}
  text_numbers: {model: eps_simple}
  comparison: {}
  checkpoints: {models: [mu_mse, eps_fixed, eps_simple]}
"""
DIVERGED = {("mu_fixed", 0): 5000, ("eps_learned", 0): 120}
# (IS, FID against train) by model; against test it is 2.2 more.
QUALITY = {
    "mu_learned": (7.3, 23.5),
    "mu_fixed": (8.0, 13.0),
    "mu_mse": (2.0, 180.0),
    "eps_learned": (3.0, 90.0),
    "eps_fixed": (7.7, 14.0),
    "eps_simple": (9.5, 3.2),
}
# Parts of the bound on the test split; on train the NLL is 0.03 less.
BOUND = {"NLL": 3.751, "rate": 1.776, "distortion": 1.975, "L_T": 7.45e-6, "RMSE": 0.9512}


def make(folder: Path, text: str = STUDY) -> Study:
    """The study's file and the published numbers in `folder`, which must be the working folder."""
    return made_up_study.make(folder, text)


def measure(study: Study, change: Change = list) -> None:
    """Writes all measurements; `change` edits the rows of each file before they are written."""
    reference = [row(study, "reference: test images", None, "IS", 11.2, n=10_000)]
    made_up_study.write_rows(study, quality_rows, likelihood_rows, reference, change)
    for run in training_runs(study, study.models):
        steps = study.model(str(run["model"])).candidates
        for step, path in zip(steps, checkpoint_rows(study, **run), strict=True):
            write(study, path, change(rows_of_checkpoint(study, step=step, **run)))
    write_curve(study)


def built(folder: Path, name: str = "comparison", text: str = STUDY) -> BuiltTable:
    """A table of the study in `folder`, with all measurements."""
    study = make(folder, text)
    measure(study)
    return build_table(study, name)


def quality_rows(study: Study, model: str, seed: int, sampling: int) -> list[Measurement]:
    """FID rises by 0.02 and 1, IS by 0.01 and 0.1, with each sampling and training seed."""
    score, fid = QUALITY[model]
    values = {
        ("IS", None): score + 0.1 * seed + 0.01 * sampling,
        ("FID", "train"): fid + seed + 0.02 * (sampling - 1),
        ("FID", "test"): fid + seed + 2.2 + 0.02 * (sampling - 1),
        ("KID", "train"): 0.001,
    }
    return [
        row(
            study,
            model,
            seed,
            metric,
            value,
            split=split,
            n=study.sampling.images,
            sampling_seed=sampling,
            spread=0.1 if metric == "IS" else None,
            protocol=f"{metric} the made-up way",
        )
        for (metric, split), value in values.items()
    ]


def likelihood_rows(study: Study, model: str, seed: int, split: str) -> list[Measurement]:
    """The bound on as many images as the study asks for; standard errors 0.01, that of L_T 1e-8."""
    dataset = study.datasets[study.model(model).dataset]
    n = study.likelihood.evaluated(dataset.split_sizes[split])
    lower = {"NLL": 0.03} if split == "train" else {}
    return [
        row(
            study,
            model,
            seed,
            metric,
            value - lower.get(metric, 0.0),
            split=split,
            n=n,
            spread=1e-8 if metric == "L_T" else 0.01,
        )
        for metric, value in BOUND.items()
    ]


def rows_of_checkpoint(study: Study, model: str, seed: int, step: int) -> list[Measurement]:
    """FID falls until step 600,000 and rises again."""
    fid = QUALITY[model][1] + 2.0 + seed + abs(step - 600_000) / 20_000
    n = study.model(model).checkpoints.images
    more = {"n": n, "sampling_seed": study.model(model).checkpoints.seed}
    return [
        row(study, model, seed, "IS", 8.0, **more),
        row(study, model, seed, "FID", fid, split="train", **more),
    ]


def write_curve(study: Study, status: str = "trained", errors: bool = True) -> None:
    """A curve 1% above the paper's Table 4, with standard errors of 1%; empty if diverged."""
    published = read_published(PUBLISHED)
    timesteps = study.model("eps_simple").diffusion.timesteps
    steps = np.arange(1, timesteps + 1)
    frame = pd.DataFrame({"t": timesteps - steps + 1, "reverse_steps": steps, "term": 0.0, "mse": 0.0})
    for column, metric in (("rate", "rate"), ("rmse", "RMSE")):
        at, values = zip(*published.curve("table4", metric), strict=True)
        frame[column] = 1.01 * np.interp(steps * 1000 / timesteps, at, values)
        if errors:
            frame[f"{column}_error"] = 0.01 * frame[column]
    path = layout.path(layout.RATE_DISTORTION, study.name, model="eps_simple", seed=0, split="test")
    provenance = {"git_commit": "abc", "hardware": "a GPU", "weights_hash": "w" * 64, "status": status}
    provenance["settings"] = result_fingerprint(study, str(path))
    write_frame(path, frame if status == "trained" else frame.iloc[:0], provenance)


def few_samples_of(model: str) -> Change:
    """Makes a model's samples 2,000."""
    return lambda rows: [
        dataclasses.replace(r, n=2000) if r.model == model and r.sampling_seed is not None and r.n else r
        for r in rows
    ]


def row(study: Study, model: str, seed: int | None, metric: str, value: float, **more: object) -> Measurement:
    """One measurement; NaN of no images for a diverged run."""
    more = {"protocol": "made up", "hardware": "a GPU"} | more
    return made_up_study.row(study, model, seed, metric, value, diverged=DIVERGED, **more)
