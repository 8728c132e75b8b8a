"""Prompt sets: the shipped ones, a user's own, and what a template may speak of."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lightemma.errors import UserError
from lightemma.parsing import parse_answer
from lightemma.prompts.sets import (
    ALLOWED_PLACES,
    PromptSet,
    PromptSettings,
    history_values,
    load_prompts,
    save_prompts,
    shipped_names,
)
from lightemma.prompts.template import fill, fold, places
from lightemma.run_folder.records import STAGES
from tests.conftest import make_frame

TEMPLATES = {
    "scene": "What is ahead?",
    "intent": "Ahead: {{scene}}\nSpeeds {{speeds}}, curvatures {{curvatures}}. What now?",
    "action": "Ahead: {{scene}} You want: {{intent}} Speeds {{speeds}}, curvatures {{curvatures}}. Six pairs!",
}
HISTORY = np.array([[1.0, 0.0], [2.5, 0.001], [3.125, -0.002], [4.0, 0.0], [5.0, 0.0], [6.0, 0.2]])


def write_set(folder: Path, settings: str | None = None, **templates: str) -> Path:
    folder.mkdir()
    for stage, text in (TEMPLATES | templates).items():
        (folder / f"{stage}.txt").write_text(text, encoding="utf-8")
    if settings is not None:
        (folder / "prompt-set.yaml").write_text(settings, encoding="utf-8")
    return folder


def test_the_shipped_sets_are_there():
    assert shipped_names() == ["three-stage", "three-stage-json"]
    assert load_prompts("three-stage").settings.answer == "list"
    assert load_prompts("three-stage-json").settings.answer == "json"


@pytest.mark.parametrize("name", shipped_names())
def test_a_shipped_set_gives_each_stage_all_it_may_have_and_no_more(name):
    prompts = load_prompts(name)
    assert {stage: places(text) for stage, text in prompts.templates.items()} == ALLOWED_PLACES
    assert prompts.settings.description


@pytest.mark.parametrize("name", shipped_names())
def test_the_scene_stage_sees_no_motion(name):
    prompt = load_prompts(name).prompt("scene", make_frame(history=HISTORY), {})
    # Neither the values nor a word that would draw attention to them.
    assert not re.search(r"\d|m/s|speed|curvature|\{", prompt)


@pytest.mark.parametrize("name", shipped_names())
def test_the_example_in_a_shipped_action_prompt_is_an_answer_strict_accepts(name):
    prompts = load_prompts(name)
    assert "exactly six" in prompts.templates["action"]
    example = next(line for line in prompts.templates["action"].splitlines() if line.startswith(("[(", '{"')))
    parsed = parse_answer(example, "strict", prompts.settings.answer)
    assert parsed.outcome == "ok"
    assert not parsed.implausible


def test_only_the_json_set_has_a_schema_and_it_fits_its_example():
    assert load_prompts("three-stage").response_schema is None
    prompts = load_prompts("three-stage-json")
    schema = prompts.response_schema
    assert schema is not None
    actions = schema["properties"]["actions"]
    assert actions["minItems"] == actions["maxItems"] == 6
    example = next(line for line in prompts.templates["action"].splitlines() if line.startswith("{"))
    for pair in json.loads(example)["actions"]:
        assert list(pair) == actions["items"]["required"]


def test_histories_are_written_in_prompts_as_plain_lists():
    values = history_values(HISTORY)
    assert values["speeds"] == "[1.0, 2.5, 3.125, 4.0, 5.0, 6.0]"
    assert values["curvatures"] == "[0.0, 0.001, -0.002, 0.0, 0.0, 0.2]"


def test_a_folder_is_loaded_and_filled(tmp_path):
    prompts = load_prompts(str(write_set(tmp_path / "mine")))
    assert (prompts.name, prompts.settings) == ("mine", PromptSettings())
    frame = make_frame(history=HISTORY)
    text = prompts.prompt("action", frame, {"scene": "A road.", "intent": "Go on."})
    assert text == (
        "Ahead: A road. You want: Go on. Speeds [1.0, 2.5, 3.125, 4.0, 5.0, 6.0], "
        "curvatures [0.0, 0.001, -0.002, 0.0, 0.0, 0.2]. Six pairs!"
    )


def test_an_answer_that_looks_like_a_place_is_left_as_it_is(tmp_path):
    prompts = load_prompts(str(write_set(tmp_path / "mine")))
    answers = {"scene": "A sign reads {{intent}} and {{speeds}}.", "intent": r"Back\slash \1 {{scene}}"}
    text = prompts.prompt("action", make_frame(), answers)
    assert f"Ahead: {answers['scene']} You want: {answers['intent']} Speeds [5.0" in text


def test_a_place_without_a_value_is_an_error():
    with pytest.raises(KeyError, match="scene"):
        fill("{{scene}}", {"intent": "x"})
    assert fill("{{ scene }} {x} {{}} {{Scene}}", {"scene": "a"}) == "a {x} {{}} {{Scene}}"


def test_folding_makes_every_run_of_white_space_one_space():
    assert fold(" a\n\n b\t c ") == "a b c"


def test_an_unknown_set_offers_near_names():
    with pytest.raises(UserError, match=r"no prompt set 'three-stages'.*did you mean three-stage, three-stage-json\?"):
        load_prompts("three-stages")


def test_missing_templates_are_named(tmp_path):
    folder = write_set(tmp_path / "mine")
    (folder / "intent.txt").unlink()
    (folder / "action.txt").unlink()
    with pytest.raises(UserError, match=r"mine' lacks intent\.txt, action\.txt; a set is scene\.txt"):
        load_prompts(str(folder))


@pytest.mark.parametrize(
    ("stage", "place", "given"),
    [
        ("scene", "speeds", "the scene stage is given no places at all"),
        (
            "intent",
            "intent",
            r"the intent stage is given \{\{command\}\}, \{\{curvatures\}\}, \{\{motion\}\}, \{\{scene\}\}",
        ),
        ("action", "ground_truth", r"the action stage is given \{\{command\}\}, \{\{curvatures\}\}, \{\{intent\}\}"),
    ],
)
def test_a_place_its_stage_is_not_given_is_named(tmp_path, stage, place, given):
    folder = write_set(tmp_path / "mine", **{stage: "Now: {{" + place + "}}"})
    with pytest.raises(UserError, match=rf"{stage}\.txt' has the place \{{\{{{place}\}}\}}, but {given}"):
        load_prompts(str(folder))


def test_a_template_in_another_encoding_is_named(tmp_path):
    folder = write_set(tmp_path / "mine")
    (folder / "scene.txt").write_bytes("Stra\xdfe?".encode("latin-1"))
    with pytest.raises(UserError, match=r"scene\.txt' cannot be read as UTF-8"):
        load_prompts(str(folder))


@pytest.mark.parametrize("settings", ["answer: xml", "answers: json", "[list", "- answer"])
def test_wrong_settings_are_refused_with_what_there_may_be(tmp_path, settings):
    folder = write_set(tmp_path / "mine", settings)
    with pytest.raises(UserError, match=r"prompt-set\.yaml' is not valid .*'answer: list\|json'"):
        load_prompts(str(folder))


def test_empty_settings_are_the_defaults(tmp_path):
    assert load_prompts(str(write_set(tmp_path / "mine", "# nothing yet\n"))).settings == PromptSettings()


def test_the_digest_covers_wording_and_answer_form():
    prompts = PromptSet("a", dict(TEMPLATES), PromptSettings(description="one"))
    same = PromptSet("b", dict(TEMPLATES), PromptSettings(description="two"))
    assert prompts.sha256 == same.sha256
    others = [replace(prompts, settings=PromptSettings(answer="json"))]
    for stage in STAGES:
        others.append(replace(prompts, templates={**TEMPLATES, stage: TEMPLATES[stage] + " "}))
    swapped = {**TEMPLATES, "intent": TEMPLATES["action"], "action": TEMPLATES["intent"]}
    others.append(replace(prompts, templates=swapped))
    assert len({prompts.sha256, *(other.sha256 for other in others)}) == len(others) + 1


@pytest.mark.parametrize("name", shipped_names())
def test_a_saved_set_is_loaded_again_unchanged(tmp_path, name):
    prompts = load_prompts(name)
    save_prompts(prompts, tmp_path / "deep" / name)
    again = load_prompts(str(tmp_path / "deep" / name))
    assert again == prompts
    assert again.sha256 == prompts.sha256


def test_a_set_that_cannot_be_written_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"file' cannot be written .*--out"):
        save_prompts(load_prompts("three-stage"), tmp_path / "file")


def test_a_wrong_setting_is_named_with_what_it_may_be(tmp_path):
    with pytest.raises(UserError, match=r"answer: Input should be 'list' or 'json'"):
        load_prompts(str(write_set(tmp_path / "wrong", settings="answer: xml\n")))
