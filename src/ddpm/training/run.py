"""One training run of a study: its folder, what is left to do of it, and the receipt that it ends with.

Snakemake knows the receipt alone, a small file. Weights, curve, checkpoints and states are no outputs:
nothing but this module moves them, and nothing deletes them. A run of other settings that lies in the folder
is set aside under the name of its settings, and comes back when they do.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ddpm.data.store import read_manifest
from ddpm.errors import DDPMError, StateError
from ddpm.graph import layout
from ddpm.graph.fingerprint import continued_fingerprint, training_fingerprint
from ddpm.network.weights import TRAINED, read_weights, save_weights
from ddpm.records.files import link_or_copy, require_writable, write_text
from ddpm.records.traced_files import read_frame, read_provenance, write_frame
from ddpm.study import Study
from ddpm.study.carried import carried_settings
from ddpm.training.earlier import (
    DESCRIPTION,
    UNKNOWN,
    read_description,
    set_aside,
    shorter_run,
    weights_of,
)
from ddpm.training.state import StateFolder

if TYPE_CHECKING:
    from ddpm.training.loop import Outcome

logger = logging.getLogger("ddpm")


def training_run(study: Study, model: str, seed: int) -> TrainingRun:
    """The training run of a model with a seed.

    Raises:
        DataError: the manifest of its data set is missing or damaged.
    """
    data_hash = read_manifest(study, study.model(model).dataset)["data_hash"]
    return TrainingRun(study, model, seed, data_hash)


@dataclasses.dataclass(frozen=True)
class TrainingRun:
    """A training run.

    Attributes:
        study: the study.
        model: a key of `models`.
        seed: the training seed.
        data_hash: of the data set.
    """

    study: Study
    model: str
    seed: int
    data_hash: str

    @property
    def title(self) -> str:
        """For messages."""
        return f"train {self.model} seed {self.seed}"

    @functools.cached_property
    def provenance(self) -> dict[str, Any]:
        """What the results say of themselves, and those of other runs do not."""
        settings = training_fingerprint(self.study, self.model)
        run = {"model": self.model, "training_seed": self.seed}
        return run | {"settings": settings, "data_hash": self.data_hash}

    @functools.cached_property
    def description(self) -> dict[str, str]:
        """Whose files lie in the folder.

        `run` names settings and data; `continued` is the same for runs that differ in the number of steps
        alone.
        """
        data = self.data_hash[:12]
        continued = continued_fingerprint(self.study, self.model)
        return {"run": f"{self.provenance['settings']}-{data}", "continued": f"{continued}-{data}"}

    @functools.cached_property
    def folder(self) -> Path:
        """Where its files lie."""
        return self._path(layout.RUN)

    @functools.cached_property
    def weights(self) -> Path:
        """The averaged weights of the last step; empty if training diverged."""
        return self._path(layout.WEIGHTS)

    @functools.cached_property
    def curve(self) -> Path:
        """The training curve; it carries the hash of the weights."""
        return self._path(layout.CURVE)

    @functools.cached_property
    def checkpoints(self) -> dict[int, Path]:
        """The file of each step at which the study keeps weights."""
        steps = self.study.model(self.model).checkpoints.steps
        return {step: self._path(layout.CHECKPOINT, step=step) for step in steps}

    @functools.cached_property
    def history(self) -> Path:
        """When and where its attempts began and ended, and why."""
        return self._path(layout.TRAINING_HISTORY)

    @functools.cached_property
    def states(self) -> StateFolder:
        """The resumable states, the last one included."""
        return StateFolder(self._path(layout.STATE), self.description["continued"])

    def open(self, restart: bool = False) -> bool:
        """Makes the folder this run's; whether there is something left to train or to write.

        Args:
            restart: train in any case, and from the start.

        Raises:
            StateError: something is damaged or missing that only training anew could bring.
            OutputError: the folder cannot be written.
        """
        require_writable(self.folder.parent)
        found = read_description(self.folder)
        if restart:
            self._set_aside(f"{self.description['run']}.restarted")
        elif found.get("run") != self.description["run"]:
            self._set_aside(found.get("run", UNKNOWN))
            self._take_back()
        if read_description(self.folder) != self.description:
            write_text(self.folder / DESCRIPTION, json.dumps(self.description, indent=1) + "\n")
        if self.is_complete():
            return False
        if problem := self._lost():
            raise StateError(
                f"{problem}\nBring the file back (`dvc checkout`, a copy); or change "
                f"models.{self.model}.checkpoints in {self.study.file}, if it asks for a step that was not "
                f"kept; or train anew: `ddpm train {self.study.file} --model {self.model} --seed {self.seed} "
                "--restart` (what is there is set aside, not deleted)"
            )
        return True

    def is_complete(self) -> bool:
        """Whether weights, curve and checkpoints of this run are in their places; says what they lack."""
        if read_description(self.folder) != self.description or not os.path.lexists(self.weights):
            return False
        if problem := self._defect():
            logger.info(f"{self.title}: {self.weights} is there, but not all that belongs to it: {problem}")
            return False
        logger.info(f"{self.title}: {self.weights} is complete; --restart trains it anew")
        return True

    def _lost(self) -> str | None:
        """What the saved state cannot bring back: the weights, or a checkpoint it has passed; or None."""
        state = self.states.load()
        if state is not None:
            return self._missing_checkpoint(state.updates)
        return self._defect() if os.path.lexists(self.weights) else None

    def write_results(self, outcome: Outcome, provenance: Mapping[str, Any]) -> str:
        """Writes weights and curve, each atomically; returns the weights' hash.

        Raises:
            OutputError: one cannot be written.
        """
        carried = carried_settings(self.study, self.model)
        digest = save_weights(self.weights, outcome.average, {**provenance, **carried})
        write_frame(self.curve, outcome.curve.frame(), dict(provenance) | {"weights_hash": digest})
        self.states.keep_latest()
        return digest

    def write_receipt(self) -> Path:
        """Writes what the workflow waits for: run, settings, how it ended, and the hashes of all weights.

        The same run gives the same bytes.
        """
        _, about = read_weights(self.weights)
        kept = {step: path for step, path in self.checkpoints.items() if step <= int(about["updates"])}
        receipt = {"study": self.study.name, **self.provenance}
        receipt |= {key: about[key] for key in ("status", "updates", "weights_hash")}
        receipt["checkpoints"] = {step: read_weights(path)[1]["weights_hash"] for step, path in kept.items()}
        path = self._path(layout.RECEIPT)
        write_text(path, json.dumps(receipt, indent=1) + "\n")
        return path

    def outcome(self) -> str:
        """How the run ended, in words: status, steps, the last loss of the curve, and the weights."""
        about, curve = read_weights(self.weights)[1], read_frame(self.curve)
        if about["status"] != TRAINED:
            return str(about["status"])
        loss = f", loss {curve['loss'].iloc[-1]:.4g}" if len(curve) else ""
        steps = f"{int(about['updates']):,} steps"
        return f"{about['status']}, {steps}{loss}, weights {about['weights_hash'][:12]}"

    def _set_aside(self, name: str) -> None:
        if (place := set_aside(self.folder, self._path(layout.EARLIER) / name)) is not None:
            logger.info(
                f"{self.title}: a run of other settings or data, or an earlier one, now lies in {place}"
            )

    def _take_back(self) -> None:
        """Brings back the run of these settings, or the state it continues from, if one was set aside."""
        earlier = self._path(layout.EARLIER)
        if (same := earlier / self.description["run"]).exists():
            same.rename(self.folder)
            logger.info(f"{self.title}: {same} is in its place again")
            return
        steps = self.study.model(self.model).training.steps
        found = shorter_run(earlier, self.description["continued"], steps, self.checkpoints)
        if found is not None:
            self._continue_from(found.place)
            logger.info(
                f"{self.title}: continues from step {found.updates:,} of {found.place}, which has fewer steps"
            )

    def _continue_from(self, place: Path) -> None:
        """Takes over state and checkpoints of a run of fewer steps, which stays where it is."""
        for state in (place / "state").glob("*.safetensors"):
            link_or_copy(state, self.folder / "state" / state.name)
        for step, path in self.checkpoints.items():
            if (source := weights_of(place, step)) is not None:
                tensors, about = read_weights(source)
                carried = carried_settings(self.study, self.model)
                save_weights(path, tensors, about | self.provenance | carried)

    def _defect(self) -> str | None:
        """Why weights, curve and checkpoints are not the whole results of this run; None if they are."""
        try:
            about = self._checked(self.weights)
            # The whole curve, for its checksums.
            read_frame(self.curve)
            if read_provenance(self.curve).get("weights_hash") != about["weights_hash"]:
                return f"{self.curve}: the curve of other weights than {self.weights}"
        except (DDPMError, ValueError, KeyError) as error:
            return str(error)
        return self._missing_checkpoint(int(about["updates"]))

    def _missing_checkpoint(self, updates: int) -> str | None:
        """Which checkpoint that the run has come to is not there whole, and why; None if all are."""
        for step, path in self.checkpoints.items():
            try:
                if step <= updates:
                    self._checked(path, updates=step, status=TRAINED)
            except DDPMError as error:
                return str(error)
        return None

    def _checked(self, path: Path, **more: object) -> dict[str, Any]:
        """The provenance of a weights file of this run; raises StateError for another's."""
        about = read_weights(path)[1]
        if other := [key for key, value in (self.provenance | more).items() if about.get(key) != value]:
            raise StateError(f"{path}: of another run ({', '.join(other)})")
        return about

    def _path(self, pattern: str, **names: object) -> Path:
        return layout.path(pattern, self.study.name, model=self.model, seed=self.seed, **names)
