"""Which files of a folder are its images, and what else lies there. Nothing is opened."""

from __future__ import annotations

import collections
import dataclasses
import os
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from ddpm.errors import DataError

IMAGE_SUFFIXES = (
    *(".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".webp"),
    *(".ppm", ".pgm", ".tif", ".tiff"),
)
# What systems leave in folders besides names that begin with a dot; compared in lower case.
_OF_SYSTEMS = frozenset(
    {"__macosx", "thumbs.db", "desktop.ini", "$recycle.bin", "system volume information"}
    | {"@eadir", "lost+found", "icon\r"}
)
_HIDDEN, _REPEATED, _BROKEN = "hidden", "read already under another name", "broken links"
_IRREGULAR = "neither files nor folders (pipes, sockets, devices)"
_OTHER = "of other kinds"
_MOST_SUFFIXES = 12


@dataclasses.dataclass(frozen=True)
class Listing:
    """The images in a folder and the folders within it.

    Attributes:
        folder: the folder.
        images: by path relative to it, sorted by path: what the system says of the file.
        left_out: the other entries, by why they do not count.
    """

    folder: str
    images: Mapping[Path, os.stat_result]
    left_out: Mapping[str, Sequence[Path]]

    @property
    def summary(self) -> str:
        """How many images there are, and what was left out and why, in one line."""
        reasons = [_reason(why, self.left_out[why]) for why in sorted(self.left_out)]
        return f"{self.folder}: {len(self.images):,} images" + (
            f"; left out: {'; '.join(reasons)}" if reasons else ""
        )


def list_images(folder: str) -> Listing:
    """The regular files of a folder, and of the folders within it, whose suffix is one of IMAGE_SUFFIXES.

    Names that begin with a dot and what systems leave behind are left out. Links are followed; each folder
    and each file counts once, under its own name rather than that of a link, and a folder above `folder`
    never.

    Returns:
        an empty listing if there is no such folder.

    Raises:
        DataError: a folder or an entry may not be read.
    """
    walk = _Walk(Path(folder))
    if Path(folder).is_dir():
        walk.run()
    images = dict(sorted(walk.images.items(), key=lambda item: item[0].parts))
    return Listing(folder, images, walk.left_out)


def is_hidden(name: str) -> bool:
    """Whether an entry of this name is no part of a data set."""
    return name.startswith(".") or name.lower() in _OF_SYSTEMS


class _Walk:
    """A walk through a folder: first what really lies there, then where links lead."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._seen: set[tuple[int, int]] = set()
        self._links: collections.deque[Path] = collections.deque()
        self.images: dict[Path, os.stat_result] = {}
        self.left_out: collections.defaultdict[str, list[Path]] = collections.defaultdict(list)

    def run(self) -> None:
        # A link to a folder above would lead to the images beside this one.
        for above in self._root.resolve().parents:
            self._is_new(os.stat(above))
        self._enter(Path())
        while self._links:
            self._follow(self._links.popleft())

    def _enter(self, folder: Path) -> None:
        waiting = [folder]
        while waiting:
            place = waiting.pop()
            try:
                if not self._is_new(os.stat(self._root / place)):
                    self.left_out[_REPEATED].append(place)
                    continue
                with os.scandir(self._root / place) as found:
                    entries = sorted(found, key=lambda entry: entry.name)
            except OSError as error:
                raise _unreadable(self._root / place, error) from error
            for entry in entries:
                path = place / entry.name
                if is_hidden(entry.name):
                    self.left_out[_HIDDEN].append(path)
                elif entry.is_symlink():
                    self._links.append(path)
                elif entry.is_dir(follow_symlinks=False):
                    waiting.append(path)
                else:
                    self._follow(path)

    def _follow(self, path: Path) -> None:
        """Counts a file, or the file or folder behind a link."""
        try:
            status = os.stat(self._root / path)
        except PermissionError as error:
            raise _unreadable(self._root / path, error) from error
        except OSError:
            self.left_out[_BROKEN].append(path)
            return
        if stat.S_ISDIR(status.st_mode):
            self._enter(path)
        elif not stat.S_ISREG(status.st_mode):
            self.left_out[_IRREGULAR].append(path)
        elif not path.name.lower().endswith(IMAGE_SUFFIXES):
            self.left_out[_OTHER].append(path)
        elif self._is_new(status):
            self.images[path] = status
        else:
            self.left_out[_REPEATED].append(path)

    def _is_new(self, status: os.stat_result) -> bool:
        key = (status.st_dev, status.st_ino)
        new = key not in self._seen
        self._seen.add(key)
        return new


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(
        f"{path}: cannot be looked into ({error.strerror or error}); make it readable or take it out"
    )


def _reason(why: str, paths: Sequence[Path]) -> str:
    """Why so many entries do not count: with their suffixes, or with the name of one of them."""
    if why == _OTHER:
        suffixes = collections.Counter(path.suffix.lower() or "without suffix" for path in paths)
        shown = [f"{count:,} {suffix}" for suffix, count in sorted(suffixes.items())[:_MOST_SUFFIXES]]
        shown += ["..."] if len(suffixes) > _MOST_SUFFIXES else []
        return f"{len(paths):,} {why} ({', '.join(shown)})"
    # A name that is no text, in one that can be written anywhere.
    first = str(min(paths)).encode(errors="backslashreplace").decode()
    return f"{len(paths):,} {why} ({first}{', ...' if len(paths) > 1 else ''})"
