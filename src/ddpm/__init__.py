"""Denoising Diffusion Probabilistic Models (Ho, Jain, Abbeel, NeurIPS 2020), rebuilt from data to figures.

    import ddpm
    model = ddpm.load("results/demo", "epsilon_L_simple")
    images = model.sample(16, seed=0)  # uint8 [16, C, H, W]

What `__all__` lists is what a program or a notebook uses (docs/python.md); all else is the workflow's.
The rooms follow the flow of data: study (settings) -> data -> network, diffusion -> training
-> evaluation (measurements) -> artefacts (tables and figures). A later room never reaches back.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ddpm.errors import DDPMError
    from ddpm.interface.coding import compress, decompress
    from ddpm.interface.loading import load
    from ddpm.interface.model import Model
    from ddpm.interface.results import StudyResults, open_study

__version__ = "0.1.0"
__all__ = ["DDPMError", "Model", "StudyResults", "compress", "decompress", "load", "open_study"]

# Imported when they are asked for: torch takes seconds.
_PLACES = {
    "DDPMError": "ddpm.errors",
    "Model": "ddpm.interface.model",
    "StudyResults": "ddpm.interface.results",
    "compress": "ddpm.interface.coding",
    "decompress": "ddpm.interface.coding",
    "load": "ddpm.interface.loading",
    "open_study": "ddpm.interface.results",
}


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
