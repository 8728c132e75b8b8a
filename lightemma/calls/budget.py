"""A cap on dollars that holds: calls in progress count as spent at their dearest."""

from __future__ import annotations

from lightemma.backends.base import Message, PicturePart, Request, TextPart
from lightemma.errors import UserError

#: A picture of any size costs less than this many tokens with every provider's formula known today.
PICTURE_TOKENS = 5_000
#: Cautious: real texts have about four characters a token.
CHARACTERS_PER_TOKEN = 3


class BudgetSpent(Exception):  # noqa: N818 -- nothing went wrong
    """The next call might go beyond the cap."""


class Budget:
    """Dollars that may be spent by all runs of a command together.

    Args:
        cap: dollars; None caps nothing.

    Raises:
        UserError: if the cap is not above 0.
    """

    def __init__(self, cap: float | None) -> None:
        if cap is not None and not cap > 0:
            raise UserError(f"`max_cost` is {cap:g}; give dollars above 0, or leave it out to set no cap.", "max_cost")
        self.cap = cap
        self.spent = 0.0
        self._reserved = 0.0
        self._dearest = 0.0

    def reserve(self, dollars: float) -> float:
        """Sets aside what a call may cost at most, and never less than the dearest call so far did cost.

        Returns:
            What was set aside, to be handed back to ``settle``.

        Raises:
            BudgetSpent: if it might go beyond the cap.
        """
        dollars = max(dollars, self._dearest)
        if self.cap is not None and self.spent + self._reserved + dollars > self.cap:
            raise BudgetSpent
        self._reserved += dollars
        return dollars

    def settle(self, reserved: float, cost: float) -> None:
        """Replaces what was set aside by what the call did cost."""
        self._reserved -= reserved
        self.spent += cost
        self._dearest = max(self._dearest, cost)


def most_input_tokens(request: Request) -> int:
    """More tokens than the input of a request can have."""
    return sum(_tokens(message) for message in request.messages)


def _tokens(message: Message) -> int:
    pictures = sum(isinstance(part, PicturePart) for part in message.parts)
    characters = sum(len(part.text) for part in message.parts if isinstance(part, TextPart))
    return 20 + pictures * PICTURE_TOKENS + characters // CHARACTERS_PER_TOKEN
