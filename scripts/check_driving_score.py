"""Whether the driving score ranks known drivers as it must: stop < constant-action < IDM < expert. Draws no pictures."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from lightemma.closed_loop.results import results_of
from lightemma.closed_loop.set_up import open_drives
from lightemma.closed_loop.study import load_driven
from lightemma.sessions.benchmark import Benchmark, WorldSettings

DRIVERS = ("stop", "random", "constant-action", "idm", "expert")
#: What the score guarantees: at least this for the expert, at most this for the car that keeps its motion.
EXPERT, CONSTANT = 95.0, 40.0


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", default="5", help="how many, or which")
    arguments.add_argument("--scenarios", default="all")
    arguments.add_argument("--conditions", default="day")
    arguments.add_argument(
        "--drivers", default=",".join(DRIVERS), help="rules about drivers that are left out are not checked"
    )
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
    print()
    for promise, kept in held.items():
        print(f"{'holds ' if kept else 'BROKEN'}  {promise}")
    return 0 if all(held.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
