"""What is promised of experts, measured: that independent tasks run together, and how well a model plans tasks.

    python scripts/bench_experts.py                  # the executor's seconds, and a scripted controller's F1
    python scripts/bench_experts.py --model NAME     # a model's F1, with guided JSON where it can
    python scripts/bench_experts.py --frames 200     # what `lightemma experts bench` prints
    python scripts/bench_experts.py --ceiling 400    # what a reader gains that obeys oracles

Exit status 1 if a promise is broken: three independent tasks of 0.3 s and one that waits for them within 0.75 s; F1 of 1 for a
controller that writes the plans written by hand.
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Sequence

import script_input

from lightemma.backends.base import Backend, CallResult, Request
from lightemma.backends.scripted import ScriptedBackend
from lightemma.experts.base import Card, Expert, Found, Question
from lightemma.experts.executor import Scene, execute
from lightemma.experts.places import places
from lightemma.experts.planning_score import PlanScore, gold_plans, score_controller
from lightemma.experts.registry import EXPERTS, make_expert
from lightemma.experts.task_plan import Task
from lightemma.frame import EgoHistory, Frame, Pose
from lightemma.prompts.sets import DEFAULT_PROMPTS, load_prompts
from lightemma.simulation.conditions import CONDITIONS

MOST_S, TASK_S = 0.75, 0.3


class Sleeper(Expert):
    """Takes 0.3 s."""

    card = Card("sleeper", "sleeping", "Sleeps.", (), ("words",))

    def look(self, question: Question) -> Found:
        time.sleep(TASK_S)
        return Found("Slept.")


def frame() -> Frame:
    import numpy as np

    history = EgoHistory(np.zeros((8, 2)), np.zeros((6, 2)))
    return Frame("scene", 0, "token", 0, "", None, None, Pose(0.0, 0.0, 0.0), history, None)


async def executor_seconds() -> float:
    tasks = [Task(4, "sleeping", (1, 2, 3)), *(Task(number, "sleeping") for number in (1, 2, 3))]
    started = time.perf_counter()
    done = await execute(tasks, {task.id: Sleeper() for task in tasks}, Scene(frame()), places())
    assert all(one.outcome == "ok" for one in done)
    return time.perf_counter() - started


async def planning(backend: Backend) -> list[PlanScore]:
    async def call(request: Request) -> CallResult:
        return CallResult(await backend.generate(request))

    experts = [make_expert(name) for name in EXPERTS]
    return await score_controller(
        call, [one for one in experts if not one.card.privileged], load_prompts(DEFAULT_PROMPTS)
    )


def shown(name: str, scores: Sequence[PlanScore]) -> bool:
    count = len(scores)
    node, edge = (sum(getattr(one, key) for one in scores) / count for key in ("node_f1", "edge_f1"))
    shares = ", ".join(
        f"{kind} {sum(one.origin == kind for one in scores)}" for kind in ("valid", "repaired", "default")
    )
    print(f"planning by {name}: node F1 {node:.3f}, edge F1 {edge:.3f} over {count} plans written by hand ({shares})")
    return node == edge == 1.0


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--model", help="a name in configs/models, a YAML, or package.module:Class")
    options.add_argument(
        "--frames", type=script_input.amount, default=0, help="pictures of the city for experts to look at"
    )
    options.add_argument("--scenarios", default="all")
    options.add_argument("--ceiling", type=script_input.amount, default=0, help="frames of a reader that obeys oracles")
    options.add_argument("--first-seed", type=script_input.amount, default=770_000)
    options.add_argument("--renderer", default="auto")
    options.add_argument("--conditions", choices=list(CONDITIONS), default="day")
    given = options.parse_args()
    seconds = asyncio.run(executor_seconds())
    good = seconds <= MOST_S
    print(f"three tasks of {TASK_S:g} s and one that waits for them: {seconds:.3f} s (promised: {MOST_S:g} s)")
    cards = [make_expert(name).card for name in EXPERTS]
    scripted = ScriptedBackend.from_answers({"tools-plan": [one.text for one in gold_plans(cards)]})
    good &= shown("a script of the plans themselves", asyncio.run(planning(scripted)))
    if given.model:
        from lightemma.sessions.models import make_backend

        shown(given.model, asyncio.run(planning(make_backend(given.model))))
    if given.frames:
        from lightemma.expert_bench.city import PROMISES, look_at_city
        from lightemma.experts.detections import Detector
        from lightemma.experts.registry import chosen_experts

        print(f"experts on pictures of the city, {given.conditions}, drives from seed {given.first_seed}:")
        detectors = [one for one in chosen_experts(["all"]) if isinstance(one, Detector)]
        tally = look_at_city(
            given.frames, given.first_seed, detectors, given.renderer, given.conditions, given.scenarios
        )
        print(*(f"  {line}" for line in tally.lines()), sep="\n")
        good &= all(tally.keeps(one) is not False for one in PROMISES)
    if given.ceiling:
        from experts_ceiling import ceiling

        print(f"a reader that obeys the driving context, drives from seed {given.first_seed}:")
        good &= ceiling(given.ceiling, given.first_seed)
    return 0 if good else 1


if __name__ == "__main__":
    script_input.ends(main)
