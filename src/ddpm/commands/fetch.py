"""Fetch files into resources/: data sets and weights.

Known are the files of config/resources.yaml, with SHA-256 and mirrors, and those of Hugging Face
repositories: resources/huggingface/<owner>/<name>/<revision>/<file>. Needs no study file.
"""

from __future__ import annotations

import argparse

GROUP = "data"
EXAMPLES = ("ddpm fetch resources/cifar-10-python.tar.gz",)
NEEDS_STUDY = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the files."""
    parser.add_argument(
        "files",
        nargs="+",
        metavar="file",
        help="where each goes, for example resources/cifar-10-python.tar.gz",
    )


def run(arguments: argparse.Namespace) -> None:
    """Fetches each file that is not there with the right content."""
    from ddpm.resources.fetching import fetch
    from ddpm.resources.locating import remote_file

    for file in arguments.files:
        remote_file(file)  # an unknown one is an error before the first download
    for file in arguments.files:
        fetch(file)
