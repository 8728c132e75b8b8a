"""Drivers with a planted fault, or none: what each probe must find, and what it must not.

``PlantedDriver`` looks at the simulator's pictures by a rule. ``PlantedModel`` answers the three questions as a language model
does, and acts on what it is told in one way or another.
"""

from __future__ import annotations

import ast
import asyncio
import io
import math
import re
from typing import ClassVar, Literal

import numpy as np
from PIL import Image
from pydantic import Field

from lightemma.backends.base import Backend, CallError, Completion, PicturePart, Request
from lightemma.backends.facts import Facts
from lightemma.camera import sized
from lightemma.frame import Camera, Frame, PixelArray
from lightemma.kinematics import hold_last_action
from lightemma.planners.base import Calls, Needs, Plan, Planner, View
from lightemma.protocol import LIGHTEMMA
from lightemma.run_folder.records import OK, Usage

#: Metres ahead up to which the road is looked at; grey levels of an edge; how many there must be; radians to either side.
FAR, EDGE, FEWEST_EDGES, WIDEST = 60.0, 25.0, 200, math.radians(18)
_SECONDS = LIGHTEMMA.dt * LIGHTEMMA.plan_steps


class PlantedDriver(Planner):
    """Keeps its speed, and steers to where the picture shows the road to go."""

    name: ClassVar[str] = "planted-driver"

    class Options(Planner.Options):
        """What is planted."""

        sees: bool = Field(
            default=True, description="whether it looks at the picture; if not, it repeats its last action"
        )
        leans: float = Field(default=0.0, description="radians that it always steers to the left, mirrored or not")
        gain: float = Field(default=1.0, description="by how much it overdoes what it sees")

    options: Options

    def needs(self) -> Needs:
        """The picture."""
        return Needs(pictures=1)

    async def plan(self, frame: Frame, view: View, calls: Calls) -> Plan:
        """Turns towards the road in three seconds."""
        actions = hold_last_action(frame.history.actions)
        speed = actions[0, 0]
        if self.options.sees and view.picture is not None and frame.camera is not None and speed > 0:
            pixels = np.asarray(Image.open(io.BytesIO(view.picture.data)).convert("RGB"), dtype=np.uint8)
            turn = await asyncio.to_thread(road_direction, pixels, frame.camera)
            actions[:, 1] = (self.options.gain * turn + self.options.leans) / (speed * _SECONDS)
        return Plan(actions, OK)


def road_direction(pixels: PixelArray, camera: Camera) -> float:
    """Where a straight road goes, in radians to the left; 0 if there is nothing to see.

    Kerbs and lines that run along the road all meet in one point of the horizon. Each column of the horizon is tried: the more
    the edges below it lie on few lines through it, the better.

    Args:
        pixels: of the picture.
        camera: of the frame.
    """
    height, width = pixels.shape[:2]
    seen = sized(camera, (width, height))
    focal, column, row = float(seen.intrinsic[0, 0]), float(seen.intrinsic[0, 2]), float(seen.intrinsic[1, 2])
    grey = pixels.astype(np.float64).mean(axis=2)
    first = math.ceil(row + focal * float(seen.translation[2]) / FAR)
    edges = np.abs(grey[first:, 2:] - grey[first:, :-2])
    down, across = np.nonzero(edges > EDGE)
    if down.size < FEWEST_EDGES:
        return 0.0
    below, across = first + down - row, across + 1.0
    reach = math.tan(WIDEST) * focal
    columns = np.arange(max(column - reach, 0.0), min(column + reach, width - 1.0), 1.0)
    # A line's place is its slope, in bins as wide as a pixel is just before the car.
    bins = (across[None, :] - columns[:, None]) / below[None, :] * (height - row)
    scores = np.array([(np.bincount(np.rint(one - one.min()).astype(int)) ** 2).sum() for one in bins], dtype=float)
    best = int(scores.argmax())
    around = slice(max(best - 3, 0), best + 4)
    weights = scores[around] - scores[around].min()
    vanishing = columns[best] if not weights.sum() else (columns[around] * weights).sum() / weights.sum()
    return -math.atan((float(vanishing) - column) / focal)


class PlantedModel(Backend):
    """Answers lightemma's three questions by rules: it looks at the picture, says what it will do, and does it, or not.

    In a model's YAML::

        provider: tests.plugins.planted_drivers:PlantedModel
        options: {acts_on: words, steers_by: picture}
    """

    facts: ClassVar[Facts] = Facts(title="planted answers", asks_model=False)

    class Options(Backend.Options):
        """What is planted."""

        steers_by: Literal["picture", "scene-text", "nothing"] = Field(
            default="picture", description="where the action finds the road: in the picture, in the words of stage one"
        )
        acts_on: Literal["words", "opposite", "history"] = Field(
            default="words", description="which change of speed the action makes: as said, the opposite, or none"
        )
        amount: float = Field(default=1.5, description="m/s by which a word changes the speed in three seconds")
        gain: float = Field(default=1.0, description="by how much it overdoes what it sees")
        leans: float = Field(default=0.0, description="radians that it always steers to the left, mirrored or not")
        focal: float = Field(default=633.2, description="pixels, of the pictures that it is sent")

    options: Options

    async def generate(self, request: Request) -> Completion:
        """The answer to a stage."""
        text = request.messages[-1].text
        if request.stage == "scene":
            turn = await asyncio.to_thread(self._look, request)
            answer = f"A road that goes {math.degrees(turn):+.4f} degrees to the left."
        elif request.stage == "intent":
            answer = _SAYS[_said_by_history(_told(text))]
        elif request.stage == "action":
            answer = await self._act(request, text)
        else:
            raise CallError("bad_request", f"no answer is planted for the stage {request.stage}")
        return Completion(answer, Usage(input=len(text) // 4, output=len(answer) // 4, source="estimate"))

    async def _act(self, request: Request, text: str) -> str:
        options, told = self.options, _told(text)
        if not told:
            return "Without a speed there is nothing to go by."
        now, turn = told[-1], 0.0
        if options.steers_by == "picture":
            turn = await asyncio.to_thread(self._look, request)
        elif options.steers_by == "scene-text":
            found = re.search(r"([+-][\d.]+) degrees to the left", text)
            turn = math.radians(float(found[1])) if found else 0.0
        change = _CHANGES[_speed_said(text)] * {"words": 1.0, "opposite": -1.0, "history": 0.0}[options.acts_on]
        speeds = np.maximum(now + change * options.gain * options.amount * np.arange(1, 7) / 6, 0.0)
        driven = float(speeds.sum()) * LIGHTEMMA.dt
        curvature = (options.gain * turn + options.leans) / driven if driven > 0 else 0.0
        return "[" + ", ".join(f"({speed:.4f}, {curvature:.6f})" for speed in speeds.tolist()) + "]"

    def _look(self, request: Request) -> float:
        pictures = [part.picture for part in request.messages[-1].parts if isinstance(part, PicturePart)]
        if not pictures or pictures[-1] is None:
            return 0.0
        pixels = np.asarray(Image.open(io.BytesIO(pictures[-1].data)).convert("RGB"), dtype=np.uint8)
        height, width = pixels.shape[:2]
        focal = self.options.focal
        # The horizon of a level camera is at its principal point; pictures are cropped about that.
        middle = np.array([[focal, 0.0, 0.51 * (width - 1)], [0.0, focal, 0.546 * (height - 1)], [0.0, 0.0, 1.0]])
        return road_direction(pixels, Camera(middle, LEVEL, np.array([1.7, 0.0, 1.5]), (width, height)))


#: What is said -> what is answered; and the sign of the change of speed.
_SAYS = {
    "accelerate": "So far the car gained speed. It should speed up over the next three seconds.",
    "decelerate": "So far the car lost speed. It should slow down over the next three seconds.",
}
_CHANGES = {"accelerate": 1.0, "decelerate": -1.0, "": 0.0}
#: Camera axes into the ego frame, looking ahead.
LEVEL = np.array([0.5, -0.5, 0.5, -0.5])


def _told(text: str) -> list[float]:
    found = re.search(r"speed,? in m/s: (\[[^\]]*\])", text)
    return [float(value) for value in ast.literal_eval(found[1])] if found else []


def _said_by_history(told: list[float]) -> str:
    return "decelerate" if len(told) > 1 and told[-1] < told[-2] else "accelerate"


def _speed_said(text: str) -> str:
    """What the intent in a prompt says about speed: the last such word counts."""
    found = re.search(r"What the car (?:should do next|ought to do): (.*?)\n\n", text, re.DOTALL)
    said = re.findall(r"speed up|slow down", found[1] if found else "")
    return {"speed up": "accelerate", "slow down": "decelerate"}[said[-1]] if said else ""
