"""Features that torch-fidelity computed, kept between its calls, and those of real images between jobs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from ddpm.records.files import atomic_path


class FeatureCache:
    """A folder of this job's features, and a lasting one for those of real images.

    torch-fidelity names its files by the set that they describe; a name must change with the content.

    Args:
        folder: this job's, given to torch-fidelity as its cache.
        lasting: shared by jobs; None to keep nothing.
    """

    def __init__(self, folder: Path, lasting: Path | None = None) -> None:
        self.folder, self.lasting = folder, lasting

    def take(self, name: str) -> bool:
        """Makes the lasting features of a set available to this job; True if there are any that it lacked."""
        found = list(self.lasting.glob(f"{name}-*")) if self.lasting is not None else []
        missing = [file for file in found if not (self.folder / file.name).exists()]
        for file in missing:
            os.symlink(file.resolve(), self.folder / file.name)
        return bool(missing)

    def keep(self, name: str) -> None:
        """Lets the features of a set that this job computed last, each file atomically."""
        if self.lasting is None:
            return
        for file in self.folder.glob(f"{name}-*"):
            if not file.is_symlink() and not (self.lasting / file.name).exists():
                with atomic_path(self.lasting / file.name) as temporary:
                    shutil.copyfile(file, temporary)
