"""The rows of a continuous batch: what each reads and has written, and their joint cache of keys and values."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lightemma.backends.local.batching import Ticket

if TYPE_CHECKING:
    import torch

#: Keys and values of one layer, each (rows, heads, tokens, size of a head).
Pair = tuple["torch.Tensor", "torch.Tensor"]


#: Columns for which a cache takes room at once.
_ROOM = 64


@dataclass(eq=False)
class Row:
    """One call that is being answered.

    Attributes:
        ticket: the call.
        prompt: its tokens.
        start: position of the answer's first token, a number for each dimension in which the model counts.
        noise: the row's random stream and temperature; None takes the likeliest token.
        seen: which tokens of the vocabulary occurred, (vocabulary,), where the model has a repetition penalty.
        written: tokens of the answer so far.
        seconds: the row's share of the device's time so far.
    """

    ticket: Ticket
    prompt: list[int]
    start: list[int]
    noise: tuple[torch.Generator, float] | None = None
    seen: torch.Tensor | None = None
    written: list[int] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class Cache:
    """What the rows' tokens left in every layer. Rows end at the same column; a column may be unused in some rows.

    Attributes:
        layers: keys and values.
        mask: (rows, columns), 1 where a row has a token.
        grown: the same as the model has it, which has room for more tokens, or None.
    """

    layers: list[Pair]
    mask: torch.Tensor
    grown: Any = None

    @property
    def width(self) -> int:
        """Columns."""
        return int(self.mask.shape[1])

    def kept(self, places: Sequence[int]) -> Cache:
        """Only these rows, without columns that none of them uses at the beginning."""
        import torch

        chosen = torch.tensor(list(places), device=self.mask.device)
        mask = self.mask.index_select(0, chosen)
        first = int(mask.any(0).int().argmax())
        layers = [
            (keys.index_select(0, chosen)[:, :, first:], values.index_select(0, chosen)[:, :, first:])
            for keys, values in self.layers
        ]
        return Cache(layers, mask[:, first:])

    def joined(self, other: Cache) -> Cache:
        """These rows and then the other's, the shorter ones filled up at the beginning."""
        import torch

        width = max(self.width, other.width)
        layers = [
            (
                torch.cat([_wider(keys, width), _wider(more, width)]),
                torch.cat([_wider(values, width), _wider(most, width)]),
            )
            for (keys, values), (more, most) in zip(self.layers, other.layers, strict=True)
        ]
        mask = torch.cat([_wider(self.mask[:, None, :, None], width), _wider(other.mask[:, None, :, None], width)])
        return Cache(layers, mask[:, 0, :, 0])

    def of_row(self, place: int) -> list[Pair]:
        """A copy of one row's keys and values, (1, heads, its tokens, size), without unused columns."""
        used = self.mask[place].nonzero().flatten()
        return [
            (keys[place : place + 1].index_select(2, used), values[place : place + 1].index_select(2, used))
            for keys, values in self.layers
        ]


def side_by_side(beginnings: Sequence[list[Pair]]) -> Cache:
    """Rows of different lengths, (1, heads, tokens, size) each, as one cache."""
    import torch

    lengths = [layers[0][0].shape[2] for layers in beginnings]
    width = max(lengths)
    layers = [
        (
            torch.cat([_wider(row[layer][0], width) for row in beginnings]),
            torch.cat([_wider(row[layer][1], width) for row in beginnings]),
        )
        for layer in range(len(beginnings[0]))
    ]
    device = layers[0][0].device
    columns = torch.arange(width, device=device)
    missing = torch.tensor([width - length for length in lengths], device=device)
    return Cache(layers, (columns[None] >= missing[:, None]).long())


def _wider(tensor: torch.Tensor, width: int) -> torch.Tensor:
    """Zeros before the third dimension, up to ``width``."""
    import torch

    missing = width - tensor.shape[2]
    if not missing:
        return tensor
    return torch.cat([tensor.new_zeros((*tensor.shape[:2], missing, tensor.shape[3])), tensor], dim=2)


def as_model_cache(cache: Cache | None, config: Any) -> Any:
    """The cache as transformers has it, empty if there is none yet; the tensors are shared, not copied."""
    from lightemma.backends.local.loading import transformers_package

    if cache is not None and cache.grown is not None:
        return cache.grown
    made = transformers_package().DynamicCache(config=config)
    roomy = _roomy_layer()
    made.layers = [roomy() for _ in made.layers]
    for layer, (keys, values) in zip(made.layers, cache.layers if cache else (), strict=False):
        layer.begin(keys, values)
    return made


def from_model_cache(cache: Any, mask: torch.Tensor) -> Cache:
    """The rows' keys and values as the model left them."""
    return Cache([(layer.keys, layer.values) for layer in cache.layers], mask, cache)


@functools.cache
def _roomy_layer() -> Any:
    """The class of a layer's cache that takes room for several tokens at once: transformers' own copies all for each."""
    from lightemma.backends.local.loading import transformers_package

    class RoomyLayer(transformers_package().cache_utils.DynamicLayer):  # type: ignore[misc]
        """Keys and values that lie at the beginning of a larger tensor."""

        def begin(self, keys: torch.Tensor, values: torch.Tensor) -> None:
            """Takes what is there, without room."""
            self.dtype, self.device, self.is_initialized = keys.dtype, keys.device, True
            self.keys, self.values, self.whole = keys, values, (keys, values)

        def update(
            self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
        ) -> tuple[torch.Tensor, torch.Tensor]:
            """Adds tokens, and gives all: (rows, heads, tokens, size) each."""
            if not self.is_initialized:
                self.begin(key_states, value_states)
                return self.keys, self.values
            begun, end = self.keys.shape[2], self.keys.shape[2] + key_states.shape[2]
            if self.whole[0].shape[2] < end:
                self.whole = _with_room(self.keys, end + _ROOM), _with_room(self.values, end + _ROOM)
            self.whole[0][:, :, begun:end] = key_states
            self.whole[1][:, :, begun:end] = value_states
            self.keys, self.values = self.whole[0][:, :, :end], self.whole[1][:, :, :end]
            return self.keys, self.values

    return RoomyLayer


def _with_room(tensor: torch.Tensor, width: int) -> torch.Tensor:
    """The tensor at the beginning of one with more columns, which hold anything."""
    wider = tensor.new_empty((*tensor.shape[:2], width, tensor.shape[3]))
    wider[:, :, : tensor.shape[2]] = tensor
    return wider
