"""The disk that the files of a job fill."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import PurePath

from ddpm.plan.jobs import Job
from ddpm.plan.network_cost import model_cost
from ddpm.plan.work import bound_images, shard_images
from ddpm.resources.registry import FOLDER, read_registry
from ddpm.study import Study, dependencies
from ddpm.study.fingerprint import keeps_progress

FLOAT_BYTES = 4
# Weights, average, and two moments (`ddpm.training.state`) ...
STATE_VECTORS = 4
# ... in the latest state, the previous one, and the one that is being written.
STATES_AT_ONCE = 3
# Inception's 2048 features and 1008 logits of an image.
INCEPTION_FEATURES = 2048 + 1008
# Tables, figures and measurements: a few of them for a job.
SMALL_BYTES = 300_000

# Kind of file of each rule; the rest are small.
KINDS = {
    "fetch": "downloads",
    "data": "data sets",
    "reference": "features of the data sets",
    "train": "weights",
    "pretrained": "weights",
    "choose": "weights",
    "sample": "samples",
    "bound": "bound terms",
}
REST = "tables, figures, measurements"


def job_bytes(study: Study, job: Job) -> int:
    """Bytes of a job's files when it is done."""
    return _SIZES[job.rule](study, job) if job.rule in _SIZES else SMALL_BYTES


def weights_bytes(study: Study, model: str) -> int:
    """Bytes of one file of a model's weights."""
    return FLOAT_BYTES * model_cost(study, model).parameters


def state_bytes(study: Study, model: str) -> int:
    """Bytes of the saved states of a run, at most, while it trains."""
    return STATES_AT_ONCE * STATE_VECTORS * weights_bytes(study, model)


def _fetch(study: Study, job: Job) -> int:
    """As config/resources.yaml says; published weights are about as large as the model's own."""
    file = job.outputs[0]
    entry = read_registry().get(str(PurePath(file).relative_to(FOLDER)))
    if entry is not None:
        return entry.bytes
    models = [
        name for name in study.models if study.model(name).pretrained and not study.model(name).weights_of
    ]
    found = [name for name in models if dependencies.pretrained_file(study, name) == file]
    return weights_bytes(study, found[0]) if found else 0


def _data(study: Study, job: Job) -> int:
    settings = study.datasets[job["dataset"]]
    label = 8
    return sum(settings.split_sizes.values()) * (math.prod(settings.image_shape) + label)


def _train(study: Study, job: Job) -> int:
    kept = study.model(job["model"]).checkpoints.steps
    return (1 + len(kept)) * weights_bytes(study, job["model"])


def _other_weights(study: Study, job: Job) -> int:
    return weights_bytes(study, job["model"])


def _sample(study: Study, job: Job) -> int:
    shape = study.datasets[study.model(job["model"]).dataset].image_shape
    columns = study.sampling.progressive_columns if keeps_progress(study, job["model"]) else 0
    return shard_images(study, int(job["shard"])) * math.prod(shape) * (1 + columns)


def _bound(study: Study, job: Job) -> int:
    terms_and_errors = 2
    timesteps = study.model(job["model"]).diffusion.timesteps
    return bound_images(study, job) * timesteps * terms_and_errors * FLOAT_BYTES


def _reference(study: Study, job: Job) -> int:
    if study.quality.features.kind != "inception":
        return SMALL_BYTES
    return sum(study.datasets[job["dataset"]].split_sizes.values()) * INCEPTION_FEATURES * FLOAT_BYTES


_SIZES: dict[str, Callable[[Study, Job], int]] = {
    "fetch": _fetch,
    "data": _data,
    "train": _train,
    "pretrained": _other_weights,
    "choose": _other_weights,
    "sample": _sample,
    "bound": _bound,
    "reference": _reference,
}
