"""Draw one shard of a model's samples."""

from __future__ import annotations

import argparse
import logging
from typing import Any

from ddpm.commands.arguments import add_sample_arguments, require_model
from ddpm.commands.trained_model import open_trained_model
from ddpm.errors import StudyError
from ddpm.graph import layout
from ddpm.graph.fingerprint import sampling_fingerprint
from ddpm.records.files import require_writable
from ddpm.study import Study

logger = logging.getLogger("ddpm")

COMPUTES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    add_sample_arguments(parser)
    parser.add_argument("--shard", type=int, default=0, help="which shard, from 0")


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the shard; one without images if the model's training diverged."""
    model = require_model(study, arguments.model)
    if not 0 <= arguments.shard < study.sampling.shards:
        raise StudyError(
            f"--shard {arguments.shard}: {study.file} has shards 0 to {study.sampling.shards - 1}"
        )
    run = {"model": model, "seed": arguments.seed, "sampling": arguments.sampling}
    path = layout.path(layout.SAMPLES, study.name, **run, shard=arguments.shard)
    require_writable(path.parent)
    from ddpm.records.traced_files import write_arrays

    result = {"sampling_seed": arguments.sampling, "settings": sampling_fingerprint(study, model)}
    trained, provenance = open_trained_model(
        study, model, arguments.seed, arguments.device, study.sampling, result
    )
    if trained is None:
        write_arrays(path, _no_images(study, model), provenance)
        logger.info(f"sample {model} seed {arguments.seed}: none, training {provenance['status']}")
        return
    write_arrays(path, *_draw(study, model, arguments, trained, provenance))


def _draw(
    study: Study, model: str, arguments: argparse.Namespace, trained: Any, provenance: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    import numpy as np

    from ddpm.sampling.shards import draw_shard, shard_indices

    settings = study.sampling
    keep = _kept_steps(study, model) if study.keeps_progress(model) else []
    batches = shard_indices(arguments.shard, settings.batch_size, settings.batches_per_shard, settings.images)
    title = f"sample {model} seed {arguments.seed} shard {arguments.shard + 1}/{settings.shards}"
    samples = draw_shard(
        trained.process,
        trained.network,
        trained.network.image_shape,
        batches,
        settings.images,
        arguments.sampling,
        keep,
        title,
    )
    first = int(batches[0][0])
    arrays = {"images": samples.images, "index": np.arange(first, first + len(samples.images))}
    if samples.x_0_hat is not None:
        arrays |= {"x0_hat": samples.x_0_hat, "reverse_steps": samples.reverse_steps}
    return arrays, provenance | trained.network.provenance() | {"non_finite": samples.non_finite}


def _kept_steps(study: Study, model: str) -> list[int]:
    from ddpm.sampling.shards import progressive_steps

    return progressive_steps(study.model(model).diffusion.timesteps, study.sampling.progressive_columns)


def _no_images(study: Study, model: str) -> dict[str, Any]:
    import numpy as np

    shape = study.datasets[study.model(model).dataset].image_shape
    arrays = {"images": np.zeros((0, *shape), np.uint8), "index": np.zeros(0, np.int64)}
    if study.keeps_progress(model):
        steps = np.array(_kept_steps(study, model), dtype=np.int64)
        arrays |= {"x0_hat": np.zeros((len(steps), 0, *shape), np.uint8), "reverse_steps": steps}
    return arrays
