"""Run the chains that one of figures 2, 7, 8 and 9 shows."""

from __future__ import annotations

import argparse
import logging
from typing import Any

import numpy as np

from ddpm.artefacts.figures.figure2 import TrajectorySettings
from ddpm.artefacts.figures.figure7 import SharedLatentsSettings
from ddpm.artefacts.figures.interpolation import InterpolationSettings
from ddpm.commands.trained_model import open_trained_model
from ddpm.errors import DataError, StudyError
from ddpm.graph import layout
from ddpm.graph.fingerprint import chain_fingerprint
from ddpm.records.files import require_writable
from ddpm.study import Study

logger = logging.getLogger("ddpm")

COMPUTES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    parser.add_argument("figure", choices=["figure2", "figure7", "figure8", "figure9"])


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the figure's arrays; none if the model's training diverged."""
    figure = arguments.figure
    if figure not in study.artefacts.chosen:
        raise StudyError(f"{study.file}: artefacts.{figure} is not set; add it to build this figure")
    model = study.artefacts.models_of(figure)[0]
    seed = study.model(model).seeds[0]
    path = layout.path(layout.CHAINS, study.name, figure=figure)
    require_writable(path.parent)
    from ddpm.records.traced_files import write_arrays

    sampling = study.sampling_seeds(model)[0]
    result = {"sampling_seed": sampling, "settings": chain_fingerprint(study, figure)}
    trained, provenance = open_trained_model(study, model, seed, arguments.device, study.sampling, result)
    if trained is None:
        write_arrays(path, _no_chains(study, model, figure), provenance)
        logger.info(f"chain {figure}: none, training of {model} {provenance['status']}")
        return
    arrays = _chains(study, model, figure, trained)
    write_arrays(path, arrays, provenance | trained.network.provenance())
    logger.info(f"chain {figure}: done")


def _chains(study: Study, model: str, figure: str, trained: Any) -> dict[str, np.ndarray]:
    from ddpm.sampling import chains

    settings, seed = study.artefacts.chosen[figure], study.sampling_seeds(model)[0]
    process, network, shape = trained.process, trained.network, trained.network.image_shape
    if isinstance(settings, TrajectorySettings):
        return chains.trajectory(process, network, shape, settings.t, seed)
    if isinstance(settings, SharedLatentsSettings):
        return chains.shared_latents(process, network, shape, settings.t, settings.samples, seed)
    assert isinstance(settings, InterpolationSettings)
    sources = _sources(study, model, figure, settings, process.beta.device)
    arrays = chains.interpolations(
        process, network, sources, settings.steps, settings.share_noise, seed, f"chain {figure}"
    )
    return {"pairs": np.array(settings.pairs, dtype=np.int64)} | arrays


def _sources(study: Study, model: str, figure: str, settings: InterpolationSettings, device: Any) -> Any:
    import torch

    from ddpm.data.store import open_images

    images = open_images(study, study.model(model).dataset, "test", device)
    largest = max(max(pair) for pair in settings.pairs)
    if largest >= len(images):
        raise DataError(
            f"{study.file}: artefacts.{figure}.pairs: there is no test image {largest}, "
            f"only 0 to {len(images) - 1}"
        )
    return images.rows(torch.tensor(settings.pairs))


def _no_chains(study: Study, model: str, figure: str) -> dict[str, np.ndarray]:
    """Arrays of the figure's layout with no panels."""
    shape = study.datasets[study.model(model).dataset].image_shape
    none, count = np.zeros((0, *shape), np.uint8), np.zeros(0, np.int64)
    if figure == "figure2":
        return {"t": np.array(0), "x_T": none, "x_t": none, "x_t_minus_1": none, "x_0": none}
    if figure == "figure7":
        return {"t": count, "latents": none, "samples": none[:, None]}
    return {
        "pairs": np.zeros((0, 2), np.int64),
        "steps": count,
        "lambdas": np.linspace(0, 1, 11),
        "sources": none[:, None],
        "interpolations": none[:, None, None],
    }
