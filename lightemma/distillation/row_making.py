"""Makes the rows of a frame: what a student learns of it, and which answers are better than which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lightemma.data.commands import command_of
from lightemma.distillation.cases import Candidate, Case
from lightemma.distillation.collect_options import CollectOptions
from lightemma.distillation.critic import Objection, objections
from lightemma.distillation.form import StudentForm
from lightemma.distillation.ranking import Preference, distance, preferences
from lightemma.distillation.rows import CorrectionRow, DpoRow, PictureFile, SftRow
from lightemma.files import digest_of
from lightemma.frame import Frame
from lightemma.label_rows import Pair
from lightemma.sessions.views import picture_paths


@dataclass(slots=True)
class Rows:
    """All rows so far.

    Attributes:
        sft: what is learnt.
        dpo: pairs.
        corrections: what the critic holds against teachers.
        left_out: why -> how many.
        ties: pairs that nothing tells apart.
        knowing: rows of ``sft`` whose answer is the expert's.
    """

    sft: list[SftRow] = field(default_factory=list)
    dpo: list[DpoRow] = field(default_factory=list)
    corrections: list[CorrectionRow] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    ties: int = 0
    knowing: int = 0


def add_rows(case: Case, options: CollectOptions, rows: Rows, digests: dict[Path, str]) -> None:
    """Adds the rows of a frame, or the reason why it has none.

    Args:
        case: the frame with all answers.
        options: how.
        rows: all so far.
        digests: of the pictures that were read so far.
    """
    frame, form = case.frame, options.form
    if case.truth is None:
        rows.left_out["no ground truth"] += 1
        return
    if form.command and frame.command is None:
        if case.town or case.place is not None:
            rows.left_out["no command"] += 1
            return
        # As recorded frames get it, from the future: manifests of runs say so.
        frame = replace(frame, command=command_of(case.truth))
    pictures = _pictures(frame, form, options, rows, digests)
    if pictures is None:
        return
    parts = form.question(frame)
    history: list[Pair] = [(speed, curvature) for speed, curvature in frame.history.actions.tolist()]
    truth: list[Pair] = [(x, y) for x, y in case.truth.tolist()]
    shared: dict[str, Any] = {
        "part": case.part,
        "scene": frame.scene,
        "sample_token": frame.sample_token,
        "group": case.group,
        "parts": parts,
        "pictures": pictures,
        "history": history,
        "truth": truth,
    }
    answers = [one for one in case.answers if not (one.knows and options.learn == "best")]
    # Another parser than the student's may have refused what the student's reads: no example of an answer without a plan.
    refused = [
        one for one in answers if one.actions is None and form.read(form.unreadable(one.text)).actions is not None
    ]
    rows.left_out["an answer that was refused but reads as a plan"] += len(refused)
    answers = [one for one in answers if all(one is not other for other in refused)]
    against = [_first_objection(one, case, options) for one in answers]
    for one, objection in zip(answers, against, strict=True):
        if objection is not None:
            rows.corrections.append(
                CorrectionRow(
                    part=case.part,
                    scene=frame.scene,
                    sample_token=frame.sample_token,
                    teacher=one.teacher,
                    kind=objection.kind,
                    sentence=objection.sentence,
                )
            )
    costs = _costs(case, answers, options)
    ranked = preferences(
        costs,
        options.margin,
        options.pairs,
        options.rank,
        [one.kind if one else "" for one in against],
        [_written(one, form) for one in answers],
    )
    rows.ties += ranked.ties
    rows.left_out["rejected answers without a better one"] += ranked.unpaired
    rows.dpo += [_dpo_row(preference, answers, form, shared) for preference in ranked.kept]
    _add_sft(answers, costs, against, options, rows, shared)


def _add_sft(
    answers: Sequence[Candidate],
    costs: Sequence[float | None],
    against: Sequence[Objection | None],
    options: CollectOptions,
    rows: Rows,
    shared: dict[str, Any],
) -> None:
    usable = [
        (0 if one.knows else 1, cost, place)
        for place, (one, cost, objection) in enumerate(zip(answers, costs, against, strict=True))
        if cost is not None and objection is None and one.actions is not None
    ]
    if not usable:
        contradicted = any(cost is not None and objection for cost, objection in zip(costs, against, strict=True))
        rows.left_out[
            "every plan or its words contradict what is seen" if contradicted else "no teacher has a plan"
        ] += 1
        return
    best = answers[min(usable)[2]]
    if options.form.reasoning and not best.words.strip():
        rows.left_out["the teacher says no words"] += 1
        return
    assert best.actions is not None, "chosen so"
    rows.knowing += best.knows
    rows.sft.append(SftRow(**shared, completion=options.form.answer(best.actions, best.words), teacher=best.teacher))


def _written(one: Candidate, form: StudentForm) -> str:
    """An answer as the student would write it."""
    if one.actions is None:
        return form.unreadable(one.text, one.words)
    return form.answer(one.actions, one.words)


def _dpo_row(one: Preference, answers: Sequence[Candidate], form: StudentForm, shared: dict[str, Any]) -> DpoRow:
    better, worse = answers[one.chosen], answers[one.rejected]
    return DpoRow(
        **shared,
        chosen=_written(better, form),
        rejected=_written(worse, form),
        reason=one.reason,
        margin=one.margin,
        teachers=(better.teacher, worse.teacher),
    )


def _costs(case: Case, answers: Sequence[Candidate], options: CollectOptions) -> list[float | None]:
    if options.rank == "rollout" and case.costs is not None:
        known = dict(zip(map(id, case.answers), case.costs, strict=True))
        return [known[id(one)] for one in answers]
    assert case.truth is not None, "checked before"
    return [distance(one, case.truth) for one in answers]


def _first_objection(one: Candidate, case: Case, options: CollectOptions) -> Objection | None:
    # The expert's words are always judged where they are learnt: it knows more than is seen.
    judged = options.form.reasoning if one.knows else options.critic
    found = objections(one, case.facts) if judged else []
    return found[0] if found else None


def _pictures(
    frame: Frame, form: StudentForm, options: CollectOptions, rows: Rows, digests: dict[Path, str]
) -> list[PictureFile] | None:
    paths = picture_paths(frame, form.pictures)
    missing = not paths or not all(path.is_file() for path in paths)
    if missing:
        rows.left_out["the picture is not on this machine"] += 1
        return None
    for path in paths:
        if path not in digests:
            digests[path] = digest_of(path)
    return [PictureFile(str(path.resolve()), digests[path], options.blind) for path in paths]
