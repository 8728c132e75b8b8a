"""Kills every kind of command again and again, and starts it again; the result must be that of an undisturbed one.

Commands are killed at random moments, when they change a file for the n-th time, while they start, at their end; alone or
with their children; by SIGKILL, by signals that ask for an end, and after they were stopped and continued. A local server
replaces the providers and notes every call. Checked is that all files equal those of an undisturbed command (but for
seconds), that every frame is there once, that no file is torn meanwhile, that nothing is left over (drafts, locks, claims,
processes), and that no call was asked twice but those that were in flight when their process died.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # no threads before forks

import killing
import script_input
from fake_provider import FakeProvider
from kill_checks import faults, torn
from kill_jobs import KEYS, Inputs, Job, jobs, write_inputs

#: Seconds within which an answer reaches the process after the server has sent it.
ARRIVAL_S = 0.15
#: Kills in one series.
_LEAST, _MOST = 2, 7


@dataclass
class Tally:
    """What happened to one kind of command.

    Attributes:
        kills: by signal.
        starts: of processes.
        series: from an empty folder to the end.
        made: calls that reached the server.
        needed: different calls.
        repeated: calls made more than once …
        allowed: … of them those in flight when their process died.
        faults: what went wrong, and how often.
    """

    kills: Counter[str] = field(default_factory=Counter)
    starts: int = 0
    series: int = 0
    made: int = 0
    needed: int = 0
    repeated: int = 0
    allowed: int = 0
    faults: Counter[str] = field(default_factory=Counter)


class Soak:
    """One kind of command, killed again and again.

    Args:
        job: the command.
        folder: for its files.
        server: takes its calls.
        rng: of all chances.
        keep: whether folders with faults stay.
    """

    def __init__(self, job: Job, folder: Path, server: FakeProvider, rng: random.Random, keep: bool) -> None:
        self.job, self.tally = job, Tally()
        self._folder, self._server, self._rng, self._keep = folder, server, rng, keep
        self._whole = folder / "whole" / "at"
        self._whole.mkdir(parents=True)
        self._server.control(reset=True)
        self._seconds, self._changes = self._undisturbed()

    def _undisturbed(self) -> tuple[float, int]:
        """Runs the command to its end; how many seconds it took, and how often it changed a file."""
        seconds, changes = 0.0, 0
        commands = self.job.commands[:1] if self.job.rivals else self.job.commands
        for command in commands:  # one after the other
            count = self._folder / "count"
            begun = time.monotonic()
            process = killing.Process(list(command), self._whole, self._folder / "whole.log", None, count)
            while (ended := process.look()) is None:
                time.sleep(0.005)
            assert ended.status == 0, f"undisturbed, `{self.job.name}` ends with status {ended.status}: {ended.words}"
            seconds, changes = max(seconds, time.monotonic() - begun), max(changes, int(count.read_text()))
        return seconds, changes

    def kill(self, kills: int) -> None:
        """Series of kills until there were so many."""
        while (left := kills - self.tally.kills.total()) > 0:
            self._series(min(left, self._rng.randint(_LEAST, _MOST)))

    def _series(self, kills: int) -> None:
        """From an empty folder to the end, with some kills on the way."""
        self.tally.series += 1
        place = self._folder / f"series-{self.tally.series}"
        folder, log = place / "at", place / "log"
        folder.mkdir(parents=True)
        self._server.control(reset=True)
        ended: list[killing.Ended] = []
        before = self.tally.faults.total()
        done = 0
        while done < kills:
            step = self._step(folder, log, plans=True)
            ended += step
            for fault in torn(folder):
                self._fault(f"after a kill {fault}")
            done += sum(one.killed is not None for one in step)
            if all(one.killed is None for one in step):
                break  # finished before any kill
        # Without any kill: now it must end well.
        last = self._step(folder, log, plans=False)
        ended += last
        for number, one in enumerate(last):
            if one.status != 0 and not (self.job.rivals and _refused(one) and any(not other.status for other in last)):
                self._fault(f"the last session ends with status {one.status}: {one.words[-300:]}", number)
        for fault in faults(self._whole, folder, exact=self.job.exact):
            self._fault(fault)
        self._count_calls(ended)
        if self.tally.faults.total() == before:
            shutil.rmtree(place)
        elif self._keep:
            print(f"kept: {place}", file=sys.stderr)

    def _step(self, folder: Path, log: Path, *, plans: bool) -> list[killing.Ended]:
        """One session of each of the job's commands, together; how they ended."""
        processes: list[killing.Process | None] = []
        for number, command in enumerate(self.job.commands):
            plan = killing.random_plan(self._rng, self._seconds, self._changes) if plans else None
            if plan is not None and number > 0 and self._rng.random() < 0.3:
                # Of several, one is sometimes left alone; it may be waiting for another, so not for ever.
                plan = killing.Plan("KILL", True, 3.0 + 2 * self._seconds)
            processes.append(killing.Process(list(command), folder, log.with_name(f"log-{number}"), plan))
            self.tally.starts += 1
            if len(self.job.commands) > 1:
                time.sleep(self._rng.uniform(0.0, 0.1))
        ended: list[killing.Ended] = []
        while any(processes):
            for number, process in enumerate(processes):
                if process is not None and (one := process.look()) is not None:
                    processes[number] = None
                    ended.append(one)
                    self._judge(one)
            time.sleep(0.002)
        return ended

    def _judge(self, ended: killing.Ended) -> None:
        """Notes a kill, and what is wrong in how a process ended."""
        if ended.killed is not None:
            self.tally.kills[ended.killed] += 1
        good = {0, 130} | ({2} if self.job.rivals and _refused(ended) else set())
        if ended.killed is None and ended.status not in good:
            self._fault(f"a session ends by itself with status {ended.status}: {ended.words[-300:]}")
        if ended.killed is not None and ended.status >= 0 and ended.status not in good:
            self._fault(f"asked to end ({ended.killed}), a session has status {ended.status}: {ended.words[-300:]}")
        if ended.stuck:
            self._fault(f"a session does not end after SIG{ended.killed}")
        if "Traceback" in ended.words or "fault in lightemma" in ended.words:
            self._fault(f"a traceback: {ended.words[-1500:]}")
        for command in ended.orphans:
            self._fault(f"a process outlived its parent: {command}")

    def _count_calls(self, ended: list[killing.Ended]) -> None:
        """Adds the calls of a series, and which of them were asked again without need."""
        timeline, served = self._server.log(), self._server.served()
        asked: dict[str, list[dict[str, Any]]] = {}
        for call in timeline:
            asked.setdefault(call["hash"], []).append(call)
        batches = {key: count for key, count in served.items() if key not in asked}
        self.tally.made += len(timeline) + sum(batches.values())
        self.tally.needed += len(asked) + len(batches)
        deaths = [one.at for one in ended if one.killed is not None and not one.orderly]
        for count in batches.values():
            self.tally.repeated += count - 1
            if count > 1:
                self._fault("a call was handed over in two batches")
        for calls in asked.values():
            calls.sort(key=lambda one: one["started"])
            for call in calls[:-1]:
                self.tally.repeated += 1
                died = any(call["started"] <= end and begin <= call["finished"] + ARRIVAL_S for begin, end in deaths)
                self.tally.allowed += died
                if not died:
                    self._fault("a call was asked again though no process had died with its answer")

    def _fault(self, sentence: str, number: int | None = None) -> None:
        self.tally.faults[" ".join(sentence.split()) if "Traceback" not in sentence else sentence] += 1


def _refused(ended: killing.Ended) -> bool:
    return ended.status == 2 and "is being driven by" in ended.words


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--kills", type=script_input.count, default=500, help="of all commands together")
    arguments.add_argument("--commands", help="beginnings of their names, separated by commas; all if left out")
    arguments.add_argument("--seed", type=script_input.amount, default=7)
    arguments.add_argument("--latency", type=script_input.positive, default=0.04, help="seconds the server takes")
    arguments.add_argument(
        "--keep", type=script_input.new_folder, help="folder for the files, which stay where there were faults"
    )
    options = arguments.parse_args()
    killing.get_ready()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the server ends too
    os.environ |= KEYS
    os.environ["PYTHONPATH"] = os.pathsep.join([*sys.path[:1], str(Path(__file__).parents[1])])
    begun = time.monotonic()
    # No TemporaryDirectory: forked processes would remove it at their end.
    folder = (options.keep or Path(tempfile.mkdtemp(prefix="soak-"))).absolute()
    try:
        tallies = soak(folder, options)
    finally:
        if options.keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    print(table(tallies))
    print(f"\n{sum(one.kills.total() for one in tallies.values())} kills in {time.monotonic() - begun:.0f} s")
    return 1 if any(tally.faults for tally in tallies.values()) else 0


def soak(folder: Path, options: argparse.Namespace) -> dict[str, Tally]:
    """Kills the chosen commands, each its share."""
    rng = random.Random(options.seed)
    folder.mkdir(parents=True, exist_ok=True)
    with FakeProvider(latency=options.latency, jitter=0.3, batch_delay=0.2) as server:
        inputs = write_inputs(folder, server.address, server.base_url)
        wanted = options.commands.split(",") if options.commands else [""]
        chosen = [job for job in jobs(inputs) if any(job.name.startswith(one.strip()) for one in wanted)]
        if not chosen:
            raise SystemExit(f"there are {', '.join(job.name for job in jobs(inputs))}")
        make_runs(inputs, folder)
        tallies = {}
        for job, kills in zip(chosen, shares(chosen, options.kills), strict=True):
            one = Soak(
                job,
                folder / f"soak-{job.name.split(',')[0].replace(' ', '-')}-{len(tallies)}",
                server,
                rng,
                options.keep is not None,
            )
            begun = time.monotonic()
            one.kill(kills)
            tallies[job.name] = one.tally
            seconds = time.monotonic() - begun
            print(
                f"{job.name}: {one.tally.kills.total()} kills, {one.tally.faults.total()} faults, {seconds:.0f} s",
                file=sys.stderr,
            )
            for fault, count in one.tally.faults.items():
                print(f"    {count} x {fault}", file=sys.stderr)
    return tallies


def make_runs(inputs: Inputs, folder: Path) -> None:
    """Two finished runs, to be compared and reported."""
    options = ["--model", inputs.model("openai-compatible"), "--planner", "chain-of-thought,constant-action"]
    command = ["run", "--data", inputs.data, "--out", "runs", "--quiet", *options]
    process = killing.Process(command, folder, folder / "runs.log", None)
    while (ended := process.look()) is None:
        time.sleep(0.01)
    assert ended.status == 0, ended.words


def shares(chosen: list[Job], kills: int) -> list[int]:
    """So many kills divided by the jobs' shares, at least one each."""
    whole, given, found = sum(job.share for job in chosen), 0, []
    for number in range(1, len(chosen) + 1):
        until = round(kills * sum(one.share for one in chosen[:number]) / whole)
        found.append(max(until - given, 1))
        given = max(until, given + 1)
    return found


def table(tallies: dict[str, Tally]) -> str:
    """The tallies as Markdown."""
    lines = [
        "| command | kills | by signal | starts | calls made | needed | repeated | of them in flight at a kill | faults |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    rows = [*tallies.items(), ("all", total(tallies))]
    for name, one in rows:
        signals = ", ".join(f"{count} {signal}" for signal, count in sorted(one.kills.items()))
        numbers = [one.starts, one.made, one.needed, one.repeated, one.allowed, one.faults.total()]
        lines.append(f"| {name} | {one.kills.total()} | {signals} | {' | '.join(map(str, numbers))} |")
    return "\n".join(lines)


def total(tallies: dict[str, Tally]) -> Tally:
    """All of them together."""
    whole = Tally()
    for one in tallies.values():
        for name in ("kills", "faults"):
            getattr(whole, name).update(getattr(one, name))
        for name in ("starts", "series", "made", "needed", "repeated", "allowed"):
            setattr(whole, name, getattr(whole, name) + getattr(one, name))
    return whole


if __name__ == "__main__":
    script_input.ends(main)
