"""One training run of a study: its places, what tells it from others, and what is left to do of it."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import logging
from pathlib import Path
from typing import Any

from ddpm.data.store import read_manifest
from ddpm.errors import StateError
from ddpm.files import require_writable
from ddpm.network.weights import read_weights
from ddpm.study import Study, layout
from ddpm.study.fingerprint import training_fingerprint
from ddpm.training.finished import Results, defect, missing_checkpoint, put_in_place
from ddpm.training.state import StateFolder

logger = logging.getLogger("ddpm")


def training_job(study: Study, model: str, seed: int) -> TrainingJob:
    """The training run of a model with a seed.

    Raises:
        DataError: the manifest of its data set is missing or damaged.
    """
    data_hash = read_manifest(study, study.model(model).dataset)["data_hash"]
    return TrainingJob(study, model, seed, training_fingerprint(study, model), data_hash)


@dataclasses.dataclass(frozen=True)
class TrainingJob:
    """A training run.

    Attributes:
        study: the study.
        model: a key of `models`.
        seed: the training seed.
        fingerprint: `ddpm.study.fingerprint.training_fingerprint`.
        data_hash: of the data set.
    """

    study: Study
    model: str
    seed: int
    fingerprint: str
    data_hash: str

    @property
    def title(self) -> str:
        """For messages."""
        return f"train {self.model} seed {self.seed}"

    @property
    def provenance(self) -> dict[str, Any]:
        """What the results say of themselves, and those of other runs do not."""
        run = {"model": self.model, "training_seed": self.seed}
        return run | {"settings": self.fingerprint, "data_hash": self.data_hash}

    @functools.cached_property
    def results(self) -> Results:
        """Where weights and curve belong."""
        return Results(self._path(layout.WEIGHTS), self._path(layout.CURVE))

    @functools.cached_property
    def kept(self) -> Results:
        """Where they are kept until the workflow has noted the end."""
        return self.results.kept_in(self._path(layout.FINISHED))

    @functools.cached_property
    def checkpoints(self) -> dict[int, Path]:
        """The file of each step at which the study keeps weights."""
        steps = self.study.model(self.model).checkpoints.steps
        return {step: self._path(layout.CHECKPOINT, step=step) for step in steps}

    @functools.cached_property
    def states(self) -> StateFolder:
        """The resumable states."""
        return StateFolder(self._path(layout.STATE), f"{self.fingerprint}-{self.data_hash[:12]}")

    def is_left_to_do(self, restart: bool) -> bool:
        """Whether to train; results that are kept but not in their places are put there.

        Args:
            restart: train in any case, and from the start: a saved state is set aside.

        Raises:
            StateError: weights of other settings or data are in place.
            WeightsError: the weights in place are damaged.
            OutputError: the folder cannot be written.
        """
        require_writable(self.results.weights.parent)
        if restart:
            if (place := self.states.set_aside()) is not None:
                logger.info(f"{self.title}: the saved state now lies in {place}")
            return True
        if not (self.is_complete() or self._is_restored()):
            return True
        # A trainer that was killed at its end may have left its state; one of other settings stays.
        with contextlib.suppress(StateError):
            if self.states.load() is not None:
                self.states.clear_saved()
        return False

    def is_complete(self) -> bool:
        """Whether weights, curve and checkpoints are in their places; says what the weights lack.

        Raises:
            StateError: the weights are of other settings or data.
            WeightsError: they are damaged.
        """
        weights = self.results.weights
        if not weights.exists():
            return False
        _, about = read_weights(weights)
        for key, what in (("settings", "with other settings"), ("data_hash", "on other data")):
            if about.get(key) != self.provenance[key]:
                raise StateError(
                    f"{weights}: trained {what}; --restart trains anew and replaces it, "
                    "or restore the settings of the study file"
                )
        if problem := self._defect(self.results):
            logger.info(f"{self.title}: {weights} is there, but not all that belongs to it: {problem}")
            return False
        logger.info(f"{self.title}: {weights} is complete; --restart trains it anew")
        return True

    def _is_restored(self) -> bool:
        if not self.kept.weights.exists():
            return False
        if problem := self._defect(self.kept):
            logger.info(f"{self.title}: what is kept of an earlier run is of no use: {problem}")
            return False
        put_in_place(self.kept, self.results)
        logger.info(f"{self.title}: had been finished; {self.results.weights} is in its place again")
        return True

    def _defect(self, results: Results) -> str | None:
        return defect(results, self.provenance) or missing_checkpoint(
            results.weights, self.checkpoints, self.provenance
        )

    def _path(self, pattern: str, **names: object) -> Path:
        return layout.path(pattern, self.study.name, model=self.model, seed=self.seed, **names)
