"""All sides of the comparison by name; the first is what the others are compared with."""

from __future__ import annotations

from timing import denoising_diffusion_peer, diffusers_peer, ours
from timing.setting import Adapter

REFERENCE = "diffusers"


def _ours(precision: str, compiled: bool = False) -> Adapter:
    title = f"this project, {precision}{', compiled' if compiled else ''}"
    return Adapter(title, precision, ours.load, ours.prepare, compiled)


def _diffusers(precision: str, title: str) -> Adapter:
    return Adapter(title, precision, diffusers_peer.load, diffusers_peer.prepare)


def _denoising_diffusion(precision: str) -> Adapter:
    peer = denoising_diffusion_peer
    title = f"denoising-diffusion-pytorch, {precision} (another network)"
    return Adapter(title, precision, peer.load, peer.prepare, same_network=False)


ADAPTERS: dict[str, Adapter] = {
    REFERENCE: _diffusers("float32", "diffusers UNet2DModel, float32"),
    "diffusers_tf32": _diffusers("tf32", "diffusers UNet2DModel, tf32"),
    "diffusers_bfloat16": _diffusers("bfloat16", "diffusers UNet2DModel, bfloat16"),
    "denoising_diffusion": _denoising_diffusion("float32"),
    "ours": _ours("float32"),
    "ours_tf32": _ours("tf32"),
    "ours_bfloat16": _ours("bfloat16"),
    "ours_compiled": _ours("float32", compiled=True),
    "ours_tf32_compiled": _ours("tf32", compiled=True),
    "ours_bfloat16_compiled": _ours("bfloat16", compiled=True),
}

# tf32 and compilation pay on a GPU only.
ON_CPU = ("diffusers", "diffusers_bfloat16", "denoising_diffusion", "ours", "ours_bfloat16")
ON_GPU = tuple(ADAPTERS)
