"""Tries out torch; a program of its own, so that a torch that crashes does not take the doctor with it.

Prints a line of JSON for each step: its name, and what it found or the error.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from typing import Any


def torch_import() -> dict[str, Any]:
    """Versions."""
    import torch

    return {"version": torch.__version__, "cuda": torch.version.cuda}


def convolution() -> dict[str, Any]:
    """A convolution whose result is known: the sum of nine ones."""
    import torch

    images, weights = torch.ones(2, 3, 8, 8), torch.full((4, 3, 3, 3), 1 / 3)
    found = torch.nn.functional.conv2d(images, weights)
    if not torch.allclose(found, torch.full_like(found, 9.0)):
        raise ArithmeticError(f"a convolution gives {found.flatten()[0].item()} instead of 9")
    return {}


def torchvision_import() -> dict[str, Any]:
    """Version, and whether the C++ operators load; without them what is used here works all the same."""
    from ddpm.evaluation.torchvision_import import prepare_torchvision

    operators = prepare_torchvision()
    import torchvision
    import torchvision.utils

    return {"version": torchvision.__version__, "operators": operators}


def gpu() -> dict[str, Any]:
    """Names and memory [bytes] of the GPUs that torch finds, and what it warns of if it finds none."""
    import torch

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    properties = [torch.cuda.get_device_properties(number) for number in range(count)]
    found = [[of.name, of.total_memory] for of in properties]
    return {"gpus": found, "warnings": [str(one.message).partition("\n")[0] for one in told]}


def training_step() -> dict[str, Any]:
    """A step of a tiny network on the first GPU, in bfloat16."""
    import torch

    if not torch.cuda.is_available():
        return {}
    convolution = torch.nn.Conv2d(3, 8, 3, padding=1).cuda()
    network = torch.nn.Sequential(convolution, torch.nn.GroupNorm(4, 8).cuda(), torch.nn.SiLU())
    before = convolution.weight.detach().clone()
    optimiser = torch.optim.Adam(network.parameters())
    with torch.autocast("cuda", torch.bfloat16):
        loss = network(torch.ones(4, 3, 16, 16, device="cuda")).float().square().mean()
    loss.backward()
    optimiser.step()
    if not torch.isfinite(loss) or torch.equal(before, convolution.weight):
        raise ArithmeticError(f"a training step with loss {loss.item()} changes no weights")
    return {}


STEPS: tuple[Callable[[], dict[str, Any]], ...] = (
    *(torch_import, convolution, torchvision_import, gpu, training_step),
)


def main() -> None:
    """Makes all steps; without torch, the first alone."""
    for step in STEPS:
        try:
            found = step()
        except Exception as error:
            found = {"error": f"{type(error).__name__}: {error}".partition("\n")[0]}
        print(json.dumps({"step": step.__name__} | found), flush=True)
        if step is torch_import and "error" in found:
            return


if __name__ == "__main__":
    main()
