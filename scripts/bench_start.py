"""CPU of a command from its start: of those that list something, and of a run until its first request is at the server.

    bench_start.py [--against FOLDER] [--rounds 5]

This version and the other take turns; the least of the rounds counts, since other work on the machine can only add. User and
system seconds of the command's process with all its threads; compiled modules are there from a first round that does not count.
"""

from __future__ import annotations

import argparse
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import script_input
from fake_provider import model_yaml
from made_up_scenes import VERSION, write_scenes

ROOT = Path(__file__).resolve().parents[1]
#: Commands that end by themselves.
LISTS = (["--help"], ["run", "--help"], ["models"], ["models", "gpt-4o"], ["runs"])


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--against", type=script_input.checkout, help="a checkout of another version")
    arguments.add_argument("--rounds", type=script_input.count, default=5)
    options = arguments.parse_args()
    trees = [ROOT, *([options.against.resolve()] if options.against else [])]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_scenes(folder / "data", 2, 40)
        (folder / "configs").symlink_to(ROOT / "configs")
        found: dict[tuple[str, Path], list[float]] = {}
        for number in range(options.rounds + 1):
            for tree in trees:
                for command in LISTS:
                    seconds = whole(command, tree, folder)
                    if number:
                        found.setdefault((" ".join(command), tree), []).append(seconds)
                seconds = until_asked(tree, folder, f"results-{number}-{trees.index(tree)}")
                if number:
                    found.setdefault(("run, until the first request", tree), []).append(seconds)
    for (name, tree), seconds in sorted(found.items(), key=lambda one: one[0][0]):
        which = "this version" if tree == ROOT else "the other version"
        print(f"{name:<28} {which:<18} {min(seconds):.2f} CPU s (median {statistics.median(seconds):.2f})")


def started(command: list[str], tree: Path, folder: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    return subprocess.Popen(
        [sys.executable, "-m", "lightemma", *command],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def whole(command: list[str], tree: Path, folder: Path) -> float:
    """CPU seconds of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started(command, tree, folder).wait()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def until_asked(tree: Path, folder: Path, results: str) -> float:
    """CPU seconds of a run until a server has its first request; the run is ended then."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        config = model_yaml(folder / "stand-in.yaml", f"http://127.0.0.1:{port}/v1")
        command = ["run", "--data", f"nuscenes:{folder / 'data'}@{VERSION}", "--model", str(config)]
        process = started([*command, "--out", results, "--quiet"], tree, folder)
        watch = threading.Timer(60, process.kill)
        watch.start()
        server.settimeout(60)
        connection, _ = server.accept()
        with connection:
            connection.recv(1)
            seconds = cpu_of(process.pid)
        process.kill()
        process.wait()
        watch.cancel()
    return seconds


def cpu_of(pid: int) -> float:
    """User and system seconds of a process so far, all threads together; Linux only."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ended = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    # Finer than the ticks of that file, but of the threads that still run.
    running = sum(int(task.read_text().split()[0]) for task in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9
    return max(ended, running)


if __name__ == "__main__":
    script_input.ends(main)
