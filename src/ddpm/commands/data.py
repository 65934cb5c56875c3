"""Load a data set from its source and write it as 8-bit arrays with a manifest."""

from __future__ import annotations

import argparse
import logging

from ddpm.study import Study

logger = logging.getLogger("ddpm")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    parser.add_argument("dataset", help="a key of `datasets` in the study file")


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the arrays and the manifest of `arguments.dataset`."""
    from ddpm.data.splits import load_source
    from ddpm.data.store import manifest_path, require_dataset, write_dataset
    from ddpm.records.files import require_writable

    require_dataset(study, arguments.dataset)
    require_writable(manifest_path(study, arguments.dataset).parent)
    manifest = write_dataset(study, arguments.dataset, load_source(study.datasets[arguments.dataset]))
    counts = manifest["counts"]
    logger.info(
        f"data {arguments.dataset}: {counts['train']:,} training and {counts['test']:,} test images of shape "
        f"{manifest['shape']}, hash {manifest['data_hash'][:12]}"
    )
