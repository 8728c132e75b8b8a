"""The summary on a terminal."""

from __future__ import annotations

from tests.conftest import make_frames, steady_run


def test_a_run_without_any_plan_has_no_difference_and_no_number(tmp_path, cli):
    frames = make_frames()
    steady_run(tmp_path / "runs", "mute", frames, 5.0, {frame.sample_token: "format:prose" for frame in frames})
    steady_run(tmp_path / "runs", "steady", frames, 5.7)
    ended = cli("compare", tmp_path / "runs", "--out", tmp_path / "tables")
    assert ended.status == 0, ended.err
    (row,) = [line for line in ended.out.splitlines() if line.strip().startswith("mute ")]
    assert "no ok frame" in row
    assert "nan" not in ended.out
