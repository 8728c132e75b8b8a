"""What the driving context carries: a reader that obeys it, with and without oracles, against the city's own driver."""

from __future__ import annotations

import asyncio

import numpy as np
from obedient_reader import Obedient

from lightemma.backends.base import Backend, CallResult, Request
from lightemma.backends.config import ModelConfig
from lightemma.expert_bench.city import facts_of, frame_of, step
from lightemma.frame import FloatArray
from lightemma.kinematics import integrate
from lightemma.planners.base import Planner, PlannerSettings, View
from lightemma.planners.expert_tools import ExpertTools
from lightemma.simulation.conditions import CONDITIONS
from lightemma.simulation.expert import Expert as Driver
from lightemma.simulation.render import front_camera
from lightemma.simulation.scenarios import make_world

SCENARIOS = ("red-light", "light-stays-red", "lead-car-braking", "stopped-queue")
#: L2 with oracles over L2 without: no more than this.
MOST = 0.6


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
