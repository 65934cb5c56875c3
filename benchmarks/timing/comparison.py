"""One step of all sides at one batch size: times, operations, the convolutions alone, memory."""

from __future__ import annotations

import dataclasses
import gc
import logging
from collections.abc import Callable, Mapping
from typing import Any

import torch
from timing.clock import interleaved
from timing.convolutions import convolutions_of
from timing.networks import NETWORKS
from timing.operations import operations
from timing.peak_memory import peak_memory
from timing.setting import Adapter, Prepared

logger = logging.getLogger("ddpm")
# On a GPU a step may take a millisecond; so many seconds are timed together.
_SHORTEST = {"cpu": 0.0, "cuda": 0.5}
_WARM_UP = {"cpu": 1, "cuda": 5}


def compared(
    adapters: Mapping[str, Adapter],
    step: str,
    network: str,
    batch: int,
    rounds: int,
    device: str,
    with_peaks: bool,
) -> dict[str, Any]:
    """Measures a step of all sides, and of this project's convolutions alone, interleaved.

    Args:
        adapters: by name; they load here.
        step: of `timing.setting.STEPS`.
        network: a key of `NETWORKS`.
        batch: images of a step.
        rounds: how often each is timed.
        device: "cpu" or "cuda".
        with_peaks: also measure peak memory, each in a process of its own.

    Returns:
        JSON values: step, batch, times (lists of seconds by name), nominal and executed operations of a
        step, convolutions (of each precision: their name in times, their operations), parameters, peaks.
    """
    shape = NETWORKS[network]
    ready: dict[str, Prepared] = {}
    for name, adapter in adapters.items():
        logger.info("%s, batch %d: prepare %s", step, batch, name)
        ready[name] = adapter.ready(step, shape, batch, device)
        for _ in range(_WARM_UP[device]):
            ready[name].call()
    calls: dict[str, Callable[[], object]] = {name: prepared.call for name, prepared in ready.items()}
    alone = {}
    for name, adapter in adapters.items():
        if name.startswith("ours") and not adapter.compiled:
            convolutions = convolutions_of(ready[name])
            key = f"convolutions_{adapter.precision}"
            convolutions.call()
            calls[key] = convolutions.call
            alone[adapter.precision] = {"name": key, "operations": convolutions.operations}
    logger.info("%s, batch %d: %d rounds", step, batch, rounds)
    times = interleaved(calls, rounds, device, _SHORTEST[device])
    parameters = {name: prepared.parameters for name, prepared in ready.items()}
    calls.clear()
    ready.clear()
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
    count = operations(shape).of_step(step, batch)
    return {
        "step": step,
        "batch": batch,
        "times": {name: dataclasses.asdict(taken) for name, taken in times.items()},
        "nominal": count.nominal,
        "executed": count.executed,
        "convolutions": alone,
        "parameters": parameters,
        "peaks": peaks(list(adapters), step, network, batch, device) if with_peaks else {},
    }


def peaks(names: list[str], step: str, network: str, batch: int, device: str) -> dict[str, int]:
    """Peak bytes of a step of each side, in a process of its own; one that fails is logged and left out."""
    found = {}
    for name in names:
        logger.info("%s, batch %d: peak memory of %s", step, batch, name)
        try:
            found[name] = peak_memory(name, step, network, batch, device)
        except RuntimeError as error:
            logger.warning("%s", error)
    return found
