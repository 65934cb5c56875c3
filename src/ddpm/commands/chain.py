"""Run the reverse processes (chains) that one of figures 2, 7, 8 and 9 shows."""

from __future__ import annotations

import argparse
import logging
from typing import TYPE_CHECKING

import numpy as np

from ddpm.artefacts.figures.figure2 import TrajectorySettings
from ddpm.artefacts.figures.figure7 import SharedLatentsSettings
from ddpm.artefacts.figures.interpolation import InterpolationSettings
from ddpm.errors import DataError, StudyError
from ddpm.evaluation.model_job import ModelJob, figure_job
from ddpm.graph import layout
from ddpm.graph.fingerprint import chain_fingerprint
from ddpm.study import Study

if TYPE_CHECKING:
    from ddpm.model import TrainedModel

logger = logging.getLogger("ddpm")

GROUP = "sample"
EXAMPLES = ("ddpm chain config/demo.yaml figure7",)
COMPUTES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    parser.add_argument(
        "figure", choices=["figure2", "figure7", "figure8", "figure9"], help="the figure, if the study has it"
    )


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the figure's arrays; none if the model's training diverged."""
    figure = arguments.figure
    if figure not in study.artefacts.chosen:
        raise StudyError(f"{study.file}: artefacts.{figure} is not set; add it to build this figure")
    job = figure_job(study, figure, chain_fingerprint, arguments.device)
    path = job.output(layout.CHAINS, figure=figure)
    from ddpm.records.traced_files import write_arrays
    from ddpm.sampling.chains import no_chains

    trained, provenance = job.trained(study.sampling_of(job.model), sampling_seed=job.sampling)
    if trained is None:
        write_arrays(path, no_chains(figure, job.image_shape), provenance)
        logger.info(f"chain {figure}: none, training of {job.model} {provenance['status']}")
        return
    arrays = _chains(job, figure, trained)
    write_arrays(path, arrays, provenance | trained.network.provenance())
    logger.info(f"chain {figure}: done")


def _chains(job: ModelJob, figure: str, trained: TrainedModel) -> dict[str, np.ndarray]:
    import torch

    from ddpm.data.store import open_images
    from ddpm.sampling import chains

    study, seed = job.study, job.study.sampling_seeds(job.model)[0]
    settings = study.artefacts.chosen[figure]
    diffusion, network, shape = trained.diffusion, trained.network, job.image_shape
    if isinstance(settings, TrajectorySettings):
        return chains.trajectory(diffusion, network, shape, settings.t, seed)
    if isinstance(settings, SharedLatentsSettings):
        return chains.shared_latents(diffusion, network, shape, settings.t, settings.samples, seed)
    assert isinstance(settings, InterpolationSettings)
    images = open_images(study, job.dataset, settings.split, job.device)
    largest = max(max(pair) for pair in settings.pairs)
    if largest >= len(images):
        raise DataError(
            f"{study.file}: artefacts.{figure}.pairs: there is no {settings.split} image {largest}, "
            f"only 0 to {len(images) - 1}"
        )
    sources, steps = images.rows(torch.tensor(settings.pairs)), settings.steps
    arrays = chains.interpolations(
        diffusion, network, sources, steps, settings.share_noise, seed, f"chain {figure}"
    )
    return {"pairs": np.array(settings.pairs, dtype=np.int64)} | arrays
