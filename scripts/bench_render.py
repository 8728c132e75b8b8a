"""CPU seconds per frame of each renderer and picture size, worker process included.

Usage: python scripts/bench_render.py [--scenario red-light] [--frames 10]
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

from lightemma.simulation.render import Renderer, RenderError, front_camera, make_renderer
from lightemma.simulation.render.panda import PandaRenderer
from lightemma.simulation.scenarios import CONDITIONS, make_world

SIZES = ((800, 450), (1600, 900))


def cpu_seconds(renderer: Renderer) -> float:
    """Seconds of all cores that this process and the renderer's worker have used (the worker's on Linux only)."""
    seconds = time.process_time()
    worker = renderer.worker if isinstance(renderer, PandaRenderer) else None
    stat = Path(f"/proc/{worker}/stat")
    if worker is not None and stat.exists():
        fields = stat.read_text().rsplit(")", 1)[1].split()
        seconds += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenario", default="red-light")
    parser.add_argument("--frames", type=int, default=10)
    asked = parser.parse_args()
    print(f"scenario {asked.scenario}, {asked.frames} frames each, mean of all (best of all)")
    print(f"{'renderer':10} {'size':10} {'light':6} {'load, cpu-s':>12} {'frame, cpu-s':>16}")
    for kind in ("painter", "panda3d"):
        try:
            renderer = make_renderer(kind)  # type: ignore[arg-type]
        except RenderError as error:
            print(f"{kind:10} left out: {error}")
            continue
        with renderer:
            for light, conditions in CONDITIONS.items():
                world = make_world(asked.scenario, 3, conditions)
                before = cpu_seconds(renderer)
                renderer.load(world.city)
                loading = cpu_seconds(renderer) - before
                for size in SIZES:
                    camera = front_camera(size)
                    # The first frame compiles shaders and makes shapes.
                    renderer.draw(world.state(), camera, size, 0)
                    spent = []
                    for frame in range(asked.frames):
                        for _ in range(10):
                            world.step(5.0, 0.0)
                        state = world.state()
                        before = cpu_seconds(renderer)
                        renderer.draw(state, camera, size, frame)
                        spent.append(cpu_seconds(renderer) - before)
                    figures = f"{sum(spent) / len(spent):.3f} ({min(spent):.3f})"
                    print(f"{kind:10} {size[0]}x{size[1]:<5} {light:6} {loading:12.2f} {figures:>16}", flush=True)


if __name__ == "__main__":
    main()
