"""Building blocks of the U-Net (appendix B; authors' code: models/unet.py and nn.py)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ddpm.network.dropout import Dropout
from ddpm.network.normalised_swish import normalised_swish

GROUP_NORM_EPSILON = 1e-6  # TensorFlow's default; torch's is 1e-5


def timestep_embedding(t: Tensor, dimension: int) -> Tensor:
    """Sinusoidal embedding of t - 1: sines, then cosines, of frequencies from 1 to 1e-4.

    Args:
        t: int64 [B].
        dimension: even.

    Returns:
        float32 [B, dimension].
    """
    half = dimension // 2
    exponent = torch.arange(half, dtype=torch.float32, device=t.device) * (-math.log(10000) / (half - 1))
    angle = t.float()[:, None] * torch.exp(exponent)[None]
    return torch.cat([torch.sin(angle), torch.cos(angle)], dim=1)


class TimestepMLP(nn.Module):
    """Dense, swish, dense: the sinusoidal embedding [B, ch] to [B, 4 ch]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.dense0 = nn.Linear(channels, 4 * channels)
        self.dense1 = nn.Linear(4 * channels, 4 * channels)

    def forward(self, t: Tensor) -> Tensor:
        """Index int64 [B] to float32 [B, 4 ch]."""
        return self.dense1(functional.silu(self.dense0(timestep_embedding(t, self.channels))))


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
        h = self.conv1(normalised_swish(self.norm1, x))
        h = h + self.temb_proj(embedding)[:, :, None, None]
        h = self.conv2(self.dropout(normalised_swish(self.norm2, h)))
        if self.nin_shortcut is None:
            return h + x
        return h + pointwise(x, self.nin_shortcut.weight.flatten(1), self.nin_shortcut.bias)


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
        layers = (self.q, self.k, self.v)
        weight, bias = (torch.cat(parts) for parts in zip(*((m.weight, m.bias) for m in layers), strict=True))
        positions = self.norm(x.float()).flatten(2).transpose(1, 2)
        q, k, v = functional.linear(positions, weight, bias).chunk(3, dim=2)
        h = self.proj_out(attend(q, k, v))
        return x + h.transpose(1, 2).unflatten(2, x.shape[2:])


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """softmax(q k^T / sqrt(C)) v of [B, N, C] each, the softmax in float32.

    torch's fused attention on a GPU, which takes tensors whose channels are neighbours in memory; on a CPU,
    where that is slower, the formula.
    """
    if q.device.type != "cpu":
        return functional.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])[:, 0]
    scores = torch.bmm(q, k.transpose(1, 2)).float() * (1.0 / math.sqrt(q.shape[2]))
    return torch.bmm(torch.softmax(scores, dim=2).to(v.dtype), v)


def pointwise(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """A dense layer at each position: [B, I, H, W] by weights [O, I] and bias [O] to [B, O, H, W].

    Channels last, a 1x1 convolution; in the usual layout, that of narrow networks, one matrix product an
    image, which takes half of the convolution's time.
    """
    if bias is None or x.is_contiguous(memory_format=torch.channels_last):
        return functional.conv2d(x, weight[:, :, None, None], bias)
    product = torch.baddbmm(bias[:, None], weight.expand(len(x), *weight.shape), x.flatten(2))
    return product.unflatten(2, x.shape[2:])


class Downsample(nn.Module):
    """3x3 convolution of stride 2, padded at the bottom and right only (TensorFlow's SAME)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] to [B, C, H/2, W/2]."""
        return self.conv(functional.pad(x, (0, 1, 0, 1)))


class Upsample(nn.Module):
    """Nearest-neighbour doubling, then a 3x3 convolution.

    Both in one transposed convolution of stride 2, with 16 multiplications where there would be 36: the
    four pixels that doubling makes of one are equal, so that products with them can be summed beforehand.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] to [B, C, 2H, 2W]."""
        kernel = doubling_kernel(self.conv.weight)
        return functional.conv_transpose2d(x, kernel, self.conv.bias, stride=2, padding=1)


def doubling_kernel(weight: Tensor) -> Tensor:
    """The kernel [I, O, 4, 4] of the transposed convolution that doubles, then convolves with [O, I, 3, 3].

    Its taps are sums of up to four taps of the 3x3 kernel, mirrored.
    """
    padded = functional.pad(weight.float().flip(2, 3).transpose(0, 1), (1, 1, 1, 1))
    rows = padded[:, :, 1:] + padded[:, :, :-1]
    return rows[:, :, :, 1:] + rows[:, :, :, :-1]
