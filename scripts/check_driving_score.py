"""Whether the driving score ranks known drivers as it must: stop < constant-action < IDM < expert. Draws no pictures."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import mean

from lightemma.closed_loop.blind import SCHEDULES, BlindTimer
from lightemma.closed_loop.episodes_of_world import EpisodesOfWorld
from lightemma.closed_loop.results import results_of
from lightemma.closed_loop.set_up import open_drives
from lightemma.closed_loop.study import load_driven
from lightemma.sessions.benchmark import Benchmark, WorldSettings
from lightemma.sessions.jobs import Job
from lightemma.sessions.session import Session

DRIVERS = ("stop", "random", "constant-action", "idm", "expert")
#: Most that any blind schedule may reach, in points and share of successes, and least by which IDM must be above it.
BLIND_SCORE, BLIND_SUCCESS, ABOVE_BLIND = 35.0, 0.10, 15.0
#: What the score guarantees: at least this for the expert, at most this for the car that keeps its motion.
EXPERT, CONSTANT = 95.0, 40.0


def blind_schedules(drives: Session[EpisodesOfWorld], out: Path) -> list[tuple[str, float, float]]:
    """Every blind schedule's name, mean score and share of successes over the same episodes; the best first."""
    jobs = [Job(f"blind-{one.name}", BlindTimer(one), {}) for one in SCHEDULES]
    Session(drives.work, jobs, out).run()
    found = []
    for job, one in zip(jobs, SCHEDULES, strict=True):
        scores = [episode.score for episode in load_driven(out / job.name).episodes.values()]
        found.append((one.name, mean(part.score or 0.0 for part in scores), mean(part.success for part in scores)))
    return sorted(found, key=lambda one: -one[1])


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seeds", default="5", help="how many, or which")
    arguments.add_argument("--scenarios", default="all")
    arguments.add_argument("--conditions", default="day")
    arguments.add_argument(
        "--drivers", default=",".join(DRIVERS), help="rules about drivers that are left out are not checked"
    )
    arguments.add_argument("--blind", action="store_true", help="drive every blind schedule, too")
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
        blind = blind_schedules(drives, out) if options.blind else []
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
    if blind:
        print(f"\n{len(blind)} blind schedules, the best five (m/s straight on):")
        for name, mean, success in blind[:5]:
            print(f"{name:28}{mean:7.1f}{success:9.0%}")
        held[f"best blind schedule at most {BLIND_SCORE:g}"] = blind[0][1] <= BLIND_SCORE
        held[f"no blind schedule succeeds in more than {BLIND_SUCCESS:.0%}"] = (
            max(one[2] for one in blind) <= BLIND_SUCCESS
        )
        if "idm" in score:
            held[f"idm at least {ABOVE_BLIND:g} above it"] = score["idm"] - blind[0][1] >= ABOVE_BLIND
    print()
    for promise, kept in held.items():
        print(f"{'holds ' if kept else 'BROKEN'}  {promise}")
    return 0 if all(held.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
