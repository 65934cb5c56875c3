"""The registry of data sources: the `source` of a data set's settings -> the function that loads it.

A new source needs its settings class in `ddpm.study.datasets` and one entry here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ddpm.data.cifar10 import load_cifar10
from ddpm.data.digits import load_digits
from ddpm.data.image_folder import load_image_folder
from ddpm.data.splits import Splits

SOURCES: dict[str, Callable[[Any], Splits]] = {
    "digits": load_digits,
    "cifar10": load_cifar10,
    "image_folder": load_image_folder,
}


def load_source(settings: Any) -> Splits:
    """Loads a data set from its source.

    Args:
        settings: one of the values of `Study.datasets`.

    Raises:
        KeyError: no loader is registered under `settings.source`.
    """
    return SOURCES[settings.source](settings)
