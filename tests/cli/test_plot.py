"""lightemma plot and lightemma video: from run folders to pictures, and one sentence where that is not possible."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from lightemma.cli import plot, video
from lightemma.data.frame_lookup import FrameLookup
from lightemma.data.pictures import picture_pixels
from lightemma.errors import UserError
from lightemma.run_folder.records import CallRecord
from tests.conftest import (
    MadeUpSource,
    make_frame,
    make_frames,
    make_manifest,
    make_record,
    steady,
    steady_run,
    write_run,
)

FRAMES = make_frames({"s-1": 3, "s-2": 2})


@pytest.fixture(scope="module")
def results(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    steady_run(folder, "fast", FRAMES, 6.0)
    steady_run(folder, "slow", FRAMES, 4.0, {FRAMES[1].sample_token: "format:prose"})
    return folder


Call = Callable[..., str]


@pytest.fixture
def call(tmp_path, monkeypatch) -> Call:
    """The two commands; returns what they print, or raises their user error."""
    monkeypatch.chdir(tmp_path)
    app = typer.Typer()
    app.add_typer(plot.app, name="plot")
    app.command("video")(video.video)

    def run(*arguments: object) -> str:
        done = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.output

    return run


def with_pictures(monkeypatch, folder: Path) -> None:
    """Gives the commands a source with pictures."""
    path = folder / "front.png"
    Image.fromarray(np.full((90, 160, 3), 90, dtype=np.uint8)).save(path)
    frames = [make_frame(frame.scene, frame.frame_index, image_path=path) for frame in FRAMES]
    monkeypatch.setattr("lightemma.data.sources.open_source", lambda *_: MadeUpSource(frames))


class TestFrame:
    def test_by_token_without_data(self, call, results, tmp_path):
        printed = call("plot", "frame", results, "--sample", FRAMES[1].sample_token, "--out", tmp_path / "f.png")
        assert "only the bird's-eye view; give --data" in printed
        assert "Frame 1 of s-1, 2 runs" in printed
        with Image.open(tmp_path / "f.png") as image:
            assert min(image.size) > 500

    def test_by_scene_and_index_with_pictures(self, call, results, tmp_path, monkeypatch):
        with_pictures(monkeypatch, tmp_path)
        printed = call("plot", "frame", results / "fast", "--sample", "s-2:1", "--data", "made-up", "--panels")
        assert printed.strip() == "Frame 1 of s-2, 1 run: s-2-1.png"
        with Image.open(tmp_path / "s-2-1.png") as image:
            assert np.abs(np.asarray(image.convert("RGB"))[200:400, 300:400].astype(int) - 90).mean() < 5  # the picture

    def test_runs_that_did_not_drive_it_are_named(self, call, results, tmp_path):
        few = steady_run(tmp_path, "few", FRAMES[:1], 5.0)
        printed = call("plot", "frame", results / "fast", few, "--sample", FRAMES[4].sample_token)
        assert "few did not drive this frame" in printed
        assert "1 run:" in printed

    def test_near_tokens_are_offered(self, call, results):
        with pytest.raises(UserError, match="did you mean s-1/2"):
            call("plot", "frame", results, "--sample", "s-1//2")
        with pytest.raises(UserError, match="'s-1' has no frame '7'; give one of 0 to 2"):
            call("plot", "frame", results, "--sample", "s-1:7")

    def test_other_wrong_use(self, call, results, tmp_path):
        with pytest.raises(UserError, match=r"let it end in \.pdf, \.svg, \.png"):
            call("plot", "frame", results, "--sample", "s-1:0", "--out", "a.jpg")
        with pytest.raises(UserError, match="Two runs are called 'fast'"):
            call("plot", "frame", results / "fast", steady_run(tmp_path, "fast", FRAMES, 5.0), "--sample", "s-1:0")
        with pytest.raises(UserError, match="no data source"):
            call("plot", "frame", results, "--sample", "s-1:0", "--data", "nowhere:x")


def test_charts(call, results, tmp_path):
    printed = call("plot", "charts", results, "--out", tmp_path / "c", "--convention", "endpoint", "--formats", "svg")
    assert "6 figures, 6 files" in printed
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == [
        f"{name}.svg" for name in ("calibration", "differences", "ecdf", "horizons", "outcomes", "strata")
    ]
    with pytest.raises(UserError, match="let it end in"):
        call("plot", "charts", results, "--out", tmp_path / "c", "--formats", "svg,bmp")


class TestVideo:
    def test_a_gif_of_a_scene(self, call, tmp_path, monkeypatch):
        with_pictures(monkeypatch, tmp_path)
        stages = [
            CallRecord("scene", "?", "A road.", "ok"),
            CallRecord("action", "?", None, "call:timeout", error="slow"),
        ]
        records = [make_record(frame, steady(4.0 + frame.frame_index), stages=stages) for frame in FRAMES]
        run = write_run(tmp_path, make_manifest("vlm", FRAMES), records)
        printed = call(
            "video", run, "--scene", "s-1", "--data", "made-up", "--out", "v.gif", "--fps", 4, "--width", 640
        )
        assert "vlm in s-1: 3 frames at 4 a second" in printed
        assert "no picture" not in printed
        with Image.open(tmp_path / "v.gif") as film:
            assert (film.n_frames, film.size, film.info["duration"]) == (3, (640, 360), 250)

    def test_without_data_it_says_so(self, call, results):
        printed = call("video", results / "slow", "--scene", "s-2", "--out", "v.gif", "--width", 640)
        assert "only the bird's-eye view; give --data. (2 of 2 frames)" in printed

    def test_wrong_use(self, call, results):
        with pytest.raises(UserError, match="no scene 's-9'; did you mean"):
            call("video", results / "fast", "--scene", "s-9", "--out", "v.gif")
        with pytest.raises(UserError, match="holds 2 runs"):
            call("video", results, "--scene", "s-1", "--out", "v.gif")


class TestLookup:
    def test_finds_frames_and_reads_each_scene_once(self):
        source = MadeUpSource(FRAMES)
        asked: list[str] = []
        read = source.scene_frames
        source.scene_frames = lambda scene: asked.append(scene) or read(scene)
        lookup = FrameLookup(source, scenes=1)
        assert lookup.frame("s-1", FRAMES[2].sample_token) is FRAMES[2]
        assert lookup.frame("s-1", "nothing") is None
        assert lookup.frame("s-7", FRAMES[2].sample_token) is None
        assert asked == ["s-1"]
        assert lookup.frame("s-2", FRAMES[3].sample_token) is FRAMES[3]
        lookup.frame("s-1", FRAMES[0].sample_token)
        assert asked == ["s-1", "s-2", "s-1"]  # only one scene is kept

    def test_pictures(self, tmp_path):
        assert picture_pixels(make_frame()) is None
        assert picture_pixels(make_frame(image_path=tmp_path / "gone.jpg")) is None
        torn = tmp_path / "torn.jpg"
        torn.write_bytes(b"\xff\xd8\xff\xe0 torn")
        with pytest.raises(UserError, match="torn"):
            picture_pixels(make_frame(image_path=torn))
