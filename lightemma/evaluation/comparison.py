"""A comparison of runs: one study, and every table that is made from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from lightemma.evaluation.metrics.displacement import Convention
from lightemma.evaluation.paper import paper_table
from lightemma.evaluation.reasoning.judge_reader import JudgeReader
from lightemma.evaluation.reasoning.reader_choice import RULES, find_reader
from lightemma.evaluation.scene_context import SceneContext
from lightemma.evaluation.scores import RunScores
from lightemma.evaluation.statistics.bootstrap import RESAMPLES, SEED
from lightemma.evaluation.study import Study, make_study
from lightemma.evaluation.tables import TABLES
from lightemma.evaluation.tables.base import BuiltTable, TableSet, build
from lightemma.evaluation.tables.plugin_tables import build_safely, outside_tables
from lightemma.evaluation.tables.references import References
from lightemma.evaluation.tables.summary import Summary
from lightemma.evaluation.warnings import warnings_about
from lightemma.garbage import rare_collections
from lightemma.paper_tables import PaperTable
from lightemma.steps import counted


class Choices(TypedDict, total=False):
    """How runs are compared; every way to a comparison takes these.

    Attributes:
        convention: L2 convention of every table but ``conventions``, which has all three.
        shared_only: cut all runs to the frames they share, instead of refusing runs over different frames.
        resamples: how many draws of scenes.
        seed: of the draws.
        tables: further tables, as ``package.module:Class`` or by the name of an installed package's.
        reader: what reads the models' words: ``rules``, an installed package's, or ``package.module:Class``.
        judge: name of the model whose stored judgments are read instead; None for the reader.
        teacher: name of the run whose students the others are, for the table ``students``.
    """

    convention: Convention
    shared_only: bool
    resamples: int
    seed: int
    tables: Sequence[str]
    reader: str
    judge: str | None
    teacher: str | None


@dataclass(frozen=True)
class Comparison(TableSet[Study]):
    """A study of runs over the same frames and its tables.

    Attributes:
        warnings: sentences about what these runs cannot show, and about tables that could not be made.
    """

    warnings: list[str]

    def paper(self) -> PaperTable:
        """The table for a paper."""
        return paper_table(self.study, self.rows(Summary), self.rows(References))

    @property
    def convention(self) -> Convention:
        """The L2 convention of every table but ``conventions``."""
        return self.study.convention

    @property
    def baseline(self) -> str:
        """Name of the run that differences are taken against."""
        return self.study.baseline.name

    @property
    def frames(self) -> int:
        """How many frames are compared."""
        return self.study.frames

    @property
    def scenes(self) -> int:
        """How many scenes they come from."""
        return self.study.scenes


@rare_collections()
def compare_runs(
    runs: Sequence[RunScores],
    convention: Convention = "lightemma",
    *,
    shared_only: bool = False,
    resamples: int = RESAMPLES,
    seed: int = SEED,
    context: SceneContext | None = None,
    folders: Mapping[str, Path] | None = None,
    tables: Sequence[str] = (),
    reader: str = RULES,
    judge: str | None = None,
    teacher: str | None = None,
) -> Comparison:
    """Compares runs over the same frames.

    Args:
        runs: at least one; the constant-action baseline is computed and added if none of them is it.
        convention: of every table but ``conventions``, which has all three.
        shared_only: cut all runs to the frames they share, instead of refusing runs over different frames.
        resamples: how many draws of scenes.
        seed: of the draws.
        context: pictures, scene facts, agents around and maps, where the data has them.
        folders: run name to the folder it is stored in, for what shows the models' answers.
        tables: further tables, as ``package.module:Class`` or by the name of an installed package's.
        reader: what reads the models' words.
        judge: name of the model whose stored judgments are read instead; None for the reader.
        teacher: name of the run whose students the others are, for the table ``students``.

    Raises:
        UserError: if the runs cannot be compared, two have the same name, one of ``tables`` or the reader cannot be used, or
            no run has judgments by this judge.
    """
    outside, notes = outside_tables(tables)
    study = make_study(
        runs,
        convention,
        shared_only=shared_only,
        resamples=resamples,
        seed=seed,
        context=context,
        folders=folders,
        reader=find_reader(reader) if judge is None else JudgeReader(judge, (folders or {}).values()),
        teacher=teacher,
    )
    built: dict[str, BuiltTable[Any]] = {
        table.name: build(table, study) for table in counted(TABLES, "comparing", "tables")
    }
    for table in outside:
        made = build_safely(table, study)
        if isinstance(made, str):
            notes.append(made)
        else:
            built[table.name] = made
    return Comparison(study, built, [*warnings_about(study), *notes])
