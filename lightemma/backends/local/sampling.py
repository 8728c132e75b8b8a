"""Chooses the next token row by row, so that an answer does not depend on the other calls of its batch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch


class Row(Protocol):
    """A row of a batch."""

    @property
    def abandoned(self) -> bool:
        """Whether the caller no longer waits for its answer."""


class RepetitionPenalty:
    """Makes tokens that occur in the prompt or the answer less likely, without counting padding.

    Keskar et al. 2019, equation 2: a score is divided by the penalty if positive, multiplied by it if negative.
    transformers' own version counts padding as a token, so that a row's answer would depend on the length of other rows.

    Args:
        penalty: above 1.
        prompt_mask: (rows, prompt length), 1 for tokens and 0 for padding.
    """

    def __init__(self, penalty: float, prompt_mask: torch.Tensor) -> None:
        self._penalty = penalty
        self._prompt_mask = prompt_mask

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores of the next token, (rows, vocabulary), lowered."""
        import torch

        counted = torch.ones_like(input_ids)
        counted[:, : self._prompt_mask.shape[1]] = self._prompt_mask
        # Padding marks an extra column, which is removed.
        places = torch.where(counted.bool(), input_ids, scores.shape[1])
        seen = scores.new_zeros((scores.shape[0], scores.shape[1] + 1), dtype=torch.bool)
        seen.scatter_(1, places, True)
        lowered = torch.where(scores > 0, scores / self._penalty, scores * self._penalty)
        return torch.where(seen[:, :-1], lowered, scores)


class GumbelNoise:
    """Adds noise to the scores so that the largest is a sample of ``softmax(scores / temperature)``.

    The Gumbel-max trick (Gumbel 1954), with a random stream for each row. Sampling by generate() draws from one stream
    for all rows, so that an answer would depend on the batch.

    Args:
        temperatures: one for each row; a row at 0 takes the likeliest token.
        seeds: one for each row.
        device: where the scores are.
    """

    def __init__(self, temperatures: Sequence[float], seeds: Sequence[int], device: Any) -> None:
        import torch

        self._drawn = torch.tensor([[temperature > 0] for temperature in temperatures], device=device)
        self._scales = torch.tensor([[temperature or 1.0] for temperature in temperatures], device=device)
        self._streams = [torch.Generator(device=device).manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Scores of the next token, (rows, vocabulary), with noise."""
        import torch

        scores = scores.float()
        # Minus the logarithm of an exponential variate is a Gumbel variate.
        noise = torch.empty_like(scores)
        for row, stream in zip(noise, self._streams, strict=True):
            row.exponential_(generator=stream)
        return torch.where(self._drawn, scores / self._scales - noise.log(), scores)


class Endings:
    """Ends rows whose caller no longer waits or whose answer is as long as it may be; the batch ends with its last row.

    Args:
        rows: the calls of the batch.
        limits: tokens of each row's longest answer.
        width: tokens of the prompts, padding included.
    """

    def __init__(self, rows: Sequence[Row], limits: Sequence[int], width: int) -> None:
        self._rows = rows
        self._limits = limits
        self._width = width

    def __call__(self, input_ids: torch.Tensor, scores: Any, **kwargs: Any) -> torch.Tensor:
        """Which rows end here, (rows,) booleans."""
        import torch

        written = input_ids.shape[1] - self._width
        ended = [row.abandoned or written >= limit for row, limit in zip(self._rows, self._limits, strict=True)]
        return torch.tensor(ended, device=input_ids.device)


def row_seed(seed: int, token_ids: Sequence[int], pictures: Sequence[str], sample: int = 0) -> int:
    """Seed of one call: the same for the same prompt, different for different prompts.

    Args:
        seed: the user's.
        token_ids: the prompt.
        pictures: digests of its pictures.
        sample: which of several answers to the prompt.
    """
    text = f"{seed}|{','.join(map(str, token_ids))}|{','.join(pictures)}" + (f"|{sample}" if sample else "")
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")
