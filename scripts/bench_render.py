"""CPU seconds per frame of each renderer and picture size, worker process included.

Usage: python scripts/bench_render.py [--scenario red-light] [--frames 10] [--painter] [--against FOLDER]

With ``--against``, a checkout of another version, its renderers draw the same moments in a process of their own, in turn with
this one's, and how many times less the pictures cost now, and how equal they are, is printed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import script_input

from lightemma.simulation.render import Renderer, RendererKind, RenderError, front_camera, make_renderer
from lightemma.simulation.render.panda import PandaRenderer
from lightemma.simulation.scenarios import CONDITIONS, make_world

SIZES = ((320, 180), (800, 450), (1600, 900))


def cpu_seconds(renderer: Renderer) -> float:
    """Seconds of all cores that this process and the renderer's worker have used (the worker's on Linux only)."""
    seconds = time.process_time()
    worker = renderer.worker if isinstance(renderer, PandaRenderer) else None
    stat = Path(f"/proc/{worker}/stat")
    if worker is not None and stat.exists():
        fields = stat.read_text().rsplit(")", 1)[1].split()
        seconds += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return seconds


class Measured:
    """What one version has spent: seconds to load a city and draw its first picture, and of each further picture."""

    def __init__(self, kind: RendererKind, light: str, asked: argparse.Namespace) -> None:
        self.loading = 0.0
        self.spent: dict[tuple[int, int], list[float]] = {size: [] for size in SIZES}
        self.last: dict[tuple[int, int], np.ndarray] = {}
        world = make_world(asked.scenario, asked.seed, CONDITIONS[light])
        with make_renderer(kind) as renderer:
            before = cpu_seconds(renderer)
            renderer.load(world.city)
            self.loading = cpu_seconds(renderer) - before
            for size in SIZES:
                # The first frame compiles shaders and makes shapes.
                renderer.draw(world.state(), front_camera(size), size, 0)
            for frame in range(asked.frames):
                for _ in range(10):
                    world.step(5.0, 0.0)
                state = world.state()
                for size in SIZES:
                    before = cpu_seconds(renderer)
                    self.last[size] = renderer.draw(state, front_camera(size), size, frame)
                    self.spent[size].append(cpu_seconds(renderer) - before)


def of_other(folder: Path, kind: str, light: str, asked: argparse.Namespace) -> dict[str, np.ndarray]:
    """The same by the version in ``folder``."""
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary) / "measured.npz"
        command = [sys.executable, __file__, "--write", str(out), "--kind", kind, "--light", light]
        command += ["--scenario", asked.scenario, "--seed", str(asked.seed), "--frames", str(asked.frames)]
        subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": str(folder)})
        with np.load(out) as stored:
            return dict(stored)


def decibels(one: np.ndarray, other: np.ndarray) -> float:
    """How equal two pictures are: the peak signal to noise ratio."""
    error = float(((one.astype(np.float64) - other) ** 2).mean())
    return 10 * float(np.log10(255**2 / error)) if error else float("inf")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenario", default="red-light")
    parser.add_argument("--seed", type=script_input.amount, default=3)
    parser.add_argument("--frames", type=script_input.count, default=10)
    parser.add_argument("--painter", action="store_true", help="only the painter")
    parser.add_argument("--against", type=script_input.checkout, help="a checkout of another version")
    for hidden in ("--write", "--kind", "--light"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.write:
        one = Measured(asked.kind, asked.light, asked)
        arrays = {f"spent {size[0]}": np.array(spent) for size, spent in one.spent.items()}
        arrays |= {f"last {size[0]}": picture for size, picture in one.last.items()}
        np.savez(asked.write, allow_pickle=False, loading=one.loading, **arrays)
        return
    print(f"scenario {asked.scenario}, {asked.frames} frames each, median of all (best of all)")
    print(f"{'renderer':10} {'size':10} {'light':10} {'load, cpu-s':>12} {'frame, cpu-s':>16}")
    kinds: tuple[RendererKind, ...] = ("painter",) if asked.painter else ("painter", "panda3d")
    for kind in kinds:
        for light in CONDITIONS:
            try:
                one = Measured(kind, light, asked)
            except RenderError as error:
                print(f"{kind:10} left out: {error}")
                break
            other = of_other(asked.against.resolve(), kind, light, asked) if asked.against else None
            for size, spent in one.spent.items():
                figures = f"{np.median(spent):.3f} ({min(spent):.3f})"
                line = f"{kind:10} {f'{size[0]}x{size[1]}':10} {light:10} {one.loading:12.2f} {figures:>16}"
                if other is not None:
                    before, equal = other[f"spent {size[0]}"], decibels(one.last[size], other[f"last {size[0]}"])
                    line += f"  was {np.median(before):.3f} ({before.min():.3f}): {np.median(before) / np.median(spent):.2f} x"
                    line += f", loading {float(other['loading']) / one.loading:.2f} x, {equal:.0f} dB"
                print(line, flush=True)


if __name__ == "__main__":
    script_input.ends(main)
