"""One step of all sides at one batch size: times, operations, peak memory."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import resource
import sys
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import torch
from timing.clock import interleaved
from timing.ours import build_network
from timing.setting import NETWORKS, NetworkShape
from timing.sides import SIDES, Side
from torch.utils.flop_counter import FlopCounterMode

from ddpm.network.layers import Upsample

logger = logging.getLogger("ddpm")
# On a GPU a step may take a millisecond; so many seconds are timed together.
_SHORTEST = {"cpu": 0.0, "cuda": 0.5}
_WARM_UP = {"cpu": 1, "cuda": 5}


def compared(
    sides: Mapping[str, Side], step: str, network: str, batch: int, rounds: int, device: str
) -> dict[str, Any]:
    """Measures a step of all sides, interleaved.

    Args:
        sides: by name; they are loaded.
        step: of `timing.setting.STEPS`.
        network: a key of `NETWORKS`.
        batch: images of a step.
        rounds: how often each is timed.
        device: "cpu" or "cuda".

    Returns:
        JSON values: step, batch, times (lists of seconds by name), nominal operations of a step, parameters.
    """
    shape = NETWORKS[network]
    calls: dict[str, Callable[[], object]] = {}
    parameters = {}
    for name, side in sides.items():
        logger.info("%s, batch %d: prepare %s", step, batch, name)
        prepared = side.ready(step, shape, batch, device)
        calls[name] = prepared.call
        parameters[name] = sum(weight.numel() for weight in prepared.network.parameters())
        for _ in range(_WARM_UP[device]):
            prepared.call()
    logger.info("%s, batch %d: %d rounds", step, batch, rounds)
    times = interleaved(calls, rounds, device, _SHORTEST[device])
    del prepared
    calls.clear()
    gc.collect()
    if device == "cuda":
        torch.cuda.empty_cache()
    nominal = operations(shape, step, batch)
    return {"step": step, "batch": batch, "times": times, "nominal": nominal, "parameters": parameters}


def operations(shape: NetworkShape, step: str, batch: int) -> float:
    """Floating-point operations of a step, as counted by torch in one pass of one image.

    A multiply-add is two; norms and activations are not counted. Nominal: of the network as the paper has
    it, with doubling and then a 3x3 convolution. This project makes one transposed convolution of the two,
    with 16 multiplications where there would be 36.
    """
    network = build_network(shape).eval()
    outputs: list[tuple[Upsample, torch.Size]] = []
    for module in network.modules():
        if isinstance(module, Upsample):
            module.register_forward_hook(lambda layer, _, output: outputs.append((layer, output.shape)))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(torch.empty(1, *shape.image_shape), torch.zeros(1, dtype=torch.int64))
    # A transposed convolution's 4x4 taps, spread over four outputs: 2x2 multiplications each.
    doubling = sum(2 * 4 * layer.conv.in_channels * size[1:].numel() for layer, size in outputs)
    nominal = counter.get_total_flops() + doubling * (36 / 16 - 1)
    # Forward and backward are three times forward: exact for convolutions and products of matrices.
    return nominal * batch * (3 if step == "training" else 1)


def peaks(names: Iterable[str], step: str, network: str, batch: int, device: str) -> dict[str, int]:
    """Peak bytes of a step of each side, in a process of its own; one that fails is logged and left out."""
    found = {}
    for name in names:
        logger.info("%s, batch %d: peak memory of %s", step, batch, name)
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
            work = process.submit(_peak, name, step, network, batch, device, torch.get_num_threads())
            try:
                found[name] = work.result()
            except Exception as error:  # Whatever it is, the other sides are worth having.
                logger.warning("peak memory of %s, %s: %r", name, step, error)
    return found


def _peak(name: str, step: str, network: str, batch: int, device: str, threads: int) -> int:
    """Bytes at the peak of two steps made in this process, beyond what it held after its imports."""
    torch.set_num_threads(threads)
    SIDES[name].load()
    # Its first backward pass starts threads and libraries.
    (torch.zeros(1, device=device, requires_grad=True) * 1).sum().backward()
    baseline = _resident("VmRSS") if device == "cpu" else 0
    prepared = SIDES[name].ready(step, NETWORKS[network], batch, device)
    for _ in range(2):
        prepared.call()
    return torch.cuda.max_memory_allocated() if device == "cuda" else _resident("VmHWM") - baseline


def _resident(key: str) -> int:
    """Bytes now ("VmRSS") or at the peak so far ("VmHWM"); where /proc is missing, at the peak in any case.

    Linux's ru_maxrss does not fall at exec below what the parent held; VmHWM does.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        # macOS counts in bytes.
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))
