"""Say what is wrong with a study and its images, or what it would run."""

from __future__ import annotations

import argparse
import itertools
import logging
import math
from collections import Counter
from typing import TYPE_CHECKING

from ddpm.errors import DataError
from ddpm.study import Study

if TYPE_CHECKING:
    from ddpm.study.datasets import CelebaHqSettings, ImageFolderSettings, LsunSettings

logger = logging.getLogger("ddpm")

GROUP = "the study"
EXAMPLES = ("ddpm check config/own-images.yaml",)
_MOST_NAMED, GIGABYTE = 10, 1e9


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds nothing: everything follows from the study."""


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Logs warnings, data, judge and jobs; raises for what would stop the workflow."""
    from ddpm.plan.jobs import study_jobs

    for warning in study.warnings:
        logger.warning(f"warning: {warning}")
    for dataset in sorted({study.model(model).dataset for model in study.models}):
        _check_data(study, dataset)
    logger.info(f"judge: {_judge(study)}")
    for model in study.models:
        settings = study.model(model)
        length = f"{settings.training.steps:,} steps" if settings.is_trained else "not trained"
        logger.info(
            f"model {model}: {length}, {len(settings.seeds)} seed(s), T = {settings.diffusion.timesteps}"
        )
    jobs = [job for job in study_jobs(study, []) if job.pending]
    rules = Counter(job.rule for job in jobs)
    logger.info(f"jobs to run: {len(jobs)} ({', '.join(f'{n} {rule}' for rule, n in sorted(rules.items()))})")
    logger.info(f"how long that takes here: ddpm plan {study.file}")


def _check_data(study: Study, dataset: str) -> None:
    from ddpm.data.store import manifest_path
    from ddpm.graph.source_files import require_source
    from ddpm.graph.sources import fetched_files, packed_hash

    if packed_hash(study, dataset) is not None:
        logger.info(f"data {dataset}: packed in {manifest_path(study, dataset).parent}")
        return
    settings = study.datasets[dataset]
    if settings.source == "image_folder":
        require_source(study, dataset)
        _check_images(study, dataset, settings)
        return
    fetched_files(study, dataset)
    if settings.source == "lsun":
        _tell_records(dataset, settings)
    if settings.source == "celebahq":
        _tell_faces(dataset, settings)


def _tell_records(dataset: str, settings: LsunSettings) -> None:
    from ddpm.data.lsun_archive import archive_file, entries

    records, size = entries(settings.archive), archive_file(settings.archive).stat().st_size
    packed = math.prod(settings.image_shape) * (settings.images or records)
    logger.info(
        f"data {dataset}: {records:,} records in {settings.archive} ({size / GIGABYTE:,.1f} GB), of which "
        f"{settings.images or records:,} are packed at {settings.image_size}x{settings.image_size} "
        f"({packed / GIGABYTE:,.1f} GB); none was opened yet"
    )


def _tell_faces(dataset: str, settings: CelebaHqSettings) -> None:
    from ddpm.data.faces import find_faces

    faces, size = find_faces(settings.path), settings.image_size
    logger.info(
        f"data {dataset}: {faces.count:,} images in {settings.path} ({faces.kind}), packed at {size}x{size}; "
        "none was opened yet"
    )


def _check_images(study: Study, dataset: str, settings: ImageFolderSettings) -> None:
    from ddpm.data.image_folder import listed
    from ddpm.data.sufficiency import require_enough_images
    from ddpm.data.survey import unusable_images

    train, test = listed(settings)
    require_enough_images(study, dataset, train.labels, test.labels)
    unusable = list(unusable_images(settings))
    if unusable:
        named = list(itertools.islice(unusable, _MOST_NAMED))
        more = [f"and {len(unusable) - len(named):,} more"] if len(unusable) > len(named) else []
        total = len(train.files) + len(test.files)
        heading = f"{study.file}: datasets.{dataset}: {len(unusable):,} of {total:,} images cannot be used:"
        raise DataError("\n  ".join([heading, *named, *more]))
    size = settings.image_size
    logger.info(
        f"data {dataset}: {len(train.files):,} training and {len(test.files):,} test images, {size}x{size}, "
        f"{len(set(train.labels.tolist()))} class(es)"
    )


def _judge(study: Study) -> str:
    features = study.quality.features
    if features.kind == "classifier":
        return f"a classifier of {features.dataset}, of test accuracy {features.required_accuracy} or more"
    return (
        "Inception's features" if features.kind == "inception" else "none; no IS, FID, KID, precision, recall"
    )
