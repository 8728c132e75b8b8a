"""A stand-in for a model that reads what tools report and obeys it: what the driving context is worth to such a reader.

It sees no picture. Without tools it holds its speed (or speeds up to ``cruise``); told of a red light or of something ahead in
our lane it brakes for it, and is fooled by a false alarm as by a true one. With ``cruise`` it also steers by what it is told of
the lane. Asked for a plan of tasks it names what it can read.

    PYTHONPATH=scripts lightemma study experts --model obedient_reader:Obedient
    PYTHONPATH=scripts lightemma study experts-city --model cruising.yaml

where cruising.yaml is

    name: cruising-reader
    provider: obedient_reader:Obedient
    model: cruising-reader
    options: {cruise: 8}
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, ClassVar

from pydantic import Field

from lightemma.backends.base import Backend, Completion, Request
from lightemma.backends.facts import Facts
from lightemma.protocol import LIGHTEMMA
from lightemma.run_folder.records import Usage

#: m/s²: comfortable and hardest braking, and speeding up to ``cruise``; metres left before a line, and to a leader that
#: stands; seconds to a leader.
_BRAKE, _HARDEST, _GAIN, _LINE, _GAP, _HEADWAY = 2.0, 6.0, 1.5, 1.0, 3.0, 1.3

_SPEEDS, _BENDS = (re.compile(rf"{name}[^\[]*(\[[^\]]*\])") for name in ("speed in m/s", "curvature of its path"))
_LIGHT = re.compile(r"light of our lane is (red|amber|green)(?:, (?:about )?([\d.]+) m ahead)?")
_SHOWS = re.compile(r"nearest traffic light shows (red|amber|green)")
_STOP = re.compile(r"line to stop at is ([\d.]+) m ahead")
#: "vehicle 12 m ahead in our lane, moving at 4.0 m/s", as oracles and distances are told.
_LEAD = re.compile(r"(\w+) ([\d.]+) m ahead in our lane(?:, (?:moving at ([\d.]+) m/s|(standing)))?")
#: "The car ahead in our lane drives at about 8 m/s; the gap of 14 m closes …", as lead-speed says it.
_FOLLOWED = re.compile(r"ahead in our lane (?:(stands)|drives at about ([\d.]+) m/s); the gap of ([\d.]+) m")
#: As false alarms are worded.
_STANDING = re.compile(r"A \w+ stands (?:still )?in our lane, about ([\d.]+) m ahead")
#: Metres to a light within which its line should be in sight.
_NEAR = 15.0
#: Somebody on foot beside our lane who moves, and metres aside within which he is taken to cross it.
_CROSSING = re.compile(r"(?:person|pedestrian) ([\d.]+) m ahead ([\d.]+) m to the (?:left|right), moving")
_BESIDE = 6.0
_PEOPLE = ("person", "pedestrian")
#: Where the car is in its lane, where it points, and how the lane bends, as experts and oracles say it.
_OFFSET = re.compile(
    r"car is ([\d.]+) m to the (left|right) of (?:the lane's|its) middle(?: and points ([\d.]+)° to the (left|right))?"
)
_BEND = re.compile(r"(?:bending|bends to the) (left|right) \(radius (?:about )?([\d.]+) m\)")
_FIRST_STRAIGHT = re.compile(r"Ahead it is: straight")
#: Metres and seconds that it looks ahead to steer back to the middle; 1/m that it steers at most.
_LOOKS, _LOOKS_S, _MOST_BEND = 6.0, 1.2, 0.15
#: The plan of tasks that it writes: what it calls a result, the task, and what its arguments are: a resource of the frame, or
#: another result. What is not offered or has no picture is left out, and so is what needs it.
_WANTED: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("things", "object-detection", {"picture": "picture"}),
    ("things before", "object-detection", {"picture": "earlier-picture"}),
    ("distances", "ground-distance", {"boxes": "things"}),
    ("speed", "lead-speed", {"boxes": "things", "earlier_boxes": "things before"}),
    ("lights", "light-state", {"picture": "picture", "boxes?": "things"}),
)
#: The same of a reader that steers.
_LANE = ("lane", "lane-geometry", {"picture": "picture"})


class Obedient(Backend):
    """Says again what tools report, and plans by it: stops at a red light's line and keeps behind a leader."""

    facts: ClassVar[Facts] = Facts(
        title="a reader that obeys tools", asks_model=False, reads_pictures=False, cacheable=False
    )

    class Options(Backend.Options):
        """How it drives on."""

        cruise: float = Field(
            default=0.0,
            ge=0,
            le=40,
            description="m/s that it speeds up to where nothing is ahead; 0: it holds its speed",
        )

    options: Options

    async def generate(self, request: Request) -> Completion:
        """What it says in a stage."""
        text = request.messages[-1].text
        if request.stage.startswith("tools-"):
            said = json.dumps(
                chosen(text) if request.stage == "tools-choose" else tasks(text, steers=self.options.cruise > 0)
            )
        elif request.stage != "action":
            said = " ".join(line for line in text.splitlines() if line.startswith("- ")) or "A road."
        else:
            speed, bend = (
                float(found[1].strip("[]").split(",")[-1])
                for found in (_SPEEDS.search(text), _BENDS.search(text))
                if found
            )
            steered = steering(text, speed) if self.options.cruise else None
            bend = bend if steered is None else steered
            pairs = ", ".join(f"({value:.3f}, {bend:.4f})" for value in planned(text, speed, self.options.cruise))
            said = f"[{pairs}]"
        # Four characters a token, as of the scripted models.
        return Completion(said, Usage(input=len(text) // 4, output=len(said) // 4, source="estimate"))


def tasks(text: str, *, steers: bool = False) -> list[dict[str, Any]]:
    """The plan of tasks that it writes, of those that a question offers."""
    offered = {line[2:].partition(" (")[0] for line in text.splitlines() if line.startswith("- ") and " gives " in line}
    there = {name: f"<resource-{name}>" for name in re.findall(r"^- <resource-([a-z-]+)>", text, re.MULTILINE)}
    made: list[dict[str, Any]] = []
    for result, task, given in (*_WANTED, _LANE) if steers else _WANTED:
        args = {name.rstrip("?"): there[one] for name, one in given.items() if one in there}
        if task not in offered or any(name not in args for name in given if not name.endswith("?")):
            continue
        made.append({"task": task, "id": len(made) + 1, "dep": [], "args": args})
        there[result] = f"<resource-{len(made)}>"
    return made


def chosen(text: str) -> dict[str, Any]:
    """The first candidate of every task that a question lists."""
    blocks = re.findall(r"^Task (\d+), [^:\n]*:\n- ([a-z0-9-]+):", text, re.MULTILINE)
    return {"choices": [{"task": int(task), "id": name, "reason": "it is the first"} for task, name in blocks]}


def planned(text: str, speed: float, cruise: float = 0.0) -> list[float]:
    """Six speeds: held, or up to ``cruise``, unless the words give a reason to brake.

    Args:
        text: of the question.
        speed: m/s now.
        cruise: m/s to speed up to; 0 for none.
    """
    line, gap, theirs = reasons(text, speed)
    made, driven, dt = [], 0.0, LIGHTEMMA.dt
    for number in range(LIGHTEMMA.plan_steps):
        free = min(_GAIN, (cruise - speed) / dt) if cruise else 0.0
        wanted = max(free, -_BRAKE)
        room = line - _LINE - driven
        if math.isfinite(line):
            # Braking evenly to the line, once that is as hard as comfort allows: v² = 2 a s.
            need = speed * speed / (2 * max(room, 0.1))
            wanted = -need if need >= 0.6 * _BRAKE else min(wanted, 0.0)
            # Who drives on by himself must also stand, not creep over the line.
            if cruise and room < 1.0 + speed / 2:
                wanted = -max(need, _BRAKE)
        if math.isfinite(gap):
            room = gap + theirs * dt * number - driven
            close = speed - theirs
            star = _GAP + speed * _HEADWAY + speed * close / (2 * math.sqrt(1.5 * _BRAKE))
            # The braking part of the intelligent driver model (Treiber et al. 2000).
            wanted = min(wanted, 1.5 * (1.0 - (max(star, 0.0) / max(room, 0.5)) ** 2))
        after = max(0.0, speed + max(wanted, -_HARDEST) * dt)
        made.append((speed + after) / 2)
        driven += made[-1] * dt
        speed = after
    return made


def steering(text: str, speed: float) -> float | None:
    """Curvature that leads back to the middle of the lane; None where nothing is said of it.

    Args:
        text: of a question.
        speed: m/s now.
    """
    found, bends = _OFFSET.search(text), _BEND.search(text)
    if found is None:
        return None
    offset = float(found[1]) * (1 if found[2] == "left" else -1)
    heading = math.radians(float(found[3])) * (1 if found[4] == "left" else -1) if found[3] else 0.0
    bend = 0.0
    if bends and not _FIRST_STRAIGHT.search(text):
        bend = (1 if bends[1] == "left" else -1) / float(bends[2])
    ahead = max(_LOOKS, _LOOKS_S * speed)
    # Pure pursuit (Coulter 1992) of the point of the middle that is so far ahead, as the lane bends.
    aside = bend * ahead**2 / 2 - offset - heading * ahead
    return min(max(2 * aside / ahead**2, -_MOST_BEND), _MOST_BEND)


def reasons(text: str, speed: float) -> tuple[float, float, float]:
    """Metres to a line to stop at and to what is ahead in our lane, infinite without one, and m/s of the latter.

    Args:
        text: of a question.
        speed: m/s now, which something ahead is taken to have where nothing is said of its speed.
    """
    light, shows, stop = _LIGHT.search(text), _SHOWS.search(text), _STOP.search(text)
    colour = light[1] if light else shows[1] if shows else ""
    line = math.inf
    if colour in ("red", "amber"):
        # Where nobody says how far the line is, it is as far as comfortable braking takes: a light that is near may stand on
        # the far side of the junction, and its line may be below the picture already.
        comfortable = speed * speed / (2 * _BRAKE) + _LINE
        told = float(light[2]) if light and light[2] else 0.0
        line = float(stop[1]) if stop else told if told > _NEAR else comfortable
    found: list[tuple[float, float]] = []
    for one in _LEAD.finditer(text):
        stands = one[1].lower() in _PEOPLE or one[4]
        found.append((float(one[2]), 0.0 if stands else float(one[3]) if one[3] else speed))
    found += [(float(one[1]), 0.0) for one in _CROSSING.finditer(text) if float(one[2]) <= _BESIDE]
    found += [(float(one[3]), 0.0 if one[1] else float(one[2])) for one in _FOLLOWED.finditer(text)]
    found += [(float(one[1]), 0.0) for one in _STANDING.finditer(text)]
    # The nearest; of two that say the same thing, the slower one.
    gap, theirs = min(found, default=(math.inf, 0.0))
    return line, gap, theirs
