"""What the HTML report of large studies costs: seconds and memory to write it, its size, and how soon it can be used.

Makes nine runs of 3,900 frames with texts as long as published ones, unless --runs names a folder of runs. Seconds to use are
taken in headless Chromium, from the start of navigation until everything answers; without one they are left out.
"""

from __future__ import annotations

import argparse
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import script_input

from lightemma.evaluation.comparison import compare_runs
from lightemma.evaluation.scores import load_scores
from lightemma.kinematics import hold_last_action, integrate
from lightemma.protocol import LIGHTEMMA
from lightemma.report.page import write_report
from lightemma.run_folder.manifest import DataEntry, Manifest, ModelEntry, PlannerEntry, frame_set_digest
from lightemma.run_folder.places import find_runs
from lightemma.run_folder.records import CallRecord, FrameRecord, Usage
from lightemma.run_folder.store import RunWriter

RUNS, SCENES, FRAMES_PER_SCENE = 9, 150, 26
WORDS = ("the", "road", "ahead", "is", "clear", "of", "traffic", "and", "a", "car", "waits", "while", "people", "cross")


def make_runs(results: Path) -> None:
    """Nine runs whose answers are as long as published ones."""
    rng = np.random.default_rng(0)
    words = random.Random(0)
    keys = [(scene, index) for scene in range(SCENES) for index in range(FRAMES_PER_SCENE)]
    tokens = [f"{scene * 1000 + index:032x}" for scene, index in keys]
    history = np.round(np.column_stack([rng.uniform(0, 12, len(keys)), rng.normal(0, 0.01, len(keys))]), 3)
    past = np.repeat(history[:, None], 6, axis=1)
    truth = integrate(past + rng.normal(0, [0.4, 0.002], (len(keys), 6, 2)))
    for number in range(RUNS):
        run = f"model-{number}"
        data = DataEntry("made-up", "drives", "v1.0-made-up", SCENES, len(keys), frame_set_digest(tokens))
        model = ModelEntry(run, "scripted", run)
        manifest = Manifest(run, LIGHTEMMA.as_dict(), data, PlannerEntry("chain-of-thought"), "strict", {"main": model})
        with RunWriter(results / run, manifest) as writer:
            for (scene, index), token, now, future in zip(keys, tokens, past, truth, strict=True):
                actions = hold_last_action(now) + rng.normal(0, [0.5, 0.002], (6, 2))
                failed = rng.random() < 0.05
                said = [" ".join(words.choices(WORDS, k=count)) for count in (110, 120, 20)]
                motion = f"Speeds {now[:, 0].tolist()}, curvatures {now[:, 1].tolist()}."
                prompts = ["What is ahead?" * 20, f"Ahead: {said[0]} {motion}", f"{said[0]} {said[1]} {motion}"]
                stages = [
                    CallRecord(stage, prompt, answer, "ok", Usage(1200, 0, 120), 2.0)
                    for stage, prompt, answer in zip(("scene", "intent", "action"), prompts, said, strict=True)
                ]
                writer.append(
                    FrameRecord(
                        scene=f"scene-{scene:04d}",
                        frame_index=index,
                        sample_token=token,
                        image=f"samples/CAM_FRONT/{token}.jpg",
                        timestamp=index,
                        history=now.tolist(),
                        ground_truth=future.tolist(),
                        calls=stages,
                        answer=len(stages) - 1,
                        actions=None if failed else actions.tolist(),
                        trajectory=None if failed else integrate(actions).tolist(),
                        outcome="format:prose" if failed else "ok",
                    )
                )


#: Types into the search box, and waits until the last row is found.
SEARCH = """(async () => {
  const word = '%s', box = document.getElementById('filter-say'), begun = performance.now();
  box.value = word;
  box.dispatchEvent(new Event('input'));
  const count = document.getElementById('count');
  const shown = () => document.querySelector('#rows .snippet mark')?.textContent.toLowerCase() === word;
  while (!shown() || count.textContent.includes('searching')) await new Promise((go) => setTimeout(go, 10));
  return [(performance.now() - begun) / 1000, count.textContent];
})()"""


def seconds_to_use(page: Path) -> tuple[float, float, float] | None:
    """Until the page says that it is ready, of a first search over all answers, and of a second; each the best of three."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from tests.browser.chromium import Chromium, find_chromium

    binary = find_chromium()
    if binary is None:
        return None
    with Chromium(binary) as browser:
        ready, first, second = [], [], []
        for _ in range(3):
            browser.open(page, "document.documentElement.dataset.ready === 'yes'")
            ready.append(browser.evaluate("performance.getEntriesByName('ready')[0].startTime") / 1000)
            first.append(browser.evaluate(SEARCH % "traffic")[0])
            second.append(browser.evaluate(SEARCH % "waits")[0])
        return min(ready), min(first), min(second)


def main() -> None:
    """Writes one report and prints what it cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=script_input.folder, help="folder of runs; made up if left out")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        results = arguments.runs or Path(temporary) / "results"
        if arguments.runs is None:
            make_runs(results)
        folders = find_runs([results])
        runs = [load_scores(folder) for folder in folders]
        texts = {run.name: folder for run, folder in zip(runs, folders, strict=True)}
        comparison = compare_runs(runs, folders=texts)
        started = time.perf_counter()
        written = write_report(comparison, Path(temporary) / "report.html")
        seconds = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{len(runs)} runs of {written.frames:,} frames: report written in {seconds:.1f} s, {peak:.0f} MiB at most"
        )
        print(f"page {written.page_bytes / 1e6:.2f} MB, folder next to it {written.folder_bytes / 1e6:.1f} MB")
        found = seconds_to_use(written.page)
        if found is None:
            print("no Chromium found")
            return
        ready, first, second = found
        print(f"ready for use in Chromium after {ready:.2f} s")
        print(f"a first search over all answers {first:.2f} s, a second {second:.2f} s")


if __name__ == "__main__":
    script_input.ends(main)
