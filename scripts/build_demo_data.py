"""Builds the embedded demo data again: eight drives of the simulated city, drawn and written as nuScenes tables.

    python scripts/build_demo_data.py [--renderer auto] [--out lightemma/data/demo_drives]

The old data stays until the new is complete.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from pathlib import Path

import script_input

from lightemma.data.embedded_demo import VERSION
from lightemma.simulation.dataset.drives import Drive
from lightemma.simulation.dataset.expert_drive import record
from lightemma.simulation.dataset.writer import PARTS, DatasetWriter, Layout
from lightemma.simulation.render import make_renderer

OUT = Path(__file__).resolve().parents[1] / "lightemma" / "data" / "demo_drives"
SIZE = (800, 450)
QUALITY = 67  # 40 kB a picture
LARGEST = 18_000_000  # bytes: every copy of the package carries them

# Eight situations with eight different right answers, with seeds that reach the situation within the benchmark frames.
DRIVES = (
    Drive("cruise", 1),
    Drive("bend", 0, weather="fog"),
    Drive("lead-car-braking", 0),
    Drive("left-turn", 2),
    Drive("red-light", 2),
    Drive("light-turns-green", 2, light="dusk"),
    Drive("pedestrian-crossing", 1, weather="rain"),
    Drive("roadworks-narrowing", 1),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--renderer", default="auto", help="auto, panda3d or painter")
    parser.add_argument("--quality", type=script_input.percent, default=QUALITY, help="JPEG quality")
    parser.add_argument("--out", type=script_input.new_folder, default=OUT, help="folder that is replaced")
    wanted = parser.parse_args()
    started = time.monotonic()
    wanted.out.parent.mkdir(parents=True, exist_ok=True)
    # Next to the old folder, so that the last step is a rename.
    with tempfile.TemporaryDirectory(dir=wanted.out.parent, prefix=".demo-") as folder:
        root = Path(folder) / "new"
        with make_renderer(wanted.renderer) as renderer:
            writer = DatasetWriter(root, Layout(VERSION, SIZE, wanted.quality, False, renderer.name))
            for drive in DRIVES:
                begun = time.monotonic()
                writer.write(record(drive), renderer)
                print(f"{drive.name}: {time.monotonic() - begun:.0f} s by {renderer.name}")
        shutil.rmtree(root / PARTS)
        size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
        print(f"{size / 1e6:.1f} MB in {time.monotonic() - started:.0f} s")
        if size > LARGEST:
            raise SystemExit(f"That is more than {LARGEST / 1e6:.0f} MB; lower --quality. The old data is unchanged.")
        if wanted.out.exists():
            wanted.out.rename(Path(folder) / "old")
        root.rename(wanted.out)
    print(f"-> {wanted.out}")


if __name__ == "__main__":
    script_input.ends(main)
