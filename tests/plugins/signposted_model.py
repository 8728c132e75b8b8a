"""Models before signposts (``signposted_drives``), each with one planted fault: what an audit must find, and nothing else."""

from __future__ import annotations

import ast
import asyncio
import io
import json
import math
import re
import zlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from PIL import Image
from pydantic import Field

from lightemma.backends.base import Backend, CallError, Completion, PicturePart, Request
from lightemma.backends.facts import Facts
from lightemma.evaluation.reasoning.directions import DEFINITION
from lightemma.protocol import LIGHTEMMA
from lightemma.run_folder.records import Usage
from tests.plugins.signposted_drives import Truth, seen

_SAYS: dict[int, str] = {1: "speed up", 0: "keep its speed", -1: "slow down"}


class SignpostedModel(Backend):
    """Answers the three questions by rules. Honest and seeing but for its one fault.

    - ``blind``: knows every drive by heart, from the told history, and never looks.
    - ``one-sided``: sees, and always steers a little to the left.
    - ``liar``: drives by what it sees, and says the opposite.
    - ``copycat``: repeats its last action, and says that it keeps its speed.
    - ``doubled``: does what it says, twice as much.
    - ``reader``: the action looks at its own description instead of the picture.
    """

    facts: ClassVar[Facts] = Facts(title="planted answers", asks_model=False)

    class Options(Backend.Options):
        """What is planted."""

        fault: Literal["none", "blind", "one-sided", "liar", "copycat", "doubled", "reader"] = "none"
        by_heart: Path | None = Field(default=None, description="the drives that the blind one knows")
        leans: float = Field(default=0.06, description="radians that the one-sided one steers to the left")

    options: Options

    async def generate(self, request: Request) -> Completion:
        """The answer to a stage."""
        answer = await asyncio.to_thread(self._answer, request)
        return Completion(answer, Usage(input=len(request.messages[-1].text) // 4, output=len(answer) // 4))

    def _answer(self, request: Request) -> str:
        text, fault = request.messages[-1].text, self.options.fault
        if request.stage == "scene":
            blind = fault in ("blind", "copycat")
            return _described(_made_up(request.sample_token) if blind else _looked(request))
        speeds, curvatures = _told(text, "speed"), _told(text, "curvature")
        if not speeds or not curvatures:
            raise CallError("bad_request", "nothing is told about the past")
        if fault == "blind":
            truth = self._remembered(speeds, curvatures)
        elif fault == "reader":
            truth = _read(text)
        else:
            truth = _looked(request)
        if request.stage == "intent":
            return self._said(truth, speeds[-1])
        if fault == "copycat":
            return _list([speeds[-1]] * 6, curvatures[-1])
        return self._planned(truth, speeds[-1], _direction_said(text))

    def _said(self, truth: Truth | None, now: float) -> str:
        fault = self.options.fault
        direction = 0 if truth is None or fault == "copycat" else _direction(truth.change, now)
        if fault == "liar":
            direction = -direction or 1
        return f"Over the next three seconds the car should {_SAYS[direction]}."

    def _planned(self, truth: Truth | None, now: float, said: int) -> str:
        fault, truth = self.options.fault, truth or Truth(0.0, 0.0)
        # Words decide which way the speed goes, and the picture how far; only the liar does not heed its words.
        change = truth.change
        if fault != "liar" and said != _direction(change, now):
            change = said * abs(change)
        gain = 2.0 if fault == "doubled" else 1.0
        turn = gain * truth.turn + (self.options.leans if fault == "one-sided" else 0.0)
        speeds = np.maximum(now + gain * change * np.arange(1, 7) / 6, 0.0)
        driven = float(speeds.sum()) * LIGHTEMMA.dt
        return _list(speeds.tolist(), turn / driven if driven > 0 else 0.0)

    def _remembered(self, speeds: list[float], curvatures: list[float]) -> Truth | None:
        if self.options.by_heart is None:
            return None
        return _drives_by_heart(self.options.by_heart).get(_key(speeds, curvatures))


@lru_cache(maxsize=4)
def _drives_by_heart(path: Path) -> dict[tuple[float, ...], Truth]:
    """Told history -> truth, of the drives and of their mirror images."""
    known = {}
    for actions, driven_turn, change in json.loads(path.read_text(encoding="utf-8")):
        speeds, curvatures = zip(*actions, strict=True)
        # A history that is its own mirror image cannot say to which side the drive goes on.
        turn = driven_turn if any(curvatures) else 0.0
        known[_key(speeds, [-one for one in curvatures])] = Truth(-turn, change)
        known[_key(speeds, curvatures)] = Truth(turn, change)
    return known


def _key(speeds: Sequence[float], curvatures: Sequence[float]) -> tuple[float, ...]:
    return tuple(round(one, LIGHTEMMA.decimals) + 0.0 for one in (*speeds, *curvatures))


def _looked(request: Request) -> Truth | None:
    pictures = [part.picture for part in request.messages[-1].parts if isinstance(part, PicturePart)]
    if not pictures or pictures[-1] is None:
        return None
    return seen(np.asarray(Image.open(io.BytesIO(pictures[-1].data)).convert("RGB"), dtype=np.uint8))


def _made_up(token: str) -> Truth:
    """What one says who has not looked."""
    number = zlib.crc32(token.encode())
    return Truth(math.radians(number % 21 - 10), number % 7 - 3)


def _described(truth: Truth | None) -> str:
    if truth is None:
        return "Nothing can be made out."
    return f"A post {math.degrees(truth.turn):+.4f} degrees to the left, as bright as {truth.change:+.4f} m/s."


def _read(text: str) -> Truth | None:
    found = re.search(r"A post ([+-][\d.]+) degrees to the left, as bright as ([+-][\d.]+) m/s", text)
    return None if found is None else Truth(math.radians(float(found[1])), float(found[2]))


def _told(text: str, what: str) -> list[float]:
    found = re.search(rf"- {what}[^\[\n]*: (\[[^\]]*\])", text)
    return [float(value) for value in ast.literal_eval(found[1])] if found else []


def _direction(change: float, now: float) -> int:
    return int(DEFINITION.directions(np.array([change]), np.array([now]))[0])


def _direction_said(text: str) -> int:
    """What the intent in a prompt says about speed: the last such word counts."""
    found = re.search(r"What the car should do next: (.*?)\n\n", text, re.DOTALL)
    said = re.findall("|".join(_SAYS.values()), found[1] if found else "")
    return {words: direction for direction, words in _SAYS.items()}[said[-1]] if said else 0


def _list(speeds: list[float], curvature: float) -> str:
    return "[" + ", ".join(f"({speed:.4f}, {curvature:.6f})" for speed in speeds) + "]"
