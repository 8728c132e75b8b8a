"""What the calls of a published archive cost: the price of the model that it names, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lightemma.calls.prices import ResolvedPrice, recorded_price

#: The models behind the short names of LightEMMA's predict.py (its vlm.py, 2025).
_SOLD_AS = {
    "claude-3.5": "claude-3-5-sonnet-20241022",
    "claude-3.7": "claude-3-7-sonnet-20250219",
    "gemini-2.0": "gemini-2.0-flash",
    "gemini-2.5": "gemini-2.5-pro-preview-03-25",
}
#: How the names of models begin whose weights it runs itself.
_WEIGHTS = ("qwen", "deepseek", "llama")


@dataclass(frozen=True, slots=True)
class ArchivePrice:
    """The price of an archive's model.

    Attributes:
        price: per million tokens, or None.
        source: the table of the price, or why there is none.
    """

    price: ResolvedPrice | None
    source: str


def archive_price(model: str, at: datetime) -> ArchivePrice:
    """The price of a published archive's model at its maker.

    Args:
        model: its name in the archive's files.
        at: the day whose prices are taken.
    """
    price = recorded_price(_SOLD_AS.get(model.lower(), model), at)
    if price is not None:
        return ArchivePrice(price, price.table)
    if model.lower().startswith(_WEIGHTS):
        return ArchivePrice(None, f"none: the weights of '{model}' ran on its users' own machine")
    return ArchivePrice(None, f"none: no maker's list has '{model}'")
