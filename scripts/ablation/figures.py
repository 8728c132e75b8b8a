"""What students are worth: their answers about test frames, and differences with intervals over scenes and seeds."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from lightemma.distillation.cases import Candidate
from lightemma.distillation.form import StudentForm
from lightemma.distillation.ranking import distance
from lightemma.distillation.recipe import Recipe
from lightemma.distillation.rows import SftRow
from lightemma.distillation.student_model import Student, load_student
from lightemma.distillation.validation import answers
from lightemma.frame import FloatArray
from lightemma.kinematics import hold_last_action
from lightemma.run_folder.store import read_frames, read_manifest


class Measured(msgspec.Struct):
    """A line of ``study.jsonl``.

    Attributes:
        arm: what was trained, or the name of a teacher.
        seed: of its weights and rows; -1 of a teacher.
        frames: ``scene/sample token`` of each frame.
        l2: metres of each frame; a frame without a plan has the constant action's.
        missing: share of the frames without a plan.
        tokens: of an answer.
        seconds: of one call, asked alone.
        memory: bytes of the GPU at the most, answering one call alone.
        kept: stage -> the step whose weights were kept, and its steps.
        accuracy: share of held-out pairs that a preference stage ordered rightly.
        updates: of the weights in all.
        texts: the answers, of some.
    """

    arm: str
    seed: int
    frames: list[str]
    l2: list[float]
    missing: float
    tokens: float = 0.0
    seconds: float = 0.0
    memory: int = 0
    kept: dict[str, list[int]] = {}
    accuracy: float | None = None
    updates: int = 0
    texts: list[str] = []


def measured(
    arm: str, seed: int, rows: Sequence[SftRow], plans: Sequence[FloatArray | None], **others: Any
) -> Measured:
    """The L2 of plans."""
    away, missing = [], 0
    for row, plan in zip(rows, plans, strict=True):
        missing += plan is None
        own = distance(
            Candidate("", hold_last_action(np.array(row.history)) if plan is None else plan), np.array(row.truth)
        )
        assert own is not None, "parsed plans are finite"
        away.append(round(own, 5))
    return Measured(arm, seed, [frame_of(row) for row in rows], away, missing / len(rows), **others)


def frame_of(row: SftRow) -> str:
    """The name of a row's frame."""
    return f"{row.scene}/{row.sample_token}"


def loaded(folder: Path, recipe: Recipe) -> Student:
    """A trained student, on the GPU if there is one."""
    import torch

    student = load_student(recipe, str(folder))
    if torch.cuda.is_available() and recipe.device == "auto":
        student.model.to("cuda")
    return student


def of_student(arm: str, seed: int, folder: Path, recipe: Recipe, rows: list[SftRow], form: StudentForm) -> Measured:
    """A student's answers about rows; its seconds are those of 8 calls, one after the other."""
    import torch

    student = loaded(folder, recipe)
    longest = recipe.max_answer_tokens
    said = answers(student.model, student.processor, rows, longest)
    tokens = float(np.mean([len(student.processor.tokenizer.encode(one.text)) for one in said]))
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
    started = time.perf_counter()
    for row in rows[:8]:
        answers(student.model, student.processor, [row], longest)
    seconds = (time.perf_counter() - started) / len(rows[:8])
    memory = torch.cuda.max_memory_allocated() if cuda else 0
    plans = [form.read(one.text, cut=not one.complete).actions for one in said]
    texts = [one.text for one in said]
    return measured(arm, seed, rows, plans, tokens=tokens, seconds=seconds, memory=memory, texts=texts)


def of_runs(runs: Sequence[Path], rows: Sequence[SftRow]) -> list[Measured]:
    """What the teachers, models and formulas, planned about the same frames."""
    plans: dict[str, dict[str, FloatArray | None]] = defaultdict(dict)
    seconds: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        manifest = read_manifest(run)
        name = ", ".join([*(model.name for model in manifest.models.values()), manifest.planner.name])
        for one in read_frames(run):
            plans[name][one.sample_token] = None if one.actions is None else np.array(one.actions)
            seconds[name].append(sum(call.latency_s or 0.0 for call in one.calls))
    return [
        measured(name, -1, rows, [its.get(row.sample_token) for row in rows], seconds=float(np.mean(seconds[name])))
        for name, its in plans.items()
    ]


def interval(one: Sequence[Measured], other: Sequence[Measured], draws: int = 4000) -> tuple[float, float, float]:
    """The difference of two arms over frames, and its 95 % interval by draws of scenes and of seeds, both paired.

    Args:
        one: an arm, by seed; a teacher stands once.
        other: the arm that is compared with.
        draws: how many.
    """
    seeds = (
        sorted({a.seed for a in one} & {b.seed for b in other}) if -1 not in {m.seed for m in (*one, *other)} else []
    )
    pairs = [(by_seed(one, seed), by_seed(other, seed)) for seed in seeds] or [(a, b) for a in one for b in other]
    scenes = sorted({frame.partition("/")[0] for frame in pairs[0][0].frames})
    place = {scene: number for number, scene in enumerate(scenes)}
    of = np.array([place[frame.partition("/")[0]] for frame in pairs[0][0].frames])
    counts = np.bincount(of, minlength=len(scenes))
    apart = np.array([np.bincount(of, np.array(a.l2) - np.array(b.l2), len(scenes)) for a, b in pairs])
    rng = np.random.default_rng(0)
    means = []
    for _ in range(draws):
        drawn = rng.integers(0, len(scenes), len(scenes))
        own = apart[rng.integers(0, len(pairs), len(pairs))].mean(axis=0)
        means.append(own[drawn].sum() / counts[drawn].sum())
    low, high = np.quantile(means, [0.025, 0.975])
    return float(apart.mean(axis=0).sum() / counts.sum()), float(low), float(high)


def by_seed(arm: Sequence[Measured], seed: int) -> Measured:
    """The student of a seed."""
    return next(one for one in arm if one.seed == seed)


def table(found: Sequence[Measured], reference: str) -> list[str]:
    """The lines of the table, each arm against the reference."""
    arms: dict[str, list[Measured]] = defaultdict(list)
    for one in found:
        arms[one.arm].append(one)
    lines = [
        "| | seeds | L2 (m), and of each seed | minus the student's, 95 % over scenes and seeds | without a plan | tokens | "
        "updates |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, its in arms.items():
        means = [float(np.mean(one.l2)) for one in its]
        each = "" if len(means) == 1 else f" ({', '.join(f'{mean:.3f}' for mean in means)})"
        away, low, high = interval(its, arms[reference])
        difference = "" if name == reference else f"{away:+.3f} [{low:+.3f}, {high:+.3f}]"
        lines.append(
            f"| {name} | {len(its) if its[0].seed >= 0 else ''} | {np.mean(means):.3f}{each} | {difference} | "
            f"{np.mean([one.missing for one in its]):.1%} | {np.mean([one.tokens for one in its]):.0f} | {its[0].updates} |"
        )
    first = arms[reference][0]
    scenes = {frame.partition("/")[0] for frame in first.frames}
    return [*lines, f"{len(first.frames)} frames of {len(scenes)} test scenes"]
