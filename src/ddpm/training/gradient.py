"""The gradient of one update: clipped whole, or in shards as on the authors' eight TPU cores.

With several processes, each has a part of the batch, and one all-reduce of the vector of all gradients
averages over them. torch's DistributedDataParallel is not used: it averages during the backward pass,
before a shard's gradient could be clipped, and has one vector a bucket where here there is one in all.
What it would gain, communication during computation, is small for networks of this size.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ddpm.training.batches import Batch
from ddpm.training.flat_parameters import FlatParameters
from ddpm.training.ranks import ALONE, Ranks


def clipped_gradient(
    parameters: FlatParameters,
    mean_loss: Callable[[Batch], Tensor],
    batch: Batch,
    largest: float | None,
    shards: int,
    ranks: Ranks = ALONE,
    accumulation: int = 1,
) -> tuple[Tensor, Tensor]:
    """Leaves the gradient of an update in `parameters`: the mean over shards of each one's clipped gradient.

    The authors' code clips on each TPU core the gradient of its part of the batch, before the gradients of
    the cores are summed (tpu_utils: clip_by_global_norm within the step of a core).

    Args:
        parameters: whose gradient is zero before.
        mean_loss: the mean loss of a batch, a scalar that can be differentiated.
        batch: the update's batch, or this process's part of it.
        largest: the largest global norm of a shard's gradient; None for no clipping.
        shards: parts of the whole batch, 1 for the whole; otherwise a multiple of the number of processes.
        ranks: the processes that share the batch.
        accumulation: equal parts in which a shard, or this process's part of a whole batch, is computed one
            after another; their gradients are averaged before anything is clipped.

    Returns:
        the mean loss, and the mean over shards of the norms before clipping; scalars without a gradient,
        equal in all processes.
    """
    losses, norms, total = [], [], None
    own_shards = shards_of_a_process(shards, ranks)
    for shard in batch.shards(own_shards):
        for part in shard.shards(accumulation):
            loss = mean_loss(part)
            # The gradient is a sum over parts, of which the mean is wanted.
            (loss / accumulation).backward()
            losses.append(loss.detach())
        if shards > 1:
            norms.append(parameters.clip_gradient(largest))
            total = parameters.take_gradient(total)
    if total is not None:
        parameters.set_gradient(total / own_shards)
    ranks.mean_(parameters.gradient)
    if shards == 1:
        norms.append(parameters.clip_gradient(largest))
    loss, norm = ranks.mean_(torch.stack([torch.stack(losses).mean(), torch.stack(norms).mean()]))
    return loss, norm


def shards_of_a_process(shards: int, ranks: Ranks) -> int:
    """Into how many shards each process divides its part of a batch that is clipped in `shards`."""
    return max(1, shards // ranks.count)
