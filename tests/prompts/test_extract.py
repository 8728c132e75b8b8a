"""The template behind recorded prompts is found again, or the first prompt that does not fit is named."""

from __future__ import annotations

import json

import pytest

from lightemma.data.published import PublishedArchive
from lightemma.errors import UserError
from lightemma.prompts.extract import RecordedPrompts, extract_prompts
from lightemma.prompts.sets import PromptSet, PromptSettings
from lightemma.prompts.template import fill, fold
from lightemma.run_folder.records import STAGES
from lightemma.sessions.importing import archive_prompts
from tests.conftest import write_archive

TEMPLATES = {
    "scene": "What is ahead?",
    "intent": "Ahead: {{scene}} Speeds {{speeds}}, curvatures {{curvatures}}. What now?",
    "action": "Ahead: {{scene}} You want: {{intent}} Speeds {{speeds}}, curvatures {{curvatures}}. Six pairs!",
}


def recorded(number: int, templates=TEMPLATES, **changes: str) -> RecordedPrompts:
    values = {
        "scene": f"Road {number}.",
        "intent": f"Drive {number}.",
        "speeds": f"[{number}.5, 1.0]",
        "curvatures": "[0.0, 0.001]",
    } | changes
    prompts = {stage: fold(fill(templates[stage], values)) for stage in STAGES}
    return RecordedPrompts(f"scene-0001, frame {number}", prompts, values)


def test_the_template_is_found():
    prompts = extract_prompts("mine", [recorded(number) for number in range(5)])
    assert prompts.templates == TEMPLATES
    assert prompts.name == "mine"
    assert prompts.sha256 == PromptSet("", TEMPLATES, PromptSettings()).sha256


@pytest.mark.parametrize(
    "awkward",
    [
        {"scene": "What"},  # also in the wording
        {"scene": ""},
        {"scene": "Go.", "intent": "Go."},
        {"scene": "0.0"},  # also in the curvatures
        {"intent": "scene"},  # reads like a place
        {"curvatures": "[1.0]", "speeds": "[1.0]"},
    ],
    ids=str,
)
def test_a_frame_whose_values_are_not_found_once_is_no_place_to_cut(awkward):
    assert extract_prompts("mine", [recorded(0, **awkward), recorded(1)]).templates == TEMPLATES


def test_the_first_prompt_of_another_wording_is_named():
    other = {**TEMPLATES, "action": TEMPLATES["action"] + " Please."}
    frames = [recorded(0), recorded(1), recorded(2, other), recorded(3, other)]
    with pytest.raises(
        UserError, match=r"'mine' do not come from one template: the action prompt of .* frame 2 differs"
    ):
        extract_prompts("mine", frames)


def test_values_that_are_nowhere_in_the_prompts_are_a_sentence():
    unlike = RecordedPrompts("scene-0001, frame 0", recorded(0).prompts, recorded(1).values)
    with pytest.raises(UserError, match=r"No template could be cut for the intent stage.*scene-0001, frame 0"):
        extract_prompts("mine", [unlike])


def test_no_frames_is_a_sentence():
    with pytest.raises(UserError, match="'mine' has no frames"):
        extract_prompts("mine", [])


def test_an_archive_gives_back_its_wording(tmp_path):
    archive = PublishedArchive(write_archive(tmp_path / "tiny"))
    prompts = archive_prompts(archive)
    assert prompts.templates == {
        "scene": "What is ahead?",
        "intent": "Ahead is this: {{scene}} So far speeds {{speeds}} and curvatures {{curvatures}}. What now?",
        "action": (
            "Ahead is this: {{scene}} You want: {{intent}} So far speeds {{speeds}} and curvatures {{curvatures}}. "
            "Six pairs!"
        ),
    }


def test_wrapped_prompts_are_folded_before_they_are_compared(tmp_path):
    root = write_archive(tmp_path / "tiny")
    for file in (root / "output").glob("*.json"):
        whole = json.loads(file.read_text())
        for frame in whole["frames"]:
            inference = frame["inference"]
            inference["waypoint_prompt"] = inference["waypoint_prompt"].replace(" You", "\n  You").split(" So ")
            inference["waypoint_prompt"][1] = "So " + inference["waypoint_prompt"][1]
        file.write_text(json.dumps(whole))
    prompts = archive_prompts(PublishedArchive(root))
    assert prompts.templates["action"].startswith("Ahead is this: {{scene}} You want: {{intent}} So far")


def test_an_archive_of_two_wordings_names_the_frame(tmp_path):
    asked = {"scene-0002/1": "Describe the road."}
    root = write_archive(tmp_path / "tiny", question=lambda token: asked.get(token, "What is ahead?"))
    with pytest.raises(UserError, match="the scene prompt of scene-0002, frame 1 differs"):
        archive_prompts(PublishedArchive(root))
