"""Human-normalised scores, on the published ones and on made-up ones."""

import json

import numpy as np
import pytest

from lightemma.errors import UserError
from lightemma.worldmodel.hns import PLAYERS, interquartile_mean, read_scores, summaries
from tests.shared_data import SHARED, needs_shared

SCORES, USUAL = SHARED / "atari100k/diamond-scores.json", SHARED / "atari100k/reference-scores.json"


def by_name(scores):
    return {one.name: one for one in summaries(scores, draws=200)}


@needs_shared(SCORES)
def test_the_published_scores_give_the_published_figures():
    found = by_name(read_scores(SCORES))
    assert found["mean"].value == pytest.approx(1.459, abs=5e-4)
    assert found["games above human"].value == 11
    assert found["interquartile mean"].value == pytest.approx(0.641, abs=5e-4)
    assert found["median"].value == pytest.approx(0.373, abs=5e-4)
    for one in found.values():
        assert one.low <= one.value <= one.high
        assert one.low < one.high


@needs_shared(USUAL)
def test_the_players_scores_are_the_usual_ones():
    usual = json.loads(USUAL.read_text())
    assert {game: (usual["random"][game], usual["human"][game]) for game in usual["random"]} == dict(PLAYERS)


def test_a_human_has_1_and_a_random_player_0():
    found = by_name({game: np.array([human, human]) for game, (_, human) in PLAYERS.items()})
    assert found["mean"].value == pytest.approx(1.0)
    assert found["optimality gap"].value == pytest.approx(0.0)
    found = by_name({game: np.array([random, random]) for game, (random, _) in PLAYERS.items()})
    assert found["interquartile mean"].value == pytest.approx(0.0)
    assert found["optimality gap"].value == pytest.approx(1.0)
    assert (found["mean"].low, found["mean"].high) == pytest.approx((0.0, 0.0))


def test_an_interquartile_mean_leaves_a_quarter_out_at_either_end():
    assert interquartile_mean(np.array([100.0, 1.0, 2.0, -50.0])) == pytest.approx(1.5)
    assert interquartile_mean(np.array([3.0])) == 3.0


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[]", "no JSON object"),
        ("{", "no JSON object"),
        ('{"Pong": ["a"]}', "no JSON object"),
        ('{"Tennis": [1.0]}', "Tennis"),
        ('{"Pong": []}', "no score of Pong"),
        ("{}", "no score"),
    ],
)
def test_what_is_no_table_of_scores_is_refused_with_a_sentence(tmp_path, text, what):
    (tmp_path / "scores.json").write_text(text)
    with pytest.raises(UserError, match=what):
        read_scores(tmp_path / "scores.json")
    with pytest.raises(UserError, match="cannot be read"):
        read_scores(tmp_path / "none.json")
