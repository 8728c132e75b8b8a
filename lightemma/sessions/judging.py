"""Asks a model to read what runs said: the same fields as the rules, stored beside each run."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lightemma.backends.base import Backend, Message, Request, TextPart
from lightemma.calls.budget import Budget
from lightemma.calls.caller import CallContext, ModelCaller
from lightemma.calls.cancellation import Cancellation, cancelling_on_interrupt
from lightemma.calls.concurrency import run_concurrently
from lightemma.calls.limits import ProviderLimits
from lightemma.calls.monitor import Monitor
from lightemma.calls.prices import resolve_price
from lightemma.errors import UserError
from lightemma.run_folder.judgments import FIELDS, Judgment, append_judgment, checked_labels, digest, read_judgments
from lightemma.run_folder.texts import stage_texts
from lightemma.steps import counted

#: Longest text that is sent.
LONGEST_TEXT = 8_000
_OBJECT = re.compile(r"\{.*\}", re.DOTALL)
_INTENT = """\
Below is what a driving model said about its car (the ego). Say what it advises the ego to do in the NEXT 3 seconds.
longitudinal: accelerate, keep (hold a steady speed), decelerate (slow down or stop), stay-stopped (it says the ego stands,
and should stay), or unclear (nothing said, two choices without a preference, or a contradiction). What was before does not
count, nor what holds only on a condition; steps in a row take the first.
lateral: left or right (told to turn, or to follow a road that bends that way, be it slightly), straight, lane-change-left,
lane-change-right, or unclear (nothing said).
stated_speed: the speed in m/s that it tells the ego to drive at (the middle of a range), or null. Changes of speed do not
count."""
_SCENE = """\
Below is a driving model's description of a street. For each of red_light, green_light, person, lead_vehicle, roadworks,
bad_weather say claimed (it is there), hedged (it may be there), denied (it is said not to be there) or absent (not spoken of).
No visible traffic lights denies both lights. person: on foot or sitting, workers included, no riders, no signs.
lead_vehicle: in front in the ego's lane or driving away in the same direction; parked, oncoming and crossing vehicles do not
count; no vehicles denies it. roadworks: work, cones or barriers at the road. bad_weather: rain, snow, fog or a wet road; a
clear or sunny day denies it."""
_QUESTIONS = {"intent": _INTENT, "scene": _SCENE}


@dataclass
class Judged:
    """How it ended.

    Attributes:
        asked: texts that were sent.
        kept: texts that were judged before.
        unread: answers without the fields that were asked for.
        failed: calls without an answer.
        dollars: spent; None where the price is unknown.
        stopped: why it ended early, or None.
    """

    asked: int = 0
    kept: int = 0
    unread: int = 0
    failed: int = 0
    dollars: float | None = None
    stopped: str | None = None


@dataclass(frozen=True, slots=True)
class _Text:
    folder: Path
    token: str
    stage: str
    text: str


def judge_runs(folders: Sequence[Path], backend: Backend, stride: int = 1, max_cost: float | None = None) -> Judged:
    """Lets a model read the statements and descriptions of runs; those that it has judged before are kept.

    Args:
        folders: of the runs.
        backend: of the judge; closed at the end.
        stride: only every so manieth frame.
        max_cost: dollars that it may cost.

    Raises:
        UserError: if the model cannot be asked, a file cannot be read or written, or the price is unknown and there is a
            maximum.
    """
    return asyncio.run(_judge(folders, backend, stride, max_cost))


async def _judge(folders: Sequence[Path], backend: Backend, stride: int, max_cost: float | None) -> Judged:
    price = resolve_price(backend.config, datetime.now(UTC))
    if price is None and max_cost is not None and backend.cacheable:
        raise UserError(
            f"The price of '{backend.config.name}' is unknown, so --max-cost cannot hold; add `price` to its YAML, or leave "
            "--max-cost out."
        )
    monitor, ending, judged = Monitor(backend.config.name, unit="texts"), Cancellation(), Judged()
    context = CallContext(ProviderLimits(backend.config.limits), monitor, ending, Budget(max_cost), price)
    call = ModelCaller(backend, context)

    async def one(text: _Text) -> None:
        result = await call(_request(text, backend))
        judged.asked += 1
        if result.completion is None:
            judged.failed += 1
            return
        labels = checked_labels(text.stage, _object(result.completion.text))
        if labels is None:
            judged.unread += 1
            return
        judgment = Judgment(text.stage, digest(text.text), labels, result.completion.model)
        append_judgment(text.folder, backend.config.name, judgment)

    try:
        with cancelling_on_interrupt(ending):
            texts = _unjudged(folders, backend.config.name, stride, judged)
            await run_concurrently(counted(texts, f"{backend.config.name} reads", "texts"), one, context)
    finally:
        await backend.aclose()
    judged.stopped, judged.dollars = ending.reason, monitor.dollars
    return judged


def _unjudged(folders: Sequence[Path], model: str, stride: int, judged: Judged) -> Iterator[_Text]:
    """The texts that are not judged yet; a text that comes again in a run is sent once."""
    for folder in folders:
        known = {(one.stage, one.text_sha256) for one in read_judgments(folder, model)}
        texts = stage_texts(folder, tuple(FIELDS))
        for token in list(texts)[::stride]:
            for stage, text in texts[token].items():
                key = (stage, digest(text))
                if key in known:
                    judged.kept += 1
                elif text.strip():
                    known.add(key)
                    yield _Text(folder, token, stage, text)


def _request(text: _Text, backend: Backend) -> Request:
    fields = FIELDS[text.stage]
    shape = ", ".join(f'"{name}": ...' for name in fields)
    form = f"Answer with one JSON object and nothing else: {{{shape}}}"
    asked = f"{_QUESTIONS[text.stage]}\n{form}\n\nText:\n{text.text[:LONGEST_TEXT]}"
    message = Message("user", (TextPart(asked),))
    return Request(
        (message,),
        text.token,
        text.stage,
        response_schema=_schema(text.stage) if "json" in backend.constraints else None,
    )


def _schema(stage: str) -> dict[str, Any]:
    """The JSON schema of an answer."""
    fields = FIELDS[stage]
    return {
        "type": "object",
        "properties": {
            name: {"type": "string", "enum": list(values)} if values else {"type": ["number", "null"]}
            for name, values in fields.items()
        },
        "required": list(fields),
        "additionalProperties": False,
    }


def _object(answer: str) -> object:
    """The JSON object in an answer, or None: models write around it."""
    match = _OBJECT.search(answer[: 4 * LONGEST_TEXT])
    if match is None:
        return None
    with suppress(ValueError, RecursionError):
        return json.loads(match.group())
    return None
