"""A cap on dollars that is never exceeded: calls in progress count with the highest price they can have."""

from __future__ import annotations

import asyncio

from lightemma.backends.base import Message, PicturePart, Request, TextPart
from lightemma.calls.cancellation import Cancellation
from lightemma.errors import UserError

#: A picture of any size costs less than this many tokens with every provider's formula known today.
PICTURE_TOKENS = 5_000
#: Cautious: real texts have about four characters a token.
CHARACTERS_PER_TOKEN = 3


class BudgetSpent(Exception):  # noqa: N818 -- nothing went wrong
    """The next call might cost more than the cap leaves."""


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
        self._highest_cost = 0.0
        self._in_progress = 0
        self._waiting: list[asyncio.Future[None]] = []

    def reserve(self, dollars: float) -> float:
        """Reserves the highest cost that a call can have, and at least the cost of the most expensive call so far.

        Returns:
            The reserved dollars, to be passed to ``settle``.

        Raises:
            BudgetSpent: if this might exceed the cap.
        """
        dollars = max(dollars, self._highest_cost)
        if self.cap is not None and self.spent + self._reserved + dollars > self.cap:
            raise BudgetSpent
        self._reserved += dollars
        self._in_progress += dollars > 0
        return dollars

    def settle(self, reserved: float, cost: float) -> None:
        """Replaces the reserved dollars by the actual cost of the call."""
        self._in_progress -= reserved > 0
        self._reserved = self._reserved - reserved if self._in_progress else 0.0
        self.spent += cost
        self._highest_cost = max(self._highest_cost, cost)
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def room(self, cancellation: Cancellation) -> bool:
        """Waits until a call in progress has settled: most calls cost less than was reserved for them.

        Args:
            cancellation: ends the waiting.

        Returns:
            False at once if there is no such call, so that no more room will come.

        Raises:
            Cancelled: if the run is ending.
        """
        if not self._in_progress:
            return False
        settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(settled)
        ending = asyncio.ensure_future(cancellation.wait())
        try:
            await asyncio.wait({settled, ending}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ending.cancel()
        cancellation.check()
        return True


def most_input_tokens(request: Request) -> int:
    """An upper bound of the input tokens of a request."""
    return sum(_tokens(message) for message in request.messages)


def _tokens(message: Message) -> int:
    pictures = sum(isinstance(part, PicturePart) for part in message.parts)
    characters = sum(len(part.text) for part in message.parts if isinstance(part, TextPart))
    return 20 + pictures * PICTURE_TOKENS + characters // CHARACTERS_PER_TOKEN
