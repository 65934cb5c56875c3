"""What the jobs of each rule compute and keep.

The one table of rules that a plan needs (`RULES`): a rule without an entry costs nothing and is shown so.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from pathlib import PurePath

from ddpm.graph import run_files
from ddpm.graph.sources import split_sizes
from ddpm.plan import network_work
from ddpm.plan.amounts import SMALL_BYTES, STATISTICS_OF_SET, Work, statistics, weights_bytes
from ddpm.plan.jobs import Job
from ddpm.plan.network_cost import FLOAT_BYTES
from ddpm.resources.registry import FOLDER, read_registry
from ddpm.study import Study

# Seconds that starting a job and reading its files take, and what else some do: rough, and small beside
# what is counted. Inception's statistics: FID's eigenvalues and covariance, KID, precision and recall.
START_SECONDS = 5.0
QUALITY_STATISTICS, REFERENCE_STATISTICS = 60.0, 300.0
# Bytes of images that one core decodes and packs (docs/large-images.md: 88 MB/s for LSUN).
PACKED_A_SECOND = 50e6
# Inception's 2048 features and 1008 logits of an image.
INCEPTION_FEATURES = 2048 + 1008


def job_work(study: Study, job: Job) -> Work:
    """The work of a job; none where its rule has no entry."""
    if job.rule not in RULES:
        return Work(bytes=0)
    work = RULES[job.rule].work(study, job)
    return dataclasses.replace(work, seconds=work.seconds + START_SECONDS)


def _fetch(study: Study, job: Job) -> Work:
    """As config/resources.yaml says; published weights are about as large as the model's own."""
    (file,) = job.outputs
    entry = read_registry().get(str(PurePath(file).relative_to(FOLDER)))
    if entry is not None:
        return Work(seconds=60.0, bytes=entry.bytes)
    models = (
        name for name in study.models if study.model(name).pretrained and not study.model(name).weights_of
    )
    found = (name for name in models if run_files.pretrained_file(study, name) == file)
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


def _reference(study: Study, job: Job) -> Work:
    sizes = split_sizes(study, job["dataset"])
    inception = study.quality.features.kind == "inception"
    train = sizes["train"]
    if (first := study.datasets[job["dataset"]].reference_images) is not None:
        train = min(train, first)
    # Both splits, the test images with noise, and two sets of noise as large as the training images compared.
    features = 3 * train + 2 * sizes["test"]
    size = (train + sizes["test"]) * INCEPTION_FEATURES * FLOAT_BYTES if inception else SMALL_BYTES
    return Work(features=features, seconds=statistics(study, REFERENCE_STATISTICS), bytes=size)


def _quality(study: Study, job: Job) -> Work:
    images = study.sampling_of(job["model"]).images
    if study.quality.features.kind == "classifier":
        images += sum(split_sizes(study, study.model(job["model"]).dataset).values())
    return Work(features=images, seconds=statistics(study, QUALITY_STATISTICS))


def _progressive(study: Study, job: Job) -> Work:
    sampling = study.sampling_of(job["model"])
    columns = sampling.progressive_columns
    seconds = statistics(study, STATISTICS_OF_SET * columns)
    return Work(features=sampling.images * columns, seconds=seconds)


def _neighbours(study: Study, job: Job) -> Work:
    model = study.artefacts.models_of(job["figure"])[0]
    return Work(features=split_sizes(study, study.model(model).dataset)["train"])


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
    "train": Rule(network_work.train, TRAINING, "weights"),
    "pretrained": Rule(network_work.copied_weights, files="weights"),
    "checkpoint": Rule(network_work.checkpoint, "checkpoint selection"),
    "choose": Rule(network_work.copied_weights, files="weights"),
    "sample": Rule(network_work.sample, "sampling", "samples"),
    "chain": Rule(network_work.chain, "sampling"),
    "respaced": Rule(network_work.respaced, "sampling"),
    "bound": Rule(network_work.bound, "likelihood", "bound terms"),
    "likelihood": Rule(kind="likelihood"),
    "schedule": Rule(network_work.schedule, "compression"),
    "coding": Rule(network_work.coding, "compression"),
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
