"""Reads what the tiny driver is asked out of the shipped sets' prompts: task, motion, route and earlier answers."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Final, Literal

from lightemma.backends.base import PicturePart, Request, TextPart
from lightemma.backends.tiny import vocabulary as words
from lightemma.backends.tiny.vocabulary import VOCABULARY as V
from lightemma.frame import Picture

#: Tokens of a picture to the package's own weights.
IMAGES: Final = 12

Task = Literal["scene", "intent", "action", "reasoned", "pairs"]

_SPEEDS = re.compile(r"^- speed in m/s: (\[[-0-9., e]*\])", re.MULTILINE)
_CURVATURES = re.compile(r"^- curvature of its path [^:]*: (\[[-0-9., e]*\])", re.MULTILINE)
_COMMAND = re.compile(r"\(a navigation command\): (left|right|straight on|follow the road)(?: in (\d+) m| (here))?\.")
_SEEN = re.compile(r"What can be seen ahead: (.*?)(?:\n\n|\Z)", re.DOTALL)
_NEXT = re.compile(r"What the car should do next: (.*?)(?:\n\n|\Z)", re.DOTALL)
_AGO = re.compile(r"Front camera (\d+\.\d) s ago:\s*\Z")
_OTHER = re.compile(r"camera now:\s*\Z")
_ROUTES = {"left": "left", "right": "right", "straight on": "straight", "follow the road": "follow"}
#: Seconds before now that the earlier picture was learned at, and by how much it may differ.
_AGO_S, _SLACK_S = 0.5, 0.15


@dataclass(frozen=True, slots=True)
class Question:
    """A request, read.

    Attributes:
        task: what is asked for.
        history: pairs of speed (m/s) and curvature (1/m), oldest first; fewer than six where not all are told.
        route: where it goes next, a value of ``vocabulary.COMMANDS``.
        metres: to there, or None.
        scene: ids of the phrases of an earlier answer.
        intent: the same.
        picture: the frame's own.
        before: the picture half a second earlier, where it was sent.
    """

    task: Task
    history: tuple[tuple[float, float], ...]
    route: str
    metres: float | None
    scene: tuple[int, ...]
    intent: tuple[int, ...]
    picture: Picture | None
    before: Picture | None

    def ids(self, images: int = IMAGES) -> list[int]:
        """The prompt's ids, with so many for the pictures."""
        far = V.no_metres if self.metres is None else V.metres.of(self.metres)
        ids = [
            words.BEGIN,
            *[words.IMAGE] * images,
            V.command.first + words.COMMANDS.index(self.route),
            far,
            *V.past(self.history),
            words.READ,
        ]
        if self.task == "pairs":
            return [*ids, words.ONLY]
        ids.append(words.DESCRIBE)
        if self.task in ("intent", "action"):
            ids += [*self.scene, words.JUDGE]
        if self.task == "action":
            ids += [*self.intent, words.ACT]
        return ids

    @property
    def stops(self) -> frozenset[int]:
        """Ids that end the answer."""
        return frozenset({words.END, *{"scene": (words.JUDGE,), "intent": (words.ACT,)}.get(self.task, ())})


def read_question(request: Request) -> Question:
    """What a request asks. Any other than those of ``single-call`` and ``chain-of-thought`` is taken as one for the scene."""
    users = [message for message in request.messages if message.role == "user"]
    last = users[-1].text
    text = "\n\n".join(message.text for message in users)
    task = _task(request.stage, last)
    scene, intent = _SEEN.search(last), _NEXT.search(last)
    said = [message.text for message in request.messages if message.role == "assistant"]
    told = {
        "scene": scene[1] if scene else (said[0] if said and task != "scene" else ""),
        "intent": intent[1] if intent else (said[1] if len(said) > 1 and task == "action" else ""),
    }
    picture, before = _pictures(request)
    command = _COMMAND.search(text)
    return Question(
        task,
        _history(text),
        _ROUTES[command[1]] if command else "unknown",
        (0.0 if command[3] else float(command[2]) if command[2] else None) if command else None,
        tuple(V.found(told["scene"])),
        tuple(V.found(told["intent"])),
        picture,
        before,
    )


def _task(stage: str, text: str) -> Task:
    if stage == "scene" or "Describe what matters for driving here" in text:
        return "scene"
    if stage == "intent":
        return "intent"
    if "speed and curvature for each of the next six" not in text:
        return "scene"
    if "First say in at most four sentences" in text:
        return "reasoned"
    return "pairs" if "so that the car does what the picture asks for" in text else "action"


def _history(text: str) -> tuple[tuple[float, float], ...]:
    speeds, curvatures = _SPEEDS.findall(text), _CURVATURES.findall(text)
    if not speeds or not curvatures:
        return ()
    try:
        fast, bent = (tuple(map(float, ast.literal_eval(found[-1]))) for found in (speeds, curvatures))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return ()
    return tuple(zip(fast, bent, strict=False))[-words.PAIRS :]


def _pictures(request: Request) -> tuple[Picture | None, Picture | None]:
    """The front camera's picture, and the one half a second before it."""
    now = before = None
    label = ""
    for message in request.messages:
        if message.role != "user":
            continue
        for part in message.parts:
            if isinstance(part, TextPart):
                label = part.text
            elif isinstance(part, PicturePart) and part.picture is not None:
                ago = _AGO.search(label)
                if ago is not None:
                    before = part.picture if abs(float(ago[1]) - _AGO_S) <= _SLACK_S else before
                elif not _OTHER.search(label) or "Front camera now" in label:
                    now = part.picture
                label = ""
    return now, before
