"""Where the bits of a file went, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ddpm.compression.file_format import CodeFile

_WORDS = {
    "chunk counts": "numbers of chunks of each step",
    "indices": "indices of the latents",
    "x_0": "x_0 given the last latent",
    "rounding": "rounding of streams to bytes, of stacks to words",
    "images": "all images",
    "initial": "initial bits, which decoding gives back",
    "header": "header, with checksums and lengths",
}


def account_lines(bits: Mapping[str, float], images: int, dimensions: int) -> list[str]:
    """One line a part: bits/dim, and bytes.

    Args:
        bits: of each part of the file.
        images: in the file.
        dimensions: of an image.
    """
    each = images * dimensions
    lines = [
        f"{value / each:8.3f} bits/dim {value / 8:12,.0f} bytes  {_WORDS[part]}"
        for part, value in bits.items()
    ]
    total = sum(bits.values())
    return [*lines, f"{total / each:8.3f} bits/dim {total / 8:12,.0f} bytes  together"]


def code_contents(file: CodeFile) -> dict[str, Any]:
    """What a file says of itself, as JSON values; lengths in bytes."""
    header = file.header
    stored, lengths = sum(map(len, file.parts)), header.lengths
    size = 1 if header.mode == "progressive" else 4
    images = len(header.checksums)
    return {
        "mode": header.mode,
        "images": images,
        "image": "x".join(map(str, header.shape)),
        "study": header.study,
        "model": header.model,
        "training_seed": header.seed,
        "schedule": header.schedule,
        "batch": header.batch,
        "made with": header.conditions,
        "weights": header.weights_hash,
        "schedule hash": header.schedule_hash,
        "header bytes": file.header_bytes,
        "body bytes": stored,
        "body": "as written" if file.intact else f"cut off or altered (of {size * sum(lengths):,} bytes)",
        "stored without the model": sum(header.raw),
        "bits/dim of the body": 8
        * stored
        / max(1, images * header.shape[0] * header.shape[1] * header.shape[2]),
        "bytes of each image": list(lengths) if header.mode == "progressive" else None,
    }


def code_text(content: Mapping[str, Any]) -> str:
    """The same as lines; of the images' lengths the least, the mean and the most."""
    lines = []
    for key, value in content.items():
        if isinstance(value, list) and value:
            value = f"{min(value):,} to {max(value):,}, {sum(value) / len(value):,.1f} on average"
        if value is not None:
            lines.append(f"{key:<26}{value:.3f}" if isinstance(value, float) else f"{key:<26}{value}")
    return "\n".join(lines)
