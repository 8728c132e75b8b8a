"""Runs with texts and pictures, for the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lightemma.evaluation.comparison import Comparison, compare_runs
from lightemma.evaluation.scene_context import SceneContext
from lightemma.evaluation.scores import RunScores, load_scores
from lightemma.frame import Camera, Frame
from lightemma.report.page import ReportFiles, write_report
from lightemma.run_folder.records import CallRecord, FrameRecord, Usage
from tests.conftest import make_frame, make_manifest, make_record, plan_text, steady, write_run

#: What a page must show and never run; each ends a script element or starts something where it is not escaped.
HOSTILE = (
    "<script>window.pwned=1</script><img src=x onerror=window.pwned=1>",
    "</script><script>window.pwned=1</script>",
    "<!--<script>\u2028\u2029&lt;b&gt;'\"${window.pwned=1}`\\",
)
#: nuScenes' front camera, near enough.
CAMERA = Camera(
    np.array([[1266.4, 0.0, 816.3], [0.0, 1266.4, 491.5], [0.0, 0.0, 1.0]]),
    np.array([0.5, -0.5, 0.5, -0.5]),
    np.array([1.7, 0.0, 1.5]),
    (1600, 900),
)


@dataclass(frozen=True)
class Made:
    """A comparison with all that its report needs."""

    comparison: Comparison
    runs: list[RunScores]
    folders: dict[str, Path]
    context: SceneContext

    def write(self, out: Path, **more: Any) -> ReportFiles:
        """The report, with pictures."""
        return write_report(self.comparison, out, **more)


def stages(frame: Frame, answer: str, said: str = "A quiet road lies ahead of us.") -> list[CallRecord]:
    """Three calls whose prompts hold what was said before."""
    motion = f"Speeds {frame.history.actions[:, 0].tolist()}, curvatures {frame.history.actions[:, 1].tolist()}."
    prompts = {
        "scene": "What is ahead?",
        "intent": f"Ahead: {said} {motion} What now?",
        "action": f"Ahead: {said} {motion} Six pairs!",
    }
    answers = {"scene": said, "intent": "Hold the speed and the lane.", "action": answer}
    return [
        CallRecord(stage, prompt, answers[stage], "ok", Usage(100, 0, 20, 5), 1.5) for stage, prompt in prompts.items()
    ]


def model_records(frames: Sequence[Frame], speed: float, answers: dict[int, str] | None = None) -> list[FrameRecord]:
    """A model that plans ``speed``, but for the frames whose number ``answers`` gives a failed answer."""
    records = []
    for number, frame in enumerate(frames):
        failed = (answers or {}).get(number)
        actions = steady(speed + 0.1 * number)
        record = make_record(
            frame,
            None if failed is not None else actions,
            "ok" if failed is None else "format:prose",
            stages(frame, plan_text(actions) if failed is None else failed),
        )
        records.append(record)
    return records


def picture(path: Path, size: tuple[int, int] = (1600, 900)) -> Path:
    """A picture of a grey road under a blue sky."""
    image = Image.new("RGB", size, (110, 150, 210))
    image.paste((90, 90, 90), (0, size[1] // 2, *size))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, "JPEG", quality=60)
    return path


def make_runs(root: Path, scenes: int = 4, each: int = 3) -> Made:
    """Two models, one of which writes hostile prose on three frames, and a formula, over frames with pictures."""
    shot = picture(root / "shot.jpg")
    frames = [
        replace(make_frame(f"scene-{scene:04d}", index, image_path=shot), camera=CAMERA)
        for scene in range(1, scenes + 1)
        for index in range(each)
    ]
    results = root / "results"
    hostile = dict(enumerate(HOSTILE))
    folders = {
        "keen": write_run(results, make_manifest("keen", frames), model_records(frames, 6.0)),
        "odd": write_run(results, make_manifest("odd", frames), model_records(frames, 4.0, hostile)),
        "slow": write_run(
            results,
            make_manifest("slow", frames, planner="stop"),
            [make_record(frame, steady(3.0)) for frame in frames],
        ),
    }
    runs = [load_scores(folder) for folder in folders.values()]
    by_token = {frame.sample_token: frame for frame in frames}
    context = SceneContext(frames=lambda _, token: by_token.get(token))
    return Made(compare_runs(runs, resamples=200, context=context, folders=folders), runs, folders, context)
