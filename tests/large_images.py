"""Miniatures of the data sets of large images, in the formats in which they are given out."""

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import lmdb
import numpy as np
import pandas as pd
from PIL import Image

DAMAGED = b"RIFF\x24\x00\x00\x00WEBPVP8 damaged"


def scenes(count: int, sizes: Sequence[tuple[int, int]] = ((24, 16), (16, 16), (17, 30))) -> list[bytes]:
    """Webp files of smooth made-up images, of these widths and heights in turn."""
    return [webp(smooth(number, *sizes[number % len(sizes)])) for number in range(count)]


def smooth(seed: int, width: int, height: int) -> Image.Image:
    """A coloured image without sharp edges."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3), np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def webp(image: Image.Image) -> bytes:
    """The image as LSUN's archives hold one."""
    file = io.BytesIO()
    image.save(file, "webp", quality=75, method=0)
    return file.getvalue()


def write_lsun(folder: Path, values: Sequence[bytes]) -> list[str]:
    """An lmdb of these values under hashes as keys; the keys in the order in which it has them."""
    folder.mkdir(parents=True, exist_ok=True)
    keys = sorted(hashlib.sha1(str(number).encode()).hexdigest() for number in range(len(values)))
    with lmdb.open(str(folder), map_size=2**26) as environment, environment.begin(write=True) as transaction:
        for key, value in reversed(list(zip(keys, values, strict=True))):
            transaction.put(key.encode(), value)
    return keys


def zip_lsun(folder: Path, archive: Path) -> None:
    """The archive of an lmdb's folder, as LSUN gives it out."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for part in ("data.mdb", "lock.mdb"):
            file.write(folder / part, f"{folder.name}/{part}")


def write_faces(place: Path, images: Sequence[Image.Image], form: str) -> str:
    """The images as CelebA-HQ is handed on: `folder`, `tar` or `parquet`; the path that a study names."""
    contents = []
    for image in images:
        file = io.BytesIO()
        image.save(file, "png")
        contents.append(file.getvalue())
    # So that the order of names as texts is another.
    named = {f"data256x256/{number}.png": content for number, content in enumerate(contents, 8)}
    if form == "folder":
        for name, content in named.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(content)
        return str(place / "data256x256")
    place.mkdir(parents=True, exist_ok=True)
    if form == "tar":
        with tarfile.open(place / "faces.tar", "w") as tar:
            for name, content in sorted([*named.items(), ("data256x256/._8.png", b"of a Mac")]):
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
        return str(place / "faces.tar")
    half = len(contents) // 2
    for number, part in ((9, contents[:half]), (10, contents[half:])):
        rows = [{"bytes": content, "path": None} for content in part]
        pd.DataFrame({"image": rows, "label": 0}).to_parquet(place / f"train-{number}-of-10.parquet")
    return str(place)
