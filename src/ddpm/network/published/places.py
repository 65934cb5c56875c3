"""Where published weights lie: a file, the shards of one, or a folder that may hold raw and averaged ones."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from ddpm.errors import WeightsError
from ddpm.network.published.words import same_but_for_averaging, says_averaged, stated_words
from ddpm.records.files import sha256
from ddpm.records.reading import require_readable, why

CONFIG = "config.json"
INDEX = ".index.json"
# As diffusers' save_pretrained writes them; a pipeline keeps its network in `unet`, its training example the
# average in `unet_ema`.
_FOLDERS = ("", "unet", "unet_ema")
_STEM = "diffusion_pytorch_model"
_FILES = tuple(
    f"{_STEM}{variant}{suffix}" for variant in ("", ".non_ema") for suffix in (".safetensors", ".bin")
)
_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<suffix>\.\w+)")


@dataclasses.dataclass(frozen=True)
class Place:
    """One set of weights on disk.

    Attributes:
        file: what names it: the file, the index of its shards, or the first of them.
        parts: the files that hold it, one unless it is in shards.
        averaged: whether it is the averaged (EMA) or the raw one of two that lie side by side; None: no other
            lies beside it.
        other: the other one, if there is one.
    """

    file: Path
    parts: tuple[Path, ...]
    averaged: bool | None = None
    other: Path | None = None

    @property
    def config(self) -> Path | None:
        """The config.json beside it, if there is one."""
        config = self.file.with_name(CONFIG)
        return config if os.path.lexists(config) else None

    @property
    def sha256(self) -> str:
        """Of the file; of shards, of the lines "<SHA-256>  <name>" that `sha256sum` prints of them."""
        if len(self.parts) == 1:
            return sha256(self.parts[0])
        lines = "".join(f"{sha256(part)}  {part.name}\n" for part in self.parts)
        return hashlib.sha256(lines.encode()).hexdigest()


def find(path: str | Path, stated: bool | None) -> Place:
    """The set of weights at a path, or within it if it is a folder; the averaged one of two, unless stated.

    Args:
        path: of `pretrained` in the study file.
        stated: `averaged` of the study file.

    Raises:
        WeightsError: there is none, it may not be read, a shard is missing, or what lies there is the other
            of two sets than the study states.
    """
    path = Path(path)
    found = _within(path) if os.path.isdir(path) else [_place(path)]
    wanted = (True, None, False) if stated is None else (stated, None)
    for averaged in wanted:
        for place in found:
            if place.averaged is averaged:
                return place
    [place, *_] = found
    beside = f"; {place.other} beside it holds the {_WORDS[not place.averaged]} ones" if place.other else ""
    raise WeightsError(
        f"{place.file}: holds the {_WORDS[bool(place.averaged)]} weights only{stated_words(stated)}{beside}; "
        "correct `pretrained: averaged`, or name the set that you mean in `pretrained: file`"
    )


_WORDS = {True: "averaged (EMA)", False: "raw"}


def _within(folder: Path) -> list[Place]:
    """The sets of weights in a folder of diffusers' layout; at least one."""
    try:
        os.listdir(folder)
    except OSError as error:
        raise WeightsError(f"{folder}: {why(folder, error)}") from error
    files = [folder / inner / name for inner in _FOLDERS for name in _FILES]
    found = [place for file in files for place in _in_place_of(file)]
    if not found:
        looked = ", ".join(str(file.relative_to(folder)) for file in files if ".non_ema" not in file.name)
        raise WeightsError(
            f"{folder}: a folder without {looked}, or shards of these; name the file itself in "
            "`pretrained: file`"
        )
    # The example's folder of averages says what it holds, also where it lies alone.
    return [
        dataclasses.replace(place, averaged=True) if place.file.parent.name == _FOLDERS[-1] else place
        for place in found
    ]


def _in_place_of(file: Path) -> Iterator[Place]:
    """The file, or its shards, if they are there."""
    first = sorted(file.parent.glob(f"{file.stem}-00001-of-*{file.suffix}"))
    for candidate in (file, file.with_name(file.name + INDEX), *first):
        if os.path.lexists(candidate):
            yield _place(candidate)
            return


def _place(file: Path) -> Place:
    """A set by its file, its index, or one of its shards."""
    require_readable(
        file,
        WeightsError,
        "no such file of weights; correct `pretrained` in the study file, or fetch it first "
        f"(snakemake {file})",
    )
    averaged, other = _beside(file)
    shard = _SHARD.fullmatch(file.name)
    if shard is not None:
        return Place(file, _whole(file, _numbered(file, shard)), averaged, other)
    if file.name.endswith(INDEX):
        return Place(file, _whole(file, _indexed(file)), averaged, other)
    return Place(file, (file,), averaged, other)


def _numbered(file: Path, shard: re.Match[str]) -> list[Path]:
    numbers = range(1, int(shard["count"]) + 1)
    return [
        file.with_name(f"{shard['stem']}-{number:05}-of-{shard['count']}{shard['suffix']}")
        for number in numbers
    ]


def _indexed(index: Path) -> list[Path]:
    """The shards that an index names, which lie beside it."""
    try:
        names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
        if not names or any(Path(name).name != name for name in names):
            raise ValueError("names no files beside it")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WeightsError(
            f"{index}: cannot be read as the index of shards ({error}); fetch it again"
        ) from error
    return [index.with_name(name) for name in names]


def _whole(file: Path, shards: Sequence[Path]) -> tuple[Path, ...]:
    for shard in shards:
        require_readable(shard, WeightsError, f"this shard of {file} is missing; fetch all {len(shards)}")
    return tuple(shards)


def _beside(file: Path) -> tuple[bool | None, Path | None]:
    """Whether a file holds the averaged or raw one of two sets, by its or its folder's name; the other."""
    folder = file.absolute().parent
    siblings = [path for path in _listed(folder) if path.suffix == file.suffix]
    inner = [path / file.name for path in _listed(folder.parent)]
    pairs = [(file.name, path.name, path) for path in siblings]
    pairs += [(folder.name, path.parent.name, path) for path in inner]
    for own, others, path in sorted(pairs):
        if same_but_for_averaging(own, others) and os.path.isfile(path):
            averaged = says_averaged(own)
            return (not says_averaged(others) if averaged is None else averaged), path
    return None, None


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
