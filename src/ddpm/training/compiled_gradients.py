"""The check of a compiled network before it trains: its gradients against those without compilation.

Compilers have given wrong gradients without a word, those of GroupNorm in bfloat16 and channels last for one
(pytorch issues 140913 and 190245). One batch at the start of a run tells.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from ddpm.errors import CompilationError
from ddpm.training.batches import Batch
from ddpm.training.flat_parameters import FlatParameters

# Rounding moves the gradient of a tensor by percents in bfloat16; a wrong one is off by its own size.
LARGEST_DIFFERENCE = 0.3
# Tensors whose gradient is smaller than this share of the whole are rounding and nothing else.
_SMALLEST_SHARE = 1e-6


def require_compiled_gradients(
    parameters: FlatParameters, mean_loss: Callable[[Batch], Tensor], batch: Batch
) -> None:
    """Computes the gradient of a batch with and without compilation, and leaves zero in its place.

    Args:
        parameters: of the compiled network; their gradient is zero before.
        mean_loss: the mean loss of a batch, a scalar that can be differentiated.
        batch: any batch.

    Raises:
        CompilationError: the gradients of a tensor differ by more than rounding.
    """
    compiled = _gradient(parameters, mean_loss, batch)
    with torch.compiler.set_stance("force_eager"):
        eager = _gradient(parameters, mean_loss, batch)
    if wrong := differing(parameters.views(compiled), parameters.views(eager)):
        worst = max(wrong, key=lambda name: wrong[name])
        raise CompilationError(
            f"the compiled network's gradients are wrong for {len(wrong)} tensors, most for {worst} (off by "
            f"{wrong[worst]:.2g} of its size); set `compiled: false` under `training`, or use another torch"
        )


def differing(gradients: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> dict[str, float]:
    """Names of the tensors that differ by more than rounding, with the relative difference of each."""
    whole = torch.stack([tensor.norm() for tensor in wanted.values()]).norm()
    differences = {
        name: ((gradients[name] - tensor).norm() / tensor.norm().clamp(min=_SMALLEST_SHARE * whole)).item()
        for name, tensor in wanted.items()
    }
    # NaN differs too.
    return {name: value for name, value in differences.items() if not value <= LARGEST_DIFFERENCE}


def _gradient(parameters: FlatParameters, mean_loss: Callable[[Batch], Tensor], batch: Batch) -> Tensor:
    mean_loss(batch).backward()
    return parameters.take_gradient(None)
