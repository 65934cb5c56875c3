"""Train one model with one seed, from wherever its saved state stands."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ddpm.commands.arguments import add_model_arguments, require_model, require_trained
from ddpm.errors import StudyError
from ddpm.graph import layout
from ddpm.records.provenance import git_commit, hardware
from ddpm.study import Study
from ddpm.study.carried import carried_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from ddpm.training.checkpoints import Checkpoints
    from ddpm.training.curve import Curve
    from ddpm.training.loop import Training
    from ddpm.training.ranks import Ranks
    from ddpm.training.run import TrainingRun

logger = logging.getLogger("ddpm")

GROUP = "train"
EXAMPLES = (
    "ddpm train config/demo.yaml --model epsilon_L_simple --seed 1",
    "ddpm train config/demo.yaml --model epsilon_L_simple --tensorboard runs",
)
COMPUTES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    add_model_arguments(parser)
    parser.add_argument(
        "--restart",
        action="store_true",
        help="train anew from step 0; what is there is set aside, not deleted",
    )
    parser.add_argument(
        "--processes",
        type=_processes,
        default=1,
        help="processes on this machine that train together, one for each GPU (default 1); under torchrun "
        "leave it out",
    )
    parser.add_argument(
        "--tensorboard",
        type=Path,
        metavar="FOLDER",
        help="also write the curve as TensorBoard's files into FOLDER/<study>/<model>.seed<seed> (needs the "
        "package tensorboard; default: not written)",
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
    from ddpm.training.one_trainer import one_trainer
    from ddpm.training.run import training_run
    from ddpm.training.tensorboard import require_tensorboard

    started = processes_of_torchrun()
    if started is not None and arguments.processes not in (1, started):
        raise StudyError(
            f"--processes {arguments.processes}: torchrun has started {started} processes; leave it out"
        )
    require_processes(study, model, started or arguments.processes, arguments.device)
    this = training_run(study, model, arguments.seed)
    if arguments.tensorboard is not None:
        require_tensorboard(arguments.tensorboard)
    if started is None and arguments.processes > 1 and (arguments.restart or not this.is_complete()):
        if arguments.device == "cuda":
            require_gpus(arguments.processes)
        _launch(this, arguments)
        return
    lock = layout.path(layout.TRAINING_LOCK, study.name, model=model, seed=arguments.seed)
    with joined(arguments.device) as ranks, one_trainer(lock, this.title, ranks):
        if ranks.of_first(ranks.first and this.open(arguments.restart)):
            _train(this, arguments, ranks)
        if ranks.first:
            logger.info(f"{this.title}: wrote {this.write_receipt()}")
            logger.info(f"{this.title}: {this.outcome()}")


def _launch(this: TrainingRun, arguments: argparse.Namespace) -> None:
    """Has the processes run this verb with the same arguments."""
    from ddpm.training.launch import launch

    words = ["train", str(arguments.study), "--model", this.model, "--seed", str(this.seed)]
    words += ["--device", arguments.device]
    if arguments.log is not None:
        words += ["--log", str(arguments.log)]
    if arguments.threads is not None:
        words += ["--threads", str(arguments.threads)]
    if arguments.tensorboard is not None:
        words += ["--tensorboard", str(arguments.tensorboard)]
    if arguments.quiet:
        words.append("--quiet")
    if arguments.debug:
        words.append("--debug")
    if arguments.restart:
        words.append("--restart")
    logger.info(f"{this.title}: starting {arguments.processes} processes")
    launch(words, arguments.processes)


def _train(this: TrainingRun, arguments: argparse.Namespace, ranks: Ranks) -> None:
    from ddpm.training.history import History

    training = _training(this.study, this.model, this.seed, arguments.device, ranks)
    machine = hardware(arguments.device)
    provenance = this.provenance | {
        "study": this.study.name,
        "study_files": this.study.files,
        "git_commit": git_commit(*this.study.files),
        "execution": str(training.execution),
        "hardware": machine if ranks.count == 1 else f"{ranks.count} processes, each: {machine}",
    }
    watch = _watch(this, arguments.tensorboard) if ranks.first else None
    history = History(this.history, provenance["hardware"])
    outcome = training.run(this.states, this.title, _checkpoints(this, provenance), watch, history)
    if not ranks.first:
        return
    # First, so that whatever is lost of the results can be written again.
    training.save(this.states)
    this.write_results(outcome, provenance | {"status": outcome.status, "updates": training.updates})


def _watch(this: TrainingRun, folder: Path | None) -> Callable[[Curve], None] | None:
    if folder is None:
        return None
    from ddpm.training.tensorboard import tensorboard_watch

    return tensorboard_watch(folder / this.study.name / f"{this.model}.seed{this.seed}")


def _training(study: Study, model: str, seed: int, device: str, ranks: Ranks) -> Training:
    from ddpm.data.store import open_images
    from ddpm.model import build_diffusion, build_network
    from ddpm.training.loop import Training

    settings = study.model(model)
    images = open_images(study, settings.dataset, "train", device)
    network = build_network(study, model, seed).to(device)
    diffusion = build_diffusion(study, model).to(device)
    return Training(network, diffusion, settings.diffusion.loss, settings.training, images, seed, ranks)


def _checkpoints(this: TrainingRun, provenance: dict[str, Any]) -> Checkpoints:
    from ddpm.network.weights import TRAINED, save_weights
    from ddpm.training.checkpoints import Checkpoints

    places = this.checkpoints
    about = provenance | carried_settings(this.study, this.model)

    def keep(step: int, average: Mapping[str, Tensor]) -> None:
        save_weights(places[step], average, about | {"status": TRAINED, "updates": step})
        logger.info("wrote %s", places[step])

    return Checkpoints(places, keep)
