"""The prompt style in the options of `lightemma run` and in the keys of a benchmark."""

from __future__ import annotations

import pytest
import yaml

from lightemma.run_folder.store import read_frames, read_manifest
from tests.cli.test_bad_input import TABLES, place, sentence, world  # noqa: F401 -- fixtures

# ruff: noqa: F811

RUN = ("run", "--data", TABLES, "--limit", 2, "--out", "out", "--model", "scripted-example", "--quiet")


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (("--dialogue",), "scripted-example+dialogue"),
        (("--frames", 4), "scripted-example+4-frames"),
        (("--answer", "guided"), "scripted-example+guided"),
        (("--answer", "free", "--frames", 1), "scripted-example"),
        (("--dialogue", "--frames", 2, "--answer", "guided"), "scripted-example+dialogue+2-frames+guided"),
    ],
)
def test_the_options_name_the_run(place, cli, options, name):
    ended = cli(*RUN, *options)
    assert ended.status == 0, ended
    assert [manifest.parent.name for manifest in (place / "out").glob("*/*/manifest.json")] == [name]
    assert {record.outcome for record in read_frames(place / "out" / "nuscenes-v1.0-tiny" / name)} == {"ok"}


def test_a_benchmark_has_the_same_keys(place, cli):
    settings = {"data": TABLES, "models": ["scripted-example"], "dialogue": True, "frames": 2, "answer": "guided"}
    (place / "mine.yaml").write_text(yaml.safe_dump(settings))
    assert cli("run", "mine.yaml", "--limit", 1, "--out", "out", "--quiet").status == 0
    manifest = read_manifest(place / "out" / "nuscenes-v1.0-tiny" / "scripted-example+dialogue+2-frames+guided")
    assert manifest.planner.settings == {"parser": "strict", "dialogue": True, "frames": 2, "answer": "guided"}


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        (("--pictures", 0), "--pictures is wrong"),
        (("--frames", 9), "--pictures is wrong: input should be less than or equal to 8"),
        (("--answer", "strict"), "--answer is wrong: input should be 'free' or 'guided'"),
    ],
)
def test_values_that_do_not_exist_are_refused(place, cli, option, complaint):
    assert complaint in sentence(cli, *RUN, *option)


def test_a_dialogue_under_the_name_of_another_run_is_refused(place, cli):
    assert cli(*RUN, "--name", "mine").status == 0
    assert "planner" in sentence(cli, *RUN, "--name", "mine", "--dialogue")


def test_the_turns_of_a_dialogue_are_shown(cli):
    shown = cli("prompts", "show", "three-stage").out
    assert "--- intent, as a turn of a dialogue" in shown
    assert "--- action, as a turn of a dialogue" in shown
