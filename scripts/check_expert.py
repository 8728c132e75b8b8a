"""Drives the expert through every scenario and condition with many seeds, and prints the results per scenario.

Exits with 1 when an episode has a collision, a red light, an off-road or a missed goal, comes too close or drives harshly.
scripts/check_driving_score.py gives the driving score of the same driver.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict

from lightemma.closed_loop.driving_score import TTC_BOUND
from lightemma.closed_loop.plan_follower import TICKS_PER_ACTION
from lightemma.closed_loop.records import EpisodeOutcome
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.closed_loop.worlds.city import CityFactory
from lightemma.simulation.scenarios import CONDITIONS, SCENARIOS


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--episodes", type=int, default=200)
    arguments.add_argument("--first-seed", type=int, default=0)
    arguments.add_argument("--scenario", choices=list(SCENARIOS), action="append")
    arguments.add_argument("--verbose", action="store_true", help="a line per episode that is not clean")
    options = arguments.parse_args()
    names = options.scenario or list(SCENARIOS)
    outcomes: dict[str, list[EpisodeOutcome]] = defaultdict(list)
    started = time.perf_counter()
    bad = 0
    for i in range(options.episodes):
        name = names[i % len(names)]
        turn = i // len(names)
        condition = list(CONDITIONS)[turn % 4]
        left_hand = turn % 5 == 4
        outcome = drive(name, options.first_seed + turn, condition, left_hand)
        outcomes[name].append(outcome)
        if not clean(outcome):
            bad += 1
            if options.verbose:
                print(name, options.first_seed + turn, condition, "left-hand" if left_hand else "", outcome)
    print(f"{'scenario':22}{'runs':>5}{'clean':>6}{'time s':>8}{'ttc':>6}{'harsh s':>9}")
    for name, found in outcomes.items():
        nearest = min((one.min_ttc_s for one in found if one.min_ttc_s is not None), default=float("inf"))
        print(
            f"{name:22}{len(found):5d}{sum(map(clean, found)):6d}{sum(one.time_s for one in found) / len(found):8.1f}"
            f"{nearest:6.2f}{sum(one.harsh_s or 0.0 for one in found):9.1f}"
        )
    print(f"{options.episodes} episodes in {time.perf_counter() - started:.0f} s, not clean: {bad}")
    sys.exit(1 if bad else 0)


def drive(name: str, seed: int, condition: str, left_hand: bool) -> EpisodeOutcome:
    world = CityFactory().open(EpisodeSpec(name, seed, condition, left_hand), LoopRules(), pictures=False)
    while not world.over:
        speed, curvature = world.label().actions[0].tolist()
        for _ in range(TICKS_PER_ACTION):
            world.step(speed, curvature)
    return world.outcome()


def clean(outcome: EpisodeOutcome) -> bool:
    faults = outcome.crashes or outcome.red_lights or outcome.off_road or outcome.wrong_side or outcome.harsh_s
    near = outcome.min_ttc_s is not None and outcome.min_ttc_s < TTC_BOUND
    return outcome.end == "goal" and not faults and not near


if __name__ == "__main__":
    main()
