"""Training a student: stages, resuming, what is kept, and what is refused."""

from __future__ import annotations

import json
import shutil

import msgspec
import numpy as np
import pytest

from lightemma.distillation.data_manifest import MANIFEST
from lightemma.distillation.form import StudentForm
from lightemma.distillation.recipe import Recipe, changed, read_recipe
from lightemma.distillation.rewards import NO_PLAN, Reward, contradicting, reward
from lightemma.distillation.rows import DPO, SFT, SftRow, read_file
from lightemma.distillation.student_data import StudentData, request_of, sft_example
from lightemma.distillation.train import evenly, last_checkpoint
from lightemma.distillation.training_log import TrainingLog
from lightemma.errors import UserError
from lightemma.kinematics import integrate
from tests.conftest import steady
from tests.distillation.kit import planted, tiny_student

TRUTH, HISTORY = integrate(steady(5.0)), steady(5.0)


def recipe(model="nowhere/model", **more) -> Recipe:
    stage = {"steps": 4, "learning_rate": 1e-3, "batch": 4, **more.pop("stage", {})}
    return Recipe(
        model=str(model), device="cpu", max_answer_tokens=60, checkpoint_every=2, sft=stage, dpo=stage,
        validation={"frames": 2, "every": 2}, **more,
    )  # fmt: skip


class TestTheReward:
    @pytest.mark.parametrize(("speed", "worth"), [(5.0, 0.0), (6.0, -1.75), (40.0, -10.0)])
    def test_it_is_minus_l2_up_to_ten_metres(self, speed, worth):
        form = StudentForm()
        assert reward(form.answer(steady(speed)), form, TRUTH, HISTORY) == pytest.approx(worth)

    @pytest.mark.parametrize("text", ["", "no", "[(5.0, 0.0)]", "[(nan, 0.0)]", "[(5.0, 0.0)] " * 6])
    def test_an_answer_without_a_plan_is_worse_than_any_plan(self, text):
        assert reward(text, StudentForm(), TRUTH, HISTORY) == NO_PLAN < -10.0

    def test_words_that_contradict_the_plan_cost_a_metre(self):
        form = StudentForm(reasoning=True)
        slower = np.tile([4.0, 0.0], (6, 1))
        assert contradicting("I slow down.", steady(5.0), 5.0)
        assert not contradicting("I slow down.", slower, 5.0)
        assert not contradicting("A tree stands at the side.", steady(9.0), 5.0), "it says nothing of the speed"
        honest, lying = (
            reward(form.answer(slower, words), form, TRUTH, HISTORY) for words in ("I slow down.", "I accelerate.")
        )
        assert lying == pytest.approx(honest - 1.0)

    def test_trainers_give_texts_or_messages(self):
        text = StudentForm().answer(steady(5.0))
        for answer in (
            text,
            [{"role": "assistant", "content": text}],
            [{"role": "assistant", "content": [{"type": "text", "text": text}]}],
        ):
            assert Reward(StudentForm())(
                ["?"], [answer], [TRUTH.tolist()], [HISTORY.tolist()], other=[1]
            ) == pytest.approx([0.0], abs=1e-9)


class TestRefusals:
    def test_no_data_set(self, tmp_path):
        with pytest.raises(UserError, match="no data set for training"):
            StudentData.read([tmp_path])

    @pytest.mark.parametrize("part", ["train", "validation"])
    def test_a_part_without_rows(self, tmp_path, part):
        sizes = {"train": 3, "validation": 3} | {part: 0}
        data = StudentData.read([planted(tmp_path / "d", **sizes)])
        with pytest.raises(UserError, match=f"no {part} rows"):
            data.sft_of(part)
        with pytest.raises(UserError, match=f"no {part} rows in {DPO}"):
            data.dpo_of(part)

    def test_a_missing_picture(self, tmp_path):
        folder = planted(tmp_path / "d", train=3, validation=3)
        next((folder / "pictures").iterdir()).unlink()
        with pytest.raises(UserError, match="1 of 6 pictures are not on this machine"):
            StudentData.read([folder])

    def test_another_picture(self, tmp_path):
        folder = planted(tmp_path / "d", train=3, validation=3)
        shutil.copy(folder / "pictures" / "0001.png", folder / "pictures" / "0000.png")
        with pytest.raises(UserError, match="not the one that was collected"):
            sft_example(StudentData.read([folder]).sft[0])

    def test_changed_rows(self, tmp_path):
        folder = planted(tmp_path / "d", train=3, validation=3)
        (folder / SFT).write_bytes((folder / SFT).read_bytes().replace(b"expert", b"nobody"))
        with pytest.raises(UserError, match="not what was collected"):
            StudentData.read([folder])

    @pytest.mark.parametrize("bad", [b"[", b"{}", b"\xff\n", b"[" * 100_000])
    def test_damaged_files(self, tmp_path, bad):
        folder = planted(tmp_path / "d", train=3, validation=3)
        (folder / MANIFEST).write_bytes(bad)
        with pytest.raises(UserError, match="damaged"):
            StudentData.read([folder])
        (tmp_path / "rows").write_bytes(bad + b"\n")
        with pytest.raises(UserError, match="Line 1"):
            list(read_file(tmp_path / "rows", SftRow))

    def test_two_forms(self, tmp_path):
        folders = [planted(tmp_path / "a"), planted(tmp_path / "b", StudentForm(reasoning=True))]
        with pytest.raises(UserError, match="different forms"):
            StudentData.read(folders)

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"stages": ["sft", "sft"]}, "twice"),
            ({"stages": ["on-policy"]}, "on_policy.teacher"),
            ({"stages": ["rlhf"]}, "stages"),
            ({"sft": {"stepps": 3}}, "stepps"),
            ({"sft": {"steps": 0}}, "steps"),
            ({"model": None}, "model"),
        ],
    )
    def test_wrong_recipes(self, tmp_path, change, says):
        path = tmp_path / "r.yaml"
        path.write_text(json.dumps({"model": "a/b", **change}))
        with pytest.raises(UserError, match=says):
            read_recipe(str(path))

    def test_another_stage_on_the_command_line(self):
        assert changed(recipe(), "sft").stages == ["sft"]
        with pytest.raises(UserError, match="rlhf"):
            changed(recipe(), "rlhf")

    def test_the_shipped_recipe_is_one(self):
        assert read_recipe("qwen2.5-vl-3b").lora is not None

    def test_a_missing_package(self, tmp_path, monkeypatch):
        from lightemma.distillation import stages

        monkeypatch.setattr(stages, "_PACKAGES", ("torch", "no_such_package"))
        with pytest.raises(UserError, match=r"no_such_package; install with pip install 'lightemma\[distill\]'"):
            stages.check_training_packages()


def test_validation_frames_are_of_all_scenes():
    assert evenly(list(range(10)), 4) == [0, 2, 5, 7]  # type: ignore[arg-type]
    assert evenly([1, 2], 4) == [1, 2]  # type: ignore[arg-type]


def test_torn_checkpoints_are_not_used(tmp_path):
    for step in (2, 10):
        (tmp_path / f"checkpoint-{step}").mkdir()
    (tmp_path / "checkpoint-2" / "trainer_state.json").write_text("{}")
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-2"
    assert not (tmp_path / "checkpoint-10").exists()


def test_a_log_goes_on_after_the_step_it_resumes_from(tmp_path):
    log = TrainingLog(tmp_path)
    for step in (1, 2, 3):
        log.add(step, {"loss": 1.0 / step, "text": "left out", "nothing": float("nan")})
    with log.path.open("ab") as file:
        file.write(b'{"step": 4, "lo')
    log.resume_from(2)
    log.add(3, {"loss": 9.0})
    assert log.column("loss") == [(1, 1.0), (2, 0.5), (3, 9.0)]
    assert log.column("nothing") == []


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    pytest.importorskip("trl")
    pytest.importorskip("torch")
    return tiny_student(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    return planted(tmp_path_factory.mktemp("rows") / "d", train=9, validation=6)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, base, rows):
    """Both stages, on a tiny Llava."""
    from lightemma.distillation.train import Training

    folder, said = tmp_path_factory.mktemp("out") / "student", []
    results = Training(folder, recipe(base), StudentData.read([rows]), said.append).run(["sft", "dpo"])
    return folder, results, said


def weights(folder):
    from safetensors.numpy import load_file

    return load_file(folder / "model.safetensors")


def test_a_student_that_plans_badly_is_better_than_one_that_never_does(monkeypatch):
    """By L2 with the constant action in place of what is missing, the untrained one would be kept."""
    from lightemma.distillation import validation

    form = StudentForm()
    row = SftRow(
        part="validation", scene="s", sample_token="t", group="g", parts=[], pictures=[], completion="", teacher="a",
        history=[(5.0, 0.0)] * 6, truth=[tuple(point) for point in TRUTH.tolist()],
    )  # fmt: skip

    def said(text):
        monkeypatch.setattr(validation, "answers", lambda *given: [validation.Answered(row, text, True)])
        return validation.validate(None, None, [row], form, 60)

    mute, bad, runaway = said("no"), said(form.answer(steady(7.0))), said(form.answer(steady(90.0)))
    assert mute.l2 < bad.l2
    assert bad.cost < runaway.cost < mute.cost
    assert (mute.format_errors, bad.format_errors) == (1.0, 0.0)


class TestTraining:
    def test_a_question_is_the_same_for_training_and_for_driving(self, base, rows):
        """One token off at the seam of question and answer, and nothing that was learnt is ever said."""
        from trl.trainer.sft_trainer import DataCollatorForVisionLanguageModeling

        from lightemma.backends.local.inputs import RequestEncoder
        from lightemma.distillation.student_model import load_student

        student = load_student(recipe(base), str(base))
        row = StudentData.read([rows]).sft[0]
        collator = DataCollatorForVisionLanguageModeling(student.processor, completion_only_loss=True)
        batch = collator([sft_example(row)])
        call = RequestEncoder(student.processor, student.model.config, 0).encode(request_of(row))
        ids, labels = batch["input_ids"][0].tolist(), batch["labels"][0]
        asked = call.inputs["input_ids"][0].tolist()
        assert ids[: len(asked)] == asked
        assert (labels[: len(asked)] == -100).all()
        assert (labels[len(asked) :] != -100).all()
        said = student.processor.tokenizer.decode(ids[len(asked) :], skip_special_tokens=True)
        assert said.strip() == row.completion
        assert np.array_equal(batch["pixel_values"].numpy(), call.inputs["pixel_values"].numpy())

    def test_stages_are_logged_and_kept(self, trained):
        folder, results, said = trained
        assert [one.stage for one in results] == ["sft", "dpo"]
        for one in results:
            own = folder / one.stage
            assert (own / "model" / "config.json").is_file()
            assert not (own / "checkpoints").exists()
            log = TrainingLog(own)
            assert [step for step, _ in log.column("validation_l2")] == [0, 2, 4]
            least = min(value for _, value in log.column("validation_cost"))
            assert one.best.validation.cost == pytest.approx(least, rel=1e-4)
            assert len(log.column("loss")) >= 2
        assert 0.0 <= results[1].dpo_accuracy <= 1.0
        assert "accuracy on held-out pairs" in said[1]

    def test_the_student_is_a_model_of_the_harness(self, trained):
        from lightemma.sessions.models import make_backend, model_entry

        folder, _, _ = trained
        backend = make_backend(str(folder / "student.yaml"))
        assert backend.config.provider == "transformers"
        assert model_entry(backend).taught_by == ("expert",), "every run of it says who taught it"
        assert (folder / "model").resolve() == (folder / "dpo" / "model").resolve()

    def test_what_is_done_is_not_done_again(self, trained, base, rows, monkeypatch):
        from lightemma.distillation import train

        folder, results, _ = trained
        monkeypatch.setattr(train, "load_student", None)
        again = train.Training(folder, recipe(base), StudentData.read([rows]), lambda line: None).run(["sft", "dpo"])
        assert again == results

    def test_another_recipe_is_refused(self, trained, base, rows):
        from lightemma.distillation.train import Training

        with pytest.raises(UserError, match="another recipe"):
            Training(trained[0], recipe(base, seed=1), StudentData.read([rows]), print).run(["sft", "dpo"])

    def test_a_missing_model_is_one_sentence(self, tmp_path, rows):
        from lightemma.distillation.train import Training

        with pytest.raises(UserError, match="no model folder"):
            Training(tmp_path / "s", recipe(tmp_path / "none"), StudentData.read([rows]), print).run(["sft"])

    def test_a_folder_that_is_no_model_is_one_sentence(self, tmp_path, rows):
        from lightemma.distillation.train import Training

        (tmp_path / "m").mkdir()
        (tmp_path / "m" / "config.json").write_text('{"model_type": "llava", "auto_map": {"AutoModel": "evil.Evil"}}')
        with pytest.raises(UserError, match="cannot be loaded"):
            Training(tmp_path / "s", recipe(tmp_path / "m"), StudentData.read([rows]), print).run(["sft"])

    def test_an_interrupted_training_ends_as_one_that_was_not(self, tmp_path, trained, base, rows, monkeypatch):
        from lightemma.distillation.train import BestKeeper, Training

        folder, _, _ = trained
        look = BestKeeper.look

        def killed(self, model, step):
            if step == 4:
                raise KeyboardInterrupt
            return look(self, model, step)

        # Both stages have the same settings in the manifest, so that the first can be compared alone.
        training = Training(tmp_path / "s", recipe(base), StudentData.read([rows]), lambda line: None)
        with monkeypatch.context() as patched:
            patched.setattr(BestKeeper, "look", killed)
            with pytest.raises(KeyboardInterrupt):
                training.run(["sft"])
        assert (tmp_path / "s" / "sft" / "checkpoints" / "checkpoint-2").is_dir()
        training.run(["sft"])
        assert (tmp_path / "s" / "sft" / "log.jsonl").read_text() == (folder / "sft" / "log.jsonl").read_text()
        mine, theirs = weights(tmp_path / "s" / "sft" / "model"), weights(folder / "sft" / "model")
        assert all(np.array_equal(mine[name], theirs[name]) for name in theirs)
        assert msgspec.json.decode((tmp_path / "s" / "sft" / "stage.json").read_bytes()) == msgspec.json.decode(
            (folder / "sft" / "stage.json").read_bytes()
        )
