"""The tables of a comparison, one file each; a new one is a new file and a line in ``TABLES``."""

from __future__ import annotations

from typing import Any

from lightemma.evaluation.tables.base import Table
from lightemma.evaluation.tables.calibration import Calibration
from lightemma.evaluation.tables.choices import Choices
from lightemma.evaluation.tables.claims import Claims
from lightemma.evaluation.tables.common import Common
from lightemma.evaluation.tables.common_removed import CommonRemoved
from lightemma.evaluation.tables.conventions import Conventions
from lightemma.evaluation.tables.copies import Copies
from lightemma.evaluation.tables.disagreement import Disagreement
from lightemma.evaluation.tables.errors import Errors
from lightemma.evaluation.tables.experts import Experts
from lightemma.evaluation.tables.experts_paired import ExpertsPaired
from lightemma.evaluation.tables.feasibility import Feasibility
from lightemma.evaluation.tables.horizons import Horizons
from lightemma.evaluation.tables.imputed import Imputed
from lightemma.evaluation.tables.influence import Influence
from lightemma.evaluation.tables.inputs import Inputs
from lightemma.evaluation.tables.language import Language
from lightemma.evaluation.tables.paired import Paired
from lightemma.evaluation.tables.power import Power
from lightemma.evaluation.tables.probes import Probes
from lightemma.evaluation.tables.ranks import Ranks
from lightemma.evaluation.tables.reasoning import Reasoning
from lightemma.evaluation.tables.reasoning_cells import ReasoningCells
from lightemma.evaluation.tables.reasoning_sensitivity import ReasoningSensitivity
from lightemma.evaluation.tables.references import References
from lightemma.evaluation.tables.safety import Safety
from lightemma.evaluation.tables.samples import Samples
from lightemma.evaluation.tables.stopping import Stopping
from lightemma.evaluation.tables.strata import Strata
from lightemma.evaluation.tables.students import Students
from lightemma.evaluation.tables.summary import Summary

#: Every table that the program has, in the order in which they are written.
TABLES: tuple[Table[Any], ...] = (
    Summary(),
    Common(),
    CommonRemoved(),
    Conventions(),
    Errors(),
    Paired(),
    Inputs(),
    Samples(),
    Choices(),
    Experts(),
    ExpertsPaired(),
    Students(),
    Strata(),
    Ranks(),
    Influence(),
    Power(),
    Stopping(),
    Imputed(),
    References(),
    Copies(),
    Horizons(),
    Calibration(),
    Feasibility(),
    Safety(),
    Probes(),
    Reasoning(),
    ReasoningCells(),
    ReasoningSensitivity(),
    Claims(),
    Disagreement(),
    Language(),
)
