"""A run goes on only over the data it began with: changed pictures and changed motion are named before anything is asked."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lightemma.comparing.frame_view import frame_view
from lightemma.errors import UserError
from lightemma.evaluation.comparison import compare_runs
from lightemma.evaluation.scene_context import SceneContext
from lightemma.evaluation.scores import load_scores
from lightemma.files import digest_of
from lightemma.frame import EarlierPicture, Frame
from lightemma.planners.base import Needs, Plan, Planner, View
from lightemma.protocol import LIGHTEMMA
from lightemma.report.page import write_report
from lightemma.run_folder.frame_lines import frames_file
from lightemma.run_folder.records import OK
from lightemma.run_folder.store import read_frames
from tests.conftest import lines_of_run, make_frames, make_manifest, make_record, put_lines, steady, write_run
from tests.sessions.one_run import drive_run


class Looks(Planner):
    """Looks at some pictures, and fails at a frame if it is told to."""

    name = "looks"

    def __init__(self, pictures: int = 1, fails_at: int | None = None) -> None:
        super().__init__()
        self._pictures, self._fails_at, self.asked = pictures, fails_at, 0

    def needs(self) -> Needs:
        return Needs(pictures=self._pictures, looks=True)

    async def plan(self, frame: Frame, view: View, calls: object) -> Plan:
        self.asked += 1
        if self.asked == self._fails_at:
            raise KeyboardInterrupt
        return Plan(steady(5.0), OK)


@pytest.fixture
def frames(tmp_path: Path) -> list[Frame]:
    """Six frames with pictures of their own, each after three earlier ones."""
    (tmp_path / "pictures").mkdir()
    made = make_frames({"scene-0001": 6})
    earlier = [_picture(tmp_path / "pictures" / f"before-{n}.png", n) for n in range(3)]
    paths = [_picture(tmp_path / "pictures" / f"{n}.png", 50 + n) for n in range(len(made))]
    return [
        replace(frame, image_path=path, earlier=tuple(EarlierPicture(one, 0) for one in [*earlier, *paths[:n]][-3:]))
        for n, (frame, path) in enumerate(zip(made, paths, strict=True))
    ]


def _picture(path: Path, shade: int) -> Path:
    Image.new("L", (8, 8), shade).convert("RGB").save(path)
    return path


def exchange(one: Path, other: Path) -> None:
    """Exchanges two files, whose size and time stay what they were."""
    spare = one.with_suffix(".spare")
    one.rename(spare)
    other.rename(one)
    spare.rename(other)


def drive(folder: Path, planner: Looks, frames: list[Frame]) -> Looks:
    job = Looks(planner._pictures, planner._fails_at)
    asyncio.run(drive_run(folder, job, {}, frames))
    return job


def begun(folder: Path, frames: list[Frame], pictures: int = 1, done: int = 4) -> None:
    """A run that was interrupted."""
    drive(folder, Looks(pictures), frames)
    put_lines(folder, lines_of_run(folder)[:done])


def test_every_shown_picture_is_recorded_by_its_file(tmp_path, frames):
    drive(tmp_path / "run", Looks(3), frames)
    for record, frame in zip(read_frames(tmp_path / "run"), frames, strict=True):
        shown = [*(one.path for one in frame.earlier[-2:]), frame.image_path]
        assert record.picture_files == [digest_of(path) for path in shown]
    drive(tmp_path / "blind", Looks(0), frames)
    assert all(record.picture_files == [] for record in read_frames(tmp_path / "blind"))


def test_an_unchanged_run_goes_on(tmp_path, frames):
    begun(tmp_path / "run", frames)
    assert drive(tmp_path / "run", Looks(), frames).asked == 2


CHANGES: dict[str, tuple[Callable[[list[Frame]], object], str]] = {
    "exchanged": (
        lambda f: exchange(f[1].image_path, f[3].image_path),
        r"has 4 frames already, and the pictures of 2 of them changed since \(frame 1 of scene 'scene-0001', frame 3 of scene",
    ),
    "exchanged with one to come": (lambda f: exchange(f[1].image_path, f[5].image_path), r"the pictures of 1 of them changed"),
    "other bytes": (lambda f: f[0].image_path.write_bytes(f[0].image_path.read_bytes() + b"\0"), r"pictures of 1 .*frame 0 of"),
}  # fmt: skip


@pytest.mark.parametrize("kind", CHANGES)
def test_pictures_that_changed_between_two_sittings_are_named(tmp_path, frames, kind):
    change, complaint = CHANGES[kind]
    begun(tmp_path / "run", frames)
    change(frames)
    before = frames_file(tmp_path / "run").read_bytes()
    planner = Looks()
    with pytest.raises(UserError, match=complaint) as said:
        asyncio.run(drive_run(tmp_path / "run", planner, {}, frames))
    assert "put the data back as it was, or give this run its own name" in str(said.value)
    assert planner.asked == 0
    assert frames_file(tmp_path / "run").read_bytes() == before


def test_a_picture_that_no_kept_frame_showed_may_change(tmp_path, frames):
    begun(tmp_path / "run", frames)
    _picture(frames[4].image_path, 200)
    _picture(frames[0].earlier[0].path, 200)
    assert drive(tmp_path / "run", Looks(), frames).asked == 2


def test_an_earlier_picture_that_was_shown_may_not(tmp_path, frames):
    begun(tmp_path / "run", frames, pictures=3)
    _picture(frames[0].earlier[-1].path, 200)
    with pytest.raises(UserError, match="the pictures of 2 of them changed"):
        drive(tmp_path / "run", Looks(3), frames)


def test_four_and_more_are_counted(tmp_path, frames):
    begun(tmp_path / "run", frames, done=6)
    for frame in frames:
        _picture(frame.image_path, 200)
    with pytest.raises(UserError, match=r"the pictures of 6 of them .*frame 2 of scene 'scene-0001' and 3 more\)"):
        drive(tmp_path / "run", Looks(), frames)


@pytest.mark.parametrize(
    "change",
    [
        lambda frame: replace(frame, timestamp=frame.timestamp + 1000),
        lambda frame: replace(frame, future=frame.future + 0.01),
        lambda frame: replace(frame, history=replace(frame.history, actions=frame.history.actions * 1.001)),
    ],
    ids=["time", "future", "history"],
)
def test_tables_that_changed_between_two_sittings_are_named(tmp_path, frames, change):
    begun(tmp_path / "run", frames)
    now = [change(frame) if frame.frame_index == 2 else frame for frame in frames]
    with pytest.raises(
        UserError, match=r"the recorded motion of 1 of them changed since \(frame 2 of scene 'scene-0001'\)"
    ):
        drive(tmp_path / "run", Looks(), now)


def test_a_failed_frame_is_driven_again_whatever_has_changed(tmp_path, frames):
    begun(tmp_path / "run", frames)
    lines = [json.loads(line) for line in lines_of_run(tmp_path / "run")]
    lines[1] |= {"outcome": "call:picture", "picture_files": [], "actions": None, "trajectory": None}
    put_lines(tmp_path / "run", [json.dumps(line).encode() for line in lines])
    _picture(frames[1].image_path, 200)
    assert drive(tmp_path / "run", Looks(), frames).asked == 3


def test_runs_of_older_versions_go_on(tmp_path, frames):
    begun(tmp_path / "run", frames)
    lines = [json.loads(line) for line in lines_of_run(tmp_path / "run")]
    older = [{key: value for key, value in line.items() if key != "picture_files"} for line in lines]
    put_lines(tmp_path / "run", [json.dumps(line).encode() for line in older])
    _picture(frames[1].image_path, 200)
    assert drive(tmp_path / "run", Looks(), frames).asked == 2


def _two_runs(tmp_path: Path, frames: list[Frame], changed: int) -> dict[str, Path]:
    """Two runs between which some pictures changed."""
    folders = {}
    for name in ("first", "second"):
        records = [replace_files(make_record(frame, steady(5.0)), [digest_of(frame.image_path)]) for frame in frames]
        folders[name] = write_run(tmp_path / "results", make_manifest(name, frames, planner="stop"), records)
        for frame in frames[:changed]:
            _picture(frame.image_path, 200)
    return folders


def replace_files(record, files):
    import msgspec

    return msgspec.structs.replace(record, picture_files=files)


def test_runs_over_different_pictures_are_compared_with_a_warning(tmp_path, frames):
    folders = _two_runs(tmp_path, frames, changed=2)
    warnings = compare_runs([load_scores(folder) for folder in folders.values()], resamples=200).warnings
    expected = "second was shown other pictures than first in 2 of 6 frames (the first is frame 0 of scene-0001)"
    assert [warning for warning in warnings if warning.startswith(expected)]
    same = compare_runs([load_scores(folders["first"])] * 1, resamples=200).warnings
    assert not any("other pictures" in warning for warning in same)


def test_a_report_leaves_out_pictures_that_no_run_was_shown(tmp_path, frames, caplog):
    folders = _two_runs(tmp_path, frames, changed=0)
    _picture(frames[3].image_path, 201)
    by_token = {frame.sample_token: frame for frame in frames}
    context = SceneContext(frames=lambda _, token: by_token.get(token))
    runs = [load_scores(folder) for folder in folders.values()]
    made = write_report(compare_runs(runs, resamples=200, context=context, folders=folders), tmp_path / "page.html")
    assert made.pictures == 5
    assert (
        "1 of the pictures changed since the runs were shown them (the first is of frame 3 of scene-0001)"
        in caplog.text
    )


def test_a_figure_does_not_show_a_picture_that_the_run_was_not_shown(tmp_path, frames):
    record = read_frames(_two_runs(tmp_path, frames, changed=0)["first"])[0]
    context = SceneContext(frames=lambda *_: frames[0])
    view, note = frame_view(record, context, LIGHTEMMA)
    assert (np.shape(view.picture), note) == ((8, 8, 3), "")
    _picture(frames[0].image_path, 200)
    view, note = frame_view(record, context, LIGHTEMMA)
    assert view.picture is None
    assert "is no longer the one that the run was shown" in note
