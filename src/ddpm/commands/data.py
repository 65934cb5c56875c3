"""Load a data set from its source and write it as 8-bit arrays with a manifest."""

from __future__ import annotations

import argparse
import logging

from ddpm.study import Study

logger = logging.getLogger("ddpm")

GROUP = "data"
EXAMPLES = ("ddpm data config/demo.yaml digits",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    parser.add_argument("dataset", help="a key of `datasets` in the study file")


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the arrays and the manifest of `arguments.dataset`, and what its source was."""
    from ddpm.data.splits import load_source
    from ddpm.data.store import manifest_path, require_dataset, write_dataset
    from ddpm.data.sufficiency import require_enough_images
    from ddpm.graph.sources import record_source, source_files
    from ddpm.records.files import require_writable

    dataset = arguments.dataset
    require_dataset(study, dataset)
    require_writable(manifest_path(study, dataset).parent)
    settings = study.datasets[dataset]
    source, splits = source_files(settings), load_source(settings)
    require_enough_images(study, dataset, splits.train_labels, splits.test_labels)
    manifest = write_dataset(study, dataset, splits)
    if source is not None:
        record_source(study, dataset, source)
    counts = manifest["counts"]
    logger.info(
        f"data {dataset}: {counts['train']:,} training and {counts['test']:,} test images of shape "
        f"{manifest['shape']}, hash {manifest['data_hash'][:12]}"
    )
    _tell_equal_images(study, dataset)


def _tell_equal_images(study: Study, dataset: str) -> None:
    """Warns of test images that are training images too: what is measured on them says little."""
    settings = study.datasets[dataset]
    if settings.source == "digits" or (settings.source == "cifar10" and settings.is_official):
        return
    from ddpm.data.store import read_images
    from ddpm.data.sufficiency import equal_images

    train, test = read_images(study, dataset, "train"), read_images(study, dataset, "test")
    if equal := equal_images(train, test):
        logger.warning(
            f"warning: data {dataset}: {equal:,} of {len(test):,} test images are training images too, pixel "
            "by pixel; what is measured on the test split flatters the models by that"
        )
