"""Drives the expert through every scenario and condition with many seeds, and prints how it does per scenario.

Exits with 1 when an episode has a collision, a red light, an off-road or a missed goal, comes too close or drives harshly.
scripts/check_driving_score.py gives the driving score of the same driver.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict

from lightemma.simulation.events import TTC_BOUND, Verdict
from lightemma.simulation.expert import Expert
from lightemma.simulation.scenarios import CONDITIONS, SCENARIOS, make_world


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--episodes", type=int, default=200)
    arguments.add_argument("--first-seed", type=int, default=0)
    arguments.add_argument("--scenario", choices=list(SCENARIOS), action="append")
    arguments.add_argument("--verbose", action="store_true", help="a line per episode that is not clean")
    options = arguments.parse_args()
    names = options.scenario or list(SCENARIOS)
    verdicts: dict[str, list[Verdict]] = defaultdict(list)
    started = time.perf_counter()
    bad = 0
    for i in range(options.episodes):
        name = names[i % len(names)]
        turn = i // len(names)
        condition = list(CONDITIONS)[turn % 4]
        left_hand = turn % 5 == 4
        verdict = drive(name, options.first_seed + turn, condition, left_hand)
        verdicts[name].append(verdict)
        if not clean(verdict):
            bad += 1
            if options.verbose:
                print(name, options.first_seed + turn, condition, "left-hand" if left_hand else "", summary(verdict))
    print(f"{'scenario':22}{'runs':>5}{'clean':>6}{'goal s':>8}{'ttc':>6}", end="")
    print(f"{'brake':>7}{'speed-up':>9}{'lateral':>8}{'jerk':>6}")
    for name, found in verdicts.items():
        count = len(found)
        times = [v.goal_time for v in found if v.goal_time is not None]
        print(
            f"{name:22}{count:5d}{sum(map(clean, found)):6d}{sum(times) / max(len(times), 1):8.1f}"
            f"{min(v.min_ttc for v in found):6.2f}"
            f"{max(v.max_braking for v in found):7.2f}{max(v.max_acceleration for v in found):9.2f}"
            f"{max(v.max_lateral for v in found):8.2f}{max(v.max_jerk for v in found):6.2f}"
        )
    print(f"{options.episodes} episodes in {time.perf_counter() - started:.0f} s, not clean: {bad}")
    sys.exit(1 if bad else 0)


def drive(name: str, seed: int, condition: str, left_hand: bool) -> Verdict:
    world = make_world(name, seed, CONDITIONS[condition], left_hand)
    expert = Expert()
    while not world.finished:
        world.hold(*expert.plan(world).actions[0])
    return world.referee.verdict()


def clean(verdict: Verdict) -> bool:
    faultless = verdict.goal_reached and all(event.kind == "goal" for event in verdict.events)
    return faultless and verdict.comfortable and verdict.min_ttc >= TTC_BOUND


def summary(verdict: Verdict) -> str:
    events = [(event.kind, round(event.time, 2), event.at_fault, event.actor, event.detail) for event in verdict.events]
    return (
        f"share {verdict.progress_share:.2f} ttc {verdict.min_ttc:.2f} "
        f"brake {verdict.max_braking:.2f} up {verdict.max_acceleration:.2f} lateral {verdict.max_lateral:.2f} "
        f"jerk {verdict.max_jerk:.2f} {events}"
    )


if __name__ == "__main__":
    main()
