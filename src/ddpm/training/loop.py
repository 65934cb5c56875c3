"""Algorithm 1 with the paper's optimiser: updates from wherever the saved state stands to the last."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ddpm.diffusion.objectives import training_losses
from ddpm.diffusion.process import GaussianDiffusion
from ddpm.network.weights import TRAINED
from ddpm.progress import Progress
from ddpm.random_numbers import Stream, derived_seed
from ddpm.training.batches import Batch, Batches
from ddpm.training.checkpoints import Checkpoints
from ddpm.training.curve import Curve
from ddpm.training.ema import ema_decay, update_ema
from ddpm.training.flat_parameters import FlatParameters
from ddpm.training.gradient import clipped_gradient
from ddpm.training.optimiser import Adam, learning_rate
from ddpm.training.signals import StopRequest
from ddpm.training.state import SavedState, StateFolder

if TYPE_CHECKING:
    from ddpm.study.models import TrainingSettings


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a run ended: averaged weights (empty if diverged), the training curve, and a status."""

    average: Mapping[str, Tensor]
    curve: Curve
    status: str


class Stopped(SystemExit):
    """Training saved its state and left because of a signal; the exit status is 128 + its number."""


class Training:
    """One training run.

    Args:
        network: the U-Net with its initial weights, on the device that trains.
        process: the diffusion process, on the same device.
        loss: "mse" or "kl".
        settings: the training settings.
        images: uint8 [N, C, H, W], on the same device.
        seed: of batches, flips, timesteps, noise and dropout.
    """

    def __init__(
        self,
        network: nn.Module,
        process: GaussianDiffusion,
        loss: str,
        settings: TrainingSettings,
        images: Tensor,
        seed: int,
    ) -> None:
        self.network, self.process, self.loss, self.settings, self.seed = (
            network,
            process,
            loss,
            settings,
            seed,
        )
        self.batches = Batches(images, process.timesteps, settings.batch_size, settings.flip, seed)
        self.parameters = FlatParameters(network)
        self.average = self.parameters.vector.detach().clone()
        self.adam = Adam(self.parameters.vector)
        self.curve = Curve(images.device)
        self.updates = 0

    def update(self, batch: Batch) -> None:
        """One gradient step on the mean loss of a batch (Algorithm 1), then the average."""
        with dropout_stream(self.seed, self.updates, batch.x_0.device):
            loss, norm = clipped_gradient(
                self.parameters,
                self._mean_loss,
                batch,
                self.settings.gradient_clip,
                self.settings.gradient_clip_shards,
            )
        rate = learning_rate(self.updates, self.settings.learning_rate, self.settings.warmup_steps)
        self.adam.step(self.updates, rate)
        decay = ema_decay(self.updates, self.settings.ema_decay, self.settings.ema_ramp)
        update_ema(self.average, self.parameters.vector, decay)
        self.updates += 1
        self.curve.add(self.updates, loss, norm, rate)

    def _mean_loss(self, batch: Batch) -> Tensor:
        losses = training_losses(self.process, self.network, self.loss, batch.x_0, batch.index, batch.noise)
        return losses.mean()

    def run(self, states: StateFolder, title: str, checkpoints: Checkpoints | None = None) -> Outcome:
        """Continues from the saved state, if any, to the last update or to divergence.

        Args:
            states: where the state is saved.
            title: for the progress line.
            checkpoints: keeps the averaged weights of some steps; None for none.

        Raises:
            Stopped: a signal asked to stop; the state was saved.
            StateError: the saved state cannot be used.
            OutputError: the state cannot be saved.
        """
        saved = states.load()
        if saved is not None:
            self.load(saved)
        self.network.train()
        saved_at = time.monotonic()
        with (
            StopRequest() as stop,
            Progress(title, self.settings.steps, "steps", done=self.updates) as progress,
        ):
            while self.updates < self.settings.steps:
                self.update(self.batches[self.updates])
                if checkpoints is not None:
                    checkpoints.after(self.updates, self.parameters.views(self.average))
                if self.updates % self.settings.log_every == 0 or self.updates == self.settings.steps:
                    self.curve.close_interval()
                    if self.curve.diverged_at is not None:
                        return Outcome({}, self.curve, f"diverged at step {self.curve.diverged_at}")
                progress.advance(note=self.curve.note())
                if stop:
                    self.save(states)
                    raise Stopped(stop.exit_status)
                if time.monotonic() - saved_at > 60 * self.settings.save_every_minutes:
                    self.save(states)
                    saved_at = time.monotonic()
        return Outcome(self.parameters.views(self.average), self.curve, TRAINED)

    def save(self, states: StateFolder) -> None:
        """Saves weights, average, moments and the curve."""
        states.save(SavedState(self.state(), self.updates))

    def state(self) -> dict[str, Tensor]:
        """All that an update depends on besides the settings, by parameter: weights, average, moments."""
        vectors = {"weights": self.parameters.vector.detach(), "average": self.average}
        vectors["exp_avg"], vectors["exp_avg_sq"] = self.adam.moments
        tensors = {
            f"{kind}.{name}": tensor
            for kind, vector in vectors.items()
            for name, tensor in self.parameters.views(vector).items()
        }
        return tensors | self.curve.state()

    @torch.no_grad()
    def load(self, saved: SavedState) -> None:
        """Takes over a saved state."""
        first, second = self.adam.moments
        vectors = {"weights": self.parameters.vector, "average": self.average}
        vectors |= {"exp_avg": first, "exp_avg_sq": second}
        for kind, vector in vectors.items():
            for name, tensor in self.parameters.views(vector.detach()).items():
                tensor.copy_(saved.tensors[f"{kind}.{name}"])
        self.adam.load_state(first, second, saved.updates)
        self.curve.load_state(saved.tensors)
        self.updates = saved.updates


@contextmanager
def dropout_stream(seed: int, update: int, device: torch.device) -> Iterator[None]:
    """Lets dropout draw from (seed, update), and leaves torch's global generators as they were."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(derived_seed(seed, Stream.DROPOUT, update))
        yield
