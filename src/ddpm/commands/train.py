"""Train one model with one seed, from wherever its saved state stands."""

from __future__ import annotations

import argparse
import logging
from typing import TYPE_CHECKING, Any

from ddpm.commands.arguments import add_model_arguments, require_model, require_trained
from ddpm.errors import StudyError
from ddpm.provenance import git_commit, hardware
from ddpm.study import Study

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from ddpm.commands.training_job import TrainingJob
    from ddpm.training.checkpoints import Checkpoints
    from ddpm.training.loop import Training
    from ddpm.training.processes import Processes

logger = logging.getLogger("ddpm")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    add_model_arguments(parser)
    parser.add_argument(
        "--restart", action="store_true", help="train anew; a saved state is renamed, not deleted"
    )
    parser.add_argument(
        "--keep-finished",
        action="store_true",
        help="keep second names of the results beside the saved state; a later call puts them back should "
        "they be deleted (for the workflow, which removes them once it has noted the end)",
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
    from ddpm.commands.training_job import training_job
    from ddpm.training.alone import alone
    from ddpm.training.joining import joined, processes_of_torchrun, require_gpus, require_processes

    started = processes_of_torchrun()
    if started is not None and arguments.processes not in (1, started):
        raise StudyError(
            f"--processes {arguments.processes}: torchrun has started {started} processes; leave it out"
        )
    require_processes(study, model, started or arguments.processes, arguments.device)
    job = training_job(study, model, arguments.seed)
    if started is None and arguments.processes > 1:
        if arguments.device == "cuda":
            require_gpus(arguments.processes)
        if arguments.restart or not job.is_complete():
            _launch(job, arguments)
        return
    with joined(arguments.device) as processes, alone(job.results.weights.parent, job.title, processes):
        if processes.of_first(processes.first and job.is_left_to_do(arguments.restart)):
            _train(job, arguments, processes)


def _launch(job: TrainingJob, arguments: argparse.Namespace) -> None:
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
    if arguments.keep_finished:
        words.append("--keep-finished")
    logger.info(f"{job.title}: starting {arguments.processes} processes")
    launch(words, arguments.processes)


def _train(job: TrainingJob, arguments: argparse.Namespace, processes: Processes) -> None:
    from ddpm.training.finished import put_in_place, write_results

    training = _training(job.study, job.model, job.seed, arguments.device, processes)
    machine = hardware(arguments.device)
    provenance = job.provenance | {
        "study": job.study.name,
        "git_commit": git_commit(),
        "execution": str(training.execution),
        "hardware": machine if processes.count == 1 else f"{processes.count} processes, each: {machine}",
    }
    outcome = training.run(job.states, job.title, _checkpoints(job, provenance))
    if not processes.first:
        return
    training.save(job.states)
    provenance |= {"status": outcome.status, "updates": training.updates}
    digest = write_results(job.kept, outcome, provenance)
    put_in_place(job.kept, job.results)
    logger.info(f"{job.title}: {outcome.status}, weights {digest[:12]}")
    if arguments.keep_finished:
        job.states.clear_saved()
    else:
        job.states.clear()


def _training(study: Study, model: str, seed: int, device: str, processes: Processes) -> Training:
    from ddpm.data.store import open_images
    from ddpm.model import build_network, build_process
    from ddpm.training.loop import Training

    settings = study.model(model)
    images = open_images(study, settings.dataset, "train", device)
    network = build_network(study, model, seed).to(device)
    process = build_process(study, model).to(device)
    return Training(network, process, settings.diffusion.loss, settings.training, images, seed, processes)


def _checkpoints(job: TrainingJob, provenance: dict[str, Any]) -> Checkpoints:
    from ddpm.network.weights import TRAINED, save_weights
    from ddpm.training.checkpoints import Checkpoints

    places = job.checkpoints

    def keep(step: int, average: Mapping[str, Tensor]) -> None:
        save_weights(places[step], average, provenance | {"status": TRAINED, "updates": step})
        logger.info("wrote %s", places[step])

    return Checkpoints(places, keep)
