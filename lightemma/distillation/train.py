"""Trains a student, stage after stage; interrupted, it goes on from the last checkpoint, and the best answers are kept."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from lightemma.distillation.form import StudentForm
from lightemma.distillation.recipe import Recipe, StageName
from lightemma.distillation.rows import SftRow
from lightemma.distillation.stages import ACCURACY, check_training_packages, make_trainer
from lightemma.distillation.student_data import StudentData
from lightemma.distillation.student_model import Student, load_student, save_whole, write_student_yaml
from lightemma.distillation.training_log import TrainingLog
from lightemma.distillation.validation import Validation, validate
from lightemma.errors import UserError
from lightemma.files import digest_of, private_folder, read_whole, write_whole

_LOG = logging.getLogger(__name__)

DONE, BEST, SETTINGS = "stage.json", "best.json", "training.json"
Say = Callable[[str], None]


class Best(msgspec.Struct, frozen=True):
    """The best student so far.

    Attributes:
        step: after which it was.
        validation: what it was worth.
    """

    step: int
    validation: Validation


class StageResult(msgspec.Struct, frozen=True):
    """stage.json: what a stage came to.

    Attributes:
        stage: its name.
        steps: that were trained.
        best: the student that was kept; step 0 is the one that it started from.
        last: what the student was worth after the last step.
        dpo_accuracy: share of the held-out pairs whose chosen answer gained more than the rejected one; None elsewhere.
        first_loss: the first loss that was logged.
        last_loss: the last loss that was logged.
    """

    stage: str
    steps: int
    best: Best
    last: Validation
    dpo_accuracy: float | None = None
    first_loss: float | None = None
    last_loss: float | None = None


@dataclass(slots=True)
class Training:
    """A training in a folder.

    Attributes:
        folder: where everything is kept.
        recipe: how.
        data: the rows.
        say: shows a line to the user.
    """

    folder: Path
    recipe: Recipe
    data: StudentData
    say: Say

    def run(self, stages: Sequence[StageName], start: str | None = None) -> list[StageResult]:
        """Trains the stages that are not done, one after the other.

        Args:
            stages: in this order.
            start: the model that the first one starts from; the recipe's if left out.

        Raises:
            UserError: if rows, a package or the model are missing, or the folder holds another training.
        """
        check_training_packages()
        _without_bars()
        if is_first():
            self._check_same(stages, start)
        results = []
        place = start or self.recipe.model
        for stage in stages:
            own = self.folder / stage
            result = read_result(own)
            if result is None:
                result = self._stage(stage, own, place)
            if is_first():
                self.say(line_of(result))
            results.append(result)
            place = str(own / "model")
        if is_first():
            self._name_student(stages[-1])
        return results

    def _name_student(self, last: StageName) -> None:
        """Writes what ``--model`` takes."""
        whole = self.folder / "model"
        if whole.is_symlink():
            whole.unlink()
        if not whole.exists():
            whole.symlink_to(Path(last) / "model", target_is_directory=True)
        note = f"One call per frame: lightemma run --model {self.folder.name}/student.yaml {' '.join(self.data.form.options)}"
        write_student_yaml(self.folder, self.folder.resolve().name, self.recipe, note, self.data.teachers)

    def _check_same(self, stages: Sequence[StageName], start: str | None) -> None:
        """Refuses a folder that holds a training with other settings or other rows."""
        wanted = {
            "recipe": self.recipe.model_dump(mode="json"),
            "stages": list(stages),
            "start": start or self.recipe.model,
            "form": self.data.form.model_dump(mode="json"),
            "data": [digest_of(folder / "distillation.json") for folder in self.data.folders],
        }
        path = self.folder / SETTINGS
        try:
            private_folder(self.folder)
            if path.is_file():
                known = msgspec.json.decode(read_whole(path))
                changed = sorted(
                    name for name in wanted if not isinstance(known, dict) or known.get(name) != wanted[name]
                )
                if changed:
                    raise UserError(
                        f"'{self.folder}' holds a training with another {' and another '.join(changed)}; give another folder, "
                        "or remove it."
                    )
            else:
                write_whole(path, msgspec.json.format(msgspec.json.encode(wanted), indent=2) + b"\n")
        except (OSError, msgspec.DecodeError) as error:
            raise UserError(f"'{path}' cannot be used ({error}); give another folder.") from error

    def _stage(self, stage: StageName, folder: Path, place: str) -> StageResult:
        private_folder(folder)
        steps = self.recipe.of(stage).steps
        rows = evenly(self.data.sft_of("validation"), self.recipe.validation.frames)
        log = TrainingLog(folder)
        checkpoints = folder / "checkpoints"
        last = last_checkpoint(checkpoints)
        if is_first():
            log.resume_from(step_of(last) if last else -1)
        student = load_student(self.recipe, place)
        if last is not None and self.recipe.lora is None:
            student = Student(load_student(self.recipe, str(last)).model, student.processor)
        keeper = BestKeeper(folder, student, rows, self.data.form, self.recipe, log)
        trainer = make_trainer(stage, self.recipe, student, self.data, checkpoints, place, keeper.callbacks())
        quieten(trainer)
        if last is not None and self.recipe.lora is None:
            # The weights are read above. Trainers compare names in the file with those in the memory, which differ for most
            # vision-language models since transformers 5: they would warn, and go on from the weights that were never trained.
            trainer._load_from_checkpoint = lambda *args, **others: None
        if last is None:
            keeper.look(trainer.model, 0)
        elif is_first():
            self.say(f"{stage}: goes on from step {step_of(last)}")
        trainer.train(resume_from_checkpoint=str(last) if last else None)
        ended = keeper.look(trainer.model, steps)
        accuracy = None
        if trainer.eval_dataset is not None:
            accuracy = trainer.evaluate().get(ACCURACY)
        if is_first():
            result = self._finished(stage, folder, place, keeper, ended, accuracy)
            shutil.rmtree(checkpoints, ignore_errors=True)
        trainer.accelerator.wait_for_everyone()
        found = read_result(folder) if not is_first() else result
        assert found is not None, "the first process wrote it"
        return found

    def _finished(
        self,
        stage: StageName,
        folder: Path,
        place: str,
        keeper: BestKeeper,
        ended: Validation | None,
        accuracy: float | None,
    ) -> StageResult:
        """Writes what a stage came to."""
        best, log, steps = keeper.best, TrainingLog(folder), self.recipe.of(stage).steps
        assert best is not None, "it looked at step 0"
        assert ended is not None, "the first process looks"
        keeper.take_best(place)
        losses = [value for _, value in log.column("loss")]
        result = StageResult(
            stage, steps, best, ended, accuracy, losses[0] if losses else None, losses[-1] if losses else None
        )
        write_whole(folder / DONE, msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")
        return result


class BestKeeper:
    """Asks the student every so many steps, and keeps the weights that answer best.

    Args:
        folder: of the stage.
        student: in training.
        rows: that it is asked about.
        form: of the student.
        recipe: how often, and how long an answer may be.
        log: where what it is worth is written.
    """

    def __init__(
        self, folder: Path, student: Student, rows: list[SftRow], form: StudentForm, recipe: Recipe, log: TrainingLog
    ) -> None:
        self._folder, self._student, self._rows = folder, student, rows
        self._form, self._recipe, self._log = form, recipe, log
        self._seen: dict[int, Validation] = {}
        path = folder / BEST
        self.best = msgspec.json.decode(path.read_bytes(), type=Best) if path.is_file() else None

    def look(self, model: Any, step: int) -> Validation | None:
        """Asks the student, and keeps it if it is the best. Of several processes only the first does; the others get None."""
        if not is_first():
            return None
        if step in self._seen:
            return self._seen[step]
        found = self._seen[step] = validate(
            model, self._student.processor, self._rows, self._form, self._recipe.max_answer_tokens
        )
        values = {"validation_cost": found.cost, "validation_l2": found.l2, "format_errors": found.format_errors}
        self._log.add(step, values)
        if self.best is None or found.cost < self.best.validation.cost:
            save_whole(self._student, model, self._folder / "best")
            self.best = Best(step, found)
            write_whole(self._folder / BEST, msgspec.json.encode(self.best))
        return found

    def take_best(self, start: str) -> None:
        """Makes the best weights the stage's model; adapters are merged into the model that they adapt."""
        best, whole = self._folder / "best", self._folder / "model"
        if self._recipe.lora is None:
            shutil.rmtree(whole, ignore_errors=True)
            best.replace(whole)
            return
        from peft import PeftModel

        base = load_student(self._recipe, start)
        merged = PeftModel.from_pretrained(base.model, best).merge_and_unload()
        save_whole(base, merged, whole)

    def callbacks(self) -> list[Any]:
        """For a trainer: logs what it reports, and looks every so many steps."""
        import transformers

        keeper, every = self, self._recipe.validation.every

        class Watch(transformers.TrainerCallback):  # type: ignore[misc]
            def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **others: Any) -> None:
                if is_first():
                    keeper._log.add(state.global_step, _lasting(logs or {}))

            def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **others: Any) -> None:
                if state.global_step % every == 0:
                    keeper.look(model, state.global_step)

        return [Watch()]


def is_first() -> bool:
    """Whether this is the only process of a training, or the first of several; only it writes."""
    return os.environ.get("RANK", "0") in ("", "0")


#: What differs from machine to machine, or counts anew after an interruption.
_FLEETING = ("runtime", "per_second", "flos", "step_time", "num_input_tokens_seen", "num_tokens", "train_loss")


def _lasting(logs: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in logs.items() if not any(word in name for word in _FLEETING)}


def _without_bars() -> None:
    """Progress bars of reading and writing weights say nothing about the training."""
    import warnings

    import transformers
    from huggingface_hub.utils import disable_progress_bars

    # TRL and transformers change the names of their settings one after the other.
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
    transformers.utils.logging.disable_progress_bar()
    disable_progress_bars()


def quieten(trainer: Any) -> None:
    """Takes away what a trainer prints: the log has it."""
    import transformers

    for printer in (transformers.trainer_callback.PrinterCallback, transformers.trainer_callback.ProgressCallback):
        trainer.remove_callback(printer)


def evenly(rows: list[SftRow], count: int) -> list[SftRow]:
    """At most so many rows, taken at even distances, so that all scenes are among them."""
    if len(rows) <= count:
        return rows
    return [rows[place * len(rows) // count] for place in range(count)]


def last_checkpoint(folder: Path) -> Path | None:
    """The last checkpoint that was written to its end; torn ones are removed."""
    found = sorted((path for path in folder.glob("checkpoint-*") if path.is_dir()), key=step_of)
    while found:
        # Trainers write it last.
        if (found[-1] / "trainer_state.json").is_file():
            return found[-1]
        _LOG.warning("the checkpoint %s is torn and is not used", found[-1])
        shutil.rmtree(found.pop(), ignore_errors=True)
    return None


def step_of(checkpoint: Path) -> int:
    """The step after which a checkpoint was written; 0 if its name says none."""
    number = checkpoint.name.rpartition("-")[2]
    return int(number) if number.isdecimal() else 0


def read_result(folder: Path) -> StageResult | None:
    """What a stage came to; None if it is not done."""
    path = folder / DONE
    if not path.is_file() or not (folder / "model").is_dir():
        return None
    try:
        return msgspec.json.decode(read_whole(path), type=StageResult)
    except (OSError, msgspec.DecodeError) as error:
        raise UserError(f"'{path}' is damaged ({error}); remove it to train that stage again.") from error


def line_of(result: StageResult) -> str:
    """What a stage came to, in one line."""
    best = result.best
    parts = [
        f"{result.stage}: {result.steps} steps",
        f"best after {best.step}: L2 {best.validation.l2:.3f} m on {best.validation.frames} validation frames "
        f"(constant-action {best.validation.constant_action:.3f} m), {best.validation.format_errors:.1%} without a plan",
    ]
    if result.first_loss is not None and result.last_loss is not None:
        parts.append(f"loss {result.first_loss:.3f} -> {result.last_loss:.3f}")
    if result.dpo_accuracy is not None:
        parts.append(f"accuracy on held-out pairs {result.dpo_accuracy:.2f}")
    return "; ".join(parts)
