"""The bytes of a file: what is written is read, and what is not as it was written is found out."""

import dataclasses
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm.compression.account import account_lines, code_contents, code_text
from ddpm.compression.file_format import (
    CodeFileError,
    DamagedBodyError,
    DamagedHeaderError,
    ForeignFileError,
    Header,
    NewerFileError,
    OtherArithmeticError,
    OtherModelError,
    checksum,
    read,
    written,
)

SMALL = Header(
    mode="progressive",
    shape=(3, 4, 5),
    batch=258,
    weights_hash="ab" * 32,
    schedule_hash="cd" * 32,
    study="st",
    model="modèl",
    seed=2**40 + 7,
    schedule="s",
    conditions="",
    checksums=(0x01020304, 0xFFFFFFFF),
    lengths=(3, 2),
)
ARCHIVE = dataclasses.replace(
    SMALL,
    mode="archive",
    checksums=tuple(range(10)),
    lengths=(2, 0, 1),
    raw=(True, *(False,) * 7, False, True),
)
FILES = {"progressive": (SMALL, [b"abc", b"de"]), "archive": (ARCHIVE, [b"01234567", b"", b"89ab"])}
HASH = st.binary(min_size=32, max_size=32).map(bytes.hex)
U16, U32 = st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1)


@st.composite
def files(draw):
    """A header and parts that agree with it."""
    mode = draw(st.sampled_from(["progressive", "archive"]))
    checksums = draw(st.lists(U32, max_size=20))
    count = len(checksums) if mode == "progressive" else draw(st.integers(0, 9))
    lengths = draw(st.lists(st.integers(0, 20), min_size=count, max_size=count))
    size = 1 if mode == "progressive" else 4
    raw = draw(st.lists(st.booleans(), min_size=len(checksums), max_size=len(checksums)))
    header = Header(
        mode=mode,
        shape=draw(st.tuples(*(st.integers(1, 2**16 - 1),) * 3)),
        batch=draw(st.integers(1, 2**16 - 1)),
        weights_hash=draw(HASH),
        schedule_hash=draw(HASH),
        study=draw(st.text(max_size=20)),
        model=draw(st.text(max_size=20)),
        seed=draw(st.integers(0, 2**63 - 1)),
        schedule=draw(st.text(max_size=20)),
        conditions=draw(st.text(max_size=200)),
        checksums=tuple(checksums),
        lengths=tuple(lengths),
        raw=tuple(raw) if mode == "archive" else (),
    )
    return header, [draw(st.binary(min_size=size * n, max_size=size * n)) for n in lengths]


@given(file=files())
def test_what_is_written_is_read(file):
    header, parts = file
    content = written(header, parts)
    found = read(content, "x")
    assert found.header == header
    assert found.parts == tuple(parts)
    assert found.intact
    assert found.header_bytes + sum(map(len, parts)) == len(content)
    assert all(found.is_whole(i) for i in range(len(parts)))


def test_bytes_of_a_progressive_file():
    """By hand, from the table of the module."""
    content = written(*FILES["progressive"])
    assert content[:8] == b"DDPMCODE"
    assert content[8] == 1
    length = int.from_bytes(content[9:13], "little")
    assert content[13] == 1
    assert content[14:20] == b"\3\0\4\0\5\0"
    assert content[20:24] == b"\2\0\0\0"
    assert content[24:26] == b"\2\1"  # 258
    assert content[26:58] == b"\xab" * 32
    assert content[58:90] == b"\xcd" * 32
    assert content[90:98] == b"\7\0\0\0\0\1\0\0"
    texts = b"\2\0st" + b"\6\0mod\xc3\xa8l" + b"\1\0s" + b"\0\0"
    assert content[98 : 98 + len(texts)] == texts
    index = content[98 + len(texts) :]
    assert index[:16] == b"\4\3\2\1\3\0\0\0" + b"\xff\xff\xff\xff\2\0\0\0"
    assert int.from_bytes(index[16:20], "little") == zlib.crc32(b"abcde")
    assert int.from_bytes(index[20:24], "little") == zlib.crc32(content[: length - 4])
    assert index[24:] == b"abcde"
    assert length == len(content) - 5


def test_bytes_of_an_archive():
    content = written(*FILES["archive"])
    assert content[13] == 2
    start = 98 + 4 + 8 + 3 + 2
    assert content[start : start + 40] == struct.pack("<10I", *range(10))
    assert content[start + 40 : start + 42] == b"\1\2"  # Images 0 and 9.
    assert content[start + 42 : start + 44] == b"\3\0"
    assert content[start + 44 : start + 56] == b"\2\0\0\0\0\0\0\0\1\0\0\0"
    assert content[start + 64 :] == b"0123456789ab"


def test_checksum_of_an_image():
    image = np.arange(60, dtype=np.uint8).reshape(3, 4, 5)
    assert checksum(image) == zlib.crc32(bytes(range(60)))
    turned = image.transpose(0, 2, 1)
    assert checksum(turned) == zlib.crc32(turned.tobytes())


@pytest.mark.parametrize("mode", FILES)
def test_every_flipped_byte_of_a_header_is_found(mode):
    content = written(*FILES[mode])
    header_bytes = read(content, "x").header_bytes
    for place in range(header_bytes):
        for flip in (1, 16, 128, 255):
            damaged = bytearray(content)
            damaged[place] ^= flip
            with pytest.raises(CodeFileError) as error:
                read(bytes(damaged), "file.ddpm")
            kind = ForeignFileError if place < 8 else DamagedHeaderError
            if place == 8 and damaged[8] > 1:
                kind = NewerFileError
            assert type(error.value) is kind
            assert str(error.value).startswith("file.ddpm: ")


@pytest.mark.parametrize("mode", FILES)
def test_every_cut_in_a_header_is_found(mode):
    content = written(*FILES[mode])
    for length in range(read(content, "x").header_bytes):
        kind = ForeignFileError if length < 8 else DamagedHeaderError
        with pytest.raises(kind):
            read(content[:length], "x")


@pytest.mark.parametrize("mode", FILES)
def test_body_cut_or_altered(mode):
    header, parts = FILES[mode]
    content, body = written(header, parts), b"".join(parts)
    start = len(content) - len(body)
    for length in range(len(body)):
        found = read(content[: start + length], "x")
        assert found.header == header
        assert not found.intact
        assert b"".join(found.parts) == body[:length]
        ends = np.cumsum([len(part) for part in parts])
        assert [found.is_whole(i) for i in range(len(parts))] == [
            end <= length or not part for end, part in zip(ends, parts, strict=True)
        ]
    for place in range(len(body)):
        damaged = bytearray(content)
        damaged[start + place] ^= 1
        found = read(bytes(damaged), "x")
        assert not found.intact
        right = [mine == wanted for mine, wanted in zip(found.parts, parts, strict=True)]
        assert right.count(False) == 1
    longer = read(content + b"more", "x")
    assert longer.parts == tuple(parts)
    assert not longer.intact


def sealed(content: bytes, version: int = 1) -> bytes:
    """A header of any content with the right checksum."""
    start = b"DDPMCODE" + struct.pack("<BI", version, 13 + len(content) + 4)
    return start + content + struct.pack("<I", zlib.crc32(start + content))


def test_foreign_and_newer_files():
    for content in (b"", b"DDPM", b"\x89PNG\r\n\x1a\n" + bytes(100), b"ddpmcode" + bytes(100)):
        with pytest.raises(ForeignFileError, match=r"cat\.png: not a file of `ddpm compress`"):
            read(content, "cat.png")
    for version in (2, 255):
        with pytest.raises(
            NewerFileError, match=f"of version {version} of the format, and this program knows 1"
        ):
            read(sealed(b"anything", version), "x")


def test_impossible_headers_with_the_right_checksum():
    content = written(*FILES["progressive"])
    inner = bytearray(content[13 : read(content, "x").header_bytes - 4])
    assert read(sealed(bytes(inner)), "x").header == SMALL
    changes = {
        "mode": (0, b"\3"),
        "channels": (1, b"\0\0"),
        "width": (5, b"\0\0"),
        "images": (7, struct.pack("<I", 2**24 + 1)),
        "more images than entries": (7, struct.pack("<I", 1000)),
        "batch": (11, b"\0\0"),
        "text beyond the end": (85, b"\xff\xff"),
        "no UTF-8": (87, b"\xff"),
    }
    for place, change in changes.values():
        other = bytearray(inner)
        other[place : place + len(change)] = change
        with pytest.raises(DamagedHeaderError):
            read(sealed(bytes(other)), "x")


@settings(max_examples=300)
@given(content=st.binary(max_size=300), mode=st.sampled_from([b"\1", b"\2", b"\3", b""]))
def test_any_header_with_the_right_checksum_is_read_or_refused(content, mode):
    try:
        found = read(sealed(mode + content), "x")
    except DamagedHeaderError:
        return
    assert found.header.mode in ("progressive", "archive")


def test_each_kind_of_error_has_a_status_of_its_own():
    kinds = [
        ForeignFileError,
        NewerFileError,
        DamagedHeaderError,
        OtherModelError,
        DamagedBodyError,
        OtherArithmeticError,
    ]
    assert [kind.status for kind in kinds] == [3, 4, 5, 6, 7, 8]
    assert all(issubclass(kind, CodeFileError) for kind in kinds)


@pytest.mark.parametrize("mode", FILES)
def test_what_is_shown_of_a_file(mode):
    header, parts = FILES[mode]
    whole = code_contents(read(written(header, parts), "x"))
    assert (whole["mode"], whole["images"], whole["image"]) == (mode, len(header.checksums), "3x4x5")
    assert (whole["weights"], whole["schedule hash"]) == ("ab" * 32, "cd" * 32)
    size = sum(map(len, parts))
    assert whole["body bytes"] == size
    assert whole["bits/dim of the body"] == pytest.approx(8 * size / len(header.checksums) / 60)
    assert whole["stored without the model"] == sum(header.raw)
    assert whole["bytes of each image"] == ([3, 2] if mode == "progressive" else None)
    assert whole["body"] == "as written"
    cut = code_contents(read(written(header, parts)[:-1], "x"))
    assert cut["body"] == f"cut off or altered (of {size:,} bytes)"
    text = code_text(whole)
    assert ("2 to 3, 2.5 on average" in text) == (mode == "progressive")
    assert "None" not in text


def test_account_adds_up():
    lines = account_lines({"images": 8000.0, "initial": 1600.0, "header": 400.0}, 10, 100)
    assert [line.split()[0] for line in lines] == ["8.000", "1.600", "0.400", "10.000"]
    assert [line.split()[2] for line in lines] == ["1,000", "200", "50", "1,250"]
    assert lines[-1].endswith("together")
