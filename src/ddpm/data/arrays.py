"""The .npy files of a data set: written, described for its manifest, and checked when they are read.

The hash of a large file is recorded beside it, with the size, the time of the last change and the inode that
the file then had. While it has these, it is not hashed again; a copy, or a file written anew, has others.
"""

from __future__ import annotations

import hashlib
import json
import logging
import mmap
from pathlib import Path
from typing import Any

import numpy as np

from ddpm.data.splits import ImageSource, ImageStream, RecordStream
from ddpm.data.unfinished import write_records
from ddpm.errors import DataError, OutputError
from ddpm.progress import Progress
from ddpm.records.files import output_error, sha256, write_text

logger = logging.getLogger("ddpm")

# Bytes of a file. Arrays up to this size are read and hashed whole at each use, and trained on from the
# memory of the device; larger ones are memory-mapped, and hashed again only when their file has changed.
LARGEST_IN_MEMORY = 2**30
_CHUNK, _MEGABYTE = 2**20, 1_000_000

# Of an array in a manifest: `file`, `shape`, `dtype`, `bytes` of the file, `sha256` of the file. Of one made
# of records also `damaged`: how many `records` were left out, and the names of the `first` of them.
Description = dict[str, Any]


def is_large(description: Description) -> bool:
    """Whether a file has more than LARGEST_IN_MEMORY bytes."""
    return bool(description["bytes"] > LARGEST_IN_MEMORY)


def write_array(path: Path, temporary: Path, array: ImageSource) -> Description:
    """Writes the temporary file that will be `path`, and describes it.

    Raises:
        DataError: of an archive, too few records are sound.
        OutputError: it cannot be written.
    """
    shape, of_records = list(array.shape), {}
    try:
        if isinstance(array, np.ndarray):
            np.save(temporary, array, allow_pickle=False)
        elif isinstance(array, RecordStream):
            state = write_records(temporary, array)
            shape[0] = state.images
            of_records = {"damaged": {"records": state.damaged, "first": state.first_damaged}}
        else:
            _write_stream(temporary, array)
        return {
            "file": path.name,
            "shape": shape,
            "dtype": str(array.dtype) if isinstance(array, np.ndarray) else "uint8",
            "bytes": temporary.stat().st_size,
            "sha256": _hash_of_new(path, temporary),
            **of_records,
        }
    except OSError as error:
        raise output_error(path, error) from error


def read_array(path: Path, expected: Description, remedy: str) -> np.ndarray:
    """The array of a file; a read-only memory map of one of more than LARGEST_IN_MEMORY bytes.

    Raises:
        DataError: it is missing, truncated, no array, or not the one that was described.
    """
    large = is_large(expected)
    try:
        size = path.stat().st_size
        if size < expected["bytes"]:
            raise DataError(f"{path}: is truncated, {size} of {expected['bytes']} bytes; {remedy}")
        # As a string: of a Path, NumPy would note where a link leads.
        array: np.ndarray = np.load(str(path), mmap_mode="r" if large else None, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: not a readable array ({reason(error)}); {remedy}") from error
    if str(array.dtype) != expected["dtype"] or list(array.shape) != expected["shape"]:
        raise DataError(
            f"{path}: is {array.dtype} {list(array.shape)}, but its manifest says "
            f"{expected['dtype']} {expected['shape']}; {remedy}"
        )
    if (_recorded_sha256(path) if large else sha256(path)) != expected["sha256"]:
        raise DataError(f"{path}: its content differs from the SHA-256 in its manifest; {remedy}")
    return array


def content_hash(array: np.ndarray) -> str:
    """A SHA-256 that changes with the dtype, shape or content of an array.

    For a file that `read_array` has mapped it is the recorded one, so that nothing is read.
    """
    # A slice of a memory map is a memory map too, but its base is that one, not the file.
    if isinstance(array, np.memmap) and isinstance(array.base, mmap.mmap):
        return _recorded_sha256(Path(array.filename))
    content = hashlib.sha256(f"{array.dtype} {array.shape}".encode())
    content.update(np.ascontiguousarray(array).data)
    return content.hexdigest()


def record_hash(path: Path, digest: str) -> None:
    """Records the hash of a file as it is now, so that it is not read for it again."""
    record = {"sha256": digest, "state": _state(path)}
    try:
        write_text(_record(path), json.dumps(record) + "\n")
    except OutputError as error:
        logger.info(f"{error} So {path} is hashed at each use.")


def reason(error: Exception) -> str:
    """Why a file could not be read."""
    return "no such file" if isinstance(error, FileNotFoundError) else f"{type(error).__name__}: {error}"


def _write_stream(temporary: Path, stream: ImageStream) -> None:
    """The same bytes as np.save writes of the array of all images.

    They do not go through a memory map: on a full disk that would end the process without a message.
    """
    header = {"descr": "|u1", "fortran_order": False, "shape": stream.shape}
    with open(temporary, "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for image in stream.images:
            if image.dtype != np.uint8 or image.shape != stream.shape[1:]:
                raise ValueError(f"a source's image is {image.dtype} {image.shape}, not {stream.shape[1:]}")
            file.write(image.tobytes())


def _hash_of_new(path: Path, temporary: Path) -> str:
    """The hash of a file that was just written; of a large one with progress."""
    if (size := temporary.stat().st_size) <= LARGEST_IN_MEMORY:
        return sha256(temporary)
    digest = hashlib.sha256()
    with (
        temporary.open("rb") as file,
        Progress(f"hash {path}", size // _MEGABYTE, "MB") as progress,
    ):
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            progress.advance(file.tell() // _MEGABYTE - progress.done)
    return digest.hexdigest()


def _recorded_sha256(path: Path) -> str:
    """The recorded hash of a file, or else the computed one (about 1 s for each GB), which is recorded."""
    state = _state(path)
    try:
        record = json.loads(_record(path).read_text(encoding="utf-8"))
        if record["state"] == state:
            return str(record["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    digest = sha256(path)
    if _state(path) == state:
        record_hash(path, digest)
    return digest


def _record(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256.json")


def _state(path: Path) -> dict[str, int]:
    status = path.stat()
    return {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns, "inode": status.st_ino}
