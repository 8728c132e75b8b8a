"""The convolutions with which the smaller networks look at a picture."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from lightemma.worldmodel.unet import groups_of


class PlainBlock(nn.Module):
    """Two convolutions with a shortcut, normalised."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.shortcut = nn.Conv2d(inside, outside, 1) if inside != outside else nn.Identity()
        self.norm_1 = nn.GroupNorm(groups_of(inside), inside)
        self.conv_1 = nn.Conv2d(inside, outside, 3, padding=1)
        self.norm_2 = nn.GroupNorm(groups_of(outside), outside)
        self.conv_2 = nn.Conv2d(outside, outside, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, inside, h, w) to (n, outside, h, w)."""
        inner = self.conv_1(functional.silu(self.norm_1(x)))
        inner = self.conv_2(functional.silu(self.norm_2(inner)))
        out: Tensor = self.shortcut(x) + inner
        return out


class Eye(nn.Module):
    """Pictures to flat features: blocks with pooling between them.

    Args:
        inside: channels.
        size: width and height of the pictures; multiples of 2 to the number of levels.
        channels: of each level; after every one the sides are halved.
        patch: side of the squares of pixels that are folded into channels first; 1 keeps pixels.
    """

    def __init__(
        self, inside: int, size: tuple[int, int], channels: Sequence[int] = (32, 32, 64, 64), patch: int = 1
    ) -> None:
        super().__init__()
        self.patch = patch
        self.first = nn.Conv2d(inside * patch**2, channels[0], 3, padding=1)
        width = channels[0]
        levels: list[nn.Module] = []
        for wide in channels:
            levels += [PlainBlock(width, wide), nn.MaxPool2d(2, ceil_mode=True)]
            width = wide
        self.levels = nn.Sequential(*levels)
        across, down = size[0] // patch, size[1] // patch
        for _ in channels:
            across, down = -(-across // 2), -(-down // 2)
        self.features = width * across * down

    def forward(self, pictures: Tensor) -> Tensor:
        """(n, inside, h, w) to (n, features)."""
        folded = functional.pixel_unshuffle(pictures, self.patch) if self.patch > 1 else pictures
        return self.levels(self.first(folded)).flatten(1)
