"""What the driving context carries: a reader that obeys it, with and without oracles, against the city's own driver."""

from __future__ import annotations

import asyncio
import math
import re

import numpy as np

from lightemma.backends.base import Backend, CallResult, Completion, Request
from lightemma.backends.config import ModelConfig
from lightemma.expert_bench.city import facts_of, frame_of, step
from lightemma.frame import FloatArray
from lightemma.kinematics import integrate
from lightemma.planners.base import Planner, PlannerSettings, View
from lightemma.planners.expert_tools import ExpertTools
from lightemma.protocol import LIGHTEMMA
from lightemma.simulation.conditions import CONDITIONS
from lightemma.simulation.expert import Expert as Driver
from lightemma.simulation.render import front_camera
from lightemma.simulation.scenarios import make_world

SCENARIOS = ("red-light", "light-stays-red", "lead-car-braking", "stopped-queue")
#: L2 with oracles over L2 without: no more than this.
MOST = 0.6
#: m/s²: comfortable and hardest braking; metres left before a line, and to a leader that stands; seconds to a leader.
_BRAKE, _HARDEST, _LINE, _GAP, _HEADWAY = 2.0, 6.0, 1.0, 3.0, 1.3

_SPEEDS, _BENDS = (re.compile(rf"{name}[^\[]*(\[[^\]]*\])") for name in ("speed in m/s", "curvature of its path"))
_LIGHT = re.compile(r"light of our lane is (red|amber|green), ([\d.]+) m ahead")
_STOP = re.compile(r"line to stop at is ([\d.]+) m ahead")
_LEAD = re.compile(r"([\d.]+) m ahead in our lane, (?:moving at ([\d.]+) m/s|standing)")


class Obedient(Backend):
    """Says again what tools report, and plans by it: stops at a red light's line and keeps behind a leader."""

    async def generate(self, request: Request) -> Completion:
        text = request.messages[-1].text
        if request.stage != "action":
            return Completion(" ".join(line for line in text.splitlines() if line.startswith("- ")) or "A road.")
        speed, bend = (
            float(found[1].strip("[]").split(",")[-1]) for found in (_SPEEDS.search(text), _BENDS.search(text))
        )
        pairs = ", ".join(f"({value:.3f}, {bend:.4f})" for value in planned(text, speed))
        return Completion(f"[{pairs}]")


def planned(text: str, speed: float) -> list[float]:
    """Six speeds: held, unless the words give a reason to brake."""
    light, stop, lead = _LIGHT.search(text), _STOP.search(text), _LEAD.search(text)
    line = float(stop[1]) if stop else math.inf
    if light is None or light[1] == "green":
        line = math.inf
    gap = float(lead[1]) if lead else math.inf
    theirs = float(lead[2] or 0.0) if lead else 0.0
    made, driven, dt = [], 0.0, LIGHTEMMA.dt
    for number in range(LIGHTEMMA.plan_steps):
        wanted = 0.0
        room = line - _LINE - driven
        if math.isfinite(line):
            # Braking evenly to the line, once that is as hard as comfort allows: v² = 2 a s.
            need = speed * speed / (2 * max(room, 0.1))
            wanted = -need if need >= 0.6 * _BRAKE else 0.0
        if math.isfinite(gap):
            room = gap + theirs * dt * number - driven
            close = speed - theirs
            star = _GAP + speed * _HEADWAY + speed * close / (2 * math.sqrt(1.5 * _BRAKE))
            # The braking part of the intelligent driver model (Treiber et al. 2000).
            wanted = min(wanted, 0.0, 1.5 * (1.0 - (max(star, 0.0) / max(room, 0.5)) ** 2))
        after = max(0.0, speed + max(wanted, -_HARDEST) * dt)
        made.append((speed + after) / 2)
        driven += made[-1] * dt
        speed = after
    return made


def ceiling(frames: int, first_seed: int) -> bool:
    """Prints L2 with and without oracles; whether the promise holds.

    Args:
        frames: about how many, of all scenarios.
        first_seed: of the drives.
    """
    model = Obedient(ModelConfig(name="obedient", provider="scripted", model="obedient"))
    planners = {mode: ExpertTools(PlannerSettings(options={"tools": mode})) for mode in ("none", "oracle")}
    camera, good, all_errors = front_camera(), True, {mode: list[float]() for mode in planners}
    drives = max(1, frames // (len(SCENARIOS) * 24))
    for name in SCENARIOS:
        errors = {mode: list[float]() for mode in planners}
        for seed in range(first_seed, first_seed + drives):
            world, driver = make_world(name, seed, CONDITIONS["day"], left_hand=False), Driver()
            for _ in range(24):
                before = world.time
                step(world, driver)
                facts = facts_of(world, camera)
                frame = frame_of(world, camera, before)
                truth = integrate(driver.plan(world).actions)
                # Frames in which the driver brakes, or stands, for what the scenario is about.
                if (facts.light is None or facts.light.colour == "green") and facts.leader is None:
                    continue
                for mode, planner in planners.items():
                    made = asyncio.run(plan(planner, model, frame, View(facts=facts)))
                    errors[mode].append(float(np.hypot(*(integrate(made) - truth).T).mean()))
        for mode, values in errors.items():
            all_errors[mode] += values
        without, told = (float(np.mean(errors[mode])) for mode in ("none", "oracle"))
        part = told / max(without, 1e-9)
        print(f"  {name}: L2 {without:.2f} m without, {told:.2f} m with oracles ({part:.2f}), {len(errors['none'])}")
    without, told = (float(np.mean(all_errors[mode])) for mode in ("none", "oracle"))
    good = told <= MOST * without
    print(
        f"  all: {without:.2f} m, {told:.2f} m: {told / without:.2f} (promised: {MOST:g}) {'kept' if good else 'BROKEN'}"
    )
    return good


async def plan(planner: Planner, model: Backend, frame: object, view: View) -> FloatArray:
    """The actions of one frame."""

    async def call(request: Request) -> CallResult:
        return CallResult(await model.generate(request))

    made = await planner.plan(frame, view, {"main": call})  # type: ignore[arg-type]
    assert made.actions is not None, made.outcome
    return made.actions
