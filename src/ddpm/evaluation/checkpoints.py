"""Choosing among the checkpoints of a training run by FID, as the paper reports its scores (section 4.1).

Each checkpoint draws its own samples from a seed that the final samples do not use, so that the number
that is reported is not the one by which the weights were chosen.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ddpm.data.store import read_images
from ddpm.errors import DataError
from ddpm.evaluation.protocol import Score
from ddpm.evaluation.quality import measure_quality, missing_scores, open_study_judge
from ddpm.graph import layout
from ddpm.graph.dependencies import checkpoint_rows
from ddpm.graph.fingerprint import checkpoint_fingerprint, training_fingerprint
from ddpm.model import TrainedModel, load_model
from ddpm.network.execution import Execution
from ddpm.network.weights import read_weights
from ddpm.progress import Progress
from ddpm.records.measurements import Measurement, read_measurements
from ddpm.records.provenance import git_commit, hardware
from ddpm.records.status import diverged_at, has_diverged
from ddpm.sampling.shards import draw_shard, shard_indices
from ddpm.study import Study

METRICS = ("IS", "FID")


def checkpoint_file(study: Study, model: str, seed: int, step: int) -> Path:
    """The averaged weights of a step: a checkpoint, or the finished weights for the last step."""
    last = step == study.model(model).training.steps
    pattern = layout.WEIGHTS if last else layout.CHECKPOINT
    return layout.path(pattern, study.name, model=model, seed=seed, step=step)


def measure_checkpoint(study: Study, model: str, seed: int, step: int, device: str) -> list[Measurement]:
    """IS, and FID against the training split, of samples drawn with the weights of a step.

    Of a run that diverged, a checkpoint from before counts if its weights are finite. Where there is none of
    this step, the rows have value NaN and n 0. The status of the rows is the run's.

    Raises:
        WeightsError, DataError: an input is missing, damaged, or of other settings.
    """
    finished = layout.path(layout.WEIGHTS, study.name, model=model, seed=seed)
    _, run = read_weights(finished)
    if not has_checkpoint(study, model, seed, step):
        scores = missing_scores(METRICS, "train", f"not measured: training {run['status']}")
        return _rows(study, model, seed, scores, run, device)
    trained = _load(study, model, checkpoint_file(study, model, seed, step), device)
    title = f"checkpoint {model} seed {seed} step {step:,}"
    images = _draw(study, model, trained, title)
    train = read_images(study, study.model(model).dataset, "train")
    with (
        open_study_judge(study, device) as judge,
        Progress(f"{title} quality", len(images) + len(train), "images") as progress,
    ):
        scores = measure_quality(images, train, "train", judge, METRICS, progress=progress)
    note = f"; of {len(images):,} samples of the averaged weights at step {step:,}"
    noted = [dataclasses.replace(score, protocol=score.protocol + note) for score in scores]
    return _rows(study, model, seed, noted, trained.provenance | {"status": run["status"]}, device)


def has_checkpoint(study: Study, model: str, seed: int, step: int) -> bool:
    """Whether a finished run has weights of a step to evaluate; a diverged one has those from before it.

    Raises:
        WeightsError: the run's weights, or a checkpoint that it has come to, are missing or damaged.
    """
    _, run = read_weights(layout.path(layout.WEIGHTS, study.name, model=model, seed=seed))
    if not has_diverged(str(run["status"])):
        return True
    if step >= diverged_at(str(run["status"])):
        return False
    tensors, _ = read_weights(checkpoint_file(study, model, seed, step))
    return all(bool(tensor.isfinite().all()) for tensor in tensors.values())


def best_step(study: Study, model: str, seed: int) -> tuple[int, float]:
    """The step of minimum FID among a run's candidates, the earlier of equals, and that FID (NaN for none).

    Raises:
        DataError: the measurements are missing, damaged, or of other settings.
    """
    steps = study.model(model).candidates
    values = [_fid(study, model, path) for path in checkpoint_rows(study, model, seed)]
    finite = [(value, step) for value, step in zip(values, steps, strict=True) if math.isfinite(value)]
    if not finite:
        return steps[-1], math.nan
    value, step = min(finite)
    return step, value


def _fid(study: Study, model: str, path: str) -> float:
    rows = read_measurements([path])
    if set(rows["settings"]) != {checkpoint_fingerprint(study, model)}:
        raise DataError(f"{path}: was measured under other settings; delete it and run `snakemake {path}`")
    [value] = rows.loc[rows["metric"] == "FID", "value"]
    return float(value)


def _load(study: Study, model: str, path: Path, device: str) -> TrainedModel:
    execution = Execution(study.sampling.precision, study.sampling.compiled)
    return load_model(study, model, str(path), training_fingerprint(study, model), device, execution)


def _draw(study: Study, model: str, trained: TrainedModel, title: str) -> np.ndarray:
    settings, size = study.model(model).checkpoints, study.sampling.batch_size
    batches = shard_indices(0, size, -(-settings.images // size), settings.images)
    shape = trained.network.image_shape
    samples = draw_shard(
        trained.process, trained.network, shape, batches, settings.images, settings.seed, [], title
    )
    return samples.images


def _rows(
    study: Study, model: str, seed: int, scores: Sequence[Score], run: dict[str, object], device: str
) -> list[Measurement]:
    return [
        Measurement(
            study=study.name,
            model=model,
            training_seed=seed,
            sampling_seed=study.model(model).checkpoints.seed,
            status=str(run["status"]),
            settings=checkpoint_fingerprint(study, model),
            git_commit=git_commit(),
            data_hash=str(run["data_hash"]),
            weights_hash=str(run["weights_hash"]),
            hardware=hardware(device),
            **dataclasses.asdict(score),
        )
        for score in scores
    ]
