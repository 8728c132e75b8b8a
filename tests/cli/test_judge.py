"""lightemma judge, and the options of compare that say who reads the words."""

from __future__ import annotations

import csv
import json

import pytest

from tests.cli.test_commands import write_model
from tests.evaluation.reasoning.word_runs import Word, word_run

SLOW = json.dumps({"longitudinal": "decelerate", "lateral": "straight", "stated_speed": None})
QUIET = json.dumps(
    dict.fromkeys(("red_light", "green_light", "person", "lead_vehicle", "roadworks", "bad_weather"), "absent")
)


@pytest.fixture
def place(elsewhere):
    words = [Word("faster", planned=2.0, recorded=2.0), Word("same")]
    word_run(elsewhere / "results", "talker", {"s-1": words, "s-2": words})
    write_model(elsewhere / "configs" / "models" / "wise.yaml", {"intent": [SLOW], "scene": [QUIET]})
    return elsewhere


def reasoning(place):
    with (place / "tables" / "reasoning.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    return row


def test_a_judges_reading_takes_the_place_of_the_rules(place, cli):
    judged = cli("judge", "results", "--model", "wise")
    assert judged.status == 0
    assert "wise: 3 texts asked" in judged.out
    assert cli("compare", "results", "--out", "tables").status == 0
    assert (reasoning(place)["reader"], reasoning(place)["decelerate"]) == ("rules", "0")
    assert cli("compare", "results", "--out", "tables", "--judge", "wise").status == 0
    assert (reasoning(place)["reader"], reasoning(place)["decelerate"]) == ("judge:wise", "4")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["compare", "results", "--out", "tables", "--judge", "nobody"], "No run here has judgments by 'nobody'"),
        (["compare", "results", "--out", "tables", "--reader", "rule"], "There is no reader 'rule'"),
        (["compare", "results", "--out", "t", "--reader", "a:B", "--judge", "wise"], "both say who reads the words"),
        (["judge", "nowhere", "--model", "wise"], "There is no run 'nowhere'"),
        (["judge", "results", "--model", "wisest"], "wisest"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence(place, cli, arguments, sentence):
    ended = cli(*arguments)
    assert ended.status == 2
    assert sentence in ended.err
    assert "Traceback" not in ended.err


def test_a_judge_that_does_not_answer_ends_with_1(place, cli):
    write_model(place / "configs" / "models" / "mute.yaml", {"intent": [{"fault": "refused"}], "scene": [QUIET]})
    ended = cli("judge", "results", "--model", "mute")
    assert ended.status == 1
    assert "2 calls failed" in ended.out
