"""Files of images coded with a model, written and decoded: by the verbs and in Python."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ddpm.errors import DDPMError
from ddpm.evaluation.coding_job import open_codec
from ddpm.progress import Progress
from ddpm.records.files import write_bytes
from ddpm.records.reading import require_readable

if TYPE_CHECKING:
    import numpy as np

    from ddpm.compression.codec import Codec, Compressed, Decompressed
    from ddpm.compression.file_format import CodeFile, Header
    from ddpm.evaluation.model_job import ModelJob

_NAMED = 5  # images that a message lists


def write_code_file(
    path: Path, job: ModelJob, schedule: str, pixels: np.ndarray, batch_size: int | None
) -> Compressed:
    """Codes images and writes the file, atomically.

    Args:
        path: the new file.
        job: the model.
        schedule: a key of `compression.schedules`.
        pixels: uint8 [n, C, H, W], n > 0.
        batch_size: images in a network call; None: the study's, or n if that is less.

    Raises:
        WeightsError, DataError: as `open_codec`.
        OutputError: the file cannot be written.
    """
    opened = open_codec(job, schedule, batch_size or min(len(pixels), job.study.compression.batch_size))
    calls = len(pixels) * len(opened.codec.code.schedule.times)
    with Progress(f"compress {job.title}", calls, "image-steps") as progress:
        found = opened.codec.compress(pixels, opened.names, progress.advance)
    write_bytes(path, found.content)
    return found


def read_code_file(path: Path) -> CodeFile:
    """A file of `ddpm compress`.

    Raises:
        DDPMError: it cannot be read.
        CodeFileError: it is none, is of a later version, or its header is damaged.
    """
    from ddpm.compression.file_format import read

    require_readable(path, DDPMError, "no such file; name one of `ddpm compress`")
    return read(path.read_bytes(), str(path))


def require_possible(path: Path, header: Header, amounts: Mapping[str, tuple[int | None, int]]) -> None:
    """Raises DDPMError if less than all of a file is asked for that has only all or nothing, or too little.

    Args:
        path: the file.
        header: what it says of itself.
        amounts: what is asked for (None: all), and the least of it, by the name of the argument.
    """
    for name, (amount, least) in amounts.items():
        if amount is not None and header.mode != "progressive":
            raise DDPMError(f"{name}: {path} is an archive, which is decoded whole or not at all")
        if amount is not None and amount < least:
            raise DDPMError(f"{name} {amount}: must be {least} or more")


def decode(
    path: Path, file: CodeFile, codec: Codec, most_bytes: int | None = None, steps: int | None = None
) -> Decompressed:
    """What a file has of each image, or its first bytes or latents: as `Codec.decompress`, with progress."""
    calls = len(file.header.checksums) * len(codec.code.schedule.times[:steps])
    with Progress(f"decompress {path}", calls, "image-steps") as progress:
        return codec.decompress(file, most_bytes=most_bytes, steps=steps, told=progress.advance)


def require_sound(
    path: Path, file: CodeFile, codec: Codec, found: Decompressed, *, asked: bool, kept: str
) -> None:
    """Raises what kept images from coming out as they were.

    Args:
        path, file, codec, found: as of `decode`.
        asked: whether less than all of each image was asked for; then only damage is an error.
        kept: what the caller does with images that are not as they were, for the message.

    Raises:
        DamagedBodyError: the body is cut off or altered.
        OtherArithmeticError: the network's last bits are others here.
    """
    from ddpm.compression.codec import conditions
    from ddpm.compression.file_format import DamagedBodyError, OtherArithmeticError

    wrong = [number for number, right in enumerate(found.lossless) if not right]
    if not file.intact:
        what = f"{len(wrong):,} of its {len(found.lossless):,} images did not come out: {_numbers(wrong)}"
        what = what if wrong and not asked else "images may be wrong"
        raise DamagedBodyError(f"{path}: its body is cut off or altered; {what}. Get the file again")
    if wrong and not asked:
        raise OtherArithmeticError(
            f"{path}: {len(wrong):,} images do not come out as they were ({_numbers(wrong)}; {kept}): the "
            f"network's last bits are others here ({conditions(codec.model.device)}) than where the file was "
            f"made ({file.header.conditions}); decode it there"
        )


def _numbers(images: list[int]) -> str:
    more = f" and {len(images) - _NAMED:,} more" if len(images) > _NAMED else ""
    return ", ".join(f"{number:06}" for number in images[:_NAMED]) + more
