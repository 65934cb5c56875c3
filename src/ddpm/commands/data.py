"""Load a data set from its source and write it as 8-bit arrays with a manifest."""

from __future__ import annotations

import argparse
import logging
from typing import TYPE_CHECKING

from ddpm.study import Study

if TYPE_CHECKING:
    from ddpm.data.store import Manifest
    from ddpm.study.datasets import DatasetSettings

logger = logging.getLogger("ddpm")

GROUP = "data"
EXAMPLES = ("ddpm data config/demo.yaml digits",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    parser.add_argument("dataset", help="a key of `datasets` in the study file")


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the arrays and the manifest of `arguments.dataset`, and what its source was."""
    from ddpm.data.store import manifest_path, require_dataset
    from ddpm.graph.source_files import source_files
    from ddpm.graph.sources import record_source
    from ddpm.records.files import require_writable

    dataset = arguments.dataset
    require_dataset(study, dataset)
    require_writable(manifest_path(study, dataset).parent)
    settings = study.datasets[dataset]
    source = source_files(settings)
    if settings.source == "lsun":
        from ddpm.data.lsun_archive import unpacked

        with unpacked(settings.archive, manifest_path(study, dataset).parent) as folder:
            manifest = _pack(study, dataset, settings.model_copy(update={"archive": folder}))
    else:
        manifest = _pack(study, dataset, settings)
    if source is not None:
        record_source(study, dataset, source)
    counts = manifest["counts"]
    logger.info(
        f"data {dataset}: {counts['train']:,} training and {counts['test']:,} test images of shape "
        f"{manifest['shape']}, hash {manifest['data_hash'][:12]}"
    )
    _tell_equal_images(study, dataset)


def _pack(study: Study, dataset: str, settings: DatasetSettings) -> Manifest:
    from ddpm.data.splits import load_source
    from ddpm.data.store import write_dataset
    from ddpm.data.sufficiency import require_enough_images

    splits = load_source(settings)
    require_enough_images(study, dataset, splits.train_labels, splits.test_labels)
    return write_dataset(study, dataset, splits)


def _tell_equal_images(study: Study, dataset: str) -> None:
    """Warns of test images that are training images too: what is measured on them says little."""
    settings = study.datasets[dataset]
    if not settings.has_test_images or settings.source == "digits":
        return
    if settings.source == "cifar10" and settings.is_official:
        return
    from ddpm.data.store import read_images
    from ddpm.data.sufficiency import equal_images

    train, test = read_images(study, dataset, "train"), read_images(study, dataset, "test")
    if equal := equal_images(train, test):
        logger.warning(
            f"warning: data {dataset}: {equal:,} of {len(test):,} test images are training images too, pixel "
            "by pixel; what is measured on the test split flatters the models by that"
        )
