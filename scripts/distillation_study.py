"""The article's ablations on a tiny scale: a student without DPO, without the extra expert, without eyes, and teachers alone.

    lightemma simulate data --out DRIVES --seeds 100,101,102,118,109 --size 320x180 --renderer painter
    python scripts/distillation_study.py DRIVES --out OUT --steps 300

A model of about a million random weights learns from the expert's labels of simulated drives, and from three formulas that
see nothing; every student has the same start, steps and seeds. What it is worth is measured by its answers about frames of
the test part, whose towns it never saw. Figures of so small a training say that the parts work together, and no more.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lightemma.distillation.cases import Candidate
from lightemma.distillation.collect import CollectOptions, collect, summary
from lightemma.distillation.form import StudentForm
from lightemma.distillation.ranking import distance
from lightemma.distillation.recipe import Recipe, StageName
from lightemma.distillation.rows import SFT, SftRow, read_file
from lightemma.distillation.student_data import StudentData
from lightemma.distillation.student_model import load_student
from lightemma.distillation.train import Training, evenly
from lightemma.distillation.validation import answers
from lightemma.frame import EgoHistory, FloatArray, Frame, Pose
from lightemma.kinematics import driven_back, hold_last_action
from lightemma.sessions.benchmark import Benchmark
from lightemma.sessions.frames_of_source import open_runs

FORMULAS = ("constant-action", "constant-acceleration", "damped-acceleration")
SIDE, PATCH, HIDDEN, LAYERS = 96, 16, 128, 2
QUESTION = "speeds {{speeds}} curvatures {{curvatures}} plan:"
TEMPLATE = (
    "{% for m in messages %}{% if m['role'] == 'user' %}{% for c in m['content'] %}{% if c['type'] == 'image' %}<image>"
    "{% else %}{{ c['text'] }}{% endif %}{% endfor %}\n{% else %}{% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for c in m['content'] %}{{ c['text'] }}{% endfor %}{% endif %}</s>{% endif %}{% endfor %}"
)


@dataclass(frozen=True)
class Measured:
    """L2 of each scene's frames, metres, and the share without a plan."""

    name: str
    by_scene: dict[str, list[float]]
    missing: float
    tokens: float
    seconds: float


def prompts(folder: Path) -> Path:
    """A prompt set with a short question, so that a tiny student has little to read."""
    folder.mkdir(parents=True, exist_ok=True)
    for stage in ("scene", "intent", "action", "single-call-direct"):
        (folder / f"{stage}.txt").write_text(QUESTION if stage == "single-call-direct" else "unused")
    return folder


def tiny_model(folder: Path, form: StudentForm, seed: int) -> Path:
    """A Llava of random weights, whose tokenizer reads numbers digit by digit."""
    import torch
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    core = Tokenizer(models.BPE())
    digits: Any = pre_tokenizers.Digits(individual_digits=True)
    core.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    core.decoder = decoders.ByteLevel()
    speeds = np.random.default_rng(0).uniform(0, 15, (50, 6))
    texts = [form.answer(np.column_stack([row, (row - 7) / 100])) for row in speeds]
    history = np.tile([5.0, 0.01], (6, 1))
    frame = Frame("s", 0, "t", 0, "", None, None, Pose(0, 0, 0), EgoHistory(driven_back(history), history), None)
    texts += ["".join(part or "" for part in form.question(frame)) + "\n"] * 50
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<pad>", "<s>", "</s>", "<image>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator(texts, trainer)
    tokens = transformers.PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<s>", eos_token="</s>", pad_token="<pad>", model_max_length=2048
    )
    vision = transformers.CLIPVisionConfig(
        hidden_size=96,
        intermediate_size=192,
        num_hidden_layers=3,
        num_attention_heads=4,
        image_size=SIDE,
        patch_size=PATCH,
    )
    text = transformers.LlamaConfig(
        vocab_size=len(tokens), hidden_size=HIDDEN, intermediate_size=3 * HIDDEN, num_hidden_layers=LAYERS,
        num_attention_heads=4, max_position_embeddings=1024, bos_token_id=tokens.bos_token_id, eos_token_id=tokens.eos_token_id,
        pad_token_id=tokens.pad_token_id, tie_word_embeddings=True,
    )  # fmt: skip
    torch.manual_seed(seed)
    model = transformers.LlavaForConditionalGeneration(
        transformers.LlavaConfig(
            text_config=text,
            vision_config=vision,
            image_token_index=tokens.convert_tokens_to_ids("<image>"),
            vision_feature_layer=-1,
        )
    )
    size = {"height": SIDE, "width": SIDE}
    processor = transformers.LlavaProcessor(
        image_processor=CLIPImageProcessorPil(size=size, do_center_crop=False),
        tokenizer=tokens,
        patch_size=PATCH,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=TEMPLATE,
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def teachers(drives: list[Path], results: Path) -> list[Path]:
    """Runs of the formulas over the drives."""
    found = []
    for place in drives:
        own = results / place.resolve().name
        benchmark = Benchmark(data=f"nuscenes:{place}@v1.0-sim", planners=list(FORMULAS))
        session = open_runs(benchmark, own)
        session.run()
        found += [own / job.name for job in session.jobs]
    return found


def of_student(name: str, folder: Path, recipe: Recipe, rows: list[SftRow], form: StudentForm) -> Measured:
    """A student's answers about rows."""
    student = load_student(recipe, str(folder))
    started = time.process_time()
    said = answers(student.model, student.processor, rows, recipe.max_answer_tokens)
    seconds = (time.process_time() - started) / len(rows)
    tokens = np.mean([len(student.processor.tokenizer.encode(one.text)) for one in said])
    plans = [form.read(one.text, cut=not one.complete).actions for one in said]
    return measured(name, rows, plans, float(tokens), seconds)


def measured(
    name: str, rows: list[SftRow], plans: list[FloatArray | None], tokens: float = 0.0, seconds: float = 0.0
) -> Measured:
    """The L2 of plans; a frame without one counts as the constant action's."""
    by_scene: dict[str, list[float]] = {}
    missing = 0
    for row, plan in zip(rows, plans, strict=True):
        missing += plan is None
        held = hold_last_action(np.array(row.history))
        own = distance(Candidate("", held if plan is None else plan), np.array(row.truth))
        assert own is not None
        by_scene.setdefault(row.scene, []).append(own)
    return Measured(name, by_scene, missing / len(rows), tokens, seconds)


def interval(one: Measured, other: Measured) -> tuple[float, float, float]:
    """The difference of two means over frames, and its 95 % interval by 2,000 draws of scenes."""
    rng = np.random.default_rng(0)
    scenes = list(one.by_scene)
    apart = np.array([np.sum(np.array(one.by_scene[name]) - np.array(other.by_scene[name])) for name in scenes])
    counts = np.array([len(one.by_scene[name]) for name in scenes])
    drawn = rng.integers(0, len(scenes), (2000, len(scenes)))
    means = apart[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(apart.sum() / counts.sum()), float(low), float(high)


def main() -> None:
    """Collects, trains and measures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("drives", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--dpo-steps", type=int, default=60)
    parser.add_argument("--every", type=int, default=3)
    parser.add_argument("--test-frames", type=int, default=150)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    form = StudentForm(prompts=str(prompts(given.out / "prompts").resolve()))
    base = tiny_model(given.out / "base", form, given.seed)
    places = [*given.drives, *teachers(given.drives, given.out / "runs")]
    kinds = {"expert": CollectOptions(form, every=given.every)}
    kinds["blind"] = CollectOptions(form, every=given.every, blind=True)
    kinds["formulas"] = CollectOptions(form, every=given.every, learn="best")
    for name, options in kinds.items():
        if not (given.out / name / "distillation.json").is_file():
            manifest = collect(places, given.out / name, options)
            print(f"{name}: " + "; ".join(summary(manifest)), flush=True)
    stage = {"steps": given.steps, "learning_rate": 2e-3, "batch": 16}
    shared: dict[str, Any] = {
        "model": str(base), "device": "cpu", "seed": given.seed, "max_answer_tokens": 90, "sft": stage,
        "dpo": {"steps": given.dpo_steps, "learning_rate": 1e-4, "batch": 8, "beta": 0.1, "likelihood": 1.0},
        "validation": {"frames": 48, "every": max(1, given.steps // 3)}, "checkpoint_every": 100,
    }  # fmt: skip
    rows = {
        name: evenly(
            [row for row in read_file(given.out / name / SFT, SftRow) if row.part == "test"], given.test_frames
        )
        for name in kinds
    }
    found: list[Measured] = []
    wanted: list[tuple[str, str, list[StageName]]] = [
        ("student (SFT, DPO)", "expert", ["sft", "dpo"]),
        ("without the extra expert", "formulas", ["sft", "dpo"]),
        ("without eyes (grey pictures)", "blind", ["sft", "dpo"]),
    ]
    for title, data, stages in wanted:
        started = time.process_time()
        recipe = Recipe(stages=stages, **shared)
        training = Training(given.out / f"student-{data}", recipe, StudentData.read([given.out / data]), print)
        training.run(stages)
        print(f"{title}: {time.process_time() - started:.0f} s of processor time", flush=True)
        # All are asked about the same frames and measured against the same truth, the expert's.
        asked = rows["blind" if data == "blind" else "expert"]
        found.append(of_student(title, training.folder / "model", recipe, asked, form))
        if data == "expert":
            found.append(of_student("without DPO", training.folder / "sft" / "model", recipe, asked, form))
            found.append(of_student("the student, shown grey", training.folder / "model", recipe, rows["blind"], form))
    reference, asked = found[0], rows["expert"]
    for formula in FORMULAS:
        found.append(measured(f"teacher only: {formula}", asked, formula_plans(given.out / "runs", formula, asked)))
    print(
        "| | L2 (m) | minus the student's, 95 % over scenes | without a plan | tokens | s |\n|---|---|---|---|---|---|"
    )
    for one in found:
        mean = np.concatenate([np.array(values) for values in one.by_scene.values()]).mean()
        away, low, high = interval(one, reference)
        print(
            f"| {one.name} | {mean:.3f} | {away:+.3f} [{low:+.3f}, {high:+.3f}] | {one.missing:.1%} | {one.tokens:.0f} | "
            f"{one.seconds:.2f} |"
        )
    print(f"{len(asked)} frames of {len(reference.by_scene)} test scenes")
    (given.out / "study.json").write_text(json.dumps([vars(one) for one in found]))


def formula_plans(results: Path, formula: str, rows: list[SftRow]) -> list[FloatArray | None]:
    """What a formula planned on rows."""
    from lightemma.run_folder.places import find_runs
    from lightemma.run_folder.store import read_frames, read_manifest

    plans: dict[str, FloatArray | None] = {}
    for run in find_runs(sorted(results.iterdir())):
        if read_manifest(run).planner.name == formula:
            plans |= {
                one.sample_token: None if one.actions is None else np.array(one.actions) for one in read_frames(run)
            }
    return [plans[row.sample_token] for row in rows]


if __name__ == "__main__":
    main()
