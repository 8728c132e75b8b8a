"""Builds the tiny driver again from nothing: draws drives, trains, lets it drive, trains on, and writes the weights.

    python scripts/train_tiny_driver.py --work tiny-work --out lightemma/backends/tiny/weights --minutes 16.5 \
        --device cuda --processes 7

Needs the extras ``local`` and ``tiny``, and onnx. All happens at once: ``--processes`` drive in the city and draw what is seen,
one process learns from all drives there are so far, and every half minute what it has learned drives too, so that the expert
says what it should have done where it came to. Beside it learns its twin, the same network without pictures, from the same
drives for as many steps; and at the end three small networks on the motion alone.

The weights are written to ``--out`` whenever they are worth it and at the end; the twin's to ``twin`` and the rivals' to
``rivals`` in ``--work``. Drives that lie in ``--work`` are learned from again.
Seeds 100 to 999 are drawn, split by their last digit; the public suite's seeds 0 to 99, and those from 1000 on, never are.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
import traceback
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import script_input
import torch
from tiny_driver import gather
from tiny_driver.export import export, export_teacher, write_teacher
from tiny_driver.network import TinyDriver
from tiny_driver.pool import Pool
from tiny_driver.rivals import write_rivals
from tiny_driver.train import Course, restore, save, train

SEED = 0
#: Share of the time that the twin learns; the rest is for the rivals.
TWIN = 0.9
#: Seconds between two students that drive, and share of the time from which one does.
PUBLISH_S, DRIVES_FROM = 20.0, 0.1
#: Shares of the time at which the weights are written, beside the end.
WRITTEN_AT = (0.7, 0.85)
#: How many steps were made.
STEPS = "steps"
#: The network as it was when it was last sent to drive.
LATEST = "latest.pt"


def wait(pool: Pool, moments: int, end: float) -> None:
    """Waits for the first drives."""
    while len(pool) < moments and time.time() < end:
        if not pool.grow():
            time.sleep(0.5)
    if not len(pool):
        sys.exit("No drive came in time.")


def device_named(name: str) -> torch.device:
    """The device, with what makes it fast."""
    torch.set_num_threads(1)
    torch.backends.cudnn.benchmark = True
    torch.set_float32_matmul_precision("high")
    return torch.device(name)


def blind_ones(work: Path, given: argparse.Namespace, end: float) -> None:
    """The twin, then the rivals."""
    sys.stdout = sys.stderr = (work / "twin.log").open("a", buffering=1)
    try:
        device, began = device_named(given.device), time.time()
        pool = Pool([work / "drives"], "train", device, 0)
        wait(pool, given.first, end)
        torch.manual_seed(SEED)
        net = TinyDriver(blind=True)
        course = Course(began, began + TWIN * (end - began), size=given.batch, rate=given.rate)
        print("twin:", train(net, pool, course, seed=SEED, count=work / STEPS), "steps", flush=True)
        save(net, work / "twin.pt")
        export(net, work / "twin")
        pool.grow(10**6)
        write_rivals(pool, work / "rivals", given.rival_steps)
        print("rivals written", flush=True)
    except Exception:
        traceback.print_exc()


def main() -> None:  # noqa: PLR0915 -- one thing after the other
    """All at once."""
    take = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    take.add_argument("--work", type=script_input.new_folder, required=True, help="folder for drives and checkpoints")
    take.add_argument("--out", type=script_input.new_folder, required=True, help="folder for the weights")
    take.add_argument(
        "--minutes", type=script_input.positive, required=True, help="that all may take, but for the last half minute"
    )
    take.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    take.add_argument(
        "--processes", type=script_input.count, default=max(1, (os.cpu_count() or 2) - 1), help="that drive and draw"
    )
    take.add_argument(
        "--pictures", type=script_input.count, default=120_000, help="most pictures, 110 kB each on the device"
    )
    take.add_argument("--batch", type=script_input.count, default=384)
    take.add_argument("--rate", type=script_input.positive, default=1.5e-3, help="highest learning rate")
    take.add_argument("--first", type=script_input.amount, default=1000, help="moments before learning begins")
    take.add_argument("--rival-steps", type=script_input.amount, default=8_000)
    take.add_argument("--from", dest="before", type=script_input.file, help="checkpoint (tiny.pt) to go on from")
    take.add_argument("--no-twin", action="store_true")
    given = take.parse_args()
    work, end = given.work, time.time() + 60.0 * given.minutes
    drives = work / "drives"
    drives.mkdir(parents=True, exist_ok=True)
    (work / STEPS).unlink(missing_ok=True)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    drivers = gather.start(drives, given.processes, SEED)
    spawn = multiprocessing.get_context("spawn")
    blind = spawn.Process(target=blind_ones, args=(work, given, end), daemon=True)
    if not given.no_twin:
        blind.start()

    device = device_named(given.device)
    pool = Pool([drives], "train", device, given.pictures)
    checks = Pool([drives], "validation", device, min(given.pictures, 4000))
    torch.manual_seed(SEED)
    net = restore(given.before) if given.before else TinyDriver().to(memory_format=torch.channels_last)
    wait(pool, given.first, end)
    print(f"{len(pool)} moments after {time.time() - end + 60 * given.minutes:.0f} s", flush=True)
    began = time.time()
    save(net, work / LATEST)
    published, written, names = [0], list(WRITTEN_AT), list[str]()

    def publish(net: TinyDriver, share: float) -> None:
        try:
            if share >= DRIVES_FROM or given.before:
                if not names:
                    names.extend(export_teacher(net, drives / gather.GRAPH))
                published[0] += 1
                weights = f"student-{published[0]:03d}.npz"
                write_teacher(net, names, drives / weights)
                save(net, work / LATEST)
                draft = drives / f"{gather.DRIVER}.part"
                draft.write_text(json.dumps({"weights": weights}))
                draft.rename(drives / gather.DRIVER)
            if written and share >= written[0]:
                written.pop(0)
                save(net, work / "tiny.pt")
                export(net, given.out)
        except Exception:
            traceback.print_exc()

    steps, rate = 0, given.rate
    while time.time() < end - 20:
        course = Course(began, end, size=given.batch, rate=rate)
        try:
            steps += train(net, pool, course, seed=SEED, every=(PUBLISH_S, publish), checks=checks, count=work / STEPS)
        except FloatingPointError as error:
            print(f"{error}; it goes on from the last that drove, at half the rate", flush=True)
            net, rate = restore(work / LATEST), rate / 2
    gather.stop(drives, [])
    save(net, work / "tiny.pt")
    export(net, given.out)
    print(f"{steps} steps on {len(pool)} moments of {len(pool.about)} drives; written to {given.out}", flush=True)
    gather.stop(drives, drivers)
    if not given.no_twin:
        blind.join(120)


if __name__ == "__main__":
    script_input.ends(main)
