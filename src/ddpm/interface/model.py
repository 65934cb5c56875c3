"""A trained model as a notebook uses it: numpy arrays in and out."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ddpm.data.scaling import to_model
from ddpm.diffusion.process import GaussianDiffusion
from ddpm.errors import DataError
from ddpm.evaluation.bound_terms import bound_terms
from ddpm.evaluation.model_job import ModelJob
from ddpm.interface.inputs import chosen_steps, fixed_variance, indices, noisy_images, pixels, whole
from ddpm.network.execution import BatchSplittingNetwork, Execution, products_restored, round_weights
from ddpm.network.unet import UNet
from ddpm.random_numbers import Stream, normal
from ddpm.sampling.shards import draw_shard
from ddpm.study.base import MOST
from ddpm.study.evaluation import LikelihoodSettings, SamplingSettings

# Images in one network call where neither a study nor the caller says.
BATCH_SIZE = 128
_LARGEST_SEED = 2**63 - 1


class Model:
    """A model with its averaged weights; `ddpm.load` makes it.

    Pixels are uint8 [N, C, H, W] in 0..255, noisy images float32 [N, C, H, W] on the scale where pixels are
    [-1, 1], and t is the paper's, 1..T. Torch tensors are taken for arrays too. A wrong dtype, shape or range
    is a `ddpm.DDPMError` that says what to give instead.

    Attributes:
        name: the model's in its study, or the file.
        image_shape: channels, height, width.
        timesteps: T.
        provenance: what the weights say of themselves: study, seed, hashes, settings, commit, hardware.
        job: of a model of a study in the working folder: where its files lie; None of others.
    """

    def __init__(
        self,
        name: str,
        network: UNet,
        diffusion: GaussianDiffusion,
        provenance: dict[str, Any],
        sampling: SamplingSettings | None = None,
        likelihood: LikelihoodSettings | None = None,
        job: ModelJob | None = None,
    ) -> None:
        self.name, self.provenance, self.job = name, provenance, job
        channels, height, width = network.image_shape
        self.image_shape, self.timesteps = (channels, height, width), diffusion.timesteps
        self._network = network.eval().requires_grad_(False)
        self._diffusion = diffusion.to(self._device)
        self._sampling, self._likelihood = sampling, likelihood or LikelihoodSettings()
        self._rounded: UNet | None = None

    def __repr__(self) -> str:
        size = "x".join(map(str, self.image_shape))
        count = sum(parameter.numel() for parameter in self._network.parameters())
        kind = f"{self._diffusion.prediction}, {self._diffusion.variance}"
        return f"<ddpm.Model {self.name}: {size}, T = {self.timesteps:,}, {kind}, {count:,} parameters>"

    def sample(
        self,
        count: int,
        seed: int = 0,
        *,
        batch_size: int | None = None,
        steps: int | Sequence[int] | None = None,
        variance: str | None = None,
    ) -> np.ndarray:
        """Samples by the reverse process (Algorithm 2, x_0-hat clipped to [-1, 1]), in all T steps or fewer.

        Sample n depends on the weights, `seed` and n alone, so that more samples begin with the same ones. Of
        a model of a study they are the first `count` of the workflow's samples of this sampling seed, bit for
        bit on the same kind of machine and number of threads, unless more than `seed` is given. The
        workflow's batches are drawn whole: for few images of a large network, a small `batch_size` is faster,
        and the samples are the same up to rounding.

        Args:
            count: number of images.
            seed: the sampling seed.
            batch_size: images in one network call; None: the study's, or, without a study, 128 or fewer.
            steps: how many evenly spaced steps, 1..T, or the t of each, ascending in 1..T, the last of them T
                (where noise is all there is); None: the study's, which are all T unless it says otherwise.
            variance: "fixed_large" (beta_t) or "fixed_small" (beta-tilde_t) of the steps that are taken;
                None: the study's, which is the model's own unless it says otherwise.

        Returns:
            uint8 [count, C, H, W]; a pixel that is not finite is mid-grey.

        Raises:
            DataError: a number outside its range, an unknown variance, or fewer steps or another variance of
                a model that learned its own.
        """
        count, seed = whole("count", count, 1, MOST), whole("seed", seed, 0, _LARGEST_SEED)
        if batch_size is not None:
            size = whole("batch_size", batch_size, 1, MOST)
        else:
            size = self._sampling.batch_size if self._sampling else min(count, BATCH_SIZE)
        own = self._sampling or SamplingSettings()
        settings = SamplingSettings(
            images=count,
            batch_size=size,
            batches_per_shard=-(-count // size),
            steps=own.steps if steps is None else chosen_steps(steps, self.timesteps),
            variance=own.variance if variance is None else fixed_variance(variance),
        )
        self._require_possible(settings)
        with self._computing(self._sampling or settings) as network:
            title = f"sample {self.name}"
            return draw_shard(self._diffusion, network, self.image_shape, 0, settings, seed, [], title).images

    def _require_possible(self, settings: SamplingSettings) -> None:
        fewer = settings.reverse_steps(self.timesteps) < self.timesteps
        if self._diffusion.variance == "learned" and (fewer or settings.variance is not None):
            given = f"steps={settings.steps!r}" if fewer else f"variance={settings.variance!r}"
            raise DataError(
                f"{given}: {self.name} learned its variance, that of each of all T = {self.timesteps:,} "
                "steps; leave it out"
            )

    def bits_per_dim(self, images: Any, *, seed: int | None = None) -> np.ndarray:
        """The variational bound on the negative log-likelihood (Eq. 5), all T terms, one noise draw each.

        Args:
            images: uint8 [N, C, H, W]. Their mean bound is the workflow's NLL where they are the first images
                of a split.
            seed: of the noise in x_t; None: the study's, or 0.

        Returns:
            bits/dim, float64 [N].

        Raises:
            DataError: other images, or a seed outside its range.
        """
        given = pixels(images, self.image_shape).to(self._device)
        settings = self._likelihood
        if seed is not None:
            settings = settings.model_copy(update={"seed": whole("seed", seed, 0, _LARGEST_SEED)})
        with self._computing(settings) as network:
            title = f"bound of {self.name}"
            terms = bound_terms(self._diffusion, network, given, 0, settings, title)
        return terms.prior.astype(np.float64) + terms.terms.astype(np.float64).sum(axis=1)

    def noise(self, images: Any, t: Any, seed: int = 0) -> np.ndarray:
        """x_t ~ q(x_t | x_0) (Eq. 4): images with the noise of t diffusion steps.

        The noise of image n depends on (seed, n) alone: it is the same at every t.

        Args:
            images: x_0, uint8 [N, C, H, W].
            t: in 1..T; one for all images, or [N].
            seed: of the noise.

        Returns:
            float32 [N, C, H, W].

        Raises:
            DataError: other images, or a t or seed outside its range.
        """
        x_0 = to_model(pixels(images, self.image_shape)).to(self._device)
        index = indices(t, len(x_0), self.timesteps).to(self._device)
        seed = whole("seed", seed, 0, _LARGEST_SEED)
        image = torch.arange(len(x_0), device=self._device)
        epsilon = normal(seed, Stream.DIFFUSED_SOURCES, image, 0, self.image_shape)
        return self._diffusion.q_sample(x_0, index, epsilon).cpu().numpy()

    def denoise(self, x_t: Any, t: Any, *, clip: bool = True) -> np.ndarray:
        """x_0-hat: the image that the network sees in a noisy one, in one step (Eq. 15).

        Args:
            x_t: noisy images, floating point [N, C, H, W], such as `noise` returns.
            t: in 1..T, of their noise; one for all images, or [N].
            clip: clip x_0-hat to [-1, 1], as sampling does.

        Returns:
            float32 [N, C, H, W].

        Raises:
            DataError: other arrays, or a t outside its range.
        """
        noisy = noisy_images(x_t, self.image_shape)
        index = indices(t, len(noisy), self.timesteps)
        with self._computing(self._sampling or SamplingSettings()) as network:
            parts = [
                self._x_0(network, x.to(self._device), i.to(self._device), clip)
                for x, i in zip(noisy.split(BATCH_SIZE), index.split(BATCH_SIZE), strict=True)
            ]
        return torch.cat(parts).cpu().numpy()

    @torch.no_grad()
    def _x_0(self, network: BatchSplittingNetwork, x_t: Tensor, index: Tensor, clip: bool) -> Tensor:
        return self._diffusion.reverse_step(network(x_t, index), x_t, index, clip=clip).x_0

    @property
    def _device(self) -> torch.device:
        return next(self._network.parameters()).device

    @contextlib.contextmanager
    def _computing(self, settings: SamplingSettings | LikelihoodSettings) -> Iterator[BatchSplittingNetwork]:
        """The network in the precision of the settings; never compiled, which pays for many images alone."""
        network = self._network
        with products_restored():
            if settings.precision == "bfloat16":
                network = self._rounded = self._rounded or copy.deepcopy(network)
            Execution(settings.precision).apply(network)
            round_weights(network)
            yield BatchSplittingNetwork(network)
