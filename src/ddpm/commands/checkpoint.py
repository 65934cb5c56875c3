"""Measure the FID of the averaged weights of one step of a training run."""

from __future__ import annotations

import argparse

from ddpm.commands.arguments import add_model_arguments, require_model, require_trained
from ddpm.errors import StudyError
from ddpm.graph import layout
from ddpm.records.files import require_writable
from ddpm.study import Study

COMPUTES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    add_model_arguments(parser)
    parser.add_argument("--step", type=int, required=True, help="a step of `checkpoints.steps`, or the last")


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the checkpoint's rows."""
    model, step = require_model(study, arguments.model), arguments.step
    require_trained(study, model)
    candidates = study.model(model).candidates
    if step not in candidates:
        known = ", ".join(map(str, candidates))
        raise StudyError(f"{study.file}: {model} keeps no weights of step {step}, only of {known}")
    path = layout.path(layout.CHECKPOINT_ROWS, study.name, model=model, seed=arguments.seed, step=step)
    require_writable(path.parent)
    from ddpm.evaluation.checkpoints import measure_checkpoint
    from ddpm.records.measurements import write_measurements

    write_measurements(path, measure_checkpoint(study, model, arguments.seed, step, arguments.device))
