"""Other inputs in the prompts: the default stays to the byte, and what a wording cannot say is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lightemma.errors import UserError
from lightemma.prompts.inputs import COMMAND, MOTION
from lightemma.prompts.sets import SINGLE_PLACES, PromptSet, PromptSettings, load_prompts, save_prompts, shipped_names
from lightemma.run_folder.records import STAGES
from tests.conftest import make_frame

#: The digests under which runs of earlier versions are stored: a change would keep them from being resumed.
DIGESTS = {
    "three-stage": "eec474c61bfe144834b7108212acf5db6337caa4883475dc5b016466ab06257c",
    "three-stage-json": "ad8aaf0160d40cbc3fc48f973a98a9f03cf0221672c321edac99d8abf8abf82f",
}
every_set = pytest.mark.parametrize("name", shipped_names())
SAID = {"scene": "A road.", "intent": "Go on.", "candidates": "1. stop"}


@every_set
def test_plain_inputs_change_no_prompt_and_no_digest(name):
    prompts = load_prompts(name)
    assert prompts.sha256 == DIGESTS[name]
    again = prompts.with_inputs()
    assert again == prompts
    assert again.as_dialogue().sha256 == prompts.as_dialogue().sha256


@every_set
@pytest.mark.parametrize("history", [0, 1])
def test_every_prompt_that_shows_motion_shows_as_much_as_is_wanted(name, history):
    prompts = load_prompts(name).with_inputs(history)
    frame = make_frame()
    frame.history.actions[:] = [[v, 0.0] for v in (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)]
    singles = [prompts.alone(one, "list") for one in SINGLE_PLACES]
    texts = [prompts.prompt(stage, frame, SAID) for stage in STAGES[1:]]
    texts += [prompts.as_dialogue().prompt(stage, frame, SAID) for stage in STAGES[1:-1]]
    texts += [one.prompt(STAGES[-1], frame, SAID) for one in singles]
    for text in texts:
        assert "1.0, 2.0" not in text
        assert ("[5.0, 6.0]" in text) == (history == 1)
        assert ("past second" in text) == (history == 1)
        assert ("not known" in text) == (history == 0)
        assert "three seconds, one value" not in text
    assert prompts.sha256 != load_prompts(name).sha256


@every_set
@pytest.mark.parametrize(("command", "words"), [("left", "left."), ("right", "right."), ("straight", "straight on.")])
def test_a_command_is_said_where_motion_is_shown_and_never_to_the_scene_stage(name, command, words):
    prompts = load_prompts(name).with_inputs(command=True)
    frame = replace(make_frame(), command=command)
    said = COMMAND.replace("{{command}}.", words)
    for stage in STAGES:
        assert (said in prompts.prompt(stage, frame, SAID)) == (stage != "scene")
    for one in SINGLE_PLACES:
        assert said in prompts.alone(one, "list").prompt("action", frame, SAID)


def own(intent: str) -> PromptSet:
    return PromptSet("own", {"scene": "Look.", "intent": intent, "action": "Go."}, PromptSettings())


def test_a_wording_of_its_own_is_not_guessed_at():
    prompts = own("Speeds {{speeds}} and curvatures {{curvatures}}.")
    assert prompts.with_inputs() == prompts
    with pytest.raises(UserError, match=r"intent of the prompt set 'own' shows the motion in words of its own"):
        prompts.with_inputs(1)
    with pytest.raises(UserError, match=r"no place for a command; write \{\{command\}\}"):
        prompts.with_inputs(command=True)


def test_a_set_with_places_takes_every_input():
    prompts = own("{{motion}} To: {{command}}.")
    text = prompts.with_inputs(1, command=True).prompt("intent", replace(make_frame(), command="left"), {})
    assert text == MOTION[1].replace("{{speeds}}", "[5.0, 5.0]").replace("{{curvatures}}", "[0.0, 0.0]") + " To: left."
    with pytest.raises(UserError, match=r"has the place \{\{command\}\}; give `command`"):
        prompts.with_inputs(1)


def test_single_prompts_of_a_users_set_are_taken_and_missing_ones_are_the_shipped(tmp_path):
    shipped = load_prompts("three-stage-json")
    mine = replace(shipped, name="mine", single={"waypoints": "Where? {{motion}}"})
    save_prompts(mine, tmp_path / "mine")
    again = load_prompts(str(tmp_path / "mine"))
    assert again.single == mine.single
    assert again.alone("waypoints", "points-json").templates == {"action": "Where? {{motion}}"}
    assert again.alone("choose", "choice-json").templates == {"action": shipped.single["choose"]}
