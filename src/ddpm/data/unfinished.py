"""Arrays that take hours to write: what is written of one stays after a kill, and the next run goes on there.

The file lies beside the one that it becomes, under a name that holds the identity of its stream. So a file of
other settings or another archive is never continued, but stays, and is continued when these come back. A
state beside it says which record was the last one; it is written every so many images, after they are on the
disk.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import logging
import math
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from ddpm.data.splits import Record, RecordStream
from ddpm.errors import DataError, OutputError
from ddpm.progress import Progress
from ddpm.records.files import write_text
from ddpm.records.temporary_files import Lock, try_lock

logger = logging.getLogger("ddpm")

IMAGES_PER_STATE = 1000
"""Images after which the state is written: what a kill costs, at most."""
_MOST_LOGGED, _MOST_NAMED = 10, 1000
# If all of so many first records are damaged, the others will be.
_DAMAGED_AT_FIRST = 100
GIGABYTE = 1e9


@dataclasses.dataclass
class State:
    """How far a file is.

    Attributes:
        images: that it holds.
        last: name of the last record that was read; None before the first.
        damaged: records that were left out.
        first_damaged: names of the first of these.
    """

    images: int = 0
    last: str | None = None
    damaged: int = 0
    first_damaged: list[str] = dataclasses.field(default_factory=list)


@contextlib.contextmanager
def unfinished_path(path: Path, identity: str) -> Iterator[Path]:
    """The file that becomes `path` when all is done; after an error or a kill it stays for the next run.

    Raises:
        OutputError: another process writes it.
        OSError: it cannot be made or renamed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    place = path.with_name(f".{path.stem}.{identity}.unfinished{path.suffix}")
    with place.open("ab") as file:
        if try_lock(file.fileno()) is Lock.BUSY:
            raise OutputError(f"{place}: another process is writing it; wait for that, or end it")
        _tell_others(path, place)
        yield place
        os.replace(place, path)
    _state_path(place).unlink(missing_ok=True)


def write_records(place: Path, stream: RecordStream) -> State:
    """Writes the array of a stream's images, or what is lacking of it, as np.save would.

    Args:
        place: of `unfinished_path`; there is a file.
        stream: what is written.

    Returns:
        the state at the end.

    Raises:
        DataError: too few records are sound.
        OutputError: the disk is too small for what is lacking.
        OSError: it is full, or the file cannot be written.
    """
    state = _read_state(place, stream.shape)
    most = stream.shape[0]
    _require_space(place, _bytes(stream.shape, most) - place.stat().st_size)
    if state.images or state.damaged:
        logger.info(f"{place}: goes on after {state.images:,} images")
    with (
        place.open("r+b") as file,
        Progress(f"pack {stream.origin}", most, "images", done=state.images) as progress,
        contextlib.closing(stream.records(state.last)) as records,
    ):
        file.write(_header(stream.shape))
        file.truncate(_bytes(stream.shape, state.images))
        file.seek(0, os.SEEK_END)
        while state.images < most and (record := next(records, None)) is not None:
            state.last = record.name
            if record.image is None:
                _count_damaged(state, stream, record)
                continue
            _write_image(file, record.image, stream.shape[1:])
            state.images += 1
            progress.advance()
            if state.images % IMAGES_PER_STATE == 0:
                _save(file, place, state)
        _require_images(state, stream)
        file.seek(0)
        file.write(_header((state.images, *stream.shape[1:])))
        _save(file, place, state)
        progress.total = state.images
    if state.damaged:
        logger.warning(
            f"warning: {stream.origin}: {state.images:,} images; damaged records left out: {state.damaged:,}"
        )
    return state


def _write_image(file: IO[bytes], image: np.ndarray, shape: tuple[int, ...]) -> None:
    if image.dtype != np.uint8 or image.shape != shape:
        raise ValueError(f"a source's image is {image.dtype} {image.shape}, not {shape}")
    file.write(image.tobytes())


def _count_damaged(state: State, stream: RecordStream, record: Record) -> None:
    state.damaged += 1
    if state.damaged <= _MOST_NAMED:
        state.first_damaged.append(record.name)
    if state.damaged <= _MOST_LOGGED:
        reason = f"is damaged and left out ({record.damage})"
        logger.warning(f"warning: {stream.origin}: record {record.name} {reason}")
    if state.images == 0 and state.damaged >= _DAMAGED_AT_FIRST:
        raise DataError(
            f"{stream.origin}: the first {state.damaged} records are all damaged ({record.damage}); use a "
            "sound copy, and a Pillow that reads its images (`python -m PIL`)"
        )


def _require_images(state: State, stream: RecordStream) -> None:
    if state.images < stream.fewest:
        raise DataError(
            f"{stream.origin}: {state.images:,} records are sound and {state.damaged:,} damaged, but "
            f"{stream.fewest:,} images are asked for; use a sound copy, or lower `images`"
        )


def _require_space(place: Path, lacking: int) -> None:
    free = shutil.disk_usage(place.parent).free
    if lacking > free:
        raise OutputError(
            f"{place}: takes {lacking / GIGABYTE:,.1f} GB more, but {free / GIGABYTE:,.1f} GB are free; "
            "free space, take fewer images (`images`), or work in a folder of a larger disk"
        )


def _header(shape: tuple[int, ...]) -> bytes:
    """The start of a .npy file. NumPy leaves room in it: its length is the same for any number of images."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
    return file.getvalue()


def _bytes(shape: tuple[int, ...], images: int) -> int:
    return len(_header(shape)) + images * math.prod(shape[1:])


def _read_state(place: Path, shape: tuple[int, ...]) -> State:
    """The state of a file; that of a new one if there is none, or the file holds less than it says."""
    try:
        state = State(**json.loads(_state_path(place).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return State()
    return state if place.stat().st_size >= _bytes(shape, state.images) else State()


def _save(file: IO[bytes], place: Path, state: State) -> None:
    file.flush()
    os.fsync(file.fileno())
    write_text(_state_path(place), json.dumps(dataclasses.asdict(state)) + "\n")


def _state_path(place: Path) -> Path:
    return place.with_suffix(".json")


def _tell_others(path: Path, place: Path) -> None:
    for other in path.parent.glob(f".{path.stem}.*.unfinished{path.suffix}"):
        if other != place:
            size = other.stat().st_size / GIGABYTE
            logger.warning(
                f"warning: {other} ({size:,.1f} GB) is of other settings or another archive: it is left "
                "as it is; delete it if these do not come back"
            )
