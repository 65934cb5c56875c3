"""Decode a file of `ddpm compress`, whole or as far as it goes, into PNG files."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from ddpm.errors import DDPMError

if TYPE_CHECKING:
    from ddpm.compression.codec import Decompressed
    from ddpm.compression.file_format import CodeFile
    from ddpm.evaluation.model_job import ModelJob

logger = logging.getLogger("ddpm")

GROUP = "compress"
EXAMPLES = (
    "ddpm decompress digits.ddpm --output digits",
    "ddpm decompress digits.ddpm --output rough --bytes 12",
)
NEEDS_STUDY = False
_NAMED = 5  # images that a message lists


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
    from ddpm.compression.codec import conditions
    from ddpm.compression.file_format import read
    from ddpm.device import prepare_device
    from ddpm.evaluation.coding_job import open_codec
    from ddpm.progress import Progress
    from ddpm.records.reading import require_readable
    from ddpm.sampling.png import png_paths, require_free, write_pngs

    require_readable(arguments.file, DDPMError, "no such file; name one of `ddpm compress`")
    file = read(arguments.file.read_bytes(), str(arguments.file))
    _require_progressive(file, arguments)
    device = prepare_device(arguments.device, arguments.threads)
    job = _job(file, arguments.study, device)
    codec = open_codec(job, file.header.schedule, file.header.batch, file.header).codec
    paths = png_paths(arguments.output, range(len(file.header.checksums)))
    if paths:
        require_free(paths)
    calls = len(paths) * len(codec.code.schedule.times[: arguments.steps])
    with Progress(f"decompress {arguments.file}", calls, "image-steps") as progress:
        found = codec.decompress(
            file, most_bytes=arguments.bytes, steps=arguments.steps, told=progress.advance
        )
    for path, image in zip(paths, found.images, strict=True):
        if image is not None:
            write_pngs([path], image[None])
    logger.info(_told(arguments.output, found))
    asked = arguments.bytes is not None or arguments.steps is not None
    _require_sound(file, found, conditions(device), asked=asked, path=arguments.file)


def _require_progressive(file: CodeFile, arguments: argparse.Namespace) -> None:
    for name in ("bytes", "steps"):
        value = getattr(arguments, name)
        if value is not None and file.header.mode != "progressive":
            raise DDPMError(f"--{name}: {arguments.file} is an archive, which is decoded whole or not at all")
        if value is not None and value < (1 if name == "steps" else 0):
            raise DDPMError(f"--{name} {value}: must be {1 if name == 'steps' else 0} or more")


def _job(file: CodeFile, study_file: Path | None, device: str) -> ModelJob:
    from ddpm.commands.arguments import model_job
    from ddpm.graph import layout
    from ddpm.graph.fingerprint import weights_fingerprint
    from ddpm.study import load_study

    header = file.header
    if study_file is None and not layout.is_study_name(header.study):
        raise DDPMError(f"the file's study is named {header.study!r}; name its study file with --study")
    study = load_study(study_file or Path(layout.study_file(header.study)))
    named = argparse.Namespace(model=header.model, seed=header.seed, device=device)
    return model_job(study, named, weights_fingerprint)


def _told(folder: Path, found: Decompressed) -> str:
    exact = sum(found.lossless)
    rough = sum(image is not None for image in found.images) - exact
    return f"{folder}: {exact:,} images as they were, {rough:,} as far as the bits go"


def _require_sound(file: CodeFile, found: Decompressed, here: str, *, asked: bool, path: Path) -> None:
    """Raises what kept images from coming out as they were, unless fewer bits were asked for."""
    from ddpm.compression.file_format import DamagedBodyError, OtherArithmeticError

    wrong = [number for number, right in enumerate(found.lossless) if not right]
    if not file.intact:
        what = f"{len(wrong):,} of its {len(found.lossless):,} images did not come out: {_numbers(wrong)}"
        what = what if wrong and not asked else "images may be wrong"
        raise DamagedBodyError(f"{path}: its body is cut off or altered; {what}. Get the file again")
    if wrong and not asked:
        kept = "lossy pictures are written" if file.header.mode == "progressive" else "none is written"
        raise OtherArithmeticError(
            f"{path}: {len(wrong):,} images do not come out as they were ({_numbers(wrong)}; {kept}): the "
            f"network's last bits are others here ({here}) than where the file was made "
            f"({file.header.conditions}); decode it there"
        )


def _numbers(images: list[int]) -> str:
    more = f" and {len(images) - _NAMED:,} more" if len(images) > _NAMED else ""
    return ", ".join(f"{number:06}" for number in images[:_NAMED]) + more
