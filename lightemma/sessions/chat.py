"""One request, or a few turns, outside a run: to check that a model answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lightemma.backends.base import Backend, Call, CallError, CallResult, PicturePart, Request, TextPart
from lightemma.calls.storable import storable
from lightemma.data.picture_url import fetch_picture, is_address, picture_at
from lightemma.data.pictures import PicturePolicy, load_picture
from lightemma.frame import Picture
from lightemma.planners.conversation import SUMMARY, Conversation, Exchange, Part, window_of
from lightemma.run_folder.records import OK, STAGES, Usage


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """One turn and its answer.

    Attributes:
        prompt: text of the turn.
        answer: the model's text.
        finish_reason: why the answer ended.
        usage: tokens, or None if unknown.
        latency_s: seconds from sending to the complete answer.
        answered_as: the model as the provider names it.
        summary: of the oldest turns, if they were summarised before this one, or None.
    """

    prompt: str
    answer: str
    finish_reason: str
    usage: Usage | None
    latency_s: float | None
    answered_as: str | None
    summary: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A turn that was not answered.

    Attributes:
        kind: of the failure, see ``lightemma.failures``.
        message: of the provider.
    """

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class ChatResult:
    """All turns.

    Attributes:
        turns: the answered ones.
        failure: of the turn after them, or None if all were answered.
    """

    turns: tuple[ChatTurn, ...]
    failure: Failure | None = None


def pictures_for(backend: Backend, places: Sequence[str], policy: PicturePolicy | None = None) -> list[Picture]:
    """Loads pictures from files and addresses.

    Args:
        backend: some pass addresses on, and the provider fetches the pictures; for the others they are fetched here.
        places: files, or http and https addresses.
        policy: how pictures are sent; unchanged if left out.

    Raises:
        UserError: if a picture cannot be read or fetched.
    """
    policy = policy or PicturePolicy()
    pictures = []
    for place in places:
        if not is_address(place):
            pictures.append(load_picture(Path(place).expanduser(), policy))
        elif backend.takes_urls:
            pictures.append(picture_at(place))
        else:
            pictures.append(fetch_picture(place, policy))
    return pictures


def single_calls(backend: Backend) -> Call:
    """Calls of a model outside a run: one attempt each; nothing is cached or recorded.

    Args:
        backend: of the model.
    """

    async def call(request: Request) -> CallResult:
        started = time.perf_counter()
        try:
            async with asyncio.timeout(backend.config.limits.timeout_s):
                completion = storable(await backend.generate(request), backend.config.max_output_tokens)
        except TimeoutError:
            return CallResult(None, "timeout", f"no answer within {backend.config.limits.timeout_s:g} s")
        except CallError as error:
            return CallResult(None, error.kind, error.message)
        latency = completion.latency_s
        return CallResult(completion, latency_s=time.perf_counter() - started if latency is None else latency)

    return call


async def ask(
    backend: Backend,
    turns: Sequence[str],
    pictures: Sequence[Picture] = (),
    system: str | None = None,
    on_turn: Callable[[ChatTurn], None] | None = None,
) -> ChatResult:
    """Holds a conversation: one attempt per turn; nothing is cached or recorded. Closes the backend.

    Args:
        backend: of the model.
        turns: the user's texts, in order; each is sent with all earlier turns.
        pictures: sent before the text of the first turn.
        system: the system message.
        on_turn: called with every turn as soon as it is answered.
    """

    call = single_calls(backend)

    answered: list[ChatTurn] = []
    conversation = Conversation(call, window=window_of(backend.config), system=system)
    try:
        for number, text in enumerate(turns):
            shown: list[Part] = [PicturePart(picture) for picture in pictures if not number]
            parts = [*shown, TextPart(text)]
            calls = await conversation.send(parts, STAGES[0])
            if calls[-1].outcome != OK:
                return ChatResult(tuple(answered), _failure(calls[-1]))
            turn = _turn(text, calls)
            answered.append(turn)
            if on_turn:
                on_turn(turn)
    finally:
        await backend.aclose()
    return ChatResult(tuple(answered))


def _turn(prompt: str, calls: Sequence[Exchange]) -> ChatTurn:
    exchange = calls[-1]
    completion = exchange.result.completion
    if completion is None:
        raise ValueError("an answered turn has an answer")
    summary = next((one.text for one in reversed(calls) if one.stage == SUMMARY), None)
    return ChatTurn(
        prompt,
        completion.text,
        completion.finish_reason,
        completion.usage,
        exchange.result.latency_s,
        completion.model,
        summary,
    )


def _failure(exchange: Exchange) -> Failure:
    kind = exchange.outcome.partition(":")[2]
    message = exchange.result.error or (exchange.text or "").strip() or {"empty": "the answer is empty"}.get(kind, "")
    if kind == "truncated":
        message = "the answer is empty, since thinking used all of its tokens (see --max-tokens)"
    if exchange.stage == SUMMARY:
        message = f"the oldest turns could not be summarised: {message}"
    return Failure(kind, message)
