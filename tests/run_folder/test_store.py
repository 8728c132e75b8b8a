"""A run's folder survives crashes, refuses other runs, and says what is wrong with it."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import msgspec
import pytest

from lightemma.errors import UserError
from lightemma.protocol import protocol_named
from lightemma.run_folder.manifest import FORMAT, Manifest, ModelEntry, PromptsEntry, frame_set_digest
from lightemma.run_folder.places import find_runs, only_run
from lightemma.run_folder.store import RunWriter, read_frames, read_manifest, read_numbers, write_manifest
from tests.conftest import make_frames, make_manifest, make_record, steady, steady_run

FRAMES = make_frames()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return steady_run(tmp_path, "vlm", FRAMES[:3], 6.0)


def lines(run: Path) -> list[bytes]:
    return (run / "frames.jsonl").read_bytes().split(b"\n")


def tokens(run: Path) -> list[str]:
    return [record.sample_token for record in read_frames(run)]


def test_frames_come_back_as_they_were_written(run):
    written = [make_record(frame, steady(6.0)) for frame in FRAMES[:3]]
    assert msgspec.json.encode(read_frames(run)) == msgspec.json.encode(written)
    for short, whole in zip(read_numbers(run), read_frames(run), strict=True):
        assert msgspec.to_builtins(short).items() <= msgspec.to_builtins(whole).items()


# The second is longer than one block of the backwards search for the last whole line.
@pytest.mark.parametrize("torn", [b'{"scene": "scene-00', b'{"scene": "' + b"x" * 200_000])
def test_a_torn_last_line_is_dropped_with_a_warning_and_cut_before_resuming(run, torn, caplog):
    with (run / "frames.jsonl").open("ab") as file:
        file.write(torn)
    with caplog.at_level(logging.WARNING):
        assert tokens(run) == [frame.sample_token for frame in FRAMES[:3]]
    assert "torn line" in caplog.text
    with RunWriter(run, read_manifest(run)) as writer:
        writer.append(make_record(FRAMES[3], steady(6.0)))
    caplog.clear()
    assert tokens(run) == [frame.sample_token for frame in FRAMES[:4]]
    assert not caplog.records
    assert torn not in (run / "frames.jsonl").read_bytes()


def test_a_file_of_nothing_but_a_torn_line_starts_afresh(run):
    (run / "frames.jsonl").write_bytes(b'{"scene": ')
    assert tokens(run) == []
    with RunWriter(run, read_manifest(run)) as writer:
        writer.append(make_record(FRAMES[0], steady(6.0)))
    assert tokens(run) == [FRAMES[0].sample_token]


@pytest.mark.parametrize(
    "damage",
    [b"{oops}", b'{"scene": "scene-0001"}', b"", b'{"scene": "\xff\xfe"}'],
    ids=["syntax", "keys", "gap", "bytes"],
)
@pytest.mark.parametrize("reader", [read_frames, read_numbers])
def test_a_damaged_line_in_the_middle_is_named_by_its_number(run, damage, reader):
    whole = lines(run)
    whole[1] = damage
    (run / "frames.jsonl").write_bytes(b"\n".join(whole))
    with pytest.raises(UserError, match=r"Line 2 of '.*frames\.jsonl' is damaged"):
        reader(run)


@pytest.mark.parametrize("reader", [read_frames, read_numbers])
@pytest.mark.parametrize("field", ["timestamp", "frame_index"])
def test_a_number_that_no_array_holds_is_damage(run, field, reader):
    record = json.loads(lines(run)[0])
    (run / "frames.jsonl").write_bytes(json.dumps({**record, field: 10**30}).encode() + b"\n")
    with pytest.raises(UserError, match=rf"Line 1 of '.*frames\.jsonl' is damaged \(.*{field}"):
        reader(run)


def test_the_last_record_of_a_frame_wins_at_its_first_place(run):
    with RunWriter(run, read_manifest(run)) as writer:
        writer.append(make_record(FRAMES[0], None, "call:timeout"))
    records = read_frames(run)
    assert [record.sample_token for record in records] == [frame.sample_token for frame in FRAMES[:3]]
    assert [record.outcome for record in records] == ["call:timeout", "ok", "ok"]
    assert len(lines(run)) == 5, "four whole lines: nothing is rewritten"


def test_the_manifest_of_a_newer_program_is_refused(run):
    path = run / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": FORMAT + 1, "data": "of another shape"}))
    with pytest.raises(UserError, match=rf"has format {FORMAT + 1}.*install a newer lightemma"):
        read_manifest(run)


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"run": "vlm"}', '{"run": "\udcff"}', ""], ids=["cut", "list", "keys", "bytes", "empty"]
)
def test_a_broken_manifest_is_named(run, text):
    (run / "manifest.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(UserError, match=r"manifest\.json' is not a run's manifest"):
        read_manifest(run)


def test_a_folder_without_manifest_is_no_run(tmp_path):
    with pytest.raises(UserError, match=r"is no run: its manifest\.json cannot be read"):
        read_manifest(tmp_path)


def test_a_manifest_is_replaced_whole_or_not_at_all(run, monkeypatch):
    before = (run / "manifest.json").read_bytes()

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fails)
    with pytest.raises(OSError, match="No space"):
        write_manifest(run, make_manifest("other", FRAMES))
    assert (run / "manifest.json").read_bytes() == before


def test_find_runs_expands_a_results_folder_and_ignores_the_rest(tmp_path):
    second, first = (steady_run(tmp_path, name, FRAMES, 5.0) for name in ("b", "a"))
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / ".index").mkdir()
    assert find_runs([tmp_path]) == [first, second]
    assert find_runs([second, tmp_path, tmp_path / "notes.txt", first]) == [second, first], "each once, as first named"


def test_find_runs_says_what_is_missing(tmp_path):
    with pytest.raises(UserError, match=r"There is no run '.*gone'"):
        find_runs([tmp_path / "gone"])
    with pytest.raises(UserError, match="is no run and holds none"):
        find_runs([tmp_path])
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="No run was given"):
        find_runs([tmp_path / "notes.txt"])


def test_a_command_for_one_run_never_takes_the_first_of_several(tmp_path):
    first = steady_run(tmp_path / "demo", "a", FRAMES, 5.0)
    assert only_run(tmp_path) == only_run(tmp_path / "a") == only_run(first) == first
    for name in "bcd":
        steady_run(tmp_path / "demo", name, FRAMES, 5.0)
    with pytest.raises(UserError, match=r"holds 4 runs \(a, b, c …\); name one of them"):
        only_run(tmp_path)
    with pytest.raises(UserError, match="is a file; name the folder of a run"):
        only_run(first / "frames.jsonl")


def other_manifests() -> dict[str, Manifest]:
    mine = make_manifest("vlm", FRAMES[:3], prompts=PromptsEntry("three-stage", "0" * 64))
    change = msgspec.structs.replace
    assert mine.model is not None
    return {
        "protocol": change(mine, protocol=protocol_named("arc").as_dict()),
        "data": change(mine, data=change(mine.data, version="v1.0-mini")),
        "frames": change(mine, data=change(mine.data, frame_set=frame_set_digest(["another"]))),
        "planner": make_manifest("vlm", FRAMES[:3], planner="stop", models=mine.models, prompts=mine.prompts),
        "parser": change(mine, parser="tolerant"),
        "prompts": change(mine, prompts=PromptsEntry("three-stage", "1" * 64)),
        "pictures": change(mine, images={"max_side": 640}),
        "model": change(mine, models={"main": change(mine.model, parameters={"temperature": 1.0})}),
    }


@pytest.mark.parametrize("what", other_manifests())
def test_resuming_with_another_setting_is_refused_and_names_it(tmp_path, what):
    mine = make_manifest("vlm", FRAMES[:3], prompts=PromptsEntry("three-stage", "0" * 64))
    with RunWriter(tmp_path / "vlm", mine) as writer:
        writer.append(make_record(FRAMES[0], steady(5.0)))
    before = (tmp_path / "vlm" / "manifest.json").read_bytes()
    with pytest.raises(UserError, match=rf"holds a run with other {what};.*`name`"):
        RunWriter(tmp_path / "vlm", other_manifests()[what])
    assert (tmp_path / "vlm" / "manifest.json").read_bytes() == before
    assert tokens(tmp_path / "vlm") == [FRAMES[0].sample_token]


def test_a_refusal_names_every_difference(tmp_path):
    RunWriter(tmp_path / "vlm", make_manifest("vlm", FRAMES)).__exit__(None, None, None)
    other = make_manifest("vlm", FRAMES[:1], parser="tolerant", protocol=protocol_named("arc").as_dict())
    with pytest.raises(UserError, match="other protocol and frames and parser;"):
        RunWriter(tmp_path / "vlm", other)


def test_resuming_keeps_when_the_run_began_and_which_models_answered(tmp_path):
    mine = make_manifest(
        "vlm", FRAMES, models={"main": ModelEntry("vlm", "scripted", "m", answered_as="m-2025")}, started="long ago"
    )
    fresh = make_manifest(
        "vlm", FRAMES, models={"main": ModelEntry("vlm", "scripted", "m")}, started="now", packages={"numpy": "9"}
    )
    RunWriter(tmp_path / "vlm", mine).__exit__(None, None, None)
    RunWriter(tmp_path / "vlm", fresh).__exit__(None, None, None)
    manifest = read_manifest(tmp_path / "vlm")
    assert (manifest.started, manifest.packages) == ("long ago", {"numpy": "9"})
    assert manifest.model is not None
    assert manifest.model.answered_as == "m-2025"


def test_a_file_where_the_folder_should_be_is_named(tmp_path):
    (tmp_path / "vlm").write_text("in the way")
    with pytest.raises(UserError, match=r"run folder '.*vlm' cannot be written .*`results`"):
        RunWriter(tmp_path / "vlm", make_manifest("vlm", FRAMES))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here, which acts as a full disk")
def test_a_full_disk_is_the_users_to_put_right(run):
    (run / "frames.jsonl").unlink()
    (run / "frames.jsonl").symlink_to("/dev/full")

    def write() -> None:
        with RunWriter(run, read_manifest(run)) as writer:
            writer.append(make_record(FRAMES[0], steady(5.0)))

    with pytest.raises(UserError, match=r"frames\.jsonl' cannot be written \(No space left on device\)"):
        write()


def test_a_disk_that_fills_up_at_the_end_is_the_users_to_put_right(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with RunWriter(tmp_path / "vlm", make_manifest("vlm", FRAMES)) as writer:
        monkeypatch.setattr(Path, "write_bytes", full)
        with pytest.raises(UserError, match=r"manifest\.json' cannot be written \(No space left on device\)"):
            writer.finish(writer.manifest)
