"""The files of `ddpm compress`, byte by byte (docs/compression.md). Knows no model.

offset  bytes  content (integers are little-endian)
0       8      magic: "DDPMCODE"
8       1      version: 1
9       4      length of the header, up to and with its checksum
13      1      mode: 1 progressive, 2 archive
14      6      channels, height, width: 2 each
20      4      number of images n
24      2      batch: images in a network call
26      32     SHA-256 of the weights
58      32     SHA-256 of the schedule
90      8      training seed
98      ...    study, model, schedule and conditions: length (2) and UTF-8 text of each
...     8 n    progressive: of each image its CRC-32 and the length of its stream
...     4 n    archive: of each image its CRC-32; then ceil(n / 8) bytes of flags, the lowest bit first:
stored
               without the model; then the number of stacks (2) and the words of each (4)
...     4      CRC-32 of the body
...     4      CRC-32 of all bytes before this one
...            body: the streams, or the words of the stacks (4 bytes each, the top of a stack first)
"""

from __future__ import annotations

import dataclasses
import struct
import zlib
from collections.abc import Sequence

import numpy as np

from ddpm.errors import DDPMError

MAGIC = b"DDPMCODE"
VERSION = 1
MODES = {1: "progressive", 2: "archive"}
_FIXED = struct.Struct("<B3HIH32s32sQ")
_START = len(MAGIC) + 5
_MOST_IMAGES = 1 << 24
LARGEST_BATCH = 2**16 - 1  # two bytes


class CodeFileError(DDPMError):
    """A file is no code, or cannot be decoded here: each kind ends the command with a status of its own."""


class ForeignFileError(CodeFileError):
    """The file is not of `ddpm compress`."""

    status = 3


class NewerFileError(CodeFileError):
    """The file was made by a later version."""

    status = 4


class DamagedHeaderError(CodeFileError):
    """The header is cut off or altered: nothing can be decoded."""

    status = 5


class OtherModelError(CodeFileError):
    """The weights or the schedule at hand are not those that the file was made with."""

    status = 6


class DamagedBodyError(CodeFileError):
    """The body is cut off or altered: some images are lost."""

    status = 7


class OtherArithmeticError(CodeFileError):
    """The network gives other outputs here than where the file was made."""

    status = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class Header:
    """What a file says of itself.

    Attributes:
        mode: "progressive" or "archive".
        shape: (C, H, W) of an image.
        batch: images in a network call.
        weights_hash, schedule_hash: SHA-256, 64 hexadecimal digits.
        study, model, seed, schedule: what it was made with, by name.
        conditions: what the network's last bits depend on: versions, device, arithmetic.
        checksums: CRC-32 of each image's pixels; in progressive mode also the key of its shared randomness.
        lengths: bytes of each image's stream, or words of each stack.
        raw: archive mode: of each image, whether it was stored without the model.
    """

    mode: str
    shape: tuple[int, int, int]
    batch: int
    weights_hash: str
    schedule_hash: str
    study: str
    model: str
    seed: int
    schedule: str
    conditions: str
    checksums: tuple[int, ...]
    lengths: tuple[int, ...]
    raw: tuple[bool, ...] = ()


@dataclasses.dataclass(frozen=True)
class CodeFile:
    """A file read.

    Attributes:
        header: the header.
        parts: each image's stream, or each stack's bytes; shorter than the header says where the file is cut
            off.
        intact: whether the body has the checksum that the header says.
        header_bytes: length of all that is no body.
    """

    header: Header
    parts: tuple[bytes, ...]
    intact: bool
    header_bytes: int

    def is_whole(self, part: int) -> bool:
        """Whether a part has all its bytes."""
        size = self.header.lengths[part] * (1 if self.header.mode == "progressive" else 4)
        return len(self.parts[part]) == size


def checksum(pixels: np.ndarray) -> int:
    """CRC-32 of an image, uint8 [C, H, W]."""
    return zlib.crc32(np.ascontiguousarray(pixels, np.uint8).tobytes())


def written(header: Header, parts: Sequence[bytes]) -> bytes:
    """The file of a header and its parts."""
    mode = next(number for number, name in MODES.items() if name == header.mode)
    fixed = _FIXED.pack(
        mode,
        *header.shape,
        len(header.checksums),
        header.batch,
        bytes.fromhex(header.weights_hash),
        bytes.fromhex(header.schedule_hash),
        header.seed,
    )
    texts = b"".join(map(_text, (header.study, header.model, header.schedule, header.conditions)))
    body = b"".join(parts)
    content = fixed + texts + _index(header) + struct.pack("<I", zlib.crc32(body))
    start = MAGIC + struct.pack("<BI", VERSION, _START + len(content) + 4)
    return start + content + struct.pack("<I", zlib.crc32(start + content)) + body


def read(content: bytes, name: str) -> CodeFile:
    """Reads a file.

    Args:
        content: its bytes, or the first of them.
        name: for messages.

    Raises:
        ForeignFileError, NewerFileError, DamagedHeaderError: as they say.
    """
    if content[: len(MAGIC)] != MAGIC:
        raise ForeignFileError(
            f"{name}: not a file of `ddpm compress` (it does not begin with {MAGIC.decode()})"
        )
    damaged = DamagedHeaderError(
        f"{name}: its header is cut off or altered, so that nothing of it can be decoded; get the file again"
    )
    if len(content) < _START:
        raise damaged
    version, length = struct.unpack_from("<BI", content, len(MAGIC))
    if version > VERSION:
        raise NewerFileError(
            f"{name}: of version {version} of the format, and this program knows {VERSION}; use a newer one"
        )
    head = content[:length]
    if len(head) < max(length, _START + 4) or zlib.crc32(head[:-4]) != struct.unpack("<I", head[-4:])[0]:
        raise damaged
    try:
        header, body_checksum = _header(_Reader(head[_START:-4]))
    except (struct.error, ValueError, KeyError) as error:
        raise damaged from error
    body = content[length:]
    return CodeFile(header, tuple(_parts(header, body)), zlib.crc32(body) == body_checksum, length)


class _Reader:
    """Takes values from bytes in turn."""

    def __init__(self, content: bytes) -> None:
        self._content, self._place = content, 0

    def take(self, form: str) -> tuple[int, ...]:
        """Values of a struct format; raises struct.error beyond the end."""
        found = struct.unpack_from(form, self._content, self._place)
        self._place += struct.calcsize(form)
        return found

    def text(self) -> str:
        """A length and UTF-8 text."""
        [length] = self.take("<H")
        [found] = self.take(f"<{length}s")
        return bytes(found).decode()


def _text(text: str) -> bytes:
    content = text.encode()[:65535]
    return struct.pack("<H", len(content)) + content


def _index(header: Header) -> bytes:
    count = len(header.checksums)
    if header.mode == "progressive":
        pairs = zip(header.checksums, header.lengths, strict=True)
        return b"".join(struct.pack("<II", *pair) for pair in pairs)
    flags = np.packbits(np.array(header.raw, bool), bitorder="little").tobytes()
    stacks = struct.pack(f"<H{len(header.lengths)}I", len(header.lengths), *header.lengths)
    return struct.pack(f"<{count}I", *header.checksums) + flags + stacks


def _header(reader: _Reader) -> tuple[Header, int]:
    """The header, and the checksum of the body."""
    mode, channels, height, width, count, batch, weights, schedule, seed = reader.take(_FIXED.format)
    study, model, schedule_name, conditions = (reader.text() for _ in range(4))
    if count > _MOST_IMAGES or not batch or not channels * height * width:
        raise ValueError("no such images")
    raw: tuple[bool, ...] = ()
    if MODES[mode] == "progressive":
        values = reader.take(f"<{2 * count}I")
        checksums, lengths = values[::2], values[1::2]
    else:
        checksums = reader.take(f"<{count}I")
        flags = np.array(reader.take(f"<{-(-count // 8)}B"), np.uint8)
        raw = tuple(np.unpackbits(flags, bitorder="little")[:count].astype(bool).tolist())
        [stacks] = reader.take("<H")
        lengths = reader.take(f"<{stacks}I")
    [body_checksum] = reader.take("<I")
    header = Header(
        mode=MODES[mode],
        shape=(channels, height, width),
        batch=batch,
        weights_hash=weights.hex(),  # type: ignore[attr-defined]
        schedule_hash=schedule.hex(),  # type: ignore[attr-defined]
        study=study,
        model=model,
        seed=seed,
        schedule=schedule_name,
        conditions=conditions,
        checksums=checksums,
        lengths=lengths,
        raw=raw,
    )
    return header, body_checksum


def _parts(header: Header, body: bytes) -> list[bytes]:
    size, found, place = 1 if header.mode == "progressive" else 4, [], 0
    for length in header.lengths:
        found.append(body[place : place + length * size])
        place += length * size
    return found
