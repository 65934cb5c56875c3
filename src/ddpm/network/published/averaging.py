"""Which weights of a file are taken where it holds raw and averaged (EMA) ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from ddpm.errors import WeightsError

# Sets of weights by whether they are averaged: True, False, or None where the file does not say.
Candidates = Mapping[bool | None, Mapping[str, Tensor]]


def choose(
    path: Path, candidates: Candidates, stated: bool | None
) -> tuple[Mapping[str, Tensor], bool | None]:
    """The averaged weights if there are any, unless the study asks for the raw ones.

    Args:
        path: the file, for the message.
        candidates: what it holds.
        stated: `averaged` of the study file; null says nothing.

    Returns:
        the weights, and whether they are averaged as far as the file or the study says.

    Raises:
        WeightsError: the file holds no such weights as the study states.
    """
    order = (True, False, None) if stated is None else (stated, None)
    for averaged in order:
        if averaged in candidates:
            return candidates[averaged], stated if averaged is None else averaged
    held = "averaged (EMA)" if True in candidates else "raw"
    raise WeightsError(
        f"{path}: holds {held} weights only, but the study file says `averaged: {str(stated).lower()}`; "
        "correct `pretrained: averaged` or use another file"
    )
