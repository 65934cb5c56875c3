"""Images from a Gaussian distribution, and the network that is the best for them."""

import functools

import numpy as np
import torch

from ddpm.compression import fitting
from ddpm.compression.codec import Codec, Names
from ddpm.compression.model import CodingModel
from ddpm.compression.schedule_file import FittedCode
from ddpm.diffusion.process import GaussianDiffusion
from ddpm.diffusion.schedule import beta_schedule

SHAPE = (1, 4, 4)
DIMENSIONS = 16
TIMESTEPS = 20
NAMES = Names("study", "model", 3, "schedule", "ab" * 32)
# A common brightness, and noise of each pixel.
COVARIANCE = 0.15 * np.ones((DIMENSIONS, DIMENSIONS)) + 0.01 * np.eye(DIMENSIONS)


def diffusion(variance: str = "fixed_large") -> GaussianDiffusion:
    return GaussianDiffusion(beta_schedule("linear", 0.001, 0.5, TIMESTEPS), "x0", variance)


class BestNetwork:
    """E[x_0 | x_t] of N(0, COVARIANCE), and its mean squared errors.

    Attributes:
        errors: float64 [T].
    """

    def __init__(self) -> None:
        maps, errors = [], []
        for alpha_bar in diffusion().alpha_bar.numpy():
            gain = COVARIANCE @ np.linalg.inv(alpha_bar * COVARIANCE + (1 - alpha_bar) * np.eye(DIMENSIONS))
            maps.append(alpha_bar**0.5 * gain)
            errors.append(np.trace(COVARIANCE - alpha_bar * gain @ COVARIANCE) / DIMENSIONS)
        self._maps = torch.from_numpy(np.array(maps)).float()
        self.errors = np.array(errors)

    def __call__(self, x_t: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return (x_t.flatten(1) @ self._maps[t[0]]).reshape(x_t.shape)


NETWORK = BestNetwork()


def pixels(count: int, seed: int) -> np.ndarray:
    """uint8 [count, 1, 4, 4]."""
    random = np.random.default_rng(seed)
    x_0 = random.multivariate_normal(np.zeros(DIMENSIONS), COVARIANCE, count, method="cholesky")
    return np.clip(np.rint((x_0 + 1) * 127.5), 0, 255).astype(np.uint8).reshape(count, *SHAPE)


@functools.cache
def fitted(mode: str, steps: int | None = None) -> FittedCode:
    """A code fitted to 30 images, down to x_1."""
    process, images = diffusion(), pixels(30, seed=0)
    schedule = fitting.fitted_schedule(
        process.alpha_bar.numpy(),
        NETWORK.errors,
        fitting.decoder_bits(process, NETWORK, images, NETWORK.errors),
        dimensions=DIMENSIONS,
        end=0,
        steps=steps,
        chunk=fitting.CHUNK_BITS if mode == "progressive" else None,
    )
    if mode == "archive":
        return FittedCode(mode, schedule)
    codes = fitting.fitted_codes(CodingModel(process, NETWORK, schedule, 30), images)
    return FittedCode(mode, schedule, tuple(codes))


def codec(mode: str, steps: int | None, batch: int) -> Codec:
    return Codec(diffusion(), NETWORK, fitted(mode, steps), batch)
