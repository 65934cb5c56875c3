"""Lets torchvision be imported beside a build of torch that its C++ operators were not built for.

PyPI's torchvision links against CUDA libraries, so beside a CPU build of torch its operators do not load,
and `import torchvision` (hence `import torch_fidelity`) stops at a missing `torchvision::nms`.
Data sets, transforms, grids and models need none of them.
"""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path

import torch

_NMS = "{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_OPERATORS = ("nms", "qnms")
# A library's operators vanish when it is collected.
_libraries: list[torch.library.Library] = []


@functools.cache
def prepare_torchvision() -> bool:
    """Makes `import torchvision` work; call it before importing torchvision or torch_fidelity.

    Where the C++ operators load, nothing is defined. Elsewhere `nms` and `qnms` are declared without an
    implementation: `torchvision.ops` and `torchvision.io` raise when they are used.

    Returns:
        True if the C++ operators were loaded, False if they were only declared.

    Raises:
        ModuleNotFoundError: torchvision is not installed.
    """
    if _operators_load(_extension()):
        return True
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in _OPERATORS:
        if not hasattr(torch.ops.torchvision, name):
            library.define(_NMS.format(name=name))
    _libraries.append(library)
    return False


def _extension() -> Path | None:
    """The file of torchvision's C++ operators, found without importing torchvision."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("torchvision is not installed; see envs/requirements.txt")
    return next((path for path in sorted(Path(spec.origin).parent.glob("_C*")) if path.is_file()), None)


def _operators_load(extension: Path | None) -> bool:
    if extension is None:
        return False
    try:
        torch.ops.load_library(str(extension))
    except OSError:
        return False
    return True
