"""The resumable state of a training run: whole or not there, with the one before it kept.

Two safetensors files in one folder: `latest` and `previous`. Each carries the update it was saved
at, the fingerprint of the settings, and a hash of its tensors. A save writes a temporary file,
renames latest to previous and the new one to latest; whatever moment it is killed at, one whole
state remains.
"""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from ddpm.errors import StateError, WeightsError
from ddpm.network.weights import read_weights, save_weights
from ddpm.records.reading import require_readable

logger = logging.getLogger("ddpm")


@dataclasses.dataclass(frozen=True)
class SavedState:
    """Tensors by name, and the number of updates done."""

    tensors: Mapping[str, Tensor]
    updates: int


class StateFolder:
    """Saves and finds the states of one training run.

    Args:
        folder: where they lie; made on the first save.
        fingerprint: of the run's settings and data; states of another are refused.
    """

    def __init__(self, folder: str | Path, fingerprint: str) -> None:
        self.folder, self.fingerprint = Path(folder), fingerprint
        self.latest = self.folder / "latest.safetensors"
        self.previous = self.folder / "previous.safetensors"

    def save(self, state: SavedState) -> None:
        """Saves a state; the latest becomes the previous one.

        Raises:
            OutputError: the folder is read-only or the disk full; saved states stay as they were.
        """
        provenance = {"updates": state.updates, "fingerprint": self.fingerprint, "status": "in training"}
        new = self.folder / "new.safetensors"
        save_weights(new, state.tensors, provenance)
        if self.latest.exists():
            os.replace(self.latest, self.previous)
        os.replace(new, self.latest)

    def load(self) -> SavedState | None:
        """The most advanced whole state, or None if there is none.

        Raises:
            StateError: states exist but all are damaged, one may not be read, or one is of other settings.
        """
        found = [
            path
            for path in (self.folder / "new.safetensors", self.latest, self.previous)
            if os.path.lexists(path)
        ]
        # What may not be read, or lies elsewhere, is not damaged: it is not passed over for an older one.
        for path in found:
            require_readable(path, StateError, "no such file")
        states = [state for path in found if (state := self._read(path)) is not None]
        if found and not states:
            raise StateError(
                f"{self.folder}: every saved training state is damaged ({', '.join(p.name for p in found)}); "
                "delete the folder to train from the start"
            )
        return max(states, key=lambda state: state.updates, default=None)

    def keep_latest(self) -> None:
        """Removes all states but the latest: the run is complete, and a longer one may continue from it."""
        self.previous.unlink(missing_ok=True)

    def _read(self, path: Path) -> SavedState | None:
        try:
            tensors, provenance = read_weights(path)
        except WeightsError as error:
            logger.warning("saved training state is damaged, trying an older one: %s", error)
            return None
        if provenance.get("fingerprint") != self.fingerprint:
            raise StateError(
                f"{path}: a training state of other settings ({provenance.get('fingerprint')}, not "
                f"{self.fingerprint}); restore those settings to continue it, or start afresh with "
                "`ddpm train --restart` (nothing is deleted)"
            )
        return SavedState(tensors, int(provenance["updates"]))
