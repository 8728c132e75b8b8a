"""Where runs lie by their data, how they are found, and how a run grows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from lightemma.errors import UserError
from lightemma.run_folder.growth import grown
from lightemma.run_folder.manifest import CLOSED_LOOP, DataEntry, frame_set_digest
from lightemma.run_folder.places import data_folder, find_run, find_runs, run_place, runs_under
from tests.conftest import make_frames, make_manifest, steady_run

FRAMES = make_frames()


@pytest.mark.parametrize(
    ("entry", "name"),
    [
        (("nuscenes", "nuscenes", "v1.0-mini"), "nuscenes-v1.0-mini"),
        (("nuscenes", "copy of it", "v1.0-test"), "nuscenes-v1.0-test"),
        (("nuscenes", "sim-city", "v1.0-sim"), "sim-city-v1.0-sim"),
        (("nuscenes", "demo_drives", "v1.0-demo"), "demo"),
        (("published", "gpt-4o", ""), "published"),
        (("published", "claude", ""), "published"),
        (("folder", "my pictures", ""), "folder-my-pictures"),
        (("argoverse2", "av2", "val"), "argoverse2-av2-val"),
        ((CLOSED_LOOP, "made-up city", "loop 3, replan 1"), "city"),
        ((CLOSED_LOOP, "straight", "loop 3, replan 6"), "straight"),
        (("plugin", "../../etc", "/"), "plugin-..-..-etc"),
        (("..", "", ""), "data"),
        (("x" * 300, "", ""), "x" * 80),
    ],
)
def test_a_folder_is_named_after_the_data(entry, name):
    assert data_folder(*entry) == name
    assert Path(name).name == name
    assert not name.startswith(".")


def test_a_run_of_an_older_version_is_resumed_where_it_is(tmp_path):
    data = data_folder("made-up", "drives", "v1.0-made-up")
    assert run_place(tmp_path, data, "a") == tmp_path / data / "a"
    flat = steady_run(tmp_path, "a", FRAMES, 5.0)
    assert run_place(tmp_path, data, "a") == flat
    assert run_place(tmp_path, "demo", "a") == tmp_path / "demo" / "a", "over other data it is another run"
    new = steady_run(tmp_path / data, "a", FRAMES, 5.0)
    assert run_place(tmp_path, data, "a") == new
    assert run_place(tmp_path, "", "a") == flat


def test_runs_are_found_flat_and_by_data_and_by_their_name_alone(tmp_path):
    flat = steady_run(tmp_path, "old", FRAMES, 5.0)
    first = steady_run(tmp_path / "demo", "a", FRAMES, 5.0)
    second = steady_run(tmp_path / "city", "b", FRAMES, 5.0)
    steady_run(tmp_path / ".index" / "x", "hidden", FRAMES, 5.0)
    (tmp_path / "reports" / "drive").mkdir(parents=True)
    assert runs_under(tmp_path) == sorted([flat, first, second])
    assert find_runs([tmp_path / "demo", tmp_path / "b"]) == [first, second]
    assert find_run(tmp_path / "a") == first
    assert find_run(tmp_path / "nix") is None
    steady_run(tmp_path / "city", "a", FRAMES, 5.0)
    with pytest.raises(UserError, match="There are 2 runs 'a'"):
        find_run(tmp_path / "a")


def entry(names, **changes) -> DataEntry:
    data = make_manifest("a", FRAMES).data
    return msgspec.structs.replace(data, frames=len(names), frame_set=frame_set_digest(names), **changes)


@pytest.mark.parametrize("source", ["nuscenes", CLOSED_LOOP])
def test_a_run_grows_keeps_more_and_never_mixes(source):
    five, two, others = list("abcde"), list("ab"), list("bx")
    few, many = entry(two, source=source, limit=2), entry(five, source=source)
    assert grown(few, many, two, five) == many
    assert grown(few, many, ["a"], five) == many, "an interrupted run grows too"
    assert grown(many, few, five, two) == many, "a subset changes nothing"
    assert grown(many, entry(others, source=source), five, others) is None
    # Interrupted after four of five, then asked for two: it covers the four.
    cut = grown(many, few, list("abcd"), two)
    assert cut is not None
    assert cut.frame_set == frame_set_digest("abcd")
    assert (cut.scenes if source == CLOSED_LOOP else cut.frames) == 4
    assert grown(cut, many, list("abcd"), five) == many


def test_settings_that_differ_are_never_grown(tmp_path):
    from lightemma.run_folder.store import RunWriter

    folder = steady_run(tmp_path, "a", FRAMES[:2], 5.0)
    tokens = [frame.sample_token for frame in FRAMES]
    other = make_manifest("a", FRAMES, parser="tolerant")
    with pytest.raises(UserError, match="other frames and parser"):
        RunWriter(folder, other, tokens)
    with pytest.raises(UserError, match="with other frames;"):
        RunWriter(folder, make_manifest("a", FRAMES))
    with RunWriter(folder, make_manifest("a", FRAMES), tokens) as writer:
        assert writer.manifest.data.frames == 5
    moved = [replace(frame, sample_token=f"{frame.sample_token}-x") for frame in FRAMES]
    with pytest.raises(UserError, match=r"with other frames \(0 of its 2 are among the 5"):
        RunWriter(folder, make_manifest("a", moved), [frame.sample_token for frame in moved])
