"""Whether drawing, driving and calls run concurrently: episodes against a local server, with CPU use and decisions per second.

A closed loop is efficient if the processors are never idle while pictures wait to be drawn, for any latency of the model.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import script_input
from fake_provider import FakeProvider, model_yaml

from lightemma.closed_loop.episode import Episode
from lightemma.closed_loop.hosts import ProcessHost
from lightemma.closed_loop.records import read_episodes
from lightemma.closed_loop.set_up import open_drives
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.closed_loop.worlds.city import CityFactory
from lightemma.sessions.benchmark import Benchmark, WorldSettings
from lightemma.simulation.scenarios import SCENARIOS


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--episodes", type=script_input.count, default=20)
    arguments.add_argument("--scenario", default="cruise")
    arguments.add_argument(
        "--latency", type=script_input.positive, default=0.3, help="seconds the server takes per call, +- 30 %%"
    )
    arguments.add_argument("--renderer", default="auto")
    arguments.add_argument("--size", type=script_input.size, default="800x450")
    arguments.add_argument("--workers", type=script_input.count, help="processes; one per processor if left out")
    arguments.add_argument(
        "--no-pictures", action="store_true", help="a formula drives every scenario without pictures, in this process"
    )
    options = arguments.parse_args()
    if options.no_pictures:
        without_pictures()
        return
    with tempfile.TemporaryDirectory() as temporary, FakeProvider(latency=options.latency, jitter=0.3) as server:
        folder = Path(temporary)
        world = WorldSettings(
            scenarios=[options.scenario], seeds=options.episodes, size=options.size, renderer=options.renderer
        )
        model = str(model_yaml(folder / "stand-in.yaml", server.base_url))
        benchmark = Benchmark(world=world, models=[model], concurrency=options.episodes)
        drives, note = open_drives(benchmark, folder / "results", workers=options.workers)
        print(note or f"renderer {drives.work.rules.renderer}")
        hosts: list[ProcessHost] = []

        def remembered() -> ProcessHost:
            hosts.append(make_host())
            return hosts[-1]

        make_host, drives.work.make_host = drives.work.make_host, remembered
        busy, started = Busy(), time.perf_counter()
        with busy:
            (outcome,) = drives.run()
        wall = time.perf_counter() - started
        episodes = read_episodes(folder / "results" / drives.jobs[0].name)
    decisions = sum(one.decisions for one in episodes)
    cores = os.cpu_count() or 1
    print(
        f"{outcome.done} episodes, {decisions} decisions, {3 * decisions} calls of {options.latency:g} s, {wall:.1f} s"
    )
    print(f"{decisions / wall:.2f} decisions per second, {1000 * busy.seconds / decisions:.0f} CPU ms each")
    work = ", ".join(f"{seconds / wall:.0%}" for seconds in hosts[0].seconds)
    print(f"the processes that simulate and draw were busy {work} of the time")
    print(
        f"CPU time of this program: {busy.seconds / wall / cores:.0%} of {cores} processors; all programs: {busy.machine:.0%}"
    )


def without_pictures(seed: int = 61) -> None:
    """Prints simulated seconds per second of processor time: of steps and records, and with all that an episode needs."""
    factory, rules = CityFactory(), LoopRules()
    simulated = opening = driving = 0.0
    for scenario in SCENARIOS:
        spec = EpisodeSpec(scenario, seed)
        started = time.process_time()
        world = factory.open(spec, rules, pictures=False)
        opened = time.process_time()
        episode = Episode(spec, rules, world, Path())
        while not episode.over:
            episode.follow(np.tile([5.0, 0.0], (6, 1)))
            simulated += 0.5
        driving += time.process_time() - opened
        episode.look()
        opening += opened - started
        opening += time.process_time() - opened
    print(f"{len(SCENARIOS)} episodes, {simulated:.0f} s: steps and records {simulated / driving:.0f} x real time,")
    print(f"with the worlds' opening, label and the expert's reference drive {simulated / (opening + driving):.0f} x")


class Busy:
    """CPU seconds of this process and its descendants, sampled twice a second; and of the whole machine."""

    def __enter__(self) -> Busy:
        self._before = machine()
        self._last: dict[int, float] = {}
        self._start = tree(os.getpid())
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self.seconds = sum(self._last[pid] - self._start.get(pid, 0.0) for pid in self._last)
        work, idle = (after - before for after, before in zip(machine(), self._before, strict=True))
        self.machine = work / max(work + idle, 1e-9)

    def _watch(self) -> None:
        # A process that has ended counts with its last sample.
        while True:
            last = self._end.wait(0.5)
            self._last |= tree(os.getpid())
            if last:
                return


def tree(root: int) -> dict[int, float]:
    """CPU seconds of a process and its descendants, without those of children that have been waited for."""
    parents, seconds = {}, {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        pid = int(folder.name)
        parents[pid] = int(fields[1])
        seconds[pid] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    mine = {root}
    while more := {pid for pid, parent in parents.items() if parent in mine} - mine:
        mine |= more
    return {pid: seconds[pid] for pid in mine if pid in seconds}


def machine() -> tuple[float, float]:
    """CPU time of all processors so far: busy, and idle."""
    numbers = [int(number) for number in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    idle = numbers[3] + numbers[4]
    return float(sum(numbers) - idle), float(idle)


if __name__ == "__main__":
    if not Path("/proc/stat").exists():
        sys.exit("this benchmark needs /proc, which Linux has")
    script_input.ends(main)
