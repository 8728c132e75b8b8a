"""DAgger: the student drives, what it visited is labelled and added, and each round is scored and kept."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import ClassVar

import msgspec
import pytest

from lightemma.distillation import dagger
from lightemma.distillation.dagger import rounds, seeds_of
from lightemma.distillation.form import StudentForm
from lightemma.distillation.recipe import Recipe
from lightemma.distillation.rows import SFT, SftRow, read_file
from lightemma.distillation.student_data import StudentData
from lightemma.distillation.train import Best, StageResult
from lightemma.distillation.validation import Validation
from lightemma.errors import UserError
from tests.distillation.kit import planted

FORM = StudentForm()
ANSWER = "[" + ", ".join(["(12.0, 0.0)"] * 6) + "]"


def scripted_student(folder):
    """A student whose model always says the same, without weights."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "student.yaml").write_text(
        f"name: student\nprovider: scripted\nmodel: tiny\noptions:\n  repeat: true\n  answers:\n    action: ['{ANSWER}']\n"
    )
    result = StageResult("sft", 4, Best(4, Validation(2, 0.5, 0.0, 1.6, 0.5)), Validation(2, 0.5, 0.0, 1.6, 0.5))
    (folder / "sft" / "model").mkdir(parents=True, exist_ok=True)
    (folder / "sft" / "stage.json").write_bytes(msgspec.json.encode(result))
    return result


class FakeTraining:
    """Trains nothing, and remembers on what."""

    seen: ClassVar[list[SimpleNamespace]] = []

    def __init__(self, folder, recipe, data, say):
        self.folder, self.data, self.steps = folder, data, recipe.sft.steps

    def run(self, stages, start=None):
        FakeTraining.seen.append(SimpleNamespace(rows=len(self.data.sft), start=start, steps=self.steps, stages=stages))
        return [scripted_student(self.folder)]


def test_seeds_of_other_parts_are_left_out():
    assert seeds_of("7,8,9,10,1008", "train") == [7, 10]
    assert seeds_of("7,8,9,18", "validation") == [8, 18]
    with pytest.raises(UserError, match="end in 8"):
        seeds_of("1,2,3", "validation")


def test_rounds_add_what_the_student_visited(tmp_path, monkeypatch):
    monkeypatch.setattr(dagger, "Training", FakeTraining)
    FakeTraining.seen.clear()
    folder, said = tmp_path / "student", []
    scripted_student(folder)
    data = StudentData.read([planted(tmp_path / "d", train=3, validation=3)])
    recipe = Recipe(
        model="none/none",
        stages=["sft"],
        dagger={
            "scenarios": ["cruise"], "seeds": "101,108", "validation_seeds": "108,", "size": "64x36", "renderer": "painter",
            "workers": 0, "steps": 7,
        },
    )  # fmt: skip
    found = rounds(folder, recipe, data, 1, said.append)
    assert [one.number for one in found] == [0, 1]
    assert (found[1].beta, found[1].episodes) == (0.5, 1)
    assert found[1].states > 10
    (seen,) = FakeTraining.seen
    assert (seen.rows, seen.steps, seen.stages) == (6 + found[1].states, 7, ["sft"])
    added = list(read_file(folder / "rounds" / "1" / "data" / SFT, SftRow))
    # Seed 108 is for the validation: it is driven for the score, and never learnt from.
    assert {(row.part, row.group) for row in added} == {("train", "city 101")}
    assert [one["score"] for one in json.loads((folder / "rounds.json").read_bytes())] == [one.score for one in found]
    assert len(said) == 2
    assert "driving score" in said[1]
