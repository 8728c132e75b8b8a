"""Films: what they show, and files that open again."""

from __future__ import annotations

import sys
import warnings
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from lightemma.errors import UserError
from lightemma.frame import Camera
from lightemma.kinematics import integrate
from lightemma.report.figures.birdseye import PlannedPath, draw_birdseye
from lightemma.report.figures.frame import FrameView
from lightemma.report.video import Shot, StageText, draw_shots, write_video
from lightemma.report.wrapping import measured, wrap
from tests.conftest import steady

CAMERA = Camera(
    np.array([[400.0, 0, 199.5], [0, 400.0, 112.0], [0, 0, 1]]),
    np.array([0.5, -0.5, 0.5, -0.5]),
    np.array([1.7, 0, 1.5]),
)
VIEW = FrameView(
    "s-1", 0, "token", integrate(steady(5.0)), np.linspace([-15.0, 0], [0, 0], 8), np.array([5.0, 0.0]),
    np.full((225, 400, 3), 90, dtype=np.uint8), CAMERA,
)  # fmt: skip
PLAN = PlannedPath("vlm", integrate(steady(6.0)), steady(6.0))
FAILED = PlannedPath("vlm", None, None, "format:prose")
SAID = (StageText("scene", "A road. " * 200), StageText("intent", "To go on."), StageText("action", "[(6, 0)]"))


def shot(**changes) -> Shot:
    return replace(Shot(VIEW, PLAN, SAID, 0.5), **changes)


def plain(count: int, size=(48, 64)):
    """Frames of one grey each, all different."""
    return [np.full((*size, 3), 20 * index, dtype=np.uint8) for index in range(count)]


class TestDrawing:
    @pytest.mark.parametrize(
        "one",
        [
            shot(),
            shot(
                plan=FAILED, texts=(StageText("scene", None, "call:timeout"), StageText("intent", "", "format:empty"))
            ),
            shot(texts=()),
            shot(view=replace(VIEW, picture=None)),
            shot(texts=(StageText("scene", "$\\frac{1}{0$ 車 \x1b[2J\u202e" + "x" * 100_000),)),
            shot(plan=PlannedPath("far", np.full((6, 2), 1e200), np.full((6, 2), 1e200))),
        ],
        ids=["plan", "failed", "formula", "no picture", "nasty", "far"],
    )
    def test_every_kind_of_frame_is_drawn_without_a_warning(self, one):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            (pixels,) = draw_shots([one], 641)
        assert pixels.shape == (360, 640, 3)
        assert pixels.dtype == np.uint8
        assert (pixels < 128).any()

    def test_all_frames_have_one_size_and_one_scale(self, monkeypatch):
        scales = []

        def noted(axes, *given):
            scales.append(given[-1])
            return draw_birdseye(axes, *given)

        monkeypatch.setattr("lightemma.report.video.draw_birdseye", noted)
        shots = [shot(), shot(plan=FAILED), shot(view=replace(VIEW, truth=4 * VIEW.truth))]
        assert {pixels.shape for pixels in draw_shots(shots, 640)} == {(360, 640, 3)}
        (_, ahead), _ = scales[0]
        assert scales == [scales[0]] * 3
        assert ahead > 4 * VIEW.truth[:, 0].max()  # the longest drive of the scene is in view

    def test_a_failed_frame_says_so(self, monkeypatch):
        assert any("no plan: format:prose" in text for text in texts_of(shot(plan=FAILED), monkeypatch))
        assert any("ok, avg L2 1.75 m (convention lightemma)" in text for text in texts_of(shot(), monkeypatch))

    def test_texts_are_cut_to_their_place(self, monkeypatch):
        said = next(text for text in texts_of(shot(), monkeypatch) if text.startswith("A road."))
        assert said.endswith("…")
        assert 5 < said.count("\n") < 15
        assert any(
            "(no answer)" in text
            for text in texts_of(shot(texts=(StageText("scene", None, "call:auth"),)), monkeypatch)
        )

    def test_too_narrow_is_refused(self):
        with pytest.raises(UserError, match="--width is 320"):
            next(draw_shots([shot()], 320))


def texts_of(one: Shot, monkeypatch) -> list[str]:
    """All text of one frame."""
    from matplotlib.figure import Figure

    found: list[str] = []
    write = Figure.text

    def text(self, x, y, content, *more, **given):
        found.append(content)
        return write(self, x, y, content, *more, **given)

    with monkeypatch.context() as patch:
        patch.setattr(Figure, "text", text)
        list(draw_shots([one], 640))
    return found


class TestFiles:
    def test_gif_has_its_frames_and_its_pace(self, tmp_path):
        path = tmp_path / "deep" / "a.gif"
        assert write_video(iter(plain(5)), path, fps=4) == 5
        with Image.open(path) as film:
            assert film.n_frames == 5
            assert film.size == (64, 48)
            assert film.info["duration"] == 250
            film.seek(3)
            assert film.convert("RGB").getpixel((5, 5)) == (60, 60, 60)
        assert list(path.parent.iterdir()) == [path]

    def test_mp4_has_its_frames_and_its_pace(self, tmp_path):
        av = pytest.importorskip("av", reason="PyAV (extra `video`) is not installed")
        path = tmp_path / "a.mp4"
        assert write_video(iter(plain(7)), path, fps=2.5) == 7
        with av.open(str(path)) as film:
            stream = film.streams.video[0]
            assert (stream.width, stream.height) == (64, 48)
            assert stream.average_rate == 2.5
            frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(stream)]
        assert [round(frame.mean() / 20) for frame in frames] == list(range(7))

    def test_without_pyav_it_says_what_to_do(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "av", None)
        with pytest.raises(UserError, match=r"lightemma\[video\].*\.gif"):
            write_video(plain(1), tmp_path / "a.mp4")
        assert write_video(plain(2), tmp_path / "a.gif") == 2

    @pytest.mark.parametrize(
        ("name", "frames", "fps", "message"),
        [
            ("a.avi", 1, 2, "let it end in .mp4 or .gif"),
            ("a.gif", 0, 2, "no frame"),
            ("a.gif", 1, 0, "--fps is 0"),
            ("file/a.gif", 1, 2, "give another --out"),
        ],
    )
    def test_what_is_wrong_is_reported_and_no_file_is_left(self, tmp_path, name, frames, fps, message):
        (tmp_path / "file").write_text("")
        with pytest.raises(UserError, match=message):
            write_video(plain(frames), tmp_path / name, fps)
        assert [path.name for path in tmp_path.iterdir()] == ["file"]

    def test_a_film_broken_off_leaves_the_old_one(self, tmp_path):
        path = tmp_path / "a.gif"
        write_video(plain(2), path)
        before = path.read_bytes()

        def breaks():
            yield from plain(1)
            raise RuntimeError("drawing broke")

        with pytest.raises(RuntimeError):
            write_video(breaks(), path)
        assert path.read_bytes() == before
        assert list(tmp_path.iterdir()) == [path]


class TestWrap:
    @given(st.text(max_size=300), st.floats(2, 40), st.integers(1, 8))
    @settings(deadline=None)
    def test_lines_fit(self, text, width, lines):
        found = wrap(text, width, lines)
        assert len(found) <= lines
        for one in found:
            assert measured(one) <= width or len(one.rstrip("…")) <= 1

    @given(st.lists(st.text(st.characters(min_codepoint=97, max_codepoint=122), min_size=1, max_size=9), max_size=30))
    def test_nothing_is_lost_where_there_is_room(self, words):
        assert " ".join(wrap(" ".join(words), 20.0, 100)).split() == words

    def test_an_ellipsis_marks_a_cut_text(self):
        assert wrap("one two three", 4.0, 1) == ["one…"]
        assert wrap("word " * 1_000_000, 10.0, 2)[-1].endswith("…")

    def test_wide_characters_take_more_room(self):
        assert measured("WWWW") > 2 * measured("iiii")


def test_a_red_light_stays_red_in_a_gif(tmp_path):
    picture = np.full((180, 320, 3), 120, dtype=np.uint8)
    picture[:, :, 1] = np.linspace(60, 200, 320).astype(np.uint8)  # many shades, so that colours are scarce
    picture[:, :, 2] = np.linspace(60, 200, 180).astype(np.uint8)[:, None]
    picture[20:24, 100:104] = (230, 20, 20)
    write_video(iter([picture, picture]), tmp_path / "film.gif", 2.0)
    with Image.open(tmp_path / "film.gif") as film:
        red, green, blue = np.asarray(film.convert("RGB"))[22, 102].tolist()
    assert red > 180
    assert max(green, blue) < 80
