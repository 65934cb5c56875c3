"""The chains that figures 2, 7, 8 and 9 show. Arrays are uint8, clipped to [-1, 1] for display."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ddpm.data.scaling import to_model
from ddpm.diffusion.process import GaussianDiffusion, Network
from ddpm.diffusion.sampler import interpolate, reverse_process
from ddpm.progress import Progress
from ddpm.random_numbers import Stream, normal
from ddpm.sampling.shards import initial_noise, shown, step_noise

LAMBDAS = np.linspace(0.0, 1.0, 11)


def no_chains(figure: str, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """The arrays of a figure without panels, of a model whose training diverged; shape is (C, H, W)."""
    none, count = np.zeros((0, *shape), np.uint8), np.zeros(0, np.int64)
    if figure == "figure2":
        return {"t": np.array(0), "x_T": none, "x_t": none, "x_t_minus_1": none, "x_0": none}
    if figure == "figure7":
        return {"t": count, "latents": none, "samples": none[:, None]}
    return {
        "pairs": np.zeros((0, 2), np.int64),
        "steps": count,
        "lambdas": LAMBDAS,
        "sources": none[:, None],
        "interpolations": none[:, None, None],
    }


def trajectory(
    diffusion: GaussianDiffusion, network: Network, shape: tuple[int, ...], t: int, seed: int
) -> dict[str, np.ndarray]:
    """x_T, x_t, x_{t-1} and x_0 of the chain of sample 0 (figure 2), each [C, H, W]."""
    chain = _chain(diffusion, network, shape, seed)
    return {
        "t": np.array(t),
        "x_T": shown(chain[diffusion.timesteps]),
        "x_t": shown(chain[t]),
        "x_t_minus_1": shown(chain[t - 1]),
        "x_0": shown(chain[0]),
    }


def shared_latents(
    diffusion: GaussianDiffusion,
    network: Network,
    shape: tuple[int, ...],
    times: Sequence[int],
    count: int,
    seed: int,
) -> dict[str, np.ndarray]:
    """Samples that share x_t and go on with independent noise (figure 7).

    Returns:
        t int64 [P]; latents [P, C, H, W]: x_t of the chain of sample 0; samples [P, count, C, H, W].
    """
    chain = _chain(diffusion, network, shape, seed)
    finished = []
    for panel, t in enumerate(times):
        image = torch.arange(panel * count, (panel + 1) * count, device=diffusion.beta.device)
        start = chain[t].expand(count, *shape)
        finished.append(_finish(diffusion, network, start, t, image, seed))
    latents = torch.stack([chain[t] for t in times])
    return {
        "t": np.array(times, dtype=np.int64),
        "latents": shown(latents),
        "samples": shown(torch.stack(finished)),
    }


def interpolations(
    diffusion: GaussianDiffusion,
    network: Network,
    sources: Tensor,
    steps: Sequence[int],
    share_noise: bool,
    seed: int,
    title: str,
) -> dict[str, np.ndarray]:
    """Interpolations between diffused images (section 4.4; figures 8 and 9).

    The noise that diffuses the sources is the same for every lambda; the reverse process then adds
    fresh noise to each.

    Args:
        diffusion, network: the model.
        sources: uint8 [P, 2, C, H, W].
        steps: numbers of diffusion steps, K of them; 0 mixes pixels without the network.
        share_noise: diffuse with the same noise for each number of steps.
        seed: of all noise.
        title: for the progress line.

    Returns:
        steps int64 [K], lambdas float64 [11], sources, interpolations [P, K, 11, C, H, W]; lambda 0 and 1
        are the reconstructions of the sources.
    """
    rows = []
    with Progress(title, len(sources) * len(steps), "rows") as progress:
        for pair, images in enumerate(to_model(sources)):
            for row, count in enumerate(steps):
                number = pair * len(steps) + row
                noise_key = 0 if share_noise else row
                rows.append(_row(diffusion, network, images, count, pair, noise_key, number, seed))
                progress.advance()
    stacked = torch.stack(rows).reshape(len(sources), len(steps), len(LAMBDAS), *sources.shape[2:])
    return {
        "steps": np.array(steps, dtype=np.int64),
        "lambdas": LAMBDAS,
        "sources": sources.cpu().numpy(),
        "interpolations": shown(stacked),
    }


def _row(
    diffusion: GaussianDiffusion,
    network: Network,
    images: Tensor,
    count: int,
    pair: int,
    noise_key: int,
    number: int,
    seed: int,
) -> Tensor:
    """One pair at one number of steps: [11, C, H, W]."""
    device = images.device
    weights = torch.linspace(0, 1, len(LAMBDAS), dtype=torch.float64, device=device)
    if count == 0:
        return interpolate(images[0], images[1], weights)
    source = torch.arange(2 * pair, 2 * pair + 2, device=device)
    noise = normal(seed, Stream.DIFFUSED_SOURCES, source, noise_key, tuple(images.shape[1:]))
    x_t = diffusion.q_sample(images, torch.full((2,), count - 1, device=device), noise)
    image = torch.arange(number * len(LAMBDAS), (number + 1) * len(LAMBDAS), device=device)
    return _finish(diffusion, network, interpolate(x_t[0], x_t[1], weights), count, image, seed)


def _chain(
    diffusion: GaussianDiffusion, network: Network, shape: tuple[int, ...], seed: int
) -> dict[int, Tensor]:
    """x_t [C, H, W] of sample 0 for t = T..0."""
    image = torch.zeros(1, dtype=torch.int64, device=diffusion.beta.device)
    x = initial_noise(seed, image, diffusion.timesteps, shape)
    chain = {diffusion.timesteps: x[0]}
    noise = lambda step: step_noise(seed, image, step, shape)  # noqa: E731
    for draw in reverse_process(diffusion, network, x, diffusion.timesteps, noise):
        chain[draw.t] = draw.x[0]
    return chain


def _finish(
    diffusion: GaussianDiffusion, network: Network, x_t: Tensor, t: int, image: Tensor, seed: int
) -> Tensor:
    """x_0 from x_t by t reverse steps, with noise of their own for each."""
    shape = tuple(x_t.shape[1:])
    noise = lambda step: normal(seed, Stream.CONTINUATION, image, step, shape)  # noqa: E731
    for draw in reverse_process(diffusion, network, x_t, t, noise):
        x_t = draw.x
    return x_t
