"""The body of Algorithm 1: a gradient step on the loss of a batch, then the average of the weights.

x_0 ~ q(x_0)                                       `Batches`: an image, perhaps mirrored, in [-1, 1]
t ~ Uniform({1, ..., T})                           `Batches`: t - 1
epsilon ~ N(0, I)                                  `Batches`: noise
gradient step on || epsilon - epsilon_theta(       `training_losses` (or another target, or a term of
sqrt(abar_t) x_0                                 the bound), `clipped_gradient`, `Adam.step`; then
+ sqrt(1 - abar_t) epsilon, t) ||^2              `update_ema`: the average is what is evaluated
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ddpm.data.images import Images
from ddpm.diffusion.objectives import training_losses
from ddpm.diffusion.process import GaussianDiffusion
from ddpm.network.dropout import DropoutKeys
from ddpm.network.execution import Execution
from ddpm.network.unet import UNet
from ddpm.training.batches import Batch, Batches
from ddpm.training.curve import Curve
from ddpm.training.ema import ema_decay, update_ema
from ddpm.training.flat_parameters import FlatParameters
from ddpm.training.gradient import clipped_gradient
from ddpm.training.optimiser import Adam, learning_rate
from ddpm.training.ranks import ALONE, Ranks
from ddpm.training.state import SavedState

if TYPE_CHECKING:
    from ddpm.study.models import TrainingSettings


class GradientSteps:
    """Network, optimiser, average and curve of a training run, and what an update does to them.

    Args:
        network: the U-Net with its initial weights, on the device that trains; from now on it computes as the
            settings say.
        diffusion: the diffusion process, on the same device.
        loss: "mse" or "kl".
        settings: the training settings.
        images: uint8 [N, C, H, W], for the same device.
        seed: of batches, flips, timesteps, noise and dropout.
        ranks: the processes that train together; their number divides the batch and its shards.
    """

    def __init__(
        self,
        network: UNet,
        diffusion: GaussianDiffusion,
        loss: str,
        settings: TrainingSettings,
        images: Images | Tensor,
        seed: int,
        ranks: Ranks = ALONE,
    ) -> None:
        self.network, self.diffusion, self.loss = network, diffusion, loss
        self.settings, self.seed = settings, seed
        self.ranks, self.device = ranks, images.device
        self.batches = Batches(
            images,
            diffusion.timesteps,
            settings.batch_size,
            settings.flip,
            seed,
            ranks.part(settings.batch_size),
        )
        self.execution = Execution(settings.precision, settings.compiled)
        self.execution.apply(network)
        network.checkpointing = settings.activation_checkpointing
        self.dropout = DropoutKeys(network, seed)
        self.parameters = FlatParameters(network)
        self.average = self.parameters.vector.detach().clone()
        self.adam = Adam(self.parameters.vector)
        self.curve = Curve(images.device)
        self.updates = 0

    def update(self, batch: Batch) -> None:
        """One gradient step on the mean loss of a batch (Algorithm 1), then the average.

        With several processes, `batch` is this one's part.
        """
        loss, norm = clipped_gradient(
            self.parameters,
            self.mean_loss,
            batch,
            self.settings.gradient_clip,
            self.settings.gradient_clip_shards,
            self.ranks,
            self.settings.gradient_accumulation,
        )
        rate = learning_rate(self.updates, self.settings.learning_rate, self.settings.warmup_steps)
        self.adam.step(self.updates, rate)
        decay = ema_decay(self.updates, self.settings.ema_decay, self.settings.ema_ramp)
        update_ema(self.average, self.parameters.vector, decay)
        self.updates += 1
        self.curve.add(self.updates, loss, norm, rate)

    def mean_loss(self, batch: Batch) -> Tensor:
        """The mean loss of a batch, with the dropout of this update; a float32 scalar."""
        self.dropout.fill(self.updates, batch.first, len(batch.x_0), batch.x_0.device)
        losses = training_losses(self.diffusion, self.network, self.loss, batch.x_0, batch.t, batch.noise)
        return losses.mean()

    @property
    def vectors(self) -> dict[str, Tensor]:
        """What an update changes, each float32 [n]: weights, their average, Adam's moments."""
        first, second = self.adam.moments
        weights = self.parameters.vector.detach()
        return {"weights": weights, "average": self.average, "exp_avg": first, "exp_avg_sq": second}

    def state(self) -> dict[str, Tensor]:
        """All that an update depends on besides the settings: the vectors by parameter, and the curve."""
        tensors = {
            f"{kind}.{name}": tensor
            for kind, vector in self.vectors.items()
            for name, tensor in self.parameters.views(vector).items()
        }
        return tensors | self.curve.state()

    @torch.no_grad()
    def load(self, saved: SavedState) -> None:
        """Takes over a saved state."""
        for kind, vector in self.vectors.items():
            for name, tensor in self.parameters.views(vector).items():
                tensor.copy_(saved.tensors[f"{kind}.{name}"])
        self.adam.load_state(*self.adam.moments, saved.updates)
        self.curve.load_state(saved.tensors)
        self.updates = saved.updates
