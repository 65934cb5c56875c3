"""What training ends with: whether its files are whole and fit together, and where they are safe.

Snakemake deletes the outputs of a job that failed, or whose end it did not see. So the results of training
are written into the folder of the resumable state, which is no output, and the outputs are second names of
them. A trainer that finds such kept results puts them back into their places.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ddpm.errors import DDPMError
from ddpm.files import link_or_copy, output_error
from ddpm.network.weights import TRAINED, read_weights, save_weights
from ddpm.traced_files import read_frame, read_provenance, write_frame

if TYPE_CHECKING:
    from ddpm.training.loop import Outcome


@dataclasses.dataclass(frozen=True)
class Results:
    """The two files that training ends with.

    Attributes:
        weights: the averaged weights, safetensors; empty if training diverged.
        curve: the training curve, Parquet; it carries the hash of the weights.
    """

    weights: Path
    curve: Path

    def kept_in(self, folder: Path) -> Results:
        """The same files in another folder."""
        return Results(folder / self.weights.name, folder / self.curve.name)


def write_results(results: Results, outcome: Outcome, provenance: Mapping[str, Any]) -> str:
    """Writes both files, each atomically; returns the weights' hash.

    Raises:
        OutputError: one cannot be written.
    """
    digest = save_weights(results.weights, outcome.average, provenance)
    write_frame(results.curve, outcome.curve.frame(), dict(provenance) | {"weights_hash": digest})
    return digest


def put_in_place(kept: Results, places: Results) -> None:
    """Makes the outputs second names of what is kept, and as new as if they had been written now.

    Raises:
        OutputError: one cannot be made.
    """
    for source, path in ((kept.weights, places.weights), (kept.curve, places.curve)):
        link_or_copy(source, path)
        try:
            os.utime(path)
        except OSError as error:
            raise output_error(path, error) from error


def defect(results: Results, run: Mapping[str, Any]) -> str | None:
    """Why these are not the whole results of a run; None if they are.

    Args:
        results: weights and curve.
        run: what their provenance must say: settings, data_hash, model, training_seed.
    """
    try:
        _, about = read_weights(results.weights)
        if other := _other(about, run):
            return f"{results.weights}: of another run ({other})"
        # The whole curve, for its checksums.
        read_frame(results.curve)
        if read_provenance(results.curve).get("weights_hash") != about["weights_hash"]:
            return f"{results.curve}: the curve of other weights than {results.weights}"
    except (DDPMError, ValueError, KeyError) as error:
        return str(error)
    return None


def missing_checkpoint(weights: Path, checkpoints: Mapping[int, Path], run: Mapping[str, Any]) -> str | None:
    """Which checkpoint that the run has come to is not there whole, and why; None if all are.

    Args:
        weights: the run's whole weights; a run that diverged has no checkpoints of later steps.
        checkpoints: file of each step at which the study keeps weights.
        run: as in `defect`.
    """
    if not checkpoints:
        return None
    updates = int(read_weights(weights)[1]["updates"])
    for step, path in checkpoints.items():
        if step > updates:
            continue
        try:
            about = read_weights(path)[1]
        except DDPMError as error:
            return str(error)
        if other := _other(about, {**run, "updates": step, "status": TRAINED}):
            return f"{path}: of another run ({other})"
    return None


def _other(about: Mapping[str, Any], run: Mapping[str, Any]) -> str:
    """Names of what differs."""
    return ", ".join(key for key, value in run.items() if about.get(key) != value)
