"""The tiny driver's network in torch: stock FastVLM (ResNet, projector, Llama), and what helps it only while it learns.

While it learns, the embeddings of numbers are linear in waves of their value, so that neighbours are alike from the start, and
two pairs of heads tell plan and facts: one on the picture's map alone with the history beside it (the teacher), one on the
language model's state at ``<read>``, below its upper layers. What it says is learned from what the teacher sees, never from the
truth.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from tiny_driver.frames import KINDS, NUMBERS
from torch import Tensor, nn
from transformers import FastVlmConfig, FastVlmForConditionalGeneration, LlamaConfig, ResNetConfig

from lightemma.backends.tiny import vocabulary as words
from lightemma.backends.tiny.vocabulary import VOCABULARY as V

#: Divisors of the numbers, so that what matters of each is about 1; of a plan's pairs.
SCALES = (10.0, 3.0, 10.0, 20.0, 15.0, 0.4, 0.08, *[0.03] * 6)
PAIR = (3.0, 0.05)
GRID = (3, 4)
IMAGES = GRID[0] * GRID[1]
#: Tokens of a prompt up to and with ``<read>``.
PROMPT = 1 + IMAGES + 2 + 12 + 1
BENT = 0.01


@dataclass(frozen=True)
class Shape:
    """Sizes of the network."""

    hidden: tuple[int, ...] = (32, 64, 128, 192, 256)
    depths: tuple[int, ...] = (2, 2, 3, 2, 1)
    width: int = 192
    layers: int = 5
    read: int = 3
    ffn: int = 384
    heads: int = 4


@cache
def constant(values: tuple, device: torch.device) -> Tensor:
    """A tensor of constants, copied to its device once: each copy makes the device wait."""
    return torch.tensor(values, device=device)


def stock(shape: Shape = Shape()) -> FastVlmForConditionalGeneration:
    """The stock model with fresh weights."""
    vision = ResNetConfig(
        num_channels=6, embedding_size=shape.hidden[0], hidden_sizes=list(shape.hidden), depths=list(shape.depths),
        layer_type="basic", downsample_in_first_stage=False,
    )  # fmt: skip
    vision.hidden_size = shape.hidden[-1]
    text = LlamaConfig(
        vocab_size=len(V), hidden_size=shape.width, intermediate_size=shape.ffn, num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads, num_key_value_heads=shape.heads, max_position_embeddings=128,
        initializer_range=0.05,
        tie_word_embeddings=False, pad_token_id=words.PAD, bos_token_id=words.BEGIN, eos_token_id=words.END,
    )  # fmt: skip
    config = FastVlmConfig(
        vision_config=vision, text_config=text, image_token_index=words.IMAGE, image_token_id=words.IMAGE,
        image_seq_length=IMAGES, tie_word_embeddings=False,
    )  # fmt: skip
    return FastVlmForConditionalGeneration(config)


def waves(values: Tensor, shortest: float, longest: float, scale: float, count: int = 16) -> Tensor:
    """(n, 2 count + 2) features of numbers."""
    length = torch.logspace(math.log10(shortest), math.log10(longest), count)
    angle = 2 * math.pi * values[:, None] / length
    return torch.cat([angle.cos(), angle.sin(), values[:, None] / scale, torch.ones(len(values), 1)], 1)


def bent(curvatures: Tensor) -> Tensor:
    """Curvatures spread out near zero."""
    return torch.asinh(curvatures / BENT)


class Numbers(nn.Module):
    """Rows of an embedding table, or of the output layer, for the blocks of numbers.

    Args:
        width: of a row.
        gain: spread of the first weights.
        speed: shortest wave of speeds, m/s. Long ones in the output layer make its scores smooth, so that their top is exact.
        bend: the same of curvatures, spread out as ``bent`` does.
    """

    def __init__(self, width: int, gain: float, speed: float, bend: float) -> None:
        super().__init__()
        speeds, changes, curves = (torch.tensor(one) for one in (words.SPEEDS, words.CHANGES, words.CURVATURES))
        fast, bends = waves(speeds, speed, 60.0, 10.0), waves(bent(curves), bend, 16.0, 2.0)
        blocks = [(block, fast) for block in (V.speed, V.plan_speed)]
        blocks += [(block, waves(changes, 0.2, 12.0, 1.0)) for block in V.changes]
        blocks += [(block, bends) for block in (*V.curvatures, V.plan_curvature, V.last_curvature)]
        blocks.append((V.metres, waves(torch.tensor([float(m) for m in words.METRES]), 4.0, 120.0, 25.0)))
        self.blocks = [block for block, _ in blocks]
        for place, (_, features) in enumerate(blocks):
            self.register_buffer(f"f{place}", features, persistent=False)
        count = blocks[0][1].shape[1]
        self.linears = nn.ModuleList(nn.Linear(count, width, bias=False) for _ in blocks)
        for linear in self.linears:
            nn.init.normal_(linear.weight, std=gain)

    def into(self, table: Tensor) -> Tensor:
        """The table with the rows of numbers put in."""
        parts, place = [], 0
        with torch.autocast(table.device.type, enabled=False):  # neighbours differ by little
            for number in np.argsort([block.first for block in self.blocks]):
                block = self.blocks[number]
                parts += [table[place : block.first], self.linears[number](getattr(self, f"f{number}"))]
                place = block.end
            return torch.cat([*parts, table[place:]])


def head(width: int, out: int) -> nn.Sequential:
    """Two layers."""
    return nn.Sequential(nn.Linear(width, 192), nn.GELU(), nn.Linear(192, out))


class TinyDriver(nn.Module):
    """The stock model and its helpers."""

    def __init__(self, shape: Shape = Shape(), *, blind: bool = False) -> None:
        super().__init__()
        self.shape, self.blind = shape, blind
        self.vlm = stock(shape)
        self.embeddings, self.outputs = Numbers(shape.width, 0.05, 0.4, 0.15), Numbers(shape.width, 0.03, 2.0, 0.8)
        flat = shape.hidden[-1] * IMAGES
        self.look = nn.Sequential(nn.Flatten(), nn.Dropout(0.2), nn.Linear(flat, 256), nn.GELU())
        self.past = nn.Sequential(nn.Linear(12 + 6 + 5 + 2, 128), nn.GELU(), nn.Linear(128, 128), nn.GELU())
        total = 12 + len(NUMBERS) + sum(KINDS.values())
        self.teach = nn.Sequential(nn.Linear(384, 256), nn.GELU(), nn.Dropout(0.1), nn.Linear(256, 12))
        self.teach_facts = nn.Linear(256, total - 12)
        self.norm = nn.LayerNorm(shape.width)
        self.plan, self.facts = head(shape.width, 12), head(shape.width, total - 12)
        for last in (self.teach[-1], self.plan[-1]):
            last.weight.data *= 0.1
            last.bias.data.zero_()
        if blind:
            for weight in self.vlm.model.vision_tower.parameters():
                weight.data.zero_()
                weight.requires_grad_(False)

    # --- pieces ---
    def maps(self, pixels: Tensor) -> Tensor:
        """(B, C, 3, 4) of (B, 6, 144, 256) pixels."""
        if self.blind:  # its tower has no weights that are not 0, so that it sees the same whatever it is shown
            return torch.zeros(len(pixels), self.shape.hidden[-1], *GRID, device=pixels.device)
        return self.vlm.model.vision_tower(pixels).last_hidden_state

    def image_tokens(self, maps: Tensor) -> Tensor:
        """(B, IMAGES, width)."""
        return self.vlm.model.multi_modal_projector(maps.flatten(2).transpose(1, 2))

    def table(self) -> Tensor:
        """(V, width) embeddings."""
        return self.embeddings.into(self.vlm.model.language_model.embed_tokens.weight)

    def output_table(self) -> Tensor:
        """(V, width) of the output layer."""
        return self.outputs.into(self.vlm.lm_head.weight)

    @contextmanager
    def lower(self) -> Iterator[None]:
        """Only the layers below ``<read>``."""
        lm = self.vlm.model.language_model
        layers = lm.layers
        lm.layers = layers[: self.shape.read]
        try:
            yield
        finally:
            lm.layers = layers

    def states(self, ids: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        """Last states (B, n, width), normed, and the states at ``<read>`` after the lower layers (B, width)."""
        lm = self.vlm.model.language_model
        embeds = F.embedding(ids, self.table())
        embeds = torch.cat([embeds[:, :1], images, embeds[:, 1 + IMAGES :]], 1)
        held: list[Tensor] = []
        hook = lm.layers[self.shape.read - 1].register_forward_hook(
            lambda _m, _i, out: held.append(out[0] if isinstance(out, tuple) else out)
        )
        try:
            last = lm(inputs_embeds=embeds, use_cache=False).last_hidden_state
        finally:
            hook.remove()
        return last, self.norm(held[0][:, PROMPT - 1])

    def teacher(self, maps: Tensor, past: Tensor, base: Tensor) -> tuple[Tensor, Tensor]:
        """Plan (B, 6, 2) and facts of the convolutional head."""
        seen = self.look(maps)
        plan = self.teach(torch.cat([seen, self.past(past)], 1)).float()
        return base + plan.view(-1, 6, 2) * constant(PAIR, plan.device), self.teach_facts(seen).float()

    def reader(self, state: Tensor, base: Tensor) -> tuple[Tensor, Tensor]:
        """Plan and facts of the language model's heads."""
        plan = self.plan(state).float()
        return base + plan.view(-1, 6, 2) * constant(PAIR, plan.device), self.facts(state).float()

    def finished(self) -> FastVlmForConditionalGeneration:
        """The stock model alone, with the tables written into it."""
        with torch.no_grad():
            self.vlm.model.language_model.embed_tokens.weight.copy_(self.table())
            self.vlm.lm_head.weight.copy_(self.output_table())
        return self.vlm


def integrated(actions: Tensor) -> Tensor:
    """(..., 6, 2) places of (..., 6, 2) pairs; the protocol's rule."""
    distance = actions[..., 0] * 0.5
    turn = actions[..., 1] * distance
    heading = torch.cumsum(turn, -1) - turn
    return torch.stack([torch.cumsum(distance * heading.cos(), -1), torch.cumsum(distance * heading.sin(), -1)], -1)


def apart(plan: Tensor, places: Tensor) -> Tensor:
    """(B,) mean metres between where a plan leads and places."""
    return ((integrated(plan) - places).pow(2).sum(-1) + 1e-4).sqrt().mean(-1)
