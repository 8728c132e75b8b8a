"""Estimates GPU-hours, time and memory of a run on the user's own cards, in addition to the dollars of ``estimate``."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lightemma.backends.config import ModelConfig
from lightemma.backends.registry import backend_class, facts_of
from lightemma.errors import UserError, near_names
from lightemma.preflight.cost_model import CARDS, CallTokens, Card, Prediction, Serving, architecture_of, predict
from lightemma.preflight.estimate import RunEstimate, asks_no_model

#: Concurrent calls to a server whose YAML names no number.
_CONCURRENCY = 16
#: Bytes of a weight in saved forms that are smaller than 16 bits, scales included.
_BYTES = {"fp8": 1.05, "int8": 1.05, "awq": 0.6, "gptq": 0.6, "bitsandbytes": 0.6}
_MOST_CARDS = 64


@dataclass(frozen=True, slots=True)
class GpuEstimate:
    """A run on cards of one kind.

    Attributes:
        run: its name.
        frames: those that are not finished.
        card: the kind of card.
        prediction: of a frame.
        how: how it is asked, as text.
    """

    run: str
    frames: int
    card: Card
    prediction: Prediction
    how: str

    @property
    def gpu_hours(self) -> float:
        """Card-hours."""
        return self.prediction.gpu_hours(self.frames)

    def wall_hours(self, cards: int) -> float | None:
        """Hours on ``cards`` cards, without loading; None where a replica needs more cards."""
        return None if cards < self.prediction.cards else self.prediction.wall_hours(self.frames, cards)


def card_named(name: str) -> Card:
    """A card by name, such as ``h100``.

    Raises:
        UserError: if it is not in the table.
    """
    found = CARDS.get(name.strip().lower())
    if found is None:
        raise UserError(f"There is no GPU '{name}' in the table; {near_names(name.lower(), CARDS)}")
    return found


def estimate_gpus(run: RunEstimate, card: Card) -> GpuEstimate | None:
    """Estimates a run on the user's own cards; None for models that a provider serves, or whose architecture is unknown.

    Args:
        run: its estimate.
        card: the kind of the cards.
    """
    config = run.config
    architecture = architecture_of(config.model)
    if architecture is None or run.price is not None or asks_no_model(config):
        return None
    form = str(config.options.get("quantization") or "").lower()
    if form in _BYTES:
        architecture = replace(architecture, bytes_per_weight=_BYTES[form])
    calls = [CallTokens(call.input, call.output, call.shared_prefix_tokens) for call in run.calls]
    engine = not facts_of(config.provider).in_process
    concurrency = _concurrency(config)
    cards = 1
    while cards <= _MOST_CARDS:
        prediction = predict(architecture, calls, Serving(card, cards, concurrency, engine))
        if prediction is not None:
            asked = "with an engine" if engine else "inside a Python process"
            return GpuEstimate(
                run.run, run.remaining_frames, card, prediction, f"{prediction.concurrency} concurrent calls, {asked}"
            )
        cards *= 2
    return None


def _concurrency(config: ModelConfig) -> int:
    limit = config.limits.concurrency
    option = facts_of(config.provider).batch_option
    if option is None:
        return limit or _CONCURRENCY
    batch = int(config.options.get(option, backend_class(config).Options.model_fields[option].default))
    return min(batch, limit or batch)
