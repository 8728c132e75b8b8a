"""A folder with poses.csv: what it must hold, and what is said where it does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lightemma.data.folder import FolderSource
from lightemma.errors import UserError

HEADER = "scene,timestamp_us,x,y,heading"


def lines(count: int = 17, *, step_us: int = 500_000, speed: float = 5.0, scene: str = "drive") -> list[str]:
    """Rows of a car that drives along y, heading with it."""
    return [
        f"{scene},{1_700_000_000_000_000 + n * step_us},3,{speed * n * step_us / 1e6},{np.pi / 2}" for n in range(count)
    ]


def write(folder: Path, rows: list[str], header: str = HEADER) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "poses.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return folder


def test_rows_become_frames(tmp_path):
    source = FolderSource(write(tmp_path / "mine", [*lines(), *lines(16, scene="other")]))
    assert (source.info.source, source.info.name, source.info.scenes) == ("folder", "mine", 2)
    frames = list(source.frames())
    assert [(frame.scene, frame.frame_index) for frame in frames] == [
        ("drive", 0), ("drive", 1), ("drive", 2), ("other", 0), ("other", 1)
    ]  # fmt: skip
    first = frames[0]
    assert first.sample_token == "drive-1700000003500000"
    assert (first.pose.x, first.pose.y, first.pose.heading) == pytest.approx((3.0, 17.5, np.pi / 2))
    np.testing.assert_allclose(first.future, [[2.5 * n, 0.0] for n in range(1, 7)], atol=1e-9)
    assert first.history.actions[:, 0].tolist() == [5.0] * 6
    assert (first.image_path, first.camera) == (None, None)


@pytest.mark.parametrize("step_us", [100_000, 33_333, 50_000])
def test_a_denser_recording_is_thinned_to_its_key_frames(tmp_path, step_us):
    source = FolderSource(write(tmp_path, lines(1 + 8_000_000 // step_us, step_us=step_us)))
    frames = list(source.frames())
    assert len(frames) in (2, 3)
    assert frames[0].history.actions[:, 0] == pytest.approx(5.0, abs=0.01)
    assert np.diff([frame.timestamp for frame in frames]) == pytest.approx(500_000, abs=step_us / 2 + 1)


def test_pictures_are_found_and_a_missing_one_is_named(elsewhere, cli):
    rows = [f"{line},pictures/{n}.png" for n, line in enumerate(lines())]
    folder = write(elsewhere / "mine", rows, f"{HEADER},image")
    (folder / "pictures").mkdir()
    for n in range(17):
        Image.new("RGB", (8, 6)).save(folder / "pictures" / f"{n}.png")
    frames = list(FolderSource(folder).frames())
    assert [frame.image for frame in frames] == ["pictures/7.png", "pictures/8.png", "pictures/9.png"]
    assert all(frame.image_path and frame.image_path.is_file() for frame in frames)
    assert [one.path.name for one in frames[0].earlier] == [f"{n}.png" for n in range(7)]
    assert cli("run", "--data", "folder:mine", "--planner", "constant-action").status == 0
    assert cli("report", "results", "--out", "page.html").status == 0, "an unknown camera draws no paths"


@pytest.mark.parametrize("form", ["{}.0", "{}.25", " {} ", "{:.1e}"])
def test_times_may_be_written_with_a_point(tmp_path, form):
    whole = [1_700_000_000_000_000 + 500_000 * n for n in range(16)]
    if "e" in form:
        form = "{:.15e}"
    write(tmp_path, [f"a,{form.format(time)},{5 * n},0,0" for n, time in enumerate(whole)], HEADER)
    assert [frame.timestamp for frame in FolderSource(tmp_path).frames()] == whole[7:9]


COMPLAINTS = {
    "no file": (None, "There is no file .*poses.csv"),
    "no column": ([], "line 1, has no column 'heading'"),
    "other column": ([], "line 1, has the column 'yaw', which is not one of"),
    "no rows": ([], "has no rows"),
    "fraction": (["a,1.5,0,0,0"], "line 2, has the timestamp_us '1.5', which is no whole number of microseconds"),
    "words": (["a,1,here,0,0"], "line 2, has the x 'here', which is no finite number"),
    "NaN": (["a,1,0,0,0", "a,2,0,nan,0"], "line 3, has the y 'nan', which is no finite number"),
    "seconds": (["a,1700000000.5,0,0,0"], r"'1700000000.5', which is no whole number .* \(it has a fraction"),
    "an endless time": (["a,1e999999999,0,0,0"], "which is no whole number of microseconds .it is too large"),
    "no time": (["a,,0,0,0"], "which is no whole number of microseconds .it is missing"),
    "nowhere on Earth": (["a,1,1e300,0,0"], "has the x '1e300', which is no finite number or is beyond"),
    "backwards": (["a,2,0,0,0", "a,1,0,0,0"], "line 3, is not later than line 2 of the same scene 'a'"),
    "short": (["a,2,0"], "line 2, has more or fewer values"),
    "no scene": ([",2,0,0,0"], "line 2, has no scene"),
    "outside": (["a,2,0,0,0,../x.jpg"], "give a path inside the folder"),
    "milliseconds": (["a," + f"{1000 + 500 * n},{n},0,0" for n in range(20)], "500 µs apart; timestamp_us is in micro"),
    "nanoseconds": (["a," + f"{500_000_000 * n},{n},0,0" for n in range(20)], "seem to be in nanoseconds"),
    "one a second": (["a," + f"{1_000_000 * n},{n},0,0" for n in range(20)], "its key frames are 1 s apart"),
    "degrees": (
        [f"a,{500_000 * n},{-5 * n},0,180" for n in range(20)],
        "headings and its direction of travel differ",
    ),
    "some pictures": ([f"a,{500_000 * n},{5 * n},0,0,{'x.jpg' if n else ''}" for n in range(20)], "has no image"),
}


@pytest.mark.parametrize("kind", COMPLAINTS)
def test_what_is_wrong_is_one_sentence(elsewhere, cli, kind):
    rows, complaint = COMPLAINTS[kind]
    headers = {
        "no column": "scene,timestamp_us,x,y", "other column": f"{HEADER},yaw", "outside": f"{HEADER},image",
        "some pictures": f"{HEADER},image",
    }  # fmt: skip
    if rows is not None:
        write(elsewhere / "mine", rows, headers.get(kind, HEADER))
    ended = cli("run", "--data", "folder:mine", "--planner", "constant-action")
    assert ended.status == 2
    assert ended.err.count("\n") == 1
    with pytest.raises(UserError, match=complaint):
        raise UserError(ended.err)
