"""Real images to train on, from an .npz, and a grid of samples, without the packages of the workflow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ddpm.data.scaling import to_pixels
from ddpm.records.files import atomic_path


def read_images(path: Path, shape: tuple[int, int, int]) -> Tensor:
    """The first array of an .npz that holds uint8 images of a shape, as [N, C, H, W].

    Args:
        path: the file.
        shape: C, H, W; images may lie in the file as [N, C, H, W] or [N, H, W, C].

    Raises:
        ValueError: it holds no such array.
    """
    seen = []
    with np.load(path) as file:
        for name in file.files:
            array = file[name]
            seen.append(f"{name} {array.dtype} {array.shape}")
            if array.dtype != np.uint8 or array.ndim != 4:
                continue
            if array.shape[1:] == (*shape[1:], shape[0]):
                array = np.moveaxis(array, -1, 1)
            if array.shape[1:] == shape:
                return torch.from_numpy(np.ascontiguousarray(array))
    raise ValueError(f"{path}: holds no uint8 images of {shape}, only {', '.join(seen)}; give another .npz")


def save_grid(x: Tensor, path: Path) -> None:
    """Samples [N, C, H, W] in [-1, 1] in full rows of eight, as a .png, where pillow is installed."""
    try:
        from PIL import Image
    except ImportError:
        return
    pixels = to_pixels(torch.nan_to_num(x, nan=0.0)).cpu().permute(0, 2, 3, 1)
    rows = [torch.cat(list(row), dim=1) for row in pixels.split(8) if len(row) == min(8, len(pixels))]
    with atomic_path(path) as temporary:
        Image.fromarray(torch.cat(rows).numpy()).save(temporary, format="png")
