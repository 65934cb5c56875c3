"""The pickles of CIFAR-10's batches, read without running what they name.

Reading a pickle calls whatever functions it names. Here it may name those of NumPy's arrays alone, and
stand-ins are called in their stead: even NumPy's own take from a pickle what leads past the end of an array.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
from typing import Any

import numpy as np

_MEMO = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_WHOLE_NUMBERS = re.compile(r"[|<>=]?[iu][1248]")


def read_batch(content: bytes) -> tuple[np.ndarray, np.ndarray]:
    """The images and labels of a batch.

    Args:
        content: of one file, such as data_batch_1.

    Returns:
        uint8 [n, 3072] in [0, 255] and int64 [n].

    Raises:
        ValueError: it is no such batch; the message names what it holds instead.
    """
    batch = _unpickled(content)
    if not isinstance(batch, dict) or not isinstance(batch.get("data"), _Array):
        raise ValueError("it holds no array `data`")
    images, labels = batch["data"].array(), _labels(batch.get("labels"))
    if images.dtype != np.uint8 or images.ndim != 2 or images.shape[1] != 3072:
        raise ValueError(f"`data` is {images.dtype} {list(images.shape)}, not uint8 [n, 3072]")
    if labels.shape != images.shape[:1]:
        raise ValueError(f"there are {len(labels)} `labels` of {len(images)} images")
    return images, labels


def _unpickled(content: bytes) -> Any:
    try:
        for opcode, argument, _ in pickletools.genops(content):
            # As much memory is taken as the largest number of this kind says.
            if opcode.name in _MEMO and int(argument or 0) > len(content):
                raise ValueError("its memo is larger than the file")
        return _Unpickler(io.BytesIO(content), encoding="latin1").load()
    except ValueError:
        raise
    # The machine of pickle does what it is told, and fails in as many ways.
    except Exception as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _labels(found: Any) -> np.ndarray:
    if isinstance(found, _Array):
        found = found.array()
        if found.ndim == 1:
            return found.astype(np.int64)
    if not isinstance(found, list) or not all(type(label) is int for label in found):
        raise ValueError("it holds no list `labels` of whole numbers")
    return np.array(found, dtype=np.int64)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STAND_INS:
            raise ValueError(f"it names {module}.{name}, which is no part of a batch and was not called")
        return _STAND_INS[module, name]


class _Dtype:
    """What a pickle says of numpy.dtype."""

    def __init__(self, code: str, *_: Any) -> None:
        self.code, self.order = code, "="

    def __setstate__(self, state: Any) -> None:
        self.order = state[1]


class _Array:
    """What a pickle says of numpy.ndarray."""

    state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def array(self) -> np.ndarray:
        """The array, of whole numbers.

        Raises:
            ValueError: the numbers are others, or their count is.
        """
        try:
            _, shape, dtype, is_fortran, content = self.state
            if not _WHOLE_NUMBERS.fullmatch(dtype.code) or dtype.order not in ("|", "<", ">", "="):
                raise ValueError(f"an array of {dtype.code!r} is none of whole numbers")
            numbers = np.dtype(dtype.code).newbyteorder(dtype.order)
            raw = content.encode("latin1") if isinstance(content, str) else bytes(content)
            return np.frombuffer(raw, numbers).reshape(tuple(shape), order="F" if is_fortran else "C")
        except (TypeError, AttributeError, UnicodeError, MemoryError) as error:
            raise ValueError(f"an array is damaged ({error})") from error


def _empty_array(*_: Any) -> _Array:
    return _Array()


def _encoded(text: str, *_: Any) -> bytes:
    return text.encode("latin1")


_STAND_INS: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): _empty_array,
    ("numpy._core.multiarray", "_reconstruct"): _empty_array,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    # How Python 3 writes bytes for Python 2.
    ("_codecs", "encode"): _encoded,
}
