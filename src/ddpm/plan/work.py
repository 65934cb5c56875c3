"""What the jobs of each rule compute and keep, in units that do not depend on the machine.

The one table of rules that a plan needs (`RULES`): a rule without an entry costs nothing and is shown so.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from pathlib import PurePath

from ddpm.artefacts.figures.figure7 import SharedLatentsSettings
from ddpm.artefacts.figures.interpolation import InterpolationSettings
from ddpm.graph import dependencies
from ddpm.graph.sources import split_sizes
from ddpm.plan.jobs import Job
from ddpm.plan.network_cost import FLOAT_BYTES, model_cost
from ddpm.resources.registry import FOLDER, read_registry
from ddpm.study import Study

# Seconds that starting a job and reading its files take, and what else some do: rough, and small beside
# what is counted. Inception's statistics: FID's eigenvalues and covariance, KID, precision and recall.
START_SECONDS = 5.0
QUALITY_STATISTICS, REFERENCE_STATISTICS, STATISTICS_OF_SET = 60.0, 300.0, 10.0
# Bytes of images that one core decodes and packs (docs/large-images.md: 88 MB/s for LSUN).
PACKED_A_SECOND = 50e6
# Inception's 2048 features and 1008 logits of an image.
INCEPTION_FEATURES = 2048 + 1008
# Tables, figures and measurements: a few of them for a job.
SMALL_BYTES = 300_000
# Weights, average, and two moments (`ddpm.training.state`): of the latest state, the previous one, and the
# one that is being written.
STATE_VECTORS, STATES_AT_ONCE = 4, 3


@dataclasses.dataclass(frozen=True)
class Work:
    """What a job computes and keeps.

    Attributes:
        model: whose network it uses, or None.
        steps: training steps.
        evaluations: network inputs (image, t) that are evaluated without a gradient; a batch that is filled
            up to its size counts whole.
        features: images through the feature extractor.
        seconds: of the rest.
        bytes: of its files when it is done.
    """

    model: str | None = None
    steps: int = 0
    evaluations: int = 0
    features: int = 0
    seconds: float = 0.0
    bytes: int = SMALL_BYTES


def job_work(study: Study, job: Job) -> Work:
    """The work of a job; none where its rule has no entry."""
    if job.rule not in RULES:
        return Work(bytes=0)
    work = RULES[job.rule].work(study, job)
    return dataclasses.replace(work, seconds=work.seconds + START_SECONDS)


def weights_bytes(study: Study, model: str) -> int:
    """Bytes of one file of a model's weights."""
    return FLOAT_BYTES * model_cost(study, model).parameters


def state_bytes(study: Study, model: str) -> int:
    """Bytes of the saved states of a run, at most, while it trains."""
    return STATES_AT_ONCE * STATE_VECTORS * weights_bytes(study, model)


def _fetch(study: Study, job: Job) -> Work:
    """As config/resources.yaml says; published weights are about as large as the model's own."""
    (file,) = job.outputs
    entry = read_registry().get(str(PurePath(file).relative_to(FOLDER)))
    if entry is not None:
        return Work(seconds=60.0, bytes=entry.bytes)
    models = (
        name for name in study.models if study.model(name).pretrained and not study.model(name).weights_of
    )
    found = (name for name in models if dependencies.pretrained_file(study, name) == file)
    model = next(found, None)
    return Work(seconds=60.0, bytes=weights_bytes(study, model) if model else 0)


def _data(study: Study, job: Job) -> Work:
    settings = study.datasets[job["dataset"]]
    label = 8
    images = sum(split_sizes(study, job["dataset"]).values())
    size = images * (math.prod(settings.image_shape) + label)
    return Work(seconds=15.0 + size / PACKED_A_SECOND, bytes=size)


def _features(study: Study, job: Job) -> Work:
    features = study.quality.features
    if features.kind != "classifier":
        return Work()  # fetched, or none
    # A gradient step costs three times the forward pass.
    return Work(features=3 * features.epochs * split_sizes(study, features.dataset)["train"])


def _train(study: Study, job: Job) -> Work:
    settings, kept = study.model(job["model"]), study.model(job["model"]).checkpoints.steps
    size = (1 + len(kept)) * weights_bytes(study, job["model"])
    return Work(job["model"], steps=settings.training.steps, bytes=size)


def _copied_weights(study: Study, job: Job) -> Work:
    return Work(bytes=weights_bytes(study, job["model"]))


def _checkpoint(study: Study, job: Job) -> Work:
    model = study.model(job["model"])
    images = model.checkpoints.images
    evaluations = _sampling_evaluations(study, job["model"], images)
    seconds = _statistics(study, STATISTICS_OF_SET)
    return Work(job["model"], evaluations=evaluations, features=images, seconds=seconds)


def _sample(study: Study, job: Job) -> Work:
    model, sampling = study.model(job["model"]), study.sampling_of(job["model"])
    size = sampling.batch_size * sampling.batches_per_shard
    images = max(0, min(size, sampling.images - int(job["shard"]) * size))
    arrays = 1 + (sampling.progressive_columns if study.keeps_progress(job["model"]) else 0)
    shape = study.datasets[model.dataset].image_shape
    evaluations = 0 if model.samples else _sampling_evaluations(study, job["model"], images)
    return Work(job["model"], evaluations=evaluations, bytes=images * math.prod(shape) * arrays)


def _respaced(study: Study, job: Job) -> Work:
    images = study.respaced_images(job["model"])
    evaluations = _sampling_evaluations(study, job["model"], images, int(job["steps"]))
    seconds = _statistics(study, STATISTICS_OF_SET)
    return Work(job["model"], evaluations=evaluations, features=images, seconds=seconds)


def _sampling_evaluations(study: Study, model: str, images: int, steps: int | None = None) -> int:
    """Network inputs for so many finished samples, in whole batches; None: in the study's own steps."""
    sampling, batch = study.sampling_of(model), study.sampling_of(model).batch_size
    steps = sampling.reverse_steps(study.model(model).diffusion.timesteps) if steps is None else steps
    return -(-images // batch) * batch * steps


def _chain(study: Study, job: Job) -> Work:
    figure = job["figure"]
    name, settings = study.artefacts.models_of(figure)[0], study.artefacts.chosen[figure]
    timesteps = study.model(name).diffusion.timesteps
    if isinstance(settings, InterpolationSettings):
        # 11 values of lambda, each with its own reverse process.
        return Work(name, evaluations=len(settings.pairs) * sum(settings.steps) * 11)
    shared = sum(settings.t) * settings.samples if isinstance(settings, SharedLatentsSettings) else 0
    return Work(name, evaluations=timesteps + shared)


def _bound(study: Study, job: Job) -> Work:
    model, likelihood = study.model(job["model"]), study.likelihood
    timesteps = model.diffusion.timesteps
    split = likelihood.evaluated(split_sizes(study, model.dataset)[job["split"]])
    first, last = likelihood.shard_range(int(job["shard"]), split, timesteps)
    group = likelihood.group_size(timesteps)
    calls = -(-(last - first) // group) * -(-group * timesteps // likelihood.batch_size)
    terms_and_errors = 2
    size = (last - first) * timesteps * terms_and_errors * FLOAT_BYTES
    return Work(job["model"], evaluations=calls * likelihood.batch_size, bytes=size)


def _schedule(study: Study, job: Job) -> Work:
    """Training images at the times where x_0's bits are measured, and at those of the code."""
    model, compression = study.model(job["model"]), study.compression
    settings, timesteps = compression.schedules[job["schedule"]], model.diffusion.timesteps
    steps = settings.steps if isinstance(settings.steps, int) else min(timesteps, 100)
    calls = min(timesteps, 32) + (steps if settings.mode == "progressive" else 0)
    return Work(job["model"], evaluations=calls * compression.training_images)


def _coding(study: Study, job: Job) -> Work:
    """Test images there and back, at the times of the code."""
    model, compression = study.model(job["model"]), study.compression
    steps, timesteps = compression.schedules[job["schedule"]].steps, model.diffusion.timesteps
    images = compression.coded(split_sizes(study, model.dataset)["test"])
    latents = timesteps if steps == "all" else steps or min(timesteps, 100)
    return Work(job["model"], evaluations=2 * images * latents)


def _reference(study: Study, job: Job) -> Work:
    sizes = split_sizes(study, job["dataset"])
    inception = study.quality.features.kind == "inception"
    train = sizes["train"]
    if (first := study.datasets[job["dataset"]].reference_images) is not None:
        train = min(train, first)
    # Both splits, the test images with noise, and two sets of noise as large as the training images compared.
    features = 3 * train + 2 * sizes["test"]
    size = (train + sizes["test"]) * INCEPTION_FEATURES * FLOAT_BYTES if inception else SMALL_BYTES
    return Work(features=features, seconds=_statistics(study, REFERENCE_STATISTICS), bytes=size)


def _quality(study: Study, job: Job) -> Work:
    images = study.sampling_of(job["model"]).images
    if study.quality.features.kind == "classifier":
        images += sum(split_sizes(study, study.model(job["model"]).dataset).values())
    return Work(features=images, seconds=_statistics(study, QUALITY_STATISTICS))


def _progressive(study: Study, job: Job) -> Work:
    sampling = study.sampling_of(job["model"])
    columns = sampling.progressive_columns
    seconds = _statistics(study, STATISTICS_OF_SET * columns)
    return Work(features=sampling.images * columns, seconds=seconds)


def _neighbours(study: Study, job: Job) -> Work:
    model = study.artefacts.models_of(job["figure"])[0]
    return Work(features=split_sizes(study, study.model(model).dataset)["train"])


def _statistics(study: Study, seconds: float) -> float:
    """Seconds for statistics of Inception's features; those of a small classifier take next to none."""
    return seconds if study.quality.features.kind == "inception" else 0.0


def _small(study: Study, job: Job) -> Work:
    return Work()


def _figure(study: Study, job: Job) -> Work:
    return Work(seconds=5.0)


# Kinds of work without a time to ask Slurm for: what runs beside Snakemake, and what may outlast a walltime.
REST, TRAINING = "data, tables, figures", "training"


@dataclasses.dataclass(frozen=True)
class Rule:
    """What a plan knows of a rule: how it counts a job's work, and under which headings that stands."""

    work: Callable[[Study, Job], Work] = _small
    kind: str = REST
    files: str = "tables, figures, measurements"


# In the order of the workflow, which is that of a report.
RULES: Mapping[str, Rule] = {
    "fetch": Rule(_fetch, files="downloads"),
    "data": Rule(_data, files="data sets"),
    "train": Rule(_train, TRAINING, "weights"),
    "pretrained": Rule(_copied_weights, files="weights"),
    "checkpoint": Rule(_checkpoint, "checkpoint selection"),
    "choose": Rule(_copied_weights, files="weights"),
    "sample": Rule(_sample, "sampling", "samples"),
    "chain": Rule(_chain, "sampling"),
    "respaced": Rule(_respaced, "sampling"),
    "bound": Rule(_bound, "likelihood", "bound terms"),
    "likelihood": Rule(kind="likelihood"),
    "schedule": Rule(_schedule, "compression"),
    "coding": Rule(_coding, "compression"),
    "features": Rule(_features, "evaluation"),
    "reference": Rule(_reference, "evaluation", "features of the data sets"),
    "quality": Rule(_quality, "evaluation"),
    "progressive": Rule(_progressive, "evaluation"),
    "neighbours": Rule(_neighbours, "evaluation"),
    "table": Rule(),
    "figure": Rule(_figure),
    "report": Rule(),
    "metrics": Rule(),
}
