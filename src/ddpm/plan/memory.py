"""Memory of a GPU that trains or evaluates a model, estimated from its settings; no torch is loaded.

Not counted: the CUDA context, workspaces of convolutions, gradients of activations where these are kept,
fragmentation, CUDA graphs.
"""

from __future__ import annotations

import dataclasses
import math

from ddpm.data.arrays import LARGEST_IN_MEMORY
from ddpm.graph.sources import split_sizes
from ddpm.plan.network_cost import FLOAT_BYTES, WORKING_BYTES, copy_bytes, model_cost
from ddpm.study import Study
from ddpm.study.models import TrainingSettings


def training_bytes(study: Study, model: str, training: TrainingSettings | None = None) -> int:
    """Memory of a GPU that trains a model: its parameters' vectors, activations, the images.

    The vectors are weights, average, two moments and the gradient; a sixth where gradients are clipped in
    shards. Shards, and their equal parts (`gradient_accumulation`), are computed one after another. Images of
    sets that are memory-mapped are not on the GPU.

    Args:
        study: the study.
        model: a key of `models`.
        training: other settings than the model's own.
    """
    settings = study.model(model)
    training = training or settings.training
    cost = model_cost(study, model, training.precision)
    vectors = 6 if training.gradient_clip_shards > 1 else 5
    of_parameter = FLOAT_BYTES * vectors + copy_bytes(WORKING_BYTES[training.precision])
    images = training.batch_size // (training.gradient_clip_shards * training.gradient_accumulation)
    kept = cost.inputs + cost.part if training.activation_checkpointing else cost.kept
    shape = study.datasets[settings.dataset].image_shape
    data = split_sizes(study, settings.dataset)["train"] * math.prod(shape)
    on_gpu = data if data <= LARGEST_IN_MEMORY else 0
    return of_parameter * cost.parameters + images * kept + on_gpu


@dataclasses.dataclass(frozen=True)
class Fitting:
    """Settings of training, and the memory that they need, in bytes."""

    accumulation: int
    checkpointing: bool
    bytes: int


def fitting(study: Study, model: str, largest: float) -> list[Fitting]:
    """The fewest parts of a batch that need at most so many bytes, without and with checkpointing.

    Returns:
        none, one or both: a kind is left out where single images exceed the memory.
    """
    training, found = study.model(model).training, []
    shard = training.batch_size // training.gradient_clip_shards
    for checkpointing in (False, True):
        for parts in (count for count in range(1, shard + 1) if shard % count == 0):
            change = {"gradient_accumulation": parts, "activation_checkpointing": checkpointing}
            need = training_bytes(study, model, training.model_copy(update=change))
            if need <= largest:
                found.append(Fitting(parts, checkpointing, need))
                break
    return found


def evaluation_bytes(study: Study, model: str, batch: int, precision: str) -> int:
    """Memory of a GPU that calls a model's network without a gradient."""
    cost = model_cost(study, model, precision)
    return WORKING_BYTES[precision] * cost.parameters + batch * cost.live
