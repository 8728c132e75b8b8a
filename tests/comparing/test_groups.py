"""Runs of a folder are sorted into what can be compared; runs named one by one are not."""

from __future__ import annotations

import msgspec
import pytest

from lightemma.closed_loop.records import EPISODES
from lightemma.comparing.groups import choose_group, group_runs
from lightemma.errors import UserError
from lightemma.protocol import protocol_named
from lightemma.run_folder.manifest import CLOSED_LOOP, DataEntry
from lightemma.run_folder.places import find_runs
from lightemma.run_folder.probe_entry import Law, ProbeEntry
from lightemma.run_folder.store import read_manifest, write_manifest
from tests.conftest import make_frames, make_manifest, steady_run, write_run

FRAMES = make_frames()
LARGE = make_frames({"s-1": 4, "s-2": 4})


def driven(results, name: str, version: str, *, finished: bool = True):
    """The folder of a closed-loop run, as far as grouping reads it."""
    data = DataEntry(CLOSED_LOOP, "made-up city", version, 1, 3, "x")
    folder = write_run(results / "city", make_manifest(name, FRAMES, data=data), [])
    if finished:
        (folder / EPISODES).write_text("{}\n")
    return folder


def change(folder, **changes):
    manifest = read_manifest(folder)
    write_manifest(folder, msgspec.structs.replace(manifest, **changes))


@pytest.fixture
def results(tmp_path):
    """Two runs over five frames; one over two of them; three over eight others; two kinds of drives."""
    place = tmp_path / "results"
    for name in ("a", "b"):
        steady_run(place, name, FRAMES, 5.0)
    steady_run(place / "demo", "short", FRAMES[:2], 5.0)
    for name in ("x", "y", "z"):
        steady_run(place / "other", name, LARGE, 5.0)
    driven(place, "drive-stop", "loop 3, replan 1, suite 1")
    driven(place, "drive-stop+replan-6", "loop 3, replan 6, suite 1")
    return place


def names(groups):
    return {group.name: [run.name for run in group.runs] for group in groups.all}


def test_a_folder_is_sorted_into_groups_the_largest_first(results):
    groups = group_runs(find_runs([results]))
    assert names(groups) == {
        "made-up-drives-v1.0-made-up": ["x", "y", "z"],
        "made-up-drives-v1.0-made-up-5": ["a", "b"],
        "made-up-drives-v1.0-made-up-2": ["short"],
        "city": ["drive-stop"],
        "city-replan-6": ["drive-stop+replan-6"],
    }
    assert [group.part_of for group in groups.all] == ["", "", "made-up-drives-v1.0-made-up-5", "", ""]
    assert [group.closed for group in groups.all] == [False, False, False, True, True]


def test_the_largest_is_shown_and_the_others_are_named(results):
    chosen = choose_group([results])
    assert [run.name for run in chosen.group.runs] == ["x", "y", "z"]
    assert [group.name for group in chosen.closed] == ["city", "city-replan-6"]
    (note,) = chosen.notes
    assert note.startswith("5 groups: made-up-drives-v1.0-made-up (3 runs, 8 frames); ")
    assert "(1 run, 2 frames, all among those of made-up-drives-v1.0-made-up-5)" in note
    assert note.endswith("the largest; --group made-up-drives-v1.0-made-up-5 shows another.")


@pytest.mark.parametrize(("group", "runs"), [("2", ["a", "b"]), ("city-replan-6", ["drive-stop+replan-6"])])
def test_a_group_is_chosen_by_name_or_number(results, group, runs):
    chosen = choose_group([results], group)
    assert [run.name for run in chosen.group.runs] == runs
    assert (chosen.closed, chosen.notes) == ((), [])
    with pytest.raises(UserError, match="There is no group 'nix' of runs; the groups are made-up"):
        choose_group([results], "nix")


def test_runs_named_one_by_one_are_taken_as_they_are(results):
    chosen = choose_group([results / "a", results / "demo" / "short"])
    assert [run.name for run in chosen.group.runs] == ["a", "short"]
    assert not chosen.notes


@pytest.mark.parametrize("what", ["protocol", "version"])
def test_what_decides_numbers_divides(results, what):
    changes = {
        "protocol": {"protocol": protocol_named("arc").as_dict()},
        "version": {"data": msgspec.structs.replace(read_manifest(results / "b").data, version="v2.0")},
    }
    change(results / "b", **changes[what])
    groups = names(group_runs([results / "a", results / "b"]))
    assert sorted(groups.values()) == [["a"], ["b"]]


def test_an_archive_is_compared_with_runs_over_the_same_frames(results):
    data = msgspec.structs.replace(read_manifest(results / "a").data, source="published", name="gpt", version="")
    change(results / "a", data=data)
    assert names(group_runs([results / "a", results / "b"])) == {"made-up-drives-v1.0-made-up": ["a", "b"]}


def test_a_probe_belongs_to_its_run(results):
    probe = ProbeEntry("grey", "grey", "b", Law("The plan changes.", "moves", 0.5))
    write_run(results / "demo", make_manifest("b+probe-grey", FRAMES[:1], probe=probe), [])
    change(results / "demo" / "b+probe-grey", ended="2026-11-27T00:00:00+00:00")
    lone = msgspec.structs.replace(probe, of="gone")
    write_run(results, make_manifest("gone+probe-grey", FRAMES, probe=lone), [])
    change(results / "gone+probe-grey", ended="2026-11-27T00:00:00+00:00")
    groups = list(names(group_runs(find_runs([results]))).values())
    assert ["a", "b", "b+probe-grey"] in groups
    assert ["gone+probe-grey"] in groups


def test_what_is_not_finished_is_left_out_and_said(results):
    steady_run(results / "demo", "half", FRAMES[:3], 5.0)
    change(results / "demo" / "half", data=read_manifest(results / "a").data)
    driven(results, "drive-begun", "loop 3, replan 1, suite 1", finished=False)
    chosen = choose_group([results])
    assert chosen.notes[0] == (
        "Left out: drive-begun has no finished episode; half has 3 of 5 frames. The same command that began a run finishes it, "
        "or compare over the frames that all have with --shared-frames."
    )
    # Over shared frames, all that have one in common belong together.
    shared = names(group_runs(find_runs([results]), shared_frames=True))
    assert ["a", "b", "half", "short"] in [sorted(runs) for runs in shared.values()]
    assert choose_group([results], shared_frames=True).group.frames == 2


def test_a_folder_with_another_manifest_is_left_out_and_named(results):
    (results / "other" / "student").mkdir()
    (results / "other" / "student" / "manifest.json").write_text('{"weights": 3}')
    chosen = choose_group([results])
    assert [run.name for run in chosen.group.runs] == ["x", "y", "z"]
    assert chosen.notes[0].startswith("Left out: '")
    assert "is not a run's manifest" in chosen.notes[0]
    with pytest.raises(UserError, match="is not a run's manifest"):
        choose_group([results / "other" / "student"])


def test_a_folder_of_nothing_but_begun_runs_is_shown_as_it_is(tmp_path):
    steady_run(tmp_path, "half", FRAMES[:3], 5.0)
    change(tmp_path / "half", data=make_manifest("half", FRAMES).data)
    (group,) = group_runs(find_runs([tmp_path])).all
    assert [run.name for run in group.runs] == ["half"]
