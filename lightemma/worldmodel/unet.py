"""The network: a 2-D U-Net whose normalisations are set by what the picture is conditioned on (adaptive group norm).

Its form and published size are those of DIAMOND (Alonso et al., 2024, appendix): residual blocks of two convolutions, four
levels of 64 channels with two blocks each, past pictures stacked on the channels. U-Net: Ronneberger et al., 2015; adaptive
group norm: Dhariwal and Nichol, 2021.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

#: Channels of one group of a group norm, and of one head of attention.
_GROUP, _HEAD = 32, 8


@dataclass(frozen=True, slots=True)
class NetworkShape:
    """The size of a U-Net.

    Attributes:
        channels: of each level, from the full picture down; every level but the first halves both sides.
        blocks: residual blocks of each level on the way down; on the way up there is one more.
        condition: size of the vector that sets the normalisations.
        patch: side of the squares of pixels that are folded into channels first; 1 keeps pixels.
        attention: whether the lowest level has self-attention.
    """

    channels: tuple[int, ...] = (64, 64, 64, 64)
    blocks: int = 2
    condition: int = 256
    patch: int = 1
    attention: bool = True

    @property
    def divides(self) -> int:
        """Both sides of a picture must be multiples of this."""
        return int(self.patch * 2 ** (len(self.channels) - 1))


#: DIAMOND's published size: 4.4 million parameters.
PUBLISHED = NetworkShape()


class AdaptiveGroupNorm(nn.Module):
    """Group norm whose scale and shift are linear in the condition."""

    def __init__(self, channels: int, condition: int) -> None:
        super().__init__()
        self.groups = groups_of(channels)
        self.to_scale_shift = nn.Linear(condition, 2 * channels)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """(n, c, h, w) and (n, condition) to (n, c, h, w)."""
        scale, shift = self.to_scale_shift(condition)[:, :, None, None].chunk(2, dim=1)
        # Autocast would norm in float32, and all that follows with it; the sums are in float32 in any case.
        with torch.autocast(x.device.type, enabled=False):
            normed = functional.group_norm(x, self.groups, eps=1e-5)
        return normed * (1.0 + scale) + shift


class ResidualBlock(nn.Module):
    """Two convolutions after adaptive norms, and self-attention where wanted. It begins as the identity of its shortcut."""

    def __init__(self, inside: int, outside: int, condition: int, attention: bool = False) -> None:
        super().__init__()
        self.shortcut = nn.Conv2d(inside, outside, 1) if inside != outside else nn.Identity()
        self.norm_1 = AdaptiveGroupNorm(inside, condition)
        self.conv_1 = nn.Conv2d(inside, outside, 3, padding=1)
        self.norm_2 = AdaptiveGroupNorm(outside, condition)
        self.conv_2 = nn.Conv2d(outside, outside, 3, padding=1)
        nn.init.zeros_(self.conv_2.weight)
        nn.init.zeros_(self.conv_2.bias)
        self.attention = SelfAttention(outside) if attention else None

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """(n, inside, h, w) to (n, outside, h, w)."""
        inner = self.conv_1(functional.silu(self.norm_1(x, condition)))
        inner = self.conv_2(functional.silu(self.norm_2(inner, condition)))
        out = self.shortcut(x) + inner
        return out if self.attention is None else self.attention(out)


class SelfAttention(nn.Module):
    """Each place of a small picture looks at all others (Vaswani et al., 2017). It begins as the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.heads = max(1, channels // _HEAD)
        self.norm = nn.GroupNorm(groups_of(channels), channels)
        self.to_qkv = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) to the same."""
        n, c, h, w = x.shape
        qkv = self.to_qkv(self.norm(x)).reshape(n, 3, self.heads, c // self.heads, h * w).transpose(-1, -2)
        query, key, value = qkv.unbind(1)
        seen = functional.scaled_dot_product_attention(query, key, value)
        return x + self.out(seen.transpose(-1, -2).reshape(n, c, h, w))


class UNet(nn.Module):
    """The U-Net. Its last layer begins at zero, so that at first it gives 0 for every picture.

    Args:
        inside: channels of the input, past pictures included.
        outside: channels of the output.
        shape: its size.
    """

    def __init__(self, inside: int, outside: int, shape: NetworkShape = PUBLISHED) -> None:
        super().__init__()
        self.shape = shape
        fold = shape.patch**2
        channels, condition = shape.channels, shape.condition
        self.first = nn.Conv2d(inside * fold, channels[0], 3, padding=1)
        self.down, self.shrink = nn.ModuleList(), nn.ModuleList()
        skips = [channels[0]]
        width = channels[0]
        for level, wide in enumerate(channels):
            self.shrink.append(nn.Conv2d(width, width, 3, stride=2, padding=1) if level else nn.Identity())
            skips += [width] if level else []
            blocks = nn.ModuleList()
            for _ in range(shape.blocks):
                blocks.append(ResidualBlock(width, wide, condition))
                width = wide
                skips.append(width)
            self.down.append(blocks)
        self.middle = nn.ModuleList(ResidualBlock(width, width, condition, shape.attention) for _ in range(2))
        self.up, self.grow = nn.ModuleList(), nn.ModuleList()
        for level, wide in reversed(list(enumerate(channels))):
            blocks = nn.ModuleList()
            for _ in range(shape.blocks + 1):
                blocks.append(ResidualBlock(width + skips.pop(), wide, condition))
                width = wide
            self.up.append(blocks)
            self.grow.append(nn.Conv2d(width, width, 3, padding=1) if level else nn.Identity())
        self.last_norm = nn.GroupNorm(groups_of(width), width)
        self.last = nn.Conv2d(width, outside * fold, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """(n, inside, h, w) and (n, condition) to (n, outside, h, w)."""
        patch = self.shape.patch
        x = self.first(functional.pixel_unshuffle(x, patch) if patch > 1 else x)
        skips = [x]
        for level, (shrink, blocks) in enumerate(zip(self.shrink, self.down, strict=True)):
            if level:
                x = shrink(x)
                skips.append(x)
            for block in blocks:
                x = block(x, condition)
                skips.append(x)
        for block in self.middle:
            x = block(x, condition)
        for step, (blocks, grow) in enumerate(zip(self.up, self.grow, strict=True)):
            for block in blocks:
                x = block(torch.cat([x, skips.pop()], dim=1), condition)
            if step < len(self.up) - 1:
                x = grow(functional.interpolate(x, scale_factor=2.0, mode="nearest"))
        x = self.last(functional.silu(self.last_norm(x)))
        return functional.pixel_shuffle(x, patch) if patch > 1 else x


class FourierFeatures(nn.Module):
    """A number as sines and cosines of fixed random frequencies (Tancik et al., 2020)."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("frequencies", torch.randn(size // 2))

    def forward(self, number: Tensor) -> Tensor:
        """(n,) to (n, size)."""
        angles = 2.0 * math.pi * number[:, None] * self.frequencies
        return torch.cat([angles.cos(), angles.sin()], dim=1)


def groups_of(channels: int) -> int:
    """Groups of a group norm: of about 32 channels each, all of one size."""
    wanted = max(1, channels // _GROUP)
    return next(groups for groups in range(wanted, 0, -1) if channels % groups == 0)


def count_parameters(module: nn.Module) -> int:
    """Number of trained parameters."""
    return sum(one.numel() for one in module.parameters() if one.requires_grad)
