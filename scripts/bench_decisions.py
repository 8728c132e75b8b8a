"""CPU seconds of a decision in the city with pictures: opening, steps, picture, JPEG, label and record, without any model.

Usage: python scripts/bench_decisions.py [--size 800x450] [--decisions 40] [--rounds 3] [--drivers 1] [--against FOLDER]

With ``--drivers N``, each episode is driven N times in turn, as N drivers of one command do; figures are means over all.

With ``--against``, a checkout of another version drives the same episodes in processes of its own, in turn with this one's. How
many times more decisions are made per CPU second now, and how equal their pictures are, is printed.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import script_input

EPISODES = (
    ("red-light", "day"),
    ("cut-in", "dusk"),
    ("roundabout-straight", "rain"),
    ("cruise", "dusk"),
    ("left-turn", "fog"),
    ("stopped-queue", "day"),
    ("pedestrian-crossing", "rain"),
    ("limit-50", "day"),
)


def drive(out: Path, size: tuple[int, int], decisions: int, seed: int, renderer: str, drivers: int = 1) -> None:
    """Drives all episodes so many times and writes the seconds and the last picture of each to ``out``."""
    from lightemma.closed_loop.episode import Episode
    from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
    from lightemma.closed_loop.worlds.city import CityFactory

    factory, rules = CityFactory(), LoopRules(size=size, renderer=renderer)
    found = {}
    # What is done once in a process is no part of it: packages are imported, and a first picture of each weather is drawn.
    for conditions in dict.fromkeys(when for _, when in EPISODES):
        spec = EpisodeSpec("green-light", seed + 900, conditions)
        world = factory.open(spec, rules, pictures=True)
        Episode(spec, rules, world, out).look()
        world.close()
    for scenario, conditions in EPISODES:
        spec = EpisodeSpec(scenario, seed, conditions)
        opening, driving, made, picture = 0.0, 0.0, 0, None
        for _ in range(drivers):
            begun = time.process_time()
            world = factory.open(spec, rules, pictures=True)
            opened = time.process_time()
            episode = Episode(spec, rules, world, out)
            last = made + decisions
            while not episode.over and made < last:
                point = episode.look()
                picture = point.picture
                # The city's expert drives, so that no episode ends early; its plan is made for the label anyway.
                episode.follow(world.expert_plan())
                made += 1
            ended = time.process_time()
            world.close()
            opening, driving = opening + opened - begun, driving + ended - opened
        assert picture is not None
        (out / f"{scenario}.jpg").write_bytes(picture.data)
        found[f"{scenario}, {conditions}"] = [opening, driving, made, scenario]
    factory.close()
    (out / "seconds.json").write_text(json.dumps(found))


def measured(folder: Path, asked: argparse.Namespace, seed: int, out: Path) -> dict[str, list]:
    out.mkdir()
    command = [sys.executable, __file__, "--write", str(out), "--seed", str(seed), "--size", asked.size]
    command += ["--decisions", str(asked.decisions), "--renderer", asked.renderer]
    command += ["--drivers", str(asked.drivers)]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": str(folder)})
    found: dict[str, list] = json.loads((out / "seconds.json").read_text())
    return found


def decibels(one: Path, other: Path) -> float:
    """How equal two pictures are: the peak signal to noise ratio."""
    from PIL import Image

    a, b = (np.asarray(Image.open(io.BytesIO(path.read_bytes())), dtype=np.float64) for path in (one, other))
    error = float(((a - b) ** 2).mean())
    return 10 * float(np.log10(255**2 / error)) if error else float("inf")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=script_input.size, default="800x450")
    parser.add_argument("--renderer", default="painter")
    parser.add_argument("--decisions", type=script_input.count, default=40, help="in each episode, at most")
    parser.add_argument("--rounds", type=script_input.count, default=3, help="of as many seeds")
    parser.add_argument("--drivers", type=script_input.count, default=1, help="of each episode, one after the other")
    parser.add_argument("--against", type=script_input.checkout, help="a checkout of another version")
    parser.add_argument("--seed", type=script_input.amount, default=5)
    parser.add_argument("--write", type=script_input.new_folder, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.write:
        width, height = map(int, asked.size.split("x"))
        drive(asked.write, (width, height), asked.decisions, asked.seed, asked.renderer, asked.drivers)
        return
    here = Path(__file__).parents[1]
    folders = [here] + ([asked.against.resolve()] if asked.against else [])
    lines: dict[str, list[np.ndarray]] = {}
    equal: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as temporary:
        for round_ in range(asked.rounds):
            outs = [Path(temporary) / f"{round_}-{number}" for number in range(len(folders))]
            found = [
                measured(folder, asked, asked.seed + round_, out) for folder, out in zip(folders, outs, strict=True)
            ]
            for name, here_found in found[0].items():
                spent = np.array([one[name][:3] for one in found])
                lines[name] = [*lines.get(name, []), spent]
                if len(outs) > 1:
                    scenario = f"{here_found[3]}.jpg"
                    equal[name] = min(equal.get(name, np.inf), decibels(outs[0] / scenario, outs[1] / scenario))
    what = f"{asked.size}, {asked.renderer}, {asked.rounds} seeds, {asked.drivers} drivers"
    print(f"{what}; CPU ms to open an episode, and per decision")
    total = np.zeros((len(folders), 3))
    for name, each in lines.items():
        spent = np.sum(each, axis=0)
        total += spent
        print(_line(name, spent, asked.rounds * asked.drivers) + (f", {equal[name]:.0f} dB" if name in equal else ""))
    print(_line("all", total, asked.rounds * asked.drivers * len(lines)))


def _line(name: str, spent: np.ndarray, episodes: int) -> str:
    opening, each = 1e3 * spent[:, 0] / episodes, 1e3 * spent[:, 1] / spent[:, 2]
    line = f"{name:28} {opening[0]:7.0f} {each[0]:7.1f}"
    if len(spent) > 1:
        whole = spent[:, :2].sum(axis=1) / spent[:, 2]
        line += f"   was {opening[1]:7.0f} {each[1]:7.1f}: decisions {each[1] / each[0]:.2f} x"
        line += f", opening {opening[1] / opening[0]:.2f} x, both {whole[1] / whole[0]:.2f} x"
    return line


if __name__ == "__main__":
    script_input.ends(main)
