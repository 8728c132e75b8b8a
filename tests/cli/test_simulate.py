"""lightemma simulate: the list of scenarios, and a small data set."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner

from lightemma.cli.simulate import app
from lightemma.data.nuscenes import NuScenesSource
from lightemma.errors import UserError
from lightemma.simulation.scenarios import SCENARIOS

SMALL = ("--size", "160x90", "--renderer", "painter")


def simulate(*arguments: object):
    ended = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if ended.exception and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return ended


def test_scenarios_lists_them_all_with_the_right_answer():
    shown = simulate("scenarios").output
    for name in SCENARIOS:
        assert f"\n{name}\n" in f"\n{shown}"
    assert shown.count("Right: ") == len(SCENARIOS)


def test_data_writes_a_data_set_and_says_how_to_use_it(tmp_path):
    scenario = "turned-then-straight"
    out = tmp_path / "city"
    ended = simulate("data", "--scenarios", scenario, "--conditions", "dusk-rain", "--out", out, *SMALL)
    assert f"--data nuscenes:{out}@v1.0-sim" in ended.output
    name = f"sim-{scenario}-000-dusk-rain"
    source = NuScenesSource(out, "v1.0-sim")
    assert list(source.scene_names) == [name]
    assert len(list(source.frames())) == 26
    rows = [json.loads(line) for line in (out / "expert" / f"{name}.jsonl").read_text().splitlines()]
    samples = {row["sample_token"] for row in rows}
    assert samples >= {frame.sample_token for frame in source.frames()}
    assert all(row["explanation"]["intent"] and row["explanation"]["reason"] for row in rows)
    assert all(len(row["plan"]) == 6 for row in rows)
    # The same command again draws nothing.
    again = simulate("data", "--scenarios", scenario, "--conditions", "dusk-rain", "--out", out, *SMALL)
    assert f"{name}: already there" in again.output
    assert "1 scene " in again.output


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--scenarios", "no-such"), "There is no scenario 'no-such'"),
        (("--seeds", "none"), "`seeds` is"),
        (("--conditions", "snow"), "There is no condition 'snow'"),
        (("--size", "wide"), "`size` is"),
        (("--size", "100x100"), "16 : 9"),
        (("--version", "../up"), "--version"),
        (("--renderer", "crayons"), "crayons"),
    ],
)
def test_wrong_arguments_are_refused_in_a_sentence_and_write_nothing(tmp_path, arguments, complaint):
    with pytest.raises(UserError, match=complaint):
        simulate("data", *SMALL, *arguments, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_it_is_an_application():
    assert isinstance(app, typer.Typer)
    assert {command.name for command in app.registered_commands} == {"data", "scenarios"}
