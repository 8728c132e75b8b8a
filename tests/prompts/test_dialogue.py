"""Prompt sets as turns of a conversation, and the forms that answers can be constrained to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightemma.errors import UserError
from lightemma.parsing import parse_answer
from lightemma.prompts.sets import ACTION_REGEX, DIALOGUE_PLACES, load_prompts, save_prompts, shipped_names
from lightemma.prompts.template import places
from tests.conftest import make_frame
from tests.prompts.test_sets import write_set


@pytest.mark.parametrize("name", shipped_names())
def test_a_shipped_set_has_turns_of_its_own(name):
    prompts = load_prompts(name)
    assert set(prompts.dialogue) == set(DIALOGUE_PLACES)
    spoken = prompts.as_dialogue()
    assert spoken.templates == {"scene": prompts.templates["scene"]} | prompts.dialogue
    assert (spoken.name, spoken.settings) == (prompts.name, prompts.settings)
    example = next(line for line in spoken.templates["action"].splitlines() if line.startswith(("[(", '{"')))
    assert example in prompts.templates["action"], "both ask for the same form"


@pytest.mark.parametrize("name", shipped_names())
def test_later_turns_speak_of_no_earlier_answer(name):
    spoken = load_prompts(name).as_dialogue()
    text = spoken.prompt("intent", make_frame(), {"scene": "SCENE"}) + spoken.prompt("action", make_frame(), {})
    assert "SCENE" not in text
    assert not places(text)


def test_a_set_without_turns_gets_references_in_place_of_answers(tmp_path):
    spoken = load_prompts(str(write_set(tmp_path / "mine"))).as_dialogue()
    frame = make_frame()
    assert spoken.prompt("scene", frame, {}) == "What is ahead?"
    assert spoken.prompt("action", frame, {"scene": "SCENE", "intent": "INTENT"}) == (
        "Ahead: (as you described it above) You want: (as you said above) Speeds [5.0, 5.0, 5.0, 5.0, 5.0, 5.0], "
        "curvatures [0.0, 0.0, 0.0, 0.0, 0.0, 0.0]. Six pairs!"
    )


def test_the_digest_covers_the_turns_and_leaves_the_separate_prompts_alone(tmp_path):
    plain = load_prompts(str(write_set(tmp_path / "plain")))
    folder = write_set(tmp_path / "turns")
    (folder / "action-dialogue.txt").write_text("Six pairs now!")
    turns = load_prompts(str(folder))
    assert turns.sha256 == plain.sha256, "the separate prompts are the same"
    digests = {plain.sha256, plain.as_dialogue().sha256, turns.as_dialogue().sha256}
    assert len(digests) == 3


def test_a_dialogue_of_prompts_without_places_is_another_set_all_the_same(tmp_path):
    prompts = load_prompts(str(write_set(tmp_path / "mine", intent="What now?", action="Six pairs!")))
    assert prompts.as_dialogue().templates == prompts.templates
    assert prompts.as_dialogue().sha256 != prompts.sha256


def test_a_turn_may_not_repeat_an_answer(tmp_path):
    folder = write_set(tmp_path / "mine")
    (folder / "intent-dialogue.txt").write_text("Ahead: {{scene}}. And now?")
    with pytest.raises(UserError, match=r"intent-dialogue\.txt' has the place \{\{scene\}\}, but the intent turn of a"):
        load_prompts(str(folder))


def test_turns_are_saved_with_the_set(tmp_path):
    prompts = load_prompts("three-stage")
    save_prompts(prompts, tmp_path / "three-stage")
    assert load_prompts(str(tmp_path / "three-stage")).dialogue == prompts.dialogue


def test_a_set_can_be_constrained_to_one_form():
    lists, objects = load_prompts("three-stage"), load_prompts("three-stage-json")
    assert (lists.response_regex, lists.response_schema) == (ACTION_REGEX, None)
    assert objects.response_regex is None
    assert objects.response_schema is not None


@given(st.from_regex(ACTION_REGEX, fullmatch=True))
def test_the_strict_parser_reads_all_that_matches_the_expression(text):
    assert parse_answer(text, "strict").outcome == "ok"
    assert len(text) < 400, "an answer that cannot end is cut"
