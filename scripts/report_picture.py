"""Takes the README's picture of the report: a frame of the demo, as Chromium shows it. Needs Chromium and an extra `tiny`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import script_input  # noqa: E402

from lightemma.run_folder.places import find_runs  # noqa: E402
from lightemma.run_folder.store import read_frames  # noqa: E402
from tests.browser.chromium import Chromium, find_chromium  # noqa: E402
from tests.shared_data import command_line  # noqa: E402

WIDTH = 1180
#: Pixels of the page that are shown, from the list of frames on.
HEIGHT = 800


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scene", default="sim-lead-car-braking-000")
    parser.add_argument("--frame", type=script_input.amount, default=12)
    parser.add_argument(
        "--runs", type=script_input.folder, help="runs of `lightemma demo` or the like; made if left out"
    )
    parser.add_argument("--out", type=script_input.new_file, default=ROOT / "docs" / "images" / "report.webp")
    options = parser.parse_args()
    binary = find_chromium()
    if binary is None:
        sys.exit("no Chromium is installed")
    with tempfile.TemporaryDirectory() as folder, Chromium(binary) as browser:
        runs = options.runs or Path(folder, "results")
        if options.runs is None:
            command_line("run", "--data", "demo", "--model", "tiny-driver", "--out", runs)
        command_line("report", runs, "--out", Path(folder, "report.html"))
        (run,) = (found for found in find_runs([runs]) if found.name == "tiny-driver")
        token = next(
            one.sample_token
            for one in read_frames(run)
            if (one.scene, one.frame_index) == (options.scene, options.frame)
        )
        browser.resize(WIDTH, HEIGHT)
        browser.open(f"file://{folder}/report.html#frame={token}&run=tiny-driver")
        browser.wait("document.querySelector('#detail h3, #detail h2') !== null")
        browser.evaluate("document.querySelector('#detail').scrollIntoView({behavior: 'instant'}); scrollBy(0, -70)")
        browser.wait("scrollY > 500 && [...document.querySelectorAll('#detail img')].every((one) => one.complete)")
        browser.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")
        shot = Path(folder, "shot.png")
        browser.screenshot(shot)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        Image.open(shot).convert("RGB").save(options.out, quality=80, method=6)
    print(f"{options.out}: {options.out.stat().st_size // 1024} KiB")


if __name__ == "__main__":
    script_input.ends(main)
