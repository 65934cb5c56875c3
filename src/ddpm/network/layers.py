"""Building blocks of the U-Net (appendix B; authors' code: models/unet.py and nn.py)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ddpm.network.dropout import Dropout

GROUP_NORM_EPSILON = 1e-6  # TensorFlow's default; torch's is 1e-5


def timestep_embedding(index: Tensor, dimension: int) -> Tensor:
    """Sinusoidal embedding of t - 1: sines, then cosines, of frequencies from 1 to 1e-4.

    Args:
        index: int64 [B].
        dimension: even.

    Returns:
        float32 [B, dimension].
    """
    half = dimension // 2
    exponent = torch.arange(half, dtype=torch.float32, device=index.device) * (-math.log(10000) / (half - 1))
    angle = index.float()[:, None] * torch.exp(exponent)[None]
    return torch.cat([torch.sin(angle), torch.cos(angle)], dim=1)


class TimestepMLP(nn.Module):
    """Dense, swish, dense: the sinusoidal embedding [B, ch] to [B, 4 ch]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.dense0 = nn.Linear(channels, 4 * channels)
        self.dense1 = nn.Linear(4 * channels, 4 * channels)

    def forward(self, index: Tensor) -> Tensor:
        """Index int64 [B] to float32 [B, 4 ch]."""
        return self.dense1(functional.silu(self.dense0(timestep_embedding(index, self.channels))))


class ResidualBlock(nn.Module):
    """GroupNorm, swish, 3x3; + timestep; GroupNorm, swish, dropout, 3x3; + shortcut."""

    def __init__(self, inputs: int, outputs: int, embedding: int, groups: int, dropout: float) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, inputs, eps=GROUP_NORM_EPSILON)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.temb_proj = nn.Linear(embedding, outputs)
        self.norm2 = nn.GroupNorm(groups, outputs, eps=GROUP_NORM_EPSILON)
        self.dropout = Dropout(dropout)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.nin_shortcut = nn.Conv2d(inputs, outputs, 1) if inputs != outputs else None

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """X [B, inputs, H, W] and the swished embedding [B, 4 ch] to [B, outputs, H, W]."""
        h = self.conv1(functional.silu(self.norm1(x)))
        h = h + self.temb_proj(embedding)[:, :, None, None]
        h = self.conv2(self.dropout(functional.silu(self.norm2(h))))
        return h + (x if self.nin_shortcut is None else self.nin_shortcut(x))


class AttentionBlock(nn.Module):
    """Single-head self-attention over all H x W positions, with a residual connection."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(groups, channels, eps=GROUP_NORM_EPSILON)
        self.q = nn.Linear(channels, channels)
        self.k = nn.Linear(channels, channels)
        self.v = nn.Linear(channels, channels)
        self.proj_out = nn.Linear(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        """X [B, C, H, W] to the same shape."""
        batch, channels, height, width = x.shape
        tokens = self.norm(x).flatten(2).transpose(1, 2)
        q, k, v = self.q(tokens), self.k(tokens), self.v(tokens)
        h = functional.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])[:, 0]
        return x + self.proj_out(h).transpose(1, 2).reshape(batch, channels, height, width)


class Downsample(nn.Module):
    """3x3 convolution of stride 2, padded at the bottom and right only (TensorFlow's SAME)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] to [B, C, H/2, W/2]."""
        return self.conv(functional.pad(x, (0, 1, 0, 1)))


class Upsample(nn.Module):
    """Nearest-neighbour doubling, then a 3x3 convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] to [B, C, 2H, 2W]."""
        return self.conv(functional.interpolate(x, scale_factor=2.0, mode="nearest"))
