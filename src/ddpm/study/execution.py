"""Settings of how a network is computed, which training, sampling and the likelihood share."""

from __future__ import annotations

from typing import Literal

Precision = Literal["float32", "tf32", "bfloat16"]

PRECISION = (
    "Of the network's body: float32, tf32 (a GPU's tensor cores; on a CPU the same as float32) or bfloat16 "
    "(docs/speed.md says what it changes)."
)
COMPILED = "Compile the network with torch.compile; pays on a GPU only. Changes rounding, no more."
