"""The gradient of one update: clipped whole, or in shards as on the authors' eight TPU cores."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ddpm.training.batches import Batch
from ddpm.training.flat_parameters import FlatParameters


def clipped_gradient(
    parameters: FlatParameters,
    mean_loss: Callable[[Batch], Tensor],
    batch: Batch,
    largest: float | None,
    shards: int,
) -> tuple[Tensor, Tensor]:
    """Leaves the gradient of an update in `parameters`: the mean over shards of each one's clipped gradient.

    The authors' code clips on each TPU core the gradient of its part of the batch, before the gradients of
    the cores are summed (tpu_utils: clip_by_global_norm within the step of a core).

    Args:
        parameters: whose gradient is zero before.
        mean_loss: the mean loss of a batch, a scalar that can be differentiated.
        batch: the update's batch.
        largest: the largest global norm of a shard's gradient; None for no clipping.
        shards: parts of the batch, 1 for the whole.

    Returns:
        the mean loss, and the mean over shards of the norms before clipping; scalars without a gradient.
    """
    losses, norms, total = [], [], None
    for part in batch.shards(shards):
        loss = mean_loss(part)
        loss.backward()
        losses.append(loss.detach())
        norms.append(parameters.clip_gradient(largest))
        if shards > 1:
            total = parameters.take_gradient(total)
    if total is not None:
        parameters.set_gradient(total / shards)
    return torch.stack(losses).mean(), torch.stack(norms).mean()
