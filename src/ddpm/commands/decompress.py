"""Decode a file of `ddpm compress`, whole or as far as it goes, into PNG files."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from ddpm.errors import DDPMError

if TYPE_CHECKING:
    from ddpm.compression.codec import Decompressed
    from ddpm.compression.file_format import Header
    from ddpm.evaluation.model_job import ModelJob

logger = logging.getLogger("ddpm")

GROUP = "compress"
EXAMPLES = (
    "ddpm decompress digits.ddpm --output digits",
    "ddpm decompress digits.ddpm --output rough --bytes 12",
)
NEEDS_STUDY = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    from ddpm.device import add_device_arguments

    parser.add_argument("file", type=Path, help="a file of `ddpm compress`")
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FOLDER", help="where 000000.png, ... go"
    )
    parser.add_argument(
        "--study", type=Path, metavar="FILE", help="the study file; by default config/<the file's study>.yaml"
    )
    parser.add_argument(
        "--bytes", type=int, metavar="N", help="use the first N bytes of each image (progressive mode)"
    )
    parser.add_argument(
        "--steps", type=int, metavar="N", help="stop after N latents, x_T the first (progressive mode)"
    )
    add_device_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    """Writes the images that can be decoded, then raises if some cannot.

    Raises:
        CodeFileError: of the kind that `ddpm.compression.file_format` has for it.
    """
    from ddpm.device import prepare_device
    from ddpm.evaluation.code_files import decode, read_code_file, require_possible, require_sound
    from ddpm.evaluation.coding_job import open_codec
    from ddpm.sampling.png import png_paths, require_free, write_pngs

    name, most_bytes, steps = arguments.file, arguments.bytes, arguments.steps
    file = read_code_file(name)
    header = file.header
    require_possible(name, header, {"--bytes": (most_bytes, 0), "--steps": (steps, 1)})
    job = _job(header, arguments.study, prepare_device(arguments.device, arguments.threads))
    codec = open_codec(job, header.schedule, header.batch, header).codec
    paths = png_paths(arguments.output, range(len(header.checksums)))
    if paths:
        require_free(paths)
    found = decode(name, file, codec, most_bytes, steps)
    for path, image in zip(paths, found.images, strict=True):
        if image is not None:
            write_pngs([path], image[None])
    logger.info(_told(arguments.output, found))
    asked = most_bytes is not None or steps is not None
    kept = "lossy pictures are written" if header.mode == "progressive" else "none is written"
    require_sound(name, file, codec, found, asked=asked, kept=kept)


def _job(header: Header, study_file: Path | None, device: str) -> ModelJob:
    from ddpm.commands.arguments import model_job
    from ddpm.graph import layout
    from ddpm.graph.fingerprint import weights_fingerprint
    from ddpm.study import load_study

    if study_file is None and not layout.is_study_name(header.study):
        raise DDPMError(f"the file's study is named {header.study!r}; name its study file with --study")
    study = load_study(study_file or Path(layout.study_file(header.study)))
    named = argparse.Namespace(model=header.model, seed=header.seed, device=device)
    return model_job(study, named, weights_fingerprint)


def _told(folder: Path, found: Decompressed) -> str:
    exact = sum(found.lossless)
    rough = sum(image is not None for image in found.images) - exact
    return f"{folder}: {exact:,} images as they were, {rough:,} as far as the bits go"
