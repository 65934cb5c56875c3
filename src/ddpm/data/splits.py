"""What every source of a data set returns.

A source `x` is a module `ddpm.data.x` with a function `load_x`, and its settings in `ddpm.study.datasets`.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Generator, Iterator
from typing import Any, NamedTuple

import numpy as np


class ImageStream(NamedTuple):
    """Images for a data set that need not fit into memory.

    Attributes:
        shape: n, C, H, W.
        images: each uint8 [C, H, W] in [0, 255], made when it is asked for.
    """

    shape: tuple[int, ...]
    images: Iterator[np.ndarray]


class Record(NamedTuple):
    """A record of an archive.

    Attributes:
        name: its key, in ISO 8859-1.
        image: uint8 [C, H, W] in [0, 255]; None if the record is damaged.
        damage: what is wrong with it.
    """

    name: str
    image: np.ndarray | None
    damage: str = ""


@dataclasses.dataclass(frozen=True)
class RecordStream:
    """Images of an archive that takes hours to read, and of which some records may be damaged.

    Attributes:
        origin: the archive, for messages.
        identity: letters and digits that change with the content, and with what is made of it.
        shape: n, C, H, W; no more than n images are taken.
        fewest: it is an error if fewer images are sound.
        records: those that follow the one of this name; all, if None.
    """

    origin: str
    identity: str
    shape: tuple[int, ...]
    fewest: int
    records: Callable[[str | None], Generator[Record, None, None]]


ImageSource = np.ndarray | ImageStream | RecordStream


class Splits(NamedTuple):
    """The train and test splits of a data set.

    Attributes:
        train_images, test_images: uint8 [n, C, H, W] in [0, 255], or a stream of them.
        train_labels, test_labels: int64 [n]; zeros for a source without classes. Those of damaged records
            are left out at the end.
    """

    train_images: ImageSource
    train_labels: np.ndarray
    test_images: ImageSource
    test_labels: np.ndarray


def without_test_images(images: ImageStream | RecordStream) -> Splits:
    """The splits of a source that has training images alone, without classes: the test split is empty."""
    nothing = np.zeros((0, *images.shape[1:]), np.uint8)
    return Splits(images, np.zeros(images.shape[0], np.int64), nothing, np.zeros(0, np.int64))


def load_source(settings: Any) -> Splits:
    """Loads a data set, described by one of the values of `Study.datasets`, from its source."""
    module = importlib.import_module(f"ddpm.data.{settings.source}")
    splits: Splits = getattr(module, f"load_{settings.source}")(settings)
    return splits


def stratified_test_mask(labels: np.ndarray, test_images: int, seed: int) -> np.ndarray:
    """Which images are held out: each class in proportion to its size, the images within it by lot.

    The lots are raw PCG64 output, which NumPy keeps the same from version to version, so a split
    depends on the labels, their order, and the seed alone.

    Args:
        labels: int array [n].
        test_images: number of images held out, at most n.
        seed: seed of the lots.

    Returns:
        bool array [n], True for the test split; `test_images` are True.
    """
    classes, sizes = np.unique(labels, return_counts=True)
    lots = np.random.PCG64(seed).random_raw(len(labels))
    mask = np.zeros(len(labels), dtype=bool)
    for label, held_out in zip(classes, _quotas(sizes, test_images), strict=True):
        members = np.flatnonzero(labels == label)
        mask[members[np.argsort(lots[members], kind="stable")[:held_out]]] = True
    return mask


def _quotas(sizes: np.ndarray, total: int) -> np.ndarray:
    """`total` shared out in proportion to `sizes`: whole parts, then one each to the largest remainders."""
    whole, remainders = np.divmod(sizes * total, sizes.sum())
    left = total - whole.sum()
    whole[np.argsort(-remainders, kind="stable")[:left]] += 1
    return whole
