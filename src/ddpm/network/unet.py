"""The U-Net of the paper (appendix B), with the authors' variable names as module names."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from ddpm.network.initialisation import allocate, initialise
from ddpm.network.layers import (
    GROUP_NORM_EPSILON,
    AttentionBlock,
    Downsample,
    ResidualBlock,
    TimestepMLP,
    Upsample,
)
from ddpm.network.normalised_swish import normalised_swish

# Channels of the first level.
CHANNELS_LAST_FROM = 64

# Calls a part of the network with its inputs.
Call = Callable[..., Tensor]


class UNet(nn.Module):
    """Predicts epsilon, mu-tilde or x_0 (and log-variances) from x_t and t - 1.

    Args:
        image_shape: channels, height, width; the height and width must be divisible by
            2^(levels - 1).
        channels: of the first level.
        channel_multipliers: one for each level, from the full resolution down.
        residual_blocks: at each level on the way down; one more on the way up.
        attention_resolutions: heights at which each residual block is followed by attention.
        dropout: rate inside residual blocks; in training mode its layers need keys
            (`ddpm.network.dropout.DropoutKeys`).
        groups: of each GroupNorm.
        output_multiple: 1, or 2 for learned variance (second half: log-variance).
        seed: of the initial weights.

    Attributes:
        image_shape: as given.
        layout: of convolutions' weights and images in memory.
        working_dtype: of what is computed between the first and the last convolution
            (`ddpm.network.execution`); float32 at first.
        checkpointing: in training mode, keep the inputs of blocks alone for the backward pass, which computes
            again what lies within them; False at first.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        channels: int,
        channel_multipliers: Sequence[int],
        residual_blocks: int,
        attention_resolutions: Sequence[int],
        dropout: float = 0.0,
        groups: int = 32,
        output_multiple: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        image_channels, height, _ = image_shape
        self.image_shape = tuple(image_shape)
        self.layout = _layout(channels)
        self.working_dtype = torch.float32
        self.checkpointing = False
        heights = [height // 2**level for level in range(len(channel_multipliers))]
        widths = [channels * multiple for multiple in channel_multipliers]
        # On the meta device modules take no memory and draw nothing from torch's global generator.
        with torch.device("meta"):
            block = _BlockFactory(4 * channels, groups, dropout)
            self.temb = TimestepMLP(channels)
            self.conv_in = nn.Conv2d(image_channels, channels, 3, padding=1)
            self.down, skips = _way_down(
                block, channels, widths, heights, residual_blocks, attention_resolutions
            )
            self.mid = _Middle(block, widths[-1])
            self.up = _way_up(block, widths, heights, residual_blocks, attention_resolutions, skips)
            self.norm_out = nn.GroupNorm(groups, widths[0], eps=GROUP_NORM_EPSILON)
            self.conv_out = nn.Conv2d(widths[0], image_channels * output_multiple, 3, padding=1)
        allocate(self)
        self.to(memory_format=self.layout)  # type: ignore[call-overload]
        initialise(self, seed)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """X_t float32 [B, C, H, W] and t int64 [B] in 0..T-1 to [B, output_multiple C, H, W]."""
        embedding = functional.silu(self.temb(t))
        h = self.conv_in(x.contiguous(memory_format=self.layout))
        recompute = self.checkpointing and self.training and torch.is_grad_enabled()
        call = _recomputing if recompute else _plainly
        in_bfloat16 = self.working_dtype == torch.bfloat16
        with torch.autocast(x.device.type, torch.bfloat16, enabled=in_bfloat16):
            h = self._body(call, h.to(self.working_dtype), embedding)
        return call(self._head, h)

    def _body(self, call: Call, h: Tensor, embedding: Tensor) -> Tensor:
        skips = [h]
        for level in self.down:
            h = level(call, h, embedding, skips)
        h = self.mid(call, h, embedding)
        for level in reversed(self.up):
            h = level(call, h, embedding, skips)
        return h

    def _head(self, h: Tensor) -> Tensor:
        return self.conv_out(normalised_swish(self.norm_out, h))


def _plainly(part: Call, *inputs: Tensor) -> Tensor:
    return part(*inputs)


def _recomputing(part: Call, *inputs: Tensor) -> Tensor:
    """The same, keeping the inputs alone for the backward pass.

    What a part computes last, if nothing is kept of it, is not computed again (torch stops before). Nothing
    draws from torch's generators, whose states would be copied from the GPU: dropout has keys, and those of
    one call stand until its backward pass is done.
    """
    return checkpoint(part, *inputs, use_reentrant=False, preserve_rng_state=False)


def _layout(channels: int) -> torch.memory_format:
    """Channels last, which convolutions compute in; narrow networks gain nothing by it on a CPU."""
    return torch.channels_last if channels >= CHANNELS_LAST_FROM else torch.contiguous_format


class _BlockFactory:
    """Makes residual and attention blocks with the settings that all of them share."""

    def __init__(self, embedding: int, groups: int, dropout: float) -> None:
        self.embedding, self.groups, self.dropout = embedding, groups, dropout

    def residual(self, inputs: int, outputs: int) -> ResidualBlock:
        return ResidualBlock(inputs, outputs, self.embedding, self.groups, self.dropout)

    def attention(self, channels: int, count: int) -> nn.ModuleList:
        return nn.ModuleList(AttentionBlock(channels, self.groups) for _ in range(count))


class _DownLevel(nn.Module):
    def __init__(self, block: nn.ModuleList, attn: nn.ModuleList, downsample: Downsample | None) -> None:
        super().__init__()
        self.block, self.attn, self.downsample = block, attn, downsample

    def forward(self, call: Call, h: Tensor, embedding: Tensor, skips: list[Tensor]) -> Tensor:
        for i in range(len(self.block)):
            h = call(functools.partial(self._attending, i), h, embedding)
            skips.append(h)
        if self.downsample is not None:
            h = call(self.downsample, h)
            skips.append(h)
        return h

    def _attending(self, i: int, h: Tensor, embedding: Tensor) -> Tensor:
        h = self.block[i](h, embedding)
        return self.attn[i](h) if len(self.attn) else h


class _UpLevel(nn.Module):
    def __init__(self, block: nn.ModuleList, attn: nn.ModuleList, upsample: Upsample | None) -> None:
        super().__init__()
        self.block, self.attn, self.upsample = block, attn, upsample

    def forward(self, call: Call, h: Tensor, embedding: Tensor, skips: list[Tensor]) -> Tensor:
        for i in range(len(self.block)):
            if call is _recomputing:
                h = call(functools.partial(self._joining, i), h, skips.pop(), embedding)
            else:
                # No name holds the skip once it is joined to h: its memory is free within the block.
                h = self._attending(i, torch.cat([h, skips.pop()], dim=1), embedding)
        return h if self.upsample is None else self.upsample(h)

    def _joining(self, i: int, h: Tensor, skip: Tensor, embedding: Tensor) -> Tensor:
        return self._attending(i, torch.cat([h, skip], dim=1), embedding)

    def _attending(self, i: int, h: Tensor, embedding: Tensor) -> Tensor:
        h = self.block[i](h, embedding)
        return self.attn[i](h) if len(self.attn) else h


class _Middle(nn.Module):
    def __init__(self, block: _BlockFactory, channels: int) -> None:
        super().__init__()
        self.block_1 = block.residual(channels, channels)
        self.attn_1 = AttentionBlock(channels, block.groups)
        self.block_2 = block.residual(channels, channels)

    def forward(self, call: Call, h: Tensor, embedding: Tensor) -> Tensor:
        return call(self.block_2, call(self._attending, h, embedding), embedding)

    def _attending(self, h: Tensor, embedding: Tensor) -> Tensor:
        return self.attn_1(self.block_1(h, embedding))


def _way_down(
    block: _BlockFactory,
    channels: int,
    widths: list[int],
    heights: list[int],
    residual_blocks: int,
    attention_resolutions: Sequence[int],
) -> tuple[nn.ModuleList, list[int]]:
    """The levels from full to lowest resolution, and the channels of all that they keep for the way up."""
    levels, skips, inputs = nn.ModuleList(), [channels], channels
    for level, (width, height) in enumerate(zip(widths, heights, strict=True)):
        blocks = nn.ModuleList()
        for _ in range(residual_blocks):
            blocks.append(block.residual(inputs, width))
            inputs = width
            skips.append(width)
        attention = block.attention(width, residual_blocks if height in attention_resolutions else 0)
        last = level == len(widths) - 1
        levels.append(_DownLevel(blocks, attention, None if last else Downsample(width)))
        if not last:
            skips.append(width)
    return levels, skips


def _way_up(
    block: _BlockFactory,
    widths: list[int],
    heights: list[int],
    residual_blocks: int,
    attention_resolutions: Sequence[int],
    skips: list[int],
) -> nn.ModuleList:
    """The levels in order of resolution (index 0 is the full one, as in the authors' names)."""
    levels: list[nn.Module] = []
    inputs, skips = widths[-1], list(skips)
    for level in reversed(range(len(widths))):
        blocks = nn.ModuleList()
        for _ in range(residual_blocks + 1):
            blocks.append(block.residual(inputs + skips.pop(), widths[level]))
            inputs = widths[level]
        count = residual_blocks + 1 if heights[level] in attention_resolutions else 0
        attention = block.attention(widths[level], count)
        levels.insert(0, _UpLevel(blocks, attention, Upsample(widths[level]) if level else None))
    return nn.ModuleList(levels)
