"""All T terms of the bound for each image of a split (authors' code: calc_bpd_loop).

One fresh noise draw for each image and each t; x0-hat clipped; averaged weights, no dropout. Images
are grouped so that a network call sees many timesteps of few images; the groups do not depend on the
sharding, so a term's bits do not either.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ddpm.data.scaling import to_model
from ddpm.diffusion.bound import bound_term, prior_term
from ddpm.diffusion.process import GaussianDiffusion, Network
from ddpm.progress import Progress
from ddpm.random_numbers import Stream, normal
from ddpm.study.evaluation import LikelihoodSettings


@dataclasses.dataclass(frozen=True)
class BoundTerms:
    """The bound of n images.

    Attributes:
        prior: L_T, bits/dim, float32 [n].
        terms: L_{t-1} for t = 1..T (the first is L_0), bits/dim, float32 [n, T].
        mse: mean squared error of the clipped x0-hat(x_t) for t = 1..T, on the scale of [-1, 1],
            float32 [n, T].
    """

    prior: np.ndarray
    terms: np.ndarray
    mse: np.ndarray

    def frame(self, first: int) -> pd.DataFrame:
        """One row an image, from the split's image `first`: image, prior, terms [T], mse [T]."""
        image = range(first, first + len(self.prior))
        return pd.DataFrame(
            {"image": image, "prior": self.prior, "terms": list(self.terms), "mse": list(self.mse)}
        )


def no_terms() -> pd.DataFrame:
    """The rows of a model whose training diverged: none."""
    return pd.DataFrame({name: [] for name in ("image", "prior", "terms", "mse")})


@torch.no_grad()
def bound_terms(
    diffusion: GaussianDiffusion,
    network: Network,
    pixels: Tensor,
    first: int,
    settings: LikelihoodSettings,
    title: str,
) -> BoundTerms:
    """The bound of consecutive images of a split.

    Args:
        diffusion, network: the model, on one device.
        pixels: uint8 [n, C, H, W]: the shard's images, on that device.
        first: number of its first image in the split, the first of a group.
        settings: sizes of groups and batches, and the seed of the noise in x_t.
        title: for the progress line.
    """
    timesteps, rows = diffusion.timesteps, []
    group = settings.group_size(timesteps)
    with Progress(title, len(pixels) * timesteps, "terms") as progress:
        for start in range(0, len(pixels), group):
            x_0 = to_model(pixels[start : start + group])
            image = torch.arange(first + start, first + start + len(x_0), device=x_0.device)
            rows.append(_group_terms(diffusion, network, x_0, image, settings))
            progress.advance(len(x_0) * timesteps)
    prior, terms, mse = (torch.cat(parts).cpu().numpy() for parts in zip(*rows, strict=True))
    return BoundTerms(prior, terms, mse)


def _group_terms(
    diffusion: GaussianDiffusion,
    network: Network,
    x_0: Tensor,
    image: Tensor,
    settings: LikelihoodSettings,
) -> tuple[Tensor, Tensor, Tensor]:
    """Prior [n], terms [n, T] and mse [n, T] of at most a group of images, in batches of one size."""
    count, timesteps = len(x_0), diffusion.timesteps
    group, batch_size = settings.group_size(timesteps), settings.batch_size
    pairs = torch.arange(-(-group * timesteps // batch_size) * batch_size, device=x_0.device)
    # Pairs beyond the group's images repeat its last image: they keep the batch whole and are dropped.
    which = (pairs // timesteps).clamp(max=count - 1)
    step = pairs % timesteps
    results = [
        pair_terms(diffusion, network, x_0[which[part]], step[part], image[which[part]], settings.seed)
        for part in torch.split(pairs, batch_size)
    ]
    terms, mse = (
        torch.cat(parts)[: count * timesteps].reshape(count, timesteps)
        for parts in zip(*results, strict=True)
    )
    return prior_term(diffusion, x_0), terms, mse


def pair_terms(
    diffusion: GaussianDiffusion, network: Network, x_0: Tensor, t: Tensor, image: Tensor, seed: int
) -> tuple[Tensor, Tensor]:
    """The term and the squared error of x0-hat of each (image, t), float32 [B] each."""
    noise = normal(seed, Stream.BOUND, image, t, tuple(x_0.shape[1:]))
    x_t = diffusion.q_sample(x_0, t, noise)
    step = diffusion.reverse_step(network(x_t, t), x_t, t, clip=True)
    error = (step.x_0 - x_0).square().flatten(1).mean(dim=1)
    return bound_term(diffusion, x_0, x_t, t, step), error
