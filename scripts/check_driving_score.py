"""Whether the driving score ranks known drivers as it must: stop < constant-action < IDM < expert. Draws no pictures."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import mean

import script_input
import shortcut_drivers

from lightemma.closed_loop.records import EpisodeRecord
from lightemma.closed_loop.results import results_of
from lightemma.closed_loop.set_up import open_drives
from lightemma.closed_loop.spec import EpisodeSpec
from lightemma.closed_loop.study import load_driven
from lightemma.sessions.benchmark import Benchmark, WorldSettings

DRIVERS = ("stop", "random", "constant-action", "idm", "expert")
#: Most that any blind schedule may reach, in points and share of successes, and least by which IDM must be above it.
BLIND_SCORE, BLIND_SUCCESS, ABOVE_BLIND = 35.0, 0.10, 15.0
#: What the score guarantees: at least this for the expert, in points and share of successes, at most this for the car that
#: keeps its motion.
EXPERT, EXPERT_SUCCESS, CONSTANT = 97.0, 0.98, 40.0
#: Least share of episodes in which the expert meets what their scenario has in store; least share of what other cars come to
#: that they meet, whatever their speed (what fewer than FEW come to is printed and not judged); least that the expert loses
#: without a sense, in the scenarios about it; most for a car that drives straight on where its route turns.
EXPERT_MET, MET, FEW, LOSES, IGNORES = 0.95, 0.9, 5, 25.0, 50.0
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
    held |= meetings(keepers)
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


def meetings(keepers: Sequence[shortcut_drivers.Meetings]) -> dict[str, bool]:
    """Prints what lane keepers of every speed met of what they came to, by event, and gives what must hold."""
    events = sorted({event for one in keepers for found in one.values() for event in found})
    print("\nmet by cars that keep their lane and see nothing else, of what they came to (m/s):")
    print(f"{'':28}" + "".join(f"{speed:>11}" for speed in shortcut_drivers.SPEED_NAMES))
    held = {}
    for event in events:
        cells = []
        for speed in shortcut_drivers.SPEED_NAMES:
            met, reached = (sum(one[speed].get(event, (0, 0))[i] for one in keepers) for i in (0, 1))
            cells.append(f"{met} of {reached}")
            if reached >= FEW:
                held[f"at {speed} m/s {event} is met by at least {MET:.0%}"] = met >= MET * reached
        print(f"{event:28}" + "".join(f"{one:>11}" for one in cells))
    return held


def expert_meetings(episodes: Iterable[EpisodeRecord]) -> dict[str, bool]:
    """Prints in how many episodes of its scenario the expert met each event, and gives what must hold."""
    found: dict[tuple[str, str], list[bool]] = {}
    for episode in episodes:
        for event in episode.outcome.incidents or ():
            found.setdefault((episode.scenario, event.name), []).append(event.met)
    print("\nmet by the expert, of the episodes that have it in store:")
    held = {}
    for (scenario, event), met in sorted(found.items()):
        print(f"{scenario:28}{event:20}{sum(met):4d} of {len(met)}")
        held[f"the expert meets {event} in at least {EXPERT_MET:.0%} of {scenario}"] = sum(met) >= EXPERT_MET * len(met)
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
    arguments.add_argument("--out", type=script_input.new_folder, help="keep the runs here")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        out = options.out or Path(temporary)
        drivers = options.drivers.split(",")
        world = WorldSettings(
            scenarios=options.scenarios.split(","), seeds=options.seeds, conditions=options.conditions.split(",")
        )
        drives, _ = open_drives(Benchmark(world=world, planners=drivers), out)
        drives.run()
        runs = [load_driven(out / job.name) for job in drives.jobs]
        results = results_of(runs)
    print(f"{len(drives.work.specs)} episodes each\n")
    print(f"{'driver':18}{'score':>7}{'95 %':>16}{'success':>9}{'at fault':>9}{'off road':>9}{'red':>7}{'stuck':>7}")
    score, success = {}, {}
    for row in results.closed_loop:
        score[row.planner], success[row.planner] = row.driving_score, row.success_rate
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
        held[f"expert succeeds in at least {EXPERT_SUCCESS:.0%}"] = success["expert"] >= EXPERT_SUCCESS
        expert = next(run for run in runs if run.manifest.planner.name == "expert")
        held |= expert_meetings(expert.episodes.values())
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
            crawl = BLIND["crawl"]
            print(
                f"\n1 m/s straight on{crawl:7.1f}, stop{score['stop']:7.1f}, constant-action{score['constant-action']:7.1f}"
            )
            held["stop < 1 m/s < constant-action"] = score["stop"] < crawl < score["constant-action"]
    print()
    for promise, kept in sorted(held.items(), key=lambda one: not one[1]):
        print(f"{'holds ' if kept else 'BROKEN'}  {promise}")
    return 0 if all(held.values()) else 1


if __name__ == "__main__":
    script_input.ends(main)
