"""Checks what docs/collecting.md promises, on seeds of your choice; prints figures, and exits 1 if a promise is broken.

    python scripts/check_collecting.py --seeds 611,618,619

It collects drives of every scenario without pictures by several drivers, from disturbed starts, and looks whether

- no house of one part of the split stands in another part,
- one process and two write the same bytes,
- every label's plan stays within what the car can do, and how many are not valid, by driver,
- the drivers differ in what they do: metres beside the lane's middle, acceleration, lateral acceleration.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
from pathlib import Path

import numpy as np
import script_input

from lightemma.closed_loop.collection import Collection, collect
from lightemma.closed_loop.spec import parse_seeds
from lightemma.data.collected import CollectedDrives
from lightemma.simulation.conditions import parse_conditions
from lightemma.simulation.dataset.drives import drives_of
from lightemma.simulation.dataset.split import leaks, split_of
from lightemma.simulation.ego import Limits
from lightemma.simulation.scenarios import SCENARIOS, make_world

DRIVERS = ("expert", "noisy-expert", "noisy-expert:2", "mixture:0.5:constant-action", "random")


def main() -> int:
    """Runs all checks.

    Returns:
        1 if a promise is broken.
    """
    arguments = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    arguments.add_argument("--seeds", default="611,618,619", help="of each driver, as for simulate data")
    seeds = parse_seeds(arguments.parse_args().seeds)
    with tempfile.TemporaryDirectory() as folder:
        wrong = [*shared_houses(seeds), *drivers(Path(folder), seeds), *processes(Path(folder), seeds)]
    print("\n".join(f"BROKEN: {one}" for one in wrong) or "All promises hold.")
    return 1 if wrong else 0


def wanted(out: Path, driver: str, scenarios: list[str], seeds: list[int], workers: int = 2) -> Collection:
    """A collection without pictures, from disturbed starts."""
    drives = drives_of(scenarios, seeds, parse_conditions("day"), False, driver, disturbed=True)
    places = {name: name for name in scenarios}
    return Collection(out, drives, places, driver, pictures=False, workers=workers)


def shared_houses(seeds: list[int]) -> list[str]:
    """Looks for houses that stand in two parts of the split."""
    parts: dict[str, set[tuple[float, int]]] = {}
    for name in SCENARIOS:
        for seed in seeds:
            houses = {(round(one.height, 3), one.look) for one in make_world(name, seed).city.buildings}
            parts.setdefault(split_of(name, seed), set()).update(houses)
    sizes = {part: len(houses) for part, houses in sorted(parts.items())}
    twice = sum(sizes.values()) - len(set().union(*parts.values()))
    print(f"houses by part {sizes}, in two parts: {twice}")
    return [f"{twice} houses stand in two parts"] if twice else []


def drivers(folder: Path, seeds: list[int]) -> list[str]:
    """Collects by every driver, and prints what they do."""
    wrong, sharpest = [], Limits().curvature
    print(
        "driver, frames, labels not valid, |offset| median and 90 %, sd of acceleration, 95 % of |lateral acceleration|"
    )
    for driver in DRIVERS:
        root = folder / driver.replace(":", "-")
        collect(wanted(root, driver, list(SCENARIOS), seeds), lambda _: None)
        data = CollectedDrives(root)
        frames = list(data.frames())
        gains, lateral = [], []
        for drive in data.drives():
            speeds, curvatures = drive.actions[7:].T
            gains += (np.diff(speeds) / 0.5).tolist()
            lateral += np.abs(curvatures * speeds**2).tolist()
        offsets = [abs(one.facts.lane.offset) for one in frames if one.facts and one.facts.lane]
        middle, far = np.percentile(offsets, [50, 90])
        invalid = np.mean([one.target is None for one in frames])
        print(
            f"{driver:28} {len(frames):5d} {invalid:6.1%} {middle:5.2f} {far:5.2f} m {np.std(gains):5.2f} m/s2 "
            f"{np.percentile(lateral, 95):5.2f} m/s2"
        )
        if leaks([scene.facts for scene in data.scenes]):
            wrong.append(f"{driver}: towns are shared between parts")
        beyond = max(float(np.abs(one.target[:, 1]).max()) for one in frames if one.target is not None)
        if beyond > sharpest + 1e-9:
            wrong.append(f"{driver}: a valid label has the curvature {beyond:.3f} 1/m; the car's limit is {sharpest:g}")
    return wrong


def processes(folder: Path, seeds: list[int]) -> list[str]:
    """Compares what one process and two write, to the byte."""
    found = []
    for workers in (1, 2):
        root = folder / f"workers-{workers}"
        collect(wanted(root, "noisy-expert", list(SCENARIOS)[:6], seeds[:1], workers), lambda _: None)
        files = sorted(path for path in root.rglob("*") if path.is_file())
        found.append({str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files})
    print(f"files by one process and by two: {len(found[0])} and {len(found[1])}, equal: {found[0] == found[1]}")
    return [] if found[0] == found[1] else ["one process and two write different files"]


if __name__ == "__main__":
    script_input.ends(main)
