"""Write a study's results as a Workflow Run RO-Crate: files, hashes, and how each was made.

The crate holds tables, figures, traces, measurements, settings and the workflow; weights, samples and images
are described by size and hash alone, unless --all is given. The study must have been built by the workflow.
"""

from __future__ import annotations

import argparse
import importlib.util
import logging
from pathlib import Path

from ddpm.errors import DDPMError, OutputError, StudyError
from ddpm.graph import layout
from ddpm.study import Study

logger = logging.getLogger("ddpm")
GROUP = "tables and figures"
EXAMPLES = (
    "ddpm crate config/demo.yaml --to demo-crate",
    "ddpm crate config/demo.yaml --to demo-crate --all",
)
_ORCID = "https://orcid.org/"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --to, --all, --by and --orcid."""
    parser.add_argument("--to", type=Path, required=True, help="a new or empty folder, outside the results")
    parser.add_argument(
        "--all", action="store_true", help="also copy weights, samples, images and other arrays"
    )
    parser.add_argument("--by", metavar="NAME", help="who ran the workflow; left out unless given")
    parser.add_argument("--orcid", metavar="URL", help=f"that person's ORCID: {_ORCID}...")


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes ro-crate-metadata.json and the files."""
    from ddpm.export.folder import new_folder, require_new

    if importlib.util.find_spec("rocrate") is None:
        raise DDPMError("a crate needs the package rocrate: pip install -r envs/requirements.txt")
    person = _person(arguments.by, arguments.orcid)
    home = Path(layout.home(study.name))
    if arguments.to.resolve().is_relative_to(home.resolve()):
        raise OutputError(f"{arguments.to}: lies in {home}, of which it would be a part; choose another --to")
    require_new(arguments.to)
    from ddpm.crate.build import build_crate

    crate, changed = build_crate(study, arguments.all, person)
    for path in changed:
        logger.warning(
            f"warning: {path} is not as its job wrote it: the crate says of no job that it made it"
        )
    with new_folder(arguments.to) as new:
        crate.write(new)
    actions = len(crate.get_by_type("CreateAction")) - 1
    held = len(crate.get_by_type("File"))
    logger.info(f"crate {study.name}: wrote {arguments.to}: {held} files, and how {actions} jobs made them")


def _person(name: str | None, orcid: str | None) -> dict[str, str] | None:
    """Who ran the workflow, as an entity.

    Raises:
        StudyError: an ORCID without a name, or one that is none.
    """
    if orcid and not (name and orcid.startswith(_ORCID)):
        raise StudyError(f"--orcid {orcid}: give it as {_ORCID}0000-..., and the person's name with --by")
    return {"@id": orcid or "#person", "@type": "Person", "name": name} if name else None
