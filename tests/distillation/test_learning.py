"""Students of every stage learn: minutes of training on roads whose bend only the picture shows."""

from __future__ import annotations

import pytest

from lightemma.distillation.form import StudentForm
from lightemma.distillation.recipe import Recipe
from lightemma.distillation.student_data import StudentData
from tests.distillation.kit import planted, tiny_student

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def form(tmp_path_factory) -> StudentForm:
    """A student with a short question, so that it has little to read."""
    folder = tmp_path_factory.mktemp("short")
    for stage in ("scene", "intent", "action"):
        (folder / f"{stage}.txt").write_text("unused")
    (folder / "single-call-direct.txt").write_text("speeds {{speeds}} curvatures {{curvatures}} plan:")
    return StudentForm(prompts=str(folder))


@pytest.fixture(scope="module")
def rows(tmp_path_factory, form):
    return planted(tmp_path_factory.mktemp("rows") / "d", form, train=150, validation=30)


def train(folder, form, rows, stages, start=None, **more):
    from lightemma.distillation.train import Training

    architecture = more.pop("architecture", "llava")
    base = start or tiny_student(folder / "base", form, architecture)
    chosen = {name.replace("-", "_") for name in stages}
    steps = {name: more.pop(name) for name in chosen if name in more}
    recipe = Recipe(
        model=str(base), stages=stages, device="cpu", max_answer_tokens=80, checkpoint_every=1000,
        validation={"frames": 30, "every": 50}, **steps, **more,
    )  # fmt: skip
    return Training(folder / "out", recipe, StudentData.read([rows]), print).run(stages), folder / "out"


@pytest.fixture(scope="module")
def learnt(tmp_path_factory, form, rows):
    """A tiny Llava that was trained on the answers, and then on the pairs; under three minutes of one core."""
    return train(
        tmp_path_factory.mktemp("learnt"), form, rows, ["sft", "dpo"],
        sft={"steps": 150, "learning_rate": 3e-3, "batch": 8}, dpo={"steps": 20, "learning_rate": 1e-4, "batch": 8},
    )  # fmt: skip


def test_the_loss_falls_and_answers_become_plans(learnt):
    (sft, _), _ = learnt
    assert sft.last_loss < 0.3 * sft.first_loss
    assert sft.best.validation.format_errors <= 0.1
    # The motion is written as straight, so that whoever does not look keeps on as before, by construction.
    assert sft.best.validation.l2 < sft.best.validation.constant_action


def test_held_out_pairs_are_told_apart(learnt):
    (_, dpo), _ = learnt
    assert dpo.dpo_accuracy > 0.5
    assert dpo.best.validation.cost <= dpo.last.cost


@pytest.mark.parametrize("stage", ["grpo", "on-policy"])
def test_the_other_stages_go_on_from_a_student(learnt, tmp_path, form, rows, stage):
    _, folder = learnt
    settings = {"steps": 2, "learning_rate": 1e-4, "batch": 8}
    more = {"on_policy": {**settings, "teacher": str(folder / "model")}} if stage == "on-policy" else {"grpo": settings}
    start = (folder / "sft" / "model").resolve()
    (result,), _ = train(tmp_path, form, rows, [stage], start, **more)
    assert result.steps == 2
    assert result.best.validation.format_errors <= 0.2


@pytest.mark.parametrize("architecture", ["qwen2_5_vl", "idefics3"])
def test_adapters_on_other_architectures(tmp_path, form, rows, architecture):
    """The class of the shipped recipe among them; what is driven is one model, adapters and all."""
    from safetensors.numpy import load_file

    settings = {"steps": 4, "learning_rate": 1e-3, "batch": 4}
    results, folder = train(
        tmp_path, form, rows, ["sft", "dpo"], architecture=architecture, lora={"rank": 4}, sft=settings, dpo=settings
    )
    assert [one.steps for one in results] == [4, 4]
    before, after = (load_file(one / "model.safetensors") for one in (tmp_path / "base", folder / "model"))
    assert before.keys() == after.keys()
