"""Train one model with one seed, from wherever its saved state stands."""

from __future__ import annotations

import argparse
import dataclasses
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ddpm.commands.arguments import add_model_arguments, require_model, require_trained
from ddpm.errors import StateError, StudyError
from ddpm.files import require_writable
from ddpm.provenance import git_commit, hardware
from ddpm.study import Study, layout
from ddpm.study.fingerprint import training_fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from ddpm.training.checkpoints import Checkpoints
    from ddpm.training.loop import Outcome, Training
    from ddpm.training.processes import Processes
    from ddpm.training.state import StateFolder

logger = logging.getLogger("ddpm")


@dataclasses.dataclass(frozen=True)
class _Job:
    """One training run of a study, its fingerprints and its places."""

    study: Study
    model: str
    seed: int
    fingerprint: str
    data_hash: str
    states: StateFolder

    @property
    def names(self) -> dict[str, Any]:
        return {"model": self.model, "seed": self.seed}

    @property
    def title(self) -> str:
        return f"train {self.model} seed {self.seed}"

    @property
    def weights(self) -> Path:
        return layout.path(layout.WEIGHTS, self.study.name, **self.names)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    add_model_arguments(parser)
    parser.add_argument(
        "--restart", action="store_true", help="train anew; a saved state is renamed, not deleted"
    )
    parser.add_argument(
        "--processes",
        type=_processes,
        default=1,
        help="processes on this machine that train together, one for each GPU (default 1); under torchrun "
        "leave it out",
    )


def _processes(word: str) -> int:
    if (number := int(word)) < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Trains, or continues training, and writes the averaged weights and the training curve."""
    model = require_model(study, arguments.model)
    require_trained(study, model)
    from ddpm.training.joining import joined, processes_of_torchrun, require_gpus, require_processes

    started = processes_of_torchrun()
    if started is not None and arguments.processes not in (1, started):
        raise StudyError(
            f"--processes {arguments.processes}: torchrun has started {started} processes; leave it out"
        )
    require_processes(study, model, started or arguments.processes, arguments.device)
    job = _job(study, model, arguments.seed)
    if started is None and arguments.processes > 1:
        if arguments.device == "cuda":
            require_gpus(arguments.processes)
        if _to_be_trained(job, arguments.restart):
            _launch(job, arguments)
        return
    with joined(arguments.device) as processes:
        if processes.of_first(processes.first and _to_be_trained(job, arguments.restart)):
            _train(job, arguments.device, processes)


def _job(study: Study, model: str, seed: int) -> _Job:
    from ddpm.data.store import read_manifest
    from ddpm.training.state import StateFolder

    data_hash = read_manifest(study, study.model(model).dataset)["data_hash"]
    fingerprint = training_fingerprint(study, model)
    folder = layout.path(layout.STATE, study.name, model=model, seed=seed)
    states = StateFolder(folder, f"{fingerprint}-{data_hash[:12]}")
    return _Job(study, model, seed, fingerprint, data_hash, states)


def _to_be_trained(job: _Job, restart: bool) -> bool:
    """False if the weights are there already. Sets a saved state aside if training is to start anew."""
    require_writable(job.weights.parent)
    if restart:
        if (place := job.states.set_aside()) is not None:
            logger.info(f"{job.title}: the saved state now lies in {place}")
    elif job.weights.exists():
        _check_finished(job.weights, job.fingerprint)
        logger.info(f"{job.title}: {job.weights} is complete; --restart trains it anew")
        return False
    return True


def _launch(job: _Job, arguments: argparse.Namespace) -> None:
    """Has the processes run this verb with the same arguments."""
    from ddpm.training.launch import launch

    words = ["train", str(arguments.study), "--model", job.model, "--seed", str(job.seed)]
    words += ["--device", arguments.device]
    if arguments.log is not None:
        words += ["--log", str(arguments.log)]
    if arguments.threads is not None:
        words += ["--threads", str(arguments.threads)]
    if arguments.restart:
        words.append("--restart")
    logger.info(f"{job.title}: starting {arguments.processes} processes")
    launch(words, arguments.processes)


def _train(job: _Job, device: str, processes: Processes) -> None:
    training = _training(job.study, job.model, job.seed, device, processes)
    machine = hardware(device)
    provenance = {
        "study": job.study.name,
        "model": job.model,
        "training_seed": job.seed,
        "settings": job.fingerprint,
        "git_commit": git_commit(),
        "data_hash": job.data_hash,
        "hardware": machine if processes.count == 1 else f"{processes.count} processes, each: {machine}",
    }
    outcome = training.run(job.states, job.title, _checkpoints(job.study, job.names, provenance))
    if processes.first:
        training.save(job.states)
        end = {"status": outcome.status, "updates": training.updates}
        _write(job.study, job.names, outcome, provenance | end)
        job.states.clear()


def _training(study: Study, model: str, seed: int, device: str, processes: Processes) -> Training:
    import torch

    from ddpm.data.store import read_images
    from ddpm.model import build_network, build_process
    from ddpm.training.loop import Training

    settings = study.model(model)
    images = torch.from_numpy(read_images(study, settings.dataset, "train")).to(device)
    network = build_network(study, model, seed).to(device)
    process = build_process(study, model).to(device)
    return Training(network, process, settings.diffusion.loss, settings.training, images, seed, processes)


def _checkpoints(study: Study, names: dict[str, Any], provenance: dict[str, Any]) -> Checkpoints:
    from ddpm.network.weights import TRAINED, save_weights
    from ddpm.training.checkpoints import Checkpoints

    def keep(step: int, average: Mapping[str, Tensor]) -> None:
        path = layout.path(layout.CHECKPOINT, study.name, **names, step=step)
        save_weights(path, average, provenance | {"status": TRAINED, "updates": step})
        logger.info("wrote %s", path)

    return Checkpoints(study.model(names["model"]).checkpoints.steps, keep)


def _check_finished(weights: Any, fingerprint: str) -> None:
    from ddpm.network.weights import read_weights

    _, provenance = read_weights(weights)
    if provenance.get("settings") != fingerprint:
        raise StateError(
            f"{weights}: trained with other settings; --restart trains anew and replaces it, "
            "or restore the settings of the study file"
        )


def _write(study: Study, names: dict[str, Any], outcome: Outcome, provenance: dict[str, Any]) -> None:
    from ddpm.network.weights import save_weights
    from ddpm.traced_files import write_frame

    digest = save_weights(layout.path(layout.WEIGHTS, study.name, **names), outcome.average, provenance)
    curve = layout.path(layout.CURVE, study.name, **names)
    write_frame(curve, outcome.curve.frame(), provenance | {"weights_hash": digest})
    logger.info(f"train {names['model']} seed {names['seed']}: {outcome.status}, weights {digest[:12]}")
