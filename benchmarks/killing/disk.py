"""A small file system of its own that can be filled and freed."""

from __future__ import annotations

import errno
import subprocess
from pathlib import Path

SIZE = 64 * 2**20
_CHUNK = 2**16


class SmallDisk:
    """A tmpfs mounted on a folder, where the machine lets us; `reason` says why it does not."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.reason = folder, ""
        folder.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
        try:
            mount = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            self.reason = f"no file system can be mounted: {error}"
            return
        if mount.returncode:
            self.reason = f"no file system can be mounted: {mount.stderr.strip()}"

    @property
    def ballast(self) -> Path:
        """The file that fills the disk."""
        return self.folder / "ballast"

    def fill(self, left: int) -> None:
        """Fills the disk up to about `left` bytes."""
        with self.ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(_CHUNK))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
        if left:
            with self.ballast.open("r+b") as file:
                file.truncate(max(0, self.ballast.stat().st_size - left))

    def free(self) -> None:
        """Removes the ballast."""
        self.ballast.unlink(missing_ok=True)

    def close(self) -> None:
        """Unmounts it; what lies on it is gone."""
        if not self.reason:
            subprocess.run(["umount", "--lazy", str(self.folder)], check=True)
