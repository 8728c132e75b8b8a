"""The arms of the study: what is left out of the student's training, and what is added to it."""

from __future__ import annotations

import functools
import shutil
import tarfile
import time
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from ablation import figures
from ablation.figures import Measured, of_student
from ablation.student import fresh
from lightemma.distillation import student_data, validation
from lightemma.distillation.cases import Candidate
from lightemma.distillation.ranking import distance
from lightemma.distillation.recipe import Recipe, StageName
from lightemma.distillation.rows import DpoRow, PictureFile, SftRow
from lightemma.distillation.student_data import StudentData
from lightemma.distillation.student_model import load_student
from lightemma.distillation.train import BestKeeper, StageResult, Training, evenly
from lightemma.distillation.validation import answers

STUDENT = "student: SFT and DPO"


@dataclass(frozen=True)
class Arm:
    """One way to train.

    Attributes:
        name: in the table.
        data: the rows that it learns from.
        stages: which.
        after: the arm whose SFT model it starts from; a fresh one if empty.
        more: whether its SFT is as short as the DPO stage that it stands for.
    """

    name: str
    data: str
    stages: tuple[StageName, ...]
    after: str = ""
    more: bool = False


SFT = "without DPO: SFT"
#: The article's arms first, for every seed; the others as time allows.
CORE = (
    Arm(SFT, "expert", ("sft",)),
    Arm(STUDENT, "expert", ("dpo",), SFT),
    Arm("without DPO: SFT for as many more updates", "expert", ("sft",), SFT, more=True),
    Arm("without the expert: the best of the teachers, SFT and DPO", "teachers", ("sft", "dpo")),
    Arm("without eyes: grey pictures, SFT and DPO", "blind", ("sft", "dpo")),
)
MORE = (
    Arm("the teacher's answers alone: SFT", "imitation", ("sft",)),
    Arm("SFT and GRPO", "expert", ("grpo",), SFT),
    Arm("SFT and DPO against its own answers", "own", ("dpo",), SFT),
    Arm("SFT and on-policy distillation", "expert", ("on-policy",), SFT),
)
#: Arms whose first seed's weights are kept beside the results, for the closed loop and for other tables.
KEPT = {STUDENT: "student", "the teacher's answers alone: SFT": "imitation"}
WIDE = "its teacher by likelihoods, 1.5 times as wide: SFT"


def keep_pixels() -> None:
    """Keeps the rows' pictures, and what the image processor makes of them: most of the time of an update would go there."""
    from transformers.image_processing_utils import BatchFeature
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    made, opened = CLIPImageProcessorPil.preprocess, student_data.opened
    known: dict[int, Any] = {}

    @functools.cache
    def held(file: PictureFile) -> Any:
        picture = opened(file)
        known[id(picture)] = None
        return picture

    def kept(self: Any, images: Any, *args: Any, return_tensors: Any = None, **others: Any) -> Any:
        flat = []
        for one in images if isinstance(images, (list, tuple)) else [images]:
            flat += one if isinstance(one, (list, tuple)) else [one]
        if not all(id(one) in known for one in flat):
            return made(self, images, *args, return_tensors=return_tensors, **others)
        for one in flat:
            if known[id(one)] is None:
                known[id(one)] = made(self, [one], *args, return_tensors="np", **others)["pixel_values"][0]
        return BatchFeature({"pixel_values": np.stack([known[id(one)] for one in flat])}, tensor_type=return_tensors)

    student_data.opened = held
    CLIPImageProcessorPil.preprocess = kept


@dataclass
class Study:
    """Trains and measures arms.

    Attributes:
        rows: folder of the data sets.
        out: folder of the students, in which ``results`` gets a line for each.
        results: file.
        settings: of the recipe, all but the model, the stages and the seed.
        deadline: seconds since 1970 after which no arm is begun that would not end in time.
        test_frames: at most so many.
    """

    rows: Path
    out: Path
    results: Path
    settings: dict[str, Any]
    deadline: float
    test_frames: int
    sets: dict[str, StudentData] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Small pictures are kept in the memory as the model reads them, and many answers are generated together.
        keep_pixels()
        validation.BATCH = 256  # type: ignore[misc]

    def data(self, name: str) -> StudentData:
        """A data set."""
        if name not in self.sets:
            self.sets[name] = StudentData.read([self.rows / name])
            self.say(f"{name}: {len(self.sets[name].sft)} rows, {len(self.sets[name].dpo)} pairs")
        return self.sets[name]

    def say(self, text: str) -> None:
        """A line of the log."""
        print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)

    def run(self, wanted: Iterable[tuple[Arm, int]]) -> None:
        """Trains arms, each with a seed, as far as time allows; what fails is logged, and the others go on."""
        for arm, seed in wanted:
            expected = self.seconds.get(arm.name, self.seconds.get(SFT, 0.0) / 2)
            if time.time() + 1.1 * expected > self.deadline:
                self.say(f"no time for {arm.name}, seed {seed}")
                continue
            started = time.time()
            try:
                self.one(arm, seed)
            except Exception:
                self.say(f"{arm.name}, seed {seed}: {traceback.format_exc()}")
            self.seconds[arm.name] = time.time() - started
            self.say(f"{arm.name}, seed {seed}: {self.seconds[arm.name]:.0f} s")

    def time_steps(self, count: int = 20) -> float:
        """Seconds of an update, from a short training that is thrown away."""
        times: list[float] = []
        for row in self.data("expert").sft_of("train"):
            student_data.prompt_example(row)  # pictures are read once
        self.say("pictures are read")
        short = self.recipe(("sft",), 0)
        short = short.model_copy(update={"sft": short.sft.model_copy(update={"steps": count})})
        frames = short.validation.model_copy(update={"every": count // 2, "frames": 1})
        short = short.model_copy(update={"validation": frames})
        training = Training(self.out / "timing", short, self.data("expert"), self.say)
        look = BestKeeper.look

        def noted(keeper: Any, model: Any, step: int) -> Any:
            times.append(time.time())
            return look(keeper, model, step)

        BestKeeper.look = noted  # type: ignore[method-assign]
        try:
            training.run(["sft"])
        finally:
            BestKeeper.look = look  # type: ignore[method-assign]
        return (times[2] - times[1]) / (count - count // 2)

    def one(self, arm: Arm, seed: int) -> None:
        """Trains and measures one arm."""
        folder = self.folder(arm.name, seed)
        data = self.own(seed) if arm.data == "own" else self.data(arm.data)
        recipe = self.recipe(arm.stages, seed)
        if arm.more:
            short = recipe.sft.model_copy(update={"steps": recipe.dpo.steps, "learning_rate": recipe.dpo.learning_rate})
            recipe = recipe.model_copy(update={"sft": short})
        if "on-policy" in arm.stages:
            teacher = self.folder(WIDE, 0) / "model"
            if not teacher.exists():
                self.wide()
            recipe = recipe.model_copy(
                update={"on_policy": recipe.on_policy.model_copy(update={"teacher": str(teacher.resolve())})}
            )
        start = str((self.folder(arm.after, seed) / "model").resolve()) if arm.after else None
        say = functools.partial(self._said, arm.name, seed)
        results = Training(folder, recipe, data, say).run(arm.stages, start)
        asked = self.data("blind" if arm.data == "blind" else "expert")
        self.measure(arm, seed, recipe, asked, results)
        if arm.name == STUDENT:
            self.measure(
                replace(arm, name=f"{STUDENT}, shown grey pictures"), seed, recipe, self.data("blind"), results, folder
            )

    def _said(self, name: str, seed: int, text: str) -> None:
        self.say(f"{name}, seed {seed}: {text}")

    def measure(
        self,
        arm: Arm,
        seed: int,
        recipe: Recipe,
        asked: StudentData,
        results: Sequence[StageResult],
        folder: Path | None = None,
    ) -> None:
        """Asks a student about the test frames and notes what it is worth."""
        rows = evenly(asked.sft_of("test"), self.test_frames)
        place = (folder or self.folder(arm.name, seed)) / "model"
        found = of_student(arm.name, seed, place, recipe, rows, asked.form)
        found.kept = {one.stage: [one.best.step, one.steps] for one in results}
        found.accuracy = next((one.dpo_accuracy for one in results if one.dpo_accuracy is not None), None)
        found.updates = sum(one.steps for one in results) + (self.settings["sft"]["steps"] if arm.after else 0)
        if seed:
            found.texts = []
        elif arm.name in KEPT:
            self.keep(arm.name, place)
        self.note(found)

    def keep(self, name: str, place: Path) -> None:
        """Packs the weights of an arm's first seed, in 16 bits, beside the results."""
        import torch

        student = load_student(self.recipe(("sft",), 0), str(place)).model.to(torch.float16)
        draft = self.out / "kept"
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(place, draft)
        student.save_pretrained(draft)
        with tarfile.open(self.results.parent / f"{KEPT[name]}.tar.xz", "w:xz") as archive:
            archive.add(draft, KEPT[name])

    def note(self, found: Measured) -> None:
        """Adds a line to the results."""
        self.say(f"{found.arm}, seed {found.seed}: L2 {np.mean(found.l2):.3f} m, {found.missing:.1%} without a plan")
        with self.results.open("ab") as file:
            file.write(msgspec.json.encode(found) + b"\n")

    def folder(self, arm: str, seed: int) -> Path:
        """Of a training."""
        name = "".join(letter if letter.isalnum() else "-" for letter in arm)
        return self.out / f"{name}-{seed}"

    def recipe(self, stages: Sequence[StageName], seed: int) -> Recipe:
        """Of an arm; its fresh weights are made where they are missing."""
        place = self.out / f"fresh-{seed}"
        if not place.is_dir():
            fresh(place, self.data("expert").form, seed)
        values = {**self.settings, "model": str(place.resolve()), "stages": ["sft"], "seed": seed}
        return Recipe(**values).model_copy(update={"stages": list(stages)})

    def own(self, seed: int) -> StudentData:
        """The expert's rows, whose pairs are the expert's answer against the SFT student's own to the same question."""
        data, recipe = self.data("expert"), self.recipe(("sft",), seed)
        student = figures.loaded(self.folder(SFT, seed) / "model", recipe)
        rows = [*evenly(data.sft_of("train"), 2048), *evenly(data.sft_of("validation"), 256)]
        pairs = []
        for one in answers(student.model, student.processor, rows, recipe.max_answer_tokens):
            plan = data.form.read(one.text, cut=not one.complete).actions
            away = None if plan is None else distance(Candidate("", plan), np.array(one.row.truth))
            if away is None or away > 0.1:
                pairs.append(_pair(one.row, one.text, away))
        self.say(f"own answers, seed {seed}: {len(pairs)} pairs of {len(rows)} frames")
        return StudentData(data.folders, data.form, data.sft, pairs)

    def wide(self) -> None:
        """Trains the teacher of the on-policy stage: wider than the student, and as long."""
        place = self.out / "fresh-wide"
        fresh(place, self.data("expert").form, 100, width=192)
        recipe = self.recipe(("sft",), 0).model_copy(update={"model": str(place.resolve())})
        arm = Arm(WIDE, "expert", ("sft",))
        data = self.data("expert")
        results = Training(self.folder(WIDE, 0), recipe, data, functools.partial(self._said, WIDE, 0)).run(arm.stages)
        self.measure(arm, 0, recipe, data, results)


def _pair(row: SftRow, said: str, away: float | None) -> DpoRow:
    shared = {
        name: getattr(row, name)
        for name in ("part", "scene", "sample_token", "group", "parts", "pictures", "history", "truth")
    }
    return DpoRow(
        **shared,
        chosen=row.completion,
        rejected=said,
        reason="unparsable" if away is None else "l2",
        margin=away,
        teachers=(row.teacher, "student"),
    )
