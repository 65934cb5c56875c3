"""Code test images with one code of a study, decode them, and measure bits, rate and distortion."""

from __future__ import annotations

import argparse
import functools
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from ddpm.commands.arguments import add_model_arguments, add_schedule_argument, model_job
from ddpm.errors import DivergedError
from ddpm.graph import layout
from ddpm.graph.fingerprint import coding_fingerprint
from ddpm.study import Study

if TYPE_CHECKING:
    import numpy as np

    from ddpm.evaluation.model_job import ModelJob

logger = logging.getLogger("ddpm")

GROUP = "compress"
EXAMPLES = ("ddpm coding config/demo.yaml --model epsilon_L_simple --schedule archive",)
COMPUTES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    add_model_arguments(parser)
    add_schedule_argument(parser)


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the rows: of the file, of its parts, of each latent, and of other formats."""
    name, settings = arguments.schedule, study.compression
    job = model_job(study, arguments, functools.partial(coding_fingerprint, schedule=name))
    path = job.output(layout.CODING_ROWS, schedule=name)
    pictures = job.output(layout.PICTURES, schedule=name)
    import numpy as np

    from ddpm.evaluation.coding import WATCHED, measured_code, yardstick_scores
    from ddpm.evaluation.coding_job import open_codec
    from ddpm.progress import Progress
    from ddpm.records.traced_files import write_arrays

    pixels = job.images("test")
    pixels = pixels[: settings.coded(len(pixels))]
    try:
        opened = open_codec(job, name, min(settings.batch_size, len(pixels)))
    except DivergedError as error:
        _write_none(job, path, pictures, pixels[:0])
        logger.info(f"coding {job.title} {name}: none: {error}")
        return
    timesteps, title = study.model(job.model).diffusion.timesteps, f"coding {job.title} {name}"
    calls = 2 * len(pixels) * len(opened.codec.code.schedule.times)
    with Progress(title, calls, "image-steps") as progress:
        found = measured_code(opened.codec, pixels, opened.names, progress.advance)
    about = {"status": opened.status, "weights_hash": opened.names.weights_hash}
    rows = job.rows([*found.scores, *yardstick_scores(pixels)], **about)
    for t, scores in zip(found.times, found.latents, strict=True):
        rows += job.rows(scores, reverse_steps=timesteps - t + 1, **about)
    arrays = {"pictures": found.pictures, "rates": found.rates, "t": np.array(found.times, np.int64)}
    arrays["originals"] = pixels[:WATCHED]
    write_arrays(pictures, arrays, opened.provenance | {"settings": job.settings})
    job.write_rows(path, rows)
    logger.info(
        f"{title}: {found.scores[0].value:.3f} bits/dim over {len(pixels):,} images, all as they were"
    )


def _write_none(job: ModelJob, path: Path, pictures: Path, pixels: np.ndarray) -> None:
    """What a model without a code has: no numbers, and no pictures."""
    import numpy as np

    from ddpm.evaluation.coding import no_code
    from ddpm.records.traced_files import read_provenance, write_arrays

    _, provenance = job.trained(job.study.likelihood)
    curve = job.path(layout.RATE_DISTORTION, split="train")
    status = str(read_provenance(curve).get("status", provenance["status"]))
    about = {"status": status, "weights_hash": provenance.get("weights_hash")}
    none = no_code(job.image_shape)
    arrays = {
        "pictures": none.pictures,
        "rates": none.rates,
        "t": np.array([], np.int64),
        "originals": pixels,
    }
    write_arrays(pictures, arrays, provenance | {"settings": job.settings, "status": status})
    job.write_rows(path, job.rows(none.scores, **about))
