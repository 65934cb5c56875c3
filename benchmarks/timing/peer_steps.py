"""Steps of networks from other packages, with torch's own tools where the package leaves a choice.

Adam, gradient clipping and the average of the weights are torch's, as in the scripts that these packages
give as examples. The peers compute no bound: their likelihood step is their network under this
project's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Protocol

import torch
from timing.networks import TIMESTEPS, made_up_images
from timing.optimisation import Optimisation
from timing.ours import bound_of_pairs, diffusion_process
from timing.setting import Prepared, Setting
from torch import Tensor, nn


class Peer(Protocol):
    """A package's network and diffusion."""

    network: nn.Module

    def loss(self, x_0: Tensor) -> Tensor:
        """The mean loss of images [B, C, H, W] in [-1, 1], with timesteps and noise of its own."""

    def reverse(self, x_t: Tensor, index: int) -> Tensor:
        """x_{t-1}, [B, C, H, W]."""

    def output(self, x_t: Tensor, index: Tensor) -> Tensor:
        """The predicted noise, [B, C, H, W]."""

    def ready_to_evaluate(self, dtype: torch.dtype) -> None:
        """Puts the network into evaluation mode, for numbers of a dtype."""


def prepare(step: str, setting: Setting, build: Callable[[Setting], Peer]) -> Prepared:
    """A step of `timing.setting.STEPS` with a peer's network."""
    # Left to other adapters in the same process.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = setting.precision == "tf32"
    peer = build(setting)
    peer.network.to(setting.device)
    if step == "training":
        return Prepared(PeerTraining(peer, setting), peer.network)
    peer.network.requires_grad_(False)
    peer.ready_to_evaluate(torch.bfloat16 if setting.precision == "bfloat16" else torch.float32)
    if step == "sampling":
        return Prepared(PeerSampling(peer, setting), peer.network)
    process = diffusion_process(setting.device)

    def likelihood() -> Tensor:
        with in_precision(setting):
            return bound_of_pairs(process, peer.output, setting)

    return Prepared(likelihood, peer.network)


def in_precision(setting: Setting) -> contextlib.AbstractContextManager[object]:
    """torch's autocast for bfloat16, nothing otherwise."""
    return torch.autocast(setting.device, torch.bfloat16, enabled=setting.precision == "bfloat16")


class PeerTraining:
    """Algorithm 1 as the peers' users write it."""

    def __init__(self, peer: Peer, setting: Setting) -> None:
        self.peer, self.setting, self.settings = peer, setting, Optimisation()
        self.images = made_up_images(setting.shape, 4 * setting.batch, setting.device)
        self.weights: list[Tensor] = list(peer.network.train().parameters())
        self.adam = torch.optim.Adam(self.weights, lr=self.settings.learning_rate)
        self.average = [weight.detach().clone() for weight in self.weights]

    def __call__(self) -> Tensor:
        """One update; returns the loss."""
        with in_precision(self.setting):
            loss = self.peer.loss(self._images())
        self.adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.weights, self.settings.gradient_clip or torch.inf)
        self.adam.step()
        with torch.no_grad():
            torch._foreach_lerp_(self.average, self.weights, 1 - self.settings.ema_decay)
        return loss.detach()

    def _images(self) -> Tensor:
        """A batch of images, mirrored at random, in [-1, 1]."""
        device, size = self.setting.device, self.setting.batch
        x_0 = self.images[torch.randint(len(self.images), (size,), device=device)].float() / 127.5 - 1
        mirrored = torch.rand(size, 1, 1, 1, device=device) < 0.5
        return torch.where(mirrored, x_0.flip(-1), x_0)


class PeerSampling:
    """Steps of the reverse process from t = T down, over and over."""

    def __init__(self, peer: Peer, setting: Setting) -> None:
        self.peer, self.setting, self.step = peer, setting, TIMESTEPS - 1
        self.x = torch.randn(setting.batch, *setting.shape.image_shape, device=setting.device)

    @torch.no_grad()
    def __call__(self) -> Tensor:
        """x_{t-1} of all images, [B, C, H, W]."""
        with in_precision(self.setting):
            self.x = self.peer.reverse(self.x, self.step)
        self.step = (self.step - 1) % TIMESTEPS
        return self.x
