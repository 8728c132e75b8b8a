"""Builds the tiny driver again from nothing: draws drives, trains, lets it drive, trains on, and writes the weights.

    python scripts/train_tiny_driver.py --work tiny-work --out lightemma/backends/tiny/weights

Needs the extras ``local`` and ``tiny``, and onnx. Every stage leaves a file in ``--work`` and is passed over when that is
there, so that the command may be interrupted and given again.
``--scale 0.1`` is a tenth of the drives and steps, for a try.
Seeds 100 to 999 are drawn, split by their last digit; the public suite's seeds 0 to 99, and those from 1000 on, never are.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import torch
from tiny_driver.export import export
from tiny_driver.frames import Growing, load, prepare
from tiny_driver.network import TinyDriver
from tiny_driver.rivals import write_rivals
from tiny_driver.train import report, restore, save, train

SEED = 0


@dataclass(frozen=True)
class Drawn:
    """Drives of all scenarios.

    Attributes:
        name: of their folder.
        seeds: each once with every scenario.
        conditions: light and weather.
        more: options of ``simulate data``.
    """

    name: str
    seeds: range
    conditions: str
    more: tuple[str, ...] = ()


NOISY = ("--perturb", "--driver", "mixture:0.5:noisy-expert")
DRIVES = (
    Drawn("a_day", range(100, 105), "day"),
    Drawn("c_rain_mix", range(120, 123), "rain", NOISY),
    Drawn("b_dusk_perturb", range(110, 113), "dusk", ("--perturb",)),
    Drawn("test_a", range(109, 110), "day"),
    Drawn("d_fog_perturb", range(130, 133), "fog", NOISY),
    Drawn("e_day_mix", range(140, 141), "day", ("--perturb", "--driver", "mixture:0.3:noisy-expert")),
    Drawn("test_b", range(129, 130), "rain"),
)
#: What the tiny driver visits itself, in turns with the expert.
VISITED = (
    Drawn("v1_day", range(200, 202), "day", ("--perturb", "--driver", "mixture:0.4:tiny_driver.look:Look")),
    Drawn("v2_rain", range(210, 211), "rain", ("--driver", "mixture:0.2:tiny_driver.look:Look")),
)


def draw(drawn: Drawn, work: Path, scale: float, weights: Path | None = None) -> None:
    """Draws drives, and reads them for training; goes on where it was interrupted."""
    seeds = ",".join(map(str, drawn.seeds[: max(1, round(len(drawn.seeds) * scale))])) + ","
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")]),
    }
    if weights is not None:
        environment["TINY_DRIVER"] = str(weights)
    command = [
        sys.executable, "-m", "lightemma", "simulate", "data", "--out", str(work / "data" / drawn.name), "--seeds", seeds,
        "--conditions", drawn.conditions, "--size", "320x180", "--renderer", "painter", "--quality", "90", *drawn.more,
    ]  # fmt: skip
    subprocess.run(command, check=True, env=environment)
    prepare(work / "data" / drawn.name, work / "cache" / drawn.name)


def main() -> None:
    """All stages."""
    take = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    take.add_argument("--work", type=Path, required=True, help="folder for drives and checkpoints")
    take.add_argument("--out", type=Path, required=True, help="folder for the weights")
    take.add_argument("--scale", type=float, default=1.0, help="of drives and steps")
    given = take.parse_args()
    work, scale = given.work, given.scale
    torch.set_num_threads(1)
    torch.manual_seed(SEED)

    def stage(
        name: str, start: Callable[[], TinyDriver], steps: int, drawn: tuple[Drawn, ...], *, words: bool, **how: Any
    ) -> Path:
        path = work / f"{name}.pt"
        if not path.exists():
            net = start()
            caches = [work / "cache" / one.name for one in drawn if not one.name.startswith("test")]
            train(net, Growing(caches, "train"), max(1, round(steps * scale)), words=words, **how)
            save(net, path)
            print(name, report(net, load([work / "cache" / "test_a"], "test")), flush=True)
        return path

    def fresh() -> TinyDriver:
        return TinyDriver().to(memory_format=torch.channels_last)

    for drawn in DRIVES:
        draw(drawn, work, scale)
    eyes = stage("eyes", fresh, 1500, DRIVES, words=False)
    ears = stage("lower", lambda: restore(eyes), 600, DRIVES, words=False, tower=False)
    said = stage("words", lambda: restore(ears), 1000, DRIVES, words=True, rate=1.5e-3, tower=False)
    if not (work / "first").exists():
        export(restore(said), work / "first")
    for drawn in VISITED:
        draw(drawn, work, scale, work / "first")
    every = (*DRIVES, *VISITED)
    both = stage("both", lambda: restore(said), 750, every, words=True, rate=1.2e-3)
    last = stage("last", lambda: restore(both), 500, every, words=True, rate=1e-3, tower=False)
    export(restore(last), given.out)
    twin = stage("twin-lower", lambda: TinyDriver(blind=True), 2100, every, words=False)
    twin = stage("twin-words", lambda: restore(twin), 2250, every, words=True, rate=1.5e-3)
    export(restore(twin), work / "twin")
    caches = [work / "cache" / one.name for one in every if not one.name.startswith("test")]
    write_rivals(load(caches, "train"), work / "rivals")


if __name__ == "__main__":
    main()
