"""Features of images, kept between torch-fidelity's calls and, of real images, between jobs.

torch-fidelity keeps features as files that it unpickles, which runs what they name. So its files live and die
with one job, in a folder of the job's own; what outlasts it is written as safetensors with a hash.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ddpm.errors import WeightsError
from ddpm.network.weights import read_weights, save_weights

logger = logging.getLogger("ddpm")

_THEIRS, _OURS = ".pt", ".safetensors"
# The name of a file's tensor where torch-fidelity keeps one tensor; else it keeps arrays by name.
_ALONE = "features"


@dataclasses.dataclass(frozen=True)
class FeatureCache:
    """The features of sets of images by name; a name must change with all that they depend on.

    Attributes:
        folder: this job's, given to torch-fidelity as its cache.
        lasting: shared by jobs; None to keep nothing.
    """

    folder: Path
    lasting: Path | None = None

    def take(self, name: str) -> bool:
        """Makes the lasting features of a set available to this job; True if there are any that it lacked.

        Damaged ones are left alone, to be computed anew.
        """
        found = sorted(self.lasting.glob(f"{name}-*{_OURS}")) if self.lasting is not None else []
        taken = False
        for file in found:
            place = (self.folder / file.name).with_suffix(_THEIRS)
            if not place.exists() and (content := _read(file)) is not None:
                torch.save(content, place)
                taken = True
        return taken

    def drop(self, name: str) -> None:
        """Forgets this job's features of a set."""
        for file in self.folder.glob(f"{name}-*{_THEIRS}"):
            file.unlink()

    def keep(self, name: str) -> None:
        """Lets the features of a set that this job computed last, each file atomically."""
        if self.lasting is None:
            return
        for file in self.folder.glob(f"{name}-*{_THEIRS}"):
            place = (self.lasting / file.name).with_suffix(_OURS)
            if not place.exists() or _read(place) is None:
                # Of this job's own folder.
                content = torch.load(file, map_location="cpu", weights_only=False)
                save_weights(place, _tensors(content), {"file": place.name})


def _tensors(content: Tensor | Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    if isinstance(content, Tensor):
        return {_ALONE: content}
    return {key: torch.from_numpy(np.ascontiguousarray(array)) for key, array in content.items()}


def _read(file: Path) -> Any:
    """What torch-fidelity kept in a file; None if the file is damaged, or that of another set."""
    try:
        tensors, about = read_weights(file)
    except WeightsError as error:
        logger.warning(f"{str(error).partition(';')[0]}; the features are computed anew")
        return None
    if about.get("file") != file.name or "weights_hash" not in about:
        logger.warning(f"{file}: holds the features of other images; they are computed anew")
        return None
    if tensors.keys() == {_ALONE}:
        return tensors[_ALONE]
    return {key: tensor.numpy() for key, tensor in tensors.items()}
