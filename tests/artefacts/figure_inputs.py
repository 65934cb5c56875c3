"""A study with figures and made-up inputs for them, written where the figures look for them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from ddpm.graph.dependencies import artefact_inputs
from ddpm.graph.fingerprint import quality_fingerprint, result_fingerprint
from ddpm.graph.run_files import training_runs
from ddpm.records.measurements import Measurement, write_measurements
from ddpm.records.traced_files import write_arrays, write_frame
from ddpm.study import Study, load_study

PROJECT = Path(__file__).parents[2]
DIVERGED = "diverged at step 437"
STUDY = """
title: "Made up: $8 & <tiny>"
datasets:
  tiny: {{source: digits}}
defaults:
  dataset: tiny
  network: {{channels: 32, channel_multipliers: [1, 2], attention_resolutions: [4], groups: 8}}
  diffusion: {{timesteps: {T}}}
  training: {{steps: 200, log_every: 20}}
models:
  bound: {{diffusion: {{prediction: mu_tilde, variance: learned, loss: kl}}}}
  mse_of_mu: {{diffusion: {{prediction: mu_tilde}}}}
  simple: {{seeds: [0, 1]}}
sampling: {{images: 20, batch_size: 6, batches_per_shard: 1, progressive_columns: 5}}
quality:
  features: {{kind: classifier, dataset: tiny}}
artefacts:
  figure1: {{model: simple, rows: 3, columns: 2}}
  figure2: {{model: simple, t: {half}}}
  figure5: {{model: simple}}
  figure6: {{model: simple, rows: 2}}
  figure7: {{model: simple, t: [{T}, {half}, 0]}}
  figure8: {{model: simple, pairs: [[0, 1], [2, 3]], steps: [{half}]}}
  figure9: {{model: simple, pairs: [[0, 1]], steps: [{T}, {half}, 0]}}
  figure10: {{model: simple}}
  figure13: {{model: simple, rows: 4, columns: 5}}
  figure14: {{model: simple, rows: 8}}
  figure15: {{model: simple, samples: 2, neighbours: 4}}
  training_curves: {{models: [bound, mse_of_mu, simple]}}
"""
FIGURES = [f"figure{number}" for number in (1, 2, 5, 6, 7, 8, 9, 10, 13, 14, 15)] + ["training_curves"]


def write_study(timesteps: int = 100) -> Study:
    """Writes the study and the published numbers into the working folder."""
    Path("config").mkdir(exist_ok=True)
    Path("config/tiny.yaml").write_text(STUDY.format(T=timesteps, half=timesteps // 2))
    shutil.copy(PROJECT / "config/published.csv", "config/published.csv")
    return load_study("config/tiny.yaml")


def write_inputs(study: Study, shape: tuple[int, int, int] = (1, 8, 8), status: str = "trained") -> None:
    """Writes random inputs of all figures; a diverged model's are empty."""
    Inputs(study, shape, status).write()


class Inputs:
    """Random inputs of all figures of a study."""

    def __init__(self, study: Study, shape: tuple[int, int, int], status: str) -> None:
        self.study, self.shape, self.status = study, shape, status
        self.timesteps = study.model("simple").diffusion.timesteps
        self.generator = np.random.default_rng(0)
        self.provenance = {
            "study": study.name,
            "model": "simple",
            "status": status,
        }

    def write(self) -> None:
        self.samples()
        self.trajectory()
        self.latents()
        for figure, (pairs, steps) in {"figure8": (2, 1), "figure9": (1, 3)}.items():
            self.interpolations(figure, pairs, steps)
        self.neighbours()
        self.rate_distortion()
        self.progressive()
        self.curves()

    def about(self, path: str) -> dict[str, object]:
        """The provenance of a file."""
        return {**self.provenance, "settings": result_fingerprint(self.study, path)}

    def images(self, count: int, *more: int) -> np.ndarray:
        first = 0 if self.status == DIVERGED else count
        return self.generator.integers(0, 256, (first, *more, *self.shape), dtype=np.uint8)

    def arrays(self, figure: str, role: str, arrays: dict[str, np.ndarray]) -> None:
        path = artefact_inputs(self.study, figure)[role][0]
        write_arrays(path, arrays, self.about(path))

    def samples(self) -> None:
        steps = np.linspace(self.timesteps // 5, self.timesteps, 5).astype(np.int64)
        for shard, path in enumerate(artefact_inputs(self.study, "figure13")["samples"]):
            images = self.images(min(6, 20 - 6 * shard))
            x0_hat = self.generator.integers(0, 256, (5, *images.shape), dtype=np.uint8)
            index = 6 * shard + np.arange(len(images))
            arrays = {"images": images, "index": index, "x0_hat": x0_hat, "reverse_steps": steps}
            write_arrays(path, arrays, self.about(path))

    def trajectory(self) -> None:
        arrays: dict[str, np.ndarray] = {"t": np.array(self.timesteps // 2)}
        for name in ("x_T", "x_t", "x_t_minus_1", "x_0"):
            arrays[name] = self.generator.integers(0, 256, self.shape, dtype=np.uint8)
        self.arrays("figure2", "chains", {} if self.status == DIVERGED else arrays)

    def latents(self) -> None:
        latents = self.images(3)
        t = np.array([self.timesteps, self.timesteps // 2, 0])[: len(latents)]
        self.arrays("figure7", "chains", {"t": t, "latents": latents, "samples": self.images(3, 3)})

    def interpolations(self, figure: str, pairs: int, steps: int) -> None:
        arrays = {
            "steps": np.linspace(self.timesteps, 0, steps).astype(np.int64),
            "lambdas": np.linspace(0, 1, 11),
            "sources": self.images(pairs, 2),
            "interpolations": self.images(pairs, steps, 11),
        }
        self.arrays(figure, "chains", arrays)

    def neighbours(self) -> None:
        names = {"samples": (2,), "pixel_neighbours": (2, 4), "feature_neighbours": (2, 4)}
        self.arrays("figure15", "neighbours", {name: self.images(*sizes) for name, sizes in names.items()})

    def rate_distortion(self) -> None:
        taken = np.arange(1, self.timesteps + 1)
        share = taken / self.timesteps
        frame = pd.DataFrame(
            {
                "t": self.timesteps + 1 - taken,
                "reverse_steps": taken,
                "rate": 2.5 * share**20,
                "rmse": 80 * (1 - share) + 1,
            }
        )
        if self.status == DIVERGED:
            frame = pd.DataFrame({name: [] for name in frame})
        path = artefact_inputs(self.study, "figure5")["rate_distortion"][0]
        write_frame(path, frame, self.about(path))

    def progressive(self) -> None:
        rows = [
            self.measurement(metric, split, value, int(share * self.timesteps))
            for share in (0.25, 0.5, 0.75, 1.0)
            for metric, split, value in (("IS", None, 8 * share), ("FID", "train", 90 * (1 - share) + 5))
        ]
        write_measurements(artefact_inputs(self.study, "figure10")["rows"][0], rows)

    def measurement(self, metric: str, split: str | None, value: float, steps: int) -> Measurement:
        return Measurement(
            study=self.study.name,
            model="simple",
            metric=metric,
            split=split,
            value=np.nan if self.status == DIVERGED else value,
            spread=0.25 if metric == "IS" and self.status == "trained" else None,
            n=0 if self.status == DIVERGED else 1000,
            protocol="made up",
            status=self.status,
            settings=quality_fingerprint(self.study, "simple"),
            git_commit="none",
            hardware="none",
            training_seed=0,
            sampling_seed=0,
            reverse_steps=steps,
        )

    def curves(self) -> None:
        models = self.study.artefacts.models_of("training_curves")
        paths = artefact_inputs(self.study, "training_curves")["curves"]
        for run, path in zip(training_runs(self.study, models), paths, strict=True):
            steps = np.arange(20, 201, 20)
            loss = (1 + int(str(run["seed"]))) * np.exp(-steps / 50)
            if self.status == DIVERGED:
                loss[-1] = np.nan
            frame = pd.DataFrame({"step": steps, "loss": loss, "gradient_norm": 1.0, "learning_rate": 1e-3})
            provenance = {**self.about(path), "model": run["model"], "training_seed": run["seed"]}
            write_frame(path, frame, provenance)
