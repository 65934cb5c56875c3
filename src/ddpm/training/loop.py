"""Algorithm 1 with the paper's optimiser: updates from wherever the saved state stands to the last.

    repeat                                             `Training.run`: `steps` updates
      gradient step on a batch                         `GradientSteps.update`
    until converged

Several processes train as one: each computes the gradient of its part of the batch, all make the same
update of the weights from the mean gradient, and the first alone reads and writes files. All keep the
average too: it takes no longer than if one did, and leaves nothing to hand over.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import signal
import time
from collections.abc import Callable, Mapping
from typing import NoReturn

from torch import Tensor

from ddpm.network.weights import TRAINED, weights_hash
from ddpm.progress import Progress
from ddpm.slurm.requeue import own_job, requeue
from ddpm.training.agreement import StopAgreement
from ddpm.training.batches import Batch
from ddpm.training.checkpoints import Checkpoints
from ddpm.training.compiled_gradients import require_compiled_gradients
from ddpm.training.curve import Curve
from ddpm.training.gradient import shards_of_a_process
from ddpm.training.gradient_steps import GradientSteps
from ddpm.training.history import History
from ddpm.training.signals import WARNINGS, Stopped, StopRequest
from ddpm.training.state import SavedState, StateFolder

logger = logging.getLogger("ddpm")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a run ended: averaged weights (empty if diverged), the training curve, and a status."""

    average: Mapping[str, Tensor]
    curve: Curve
    status: str


class Training(GradientSteps):
    """One training run: updates, saved states, and the ways out."""

    def run(
        self,
        states: StateFolder,
        title: str,
        checkpoints: Checkpoints | None = None,
        watch: Callable[[Curve], object] | None = None,
        history: History | None = None,
    ) -> Outcome:
        """Continues from the saved state, if any, to the last update or to divergence.

        Args:
            states: where the state is saved.
            title: for the progress line.
            checkpoints: keeps the averaged weights of some steps; None for none.
            watch: called with the curve after each of its points; None for nobody.
            history: where the first process writes that this attempt begins and ends; None for nowhere.

        Raises:
            Stopped: a signal asked to stop; the state was saved, and Slurm asked to go on, if it only warned.
            StateError: the saved state cannot be used, or processes do not agree.
            OutputError: the state cannot be saved.
            CompilationError: the compiled network's gradients are wrong.
            LostProcess: another process ended.
        """
        self._start(states)
        if self.ranks.first and 0 < self.updates < self.settings.steps:
            logger.info(f"{title}: goes on from the saved state, step {self.updates:,}")
        agreement = StopAgreement(self.ranks, self.device.type)
        saved_at, began_at = time.monotonic(), self.updates
        with StopRequest() as stop, self._told(history), self._progress(title) as progress:
            while self.updates < self.settings.steps and not self._has_diverged():
                self.update(self.batches[self.updates])
                if checkpoints is not None and self.ranks.first and self.updates in checkpoints.steps:
                    checkpoints.after(self.updates, self.parameters.views(self.average))
                if self.updates % self.settings.log_every == 0:
                    self.curve.close_interval()
                    if watch is not None:
                        watch(self.curve)
                if progress is not None:
                    progress.advance(note=self.curve.note())
                if (number := agreement.after_update(stop.signal)) is not None:
                    self._stop(number, states, title, began_at)
                if time.monotonic() - saved_at > 60 * self.settings.save_every_minutes:
                    self.save(states)
                    saved_at = time.monotonic()
            self._require_same_weights()
        weights = {} if self.curve.diverged_at is not None else self.parameters.views(self.average)
        return Outcome(weights, self.curve, self._status())

    def _stop(self, number: int, states: StateFolder, title: str, began_at: int) -> NoReturn:
        """Saves the state and leaves because of a signal; has Slurm continue a job that it only warned.

        A job without an update is not queued again, as it might come to nothing for ever.
        """
        self.save(states)
        self.ranks.wait_for_all()
        note = ""
        if self.ranks.first:
            warned = number in WARNINGS and self.updates > began_at
            if warned and requeue("train"):
                note = f"; Slurm queues job {own_job()} again"
            name = signal.Signals(number).name
            logger.info(
                f"{title}: {name}{note}: the state is saved at step {self.updates:,} of "
                f"{self.settings.steps:,}; the same command goes on from there"
            )
        raise Stopped(128 + number, note)

    def _status(self) -> str:
        step = self.curve.diverged_at
        return TRAINED if step is None else f"diverged at step {step}"

    def _told(self, history: History | None) -> contextlib.AbstractContextManager[None]:
        """Beginning and end in the history, by the first process alone, if there is something left to do."""
        if history is None or not self.ranks.first or self.updates >= self.settings.steps:
            return contextlib.nullcontext()
        return history.attempt(self.settings.steps, lambda: self.updates, self._status)

    def _has_diverged(self) -> bool:
        """Whether a loss was not finite; looks where an interval of the curve ends, as it waits for a GPU."""
        return self.updates % self.settings.log_every == 0 and self.curve.diverged_at is not None

    def _start(self, states: StateFolder) -> None:
        """Continues from the first process's saved state, if there is one."""
        self.ranks.require_same("settings or data", states.fingerprint)
        self._require_same_weights()
        saved = states.load() if self.ranks.first else None
        if saved is not None:
            self.load(saved)
        if self.ranks.count > 1:
            self.ranks.copy_first_([*self.vectors.values(), *self.curve.accumulated])
            self.updates = self.ranks.of_first(self.updates)
            self.adam.load_state(*self.adam.moments, self.updates)
        self.network.train()
        if self.execution.compiled and self.updates < self.settings.steps:
            require_compiled_gradients(self.parameters, self.mean_loss, self._first_part())

    def _first_part(self) -> Batch:
        """What the network computes at once of the next update, the one size that it is compiled for."""
        shards = shards_of_a_process(self.settings.gradient_clip_shards, self.ranks)
        return self.batches[self.updates].shards(shards * self.settings.gradient_accumulation)[0]

    def _require_same_weights(self) -> None:
        if self.ranks.count > 1:
            vectors = {"weights": self.parameters.vector, "average": self.average}
            self.ranks.require_same("weights", weights_hash(vectors))

    def _progress(self, title: str) -> contextlib.AbstractContextManager[Progress | None]:
        """Shown by the first process alone, if there is something left to do."""
        if not self.ranks.first or self.updates >= self.settings.steps:
            return contextlib.nullcontext()
        return Progress(title, self.settings.steps, "steps", done=self.updates)

    def save(self, states: StateFolder) -> None:
        """Saves weights, average, moments and the curve, if this is the first process."""
        if self.ranks.first:
            states.save(SavedState(self.state(), self.updates))
            self.curve.write_csv(states.folder / "training.csv")
