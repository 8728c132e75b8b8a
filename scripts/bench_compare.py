"""CPU seconds of `compare` and `report` over a folder of runs, by this version and by another one, in turn.

Usage: python scripts/bench_compare.py RUNS [--against FOLDER] [--rounds 2] [--steps compare report] [--fresh]

The first round of this version reads the runs' words and keeps the readings beside the runs; readings that are there go
before, with --fresh before every command. Tables that are made are compared: those of both versions must be the same.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import script_input


def seconds(folder: Path, step: str, runs: Path, out: Path) -> float:
    """CPU seconds of one command in a process of its own."""
    target = out if step == "compare" else out / "report.html"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "lightemma", step, str(runs), "--out", str(target)]
    subprocess.run(
        command, check=True, env=os.environ | {"PYTHONPATH": str(folder)}, cwd=out.parent, stdout=subprocess.DEVNULL
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def forget(runs: Path) -> None:
    """Removes the readings that are kept beside runs."""
    for kept in runs.glob("*/readings.msgpack"):
        kept.unlink()


def tables(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.rglob("*.csv"))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", type=script_input.folder)
    parser.add_argument("--against", type=script_input.checkout, help="a checkout of another version")
    parser.add_argument("--rounds", type=script_input.count, default=2)
    parser.add_argument("--steps", nargs="+", choices=("compare", "report"), default=["compare", "report"])
    parser.add_argument("--fresh", action="store_true", help="nothing that was read before is known to a command")
    asked = parser.parse_args()
    folders = [Path(__file__).parents[1], *([asked.against.resolve()] if asked.against else [])]
    forget(asked.runs)
    for round_ in range(asked.rounds):
        for step in asked.steps:
            with tempfile.TemporaryDirectory() as temporary:
                outs = [Path(temporary) / str(number) for number in range(len(folders))]
                for out in outs:
                    out.mkdir()
                spent = []
                for folder, out in zip(folders, outs, strict=True):
                    if asked.fresh:
                        forget(asked.runs)
                    spent.append(seconds(folder, step, asked.runs.resolve(), out))
                line = f"round {round_ + 1}, {step}: {spent[0]:.1f} s"
                if len(spent) > 1:
                    same = {name for name, text in tables(outs[0]).items() if tables(outs[1]).get(name) == text}
                    line += f", was {spent[1]:.1f}: {spent[1] / spent[0]:.2f} x; {len(same)} tables the same"
                    differ = sorted(set(tables(outs[0])) - same)
                    line += f", differ: {', '.join(differ)}" if differ else ""
                print(line, flush=True)


if __name__ == "__main__":
    script_input.ends(main)
