"""Where published weights lie, and whether they are the bytes that the study names."""

from __future__ import annotations

from pathlib import Path

from ddpm.errors import WeightsError
from ddpm.records.files import sha256

# As diffusers' save_pretrained writes them; a pipeline keeps its network in `unet`.
_FILES = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")
_FOLDERS = ("", "unet")


def find_weights(path: Path) -> Path:
    """The file of weights: `path` itself, or within it if it is a folder of diffusers' layout.

    Raises:
        WeightsError: there is no such file.
    """
    if path.is_dir():
        places = [path / folder / file for folder in _FOLDERS for file in _FILES]
        for place in places:
            if place.is_file():
                return place
        looked = ", ".join(str(place.relative_to(path)) for place in places)
        raise WeightsError(f"{path}: a folder without {looked}; name the file itself in `pretrained: file`")
    if not path.is_file():
        raise WeightsError(
            f"{path}: no such file of weights; correct `pretrained` in the study file, or fetch it first "
            f"(snakemake {path})"
        )
    return path


def check_sha256(path: Path, wanted: str | None) -> str:
    """The file's SHA-256.

    Raises:
        WeightsError: it is not the one wanted.
    """
    found = sha256(path)
    if wanted is not None and found != wanted:
        raise WeightsError(
            f"{path}: its SHA-256 is {found}, the study file says {wanted}; fetch it again, or correct "
            "`pretrained: sha256` if these are the weights you mean"
        )
    return found
