"""Whether the driving score ranks known drivers as it must: stop < constant-action < IDM < expert. Draws no pictures."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import mean

import shortcut_drivers

from lightemma.closed_loop.results import results_of
from lightemma.closed_loop.set_up import open_drives
from lightemma.closed_loop.spec import EpisodeSpec
from lightemma.closed_loop.study import load_driven
from lightemma.sessions.benchmark import Benchmark, WorldSettings

DRIVERS = ("stop", "random", "constant-action", "idm", "expert")
#: Most that any blind schedule may reach, in points and share of successes, and least by which IDM must be above it.
BLIND_SCORE, BLIND_SUCCESS, ABOVE_BLIND = 35.0, 0.10, 15.0
#: What the score guarantees: at least this for the expert, at most this for the car that keeps its motion.
EXPERT, CONSTANT = 97.0, 40.0
#: Least share of what a car comes to that it meets, whatever its speed; least that the expert loses without a sense, in the
#: scenarios about it; most for a car that drives straight on where its route turns.
MET, LOSES, IGNORES = 0.9, 25.0, 50.0
#: Scores of the best blind schedule and of 1 m/s straight on, once they are known.
BLIND: dict[str, float] = {}


def shortcuts(specs: Sequence[EpisodeSpec]) -> dict[str, bool]:
    """Drives everything that must do badly, prints what it is worth, and gives what must hold."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        found = list(pool.map(shortcut_drivers.blind, specs))
        keepers = list(pool.map(shortcut_drivers.lane_keepers, specs))
        lacking = list(pool.map(shortcut_drivers.without, specs))
        straight = [one for one in pool.map(shortcut_drivers.straight_on, specs) if one is not None]
    held = {}
    for prefix, title in (("", "straight on"), ("lane-", "along the lane")):
        names = [name for name in found[0] if name.startswith("lane-") == bool(prefix)]
        worth = {name: (mean(one[name][0] for one in found), mean(one[name][1] for one in found)) for name in names}
        best = sorted(names, key=lambda name: -worth[name][0])
        print(f"\n{len(names)} schedules that see nothing, {title}; the best five (m/s):")
        for name in best[:5]:
            print(f"{name:28}{worth[name][0]:7.1f}{worth[name][1]:9.0%}")
        if not prefix:
            ceiling = worth[best[0]][0]
            held[f"best blind schedule at most {BLIND_SCORE:g}"] = ceiling <= BLIND_SCORE
            most = max(one[1] for one in worth.values())
            held[f"no blind schedule succeeds in more than {BLIND_SUCCESS:.0%}"] = most <= BLIND_SUCCESS
            BLIND.update(ceiling=ceiling, crawl=worth["1"][0])
    print("\nmet by cars that keep their lane and see nothing else, of what they came to:")
    for speed in keepers[0]:
        met, reached = (sum(one[speed][i] for one in keepers) for i in (0, 1))
        print(f"{speed + ' m/s':28}{met:5d} of {reached}")
        held[f"at {speed} m/s at least {MET:.0%} is met"] = met >= MET * reached
    print("\nexpert without, in the scenarios about it:")
    for name in shortcut_drivers.WITHOUT:
        scores = [one[name][0] for one in lacking if name in one]
        if scores:
            print(f"{name:28}{mean(scores):7.1f} in {len(scores)} episodes")
            held[f"expert without {name} loses at least {LOSES:g}"] = 100.0 - mean(scores) >= LOSES
    if straight:
        print(f"\nstraight on where the route turns{mean(one[0] for one in straight):7.1f} in {len(straight)} episodes")
        held[f"who ignores the command gets at most {IGNORES:g} on turns"] = mean(one[0] for one in straight) <= IGNORES
    return held


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", default="5", help="how many, or which")
    arguments.add_argument("--scenarios", default="all")
    arguments.add_argument("--conditions", default="day")
    arguments.add_argument(
        "--drivers", default=",".join(DRIVERS), help="rules about drivers that are left out are not checked"
    )
    arguments.add_argument("--blind", action="store_true", help="drive blind schedules and other shortcuts, too")
    arguments.add_argument("--out", type=Path, help="keep the runs here")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        out = options.out or Path(temporary)
        drivers = options.drivers.split(",")
        world = WorldSettings(
            scenarios=options.scenarios.split(","), seeds=options.seeds, conditions=options.conditions.split(",")
        )
        drives, _ = open_drives(Benchmark(world=world, planners=drivers), out)
        drives.run()
        results = results_of([load_driven(out / job.name) for job in drives.jobs])
    print(f"{len(drives.work.specs)} episodes each\n")
    print(f"{'driver':18}{'score':>7}{'95 %':>16}{'success':>9}{'at fault':>9}{'off road':>9}{'red':>7}{'stuck':>7}")
    score = {}
    for row in results.closed_loop:
        score[row.planner] = row.driving_score
        interval = f"[{row.ci_low:.1f}, {row.ci_high:.1f}]"
        print(
            f"{row.planner:18}{row.driving_score:7.1f}{interval:>16}{row.success_rate:9.0%}{row.collision_at_fault_rate:9.0%}"
            f"{row.off_road_rate:9.0%}{row.red_light_rate:7.0%}{row.stuck_rate:7.0%}"
        )
    names = sorted({row.scenario for row in results.closed_loop_scenarios})
    print(f"\n{'scenario':28}" + "".join(f"{name:>17}" for name in drivers))
    for name in names:
        by_run = {row.run: row.driving_score for row in results.closed_loop_scenarios if row.scenario == name}
        print(f"{name:28}" + "".join(f"{by_run[job.name]:17.1f}" for job in drives.jobs))
    held = {}
    if "expert" in score:
        held[f"expert at least {EXPERT:g}"] = score["expert"] >= EXPERT
    if "constant-action" in score:
        held[f"constant-action at most {CONSTANT:g}"] = score["constant-action"] <= CONSTANT
    for lower, higher in (
        ("stop", "constant-action"),
        ("constant-action", "idm"),
        ("idm", "expert"),
        ("random", "idm"),
    ):
        if lower in score and higher in score:
            held[f"{lower} < {higher}"] = score[lower] < score[higher]
    if options.blind:
        held |= shortcuts(list(drives.work.specs))
        if "idm" in score:
            above = score["idm"] - BLIND["ceiling"]
            held[f"idm at least {ABOVE_BLIND:g} above the best blind schedule"] = above >= ABOVE_BLIND
        if "stop" in score and "constant-action" in score:
            held["stop < 1 m/s < constant-action"] = score["stop"] < BLIND["crawl"] < score["constant-action"]
    print()
    for promise, kept in held.items():
        print(f"{'holds ' if kept else 'BROKEN'}  {promise}")
    return 0 if all(held.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
