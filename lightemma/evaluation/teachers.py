"""Who taught whom among the runs of a comparison: as the user or the students' records say, or the same model asked more."""

from __future__ import annotations

from dataclasses import dataclass

from lightemma.evaluation.scores import RunScores
from lightemma.evaluation.statistics.means import mean
from lightemma.evaluation.study import Study

NAMED, RECORDED, SAME_MODEL = "named", "recorded", "same model"
#: Calls per frame that a run must save beside its own model asked in stages: a dialogue that is summarised once in a while is
#: no teacher of the same planner without.
FEWER = 0.5


@dataclass(frozen=True, slots=True)
class Taught:
    """A run and the run that taught it.

    Attributes:
        student: a run.
        teacher: another one, over the same frames.
        known: ``named`` by the user, ``recorded`` with the student's model, or the ``same model`` with more calls per frame.
    """

    student: RunScores
    teacher: RunScores
    known: str


def taught(study: Study) -> list[Taught]:
    """Every run with a model beside its teacher, where one of the runs is known to be that."""
    asked = [run for run in study.models if run.ok.any()]
    if study.teacher is not None:
        teacher = next(run for run in study.runs if run.name == study.teacher)
        return [Taught(run, teacher, NAMED) for run in asked if run is not teacher]
    found = []
    for run in asked:
        recorded = _recorded(study, run)
        if recorded is not None:
            found.append(Taught(run, recorded, RECORDED))
            continue
        stages = [one for one in asked if model_of(one) == model_of(run) and calls_of(one) > calls_of(run) + FEWER]
        if stages:
            found.append(Taught(run, max(stages, key=calls_of), SAME_MODEL))
    return found


def without_teacher(study: Study) -> list[tuple[str, tuple[str, ...]]]:
    """Runs of students none of whose recorded teachers is compared, with the names of these teachers."""
    known = {one.student.name for one in taught(study)}
    return [
        (run.name, taught_by(run)) for run in study.models if run.ok.any() and taught_by(run) and run.name not in known
    ]


def taught_by(run: RunScores) -> tuple[str, ...]:
    """Whose answers a run's model learnt from, as its manifest says."""
    return () if run.manifest is None or run.manifest.model is None else run.manifest.model.taught_by


def model_of(run: RunScores) -> tuple[str, str, str | None] | None:
    """What tells a run's model from others, however it is asked."""
    entry = None if run.manifest is None else run.manifest.model
    return None if entry is None else (entry.provider, entry.model, entry.revision)


def calls_of(run: RunScores) -> float:
    """Calls per frame that a run was answered."""
    return mean(run.calls[run.ok])


def _recorded(study: Study, run: RunScores) -> RunScores | None:
    names = {one.name: one for one in study.runs if one is not run and one.ok.any()}
    return next((names[name] for name in taught_by(run) if name in names), None)
