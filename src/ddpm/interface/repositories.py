"""Published repositories by name, fetched into `resources/`."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from ddpm.errors import DDPMError, ResourceError
from ddpm.graph import layout
from ddpm.resources.fetching import fetch

_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
# What says how a network is built and sampled, from the folder of its weights.
_CONFIGS = ("config.json", "scheduler_config.json", "../scheduler/scheduler_config.json")


def is_repository(source: str) -> bool:
    """Whether it has the form of a Hugging Face repository's name, owner/name."""
    return _NAME.fullmatch(source) is not None


def fetched(repository: str, revision: str, file: str) -> Path:
    """The weights file of a repository, fetched with the config files beside it unless they are there.

    Raises:
        ResourceError: the file cannot be had; the message says why.
    """
    path = Path(layout.HUGGING_FACE.format(repository=repository, revision=revision, file=file))
    if not path.exists():
        try:
            fetch(path)
        except ResourceError as error:
            raise ResourceError(
                f"{repository}: not a file or folder here, and not fetched: {error}"
            ) from error
    for name in _CONFIGS:
        config = Path(os.path.normpath(path.parent / name))
        if not config.exists():
            # A repository has some of them.
            with contextlib.suppress(DDPMError):
                fetch(config)
    return path
