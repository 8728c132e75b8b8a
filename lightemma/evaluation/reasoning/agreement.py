"""How well a reader agrees with people: share of equal readings and Cohen's kappa, field by field.

    kappa = (agreement - chance) / (1 - chance),   chance = sum over values of share by reader * share by people

J. Cohen, A coefficient of agreement for nominal scales, Educational and Psychological Measurement 20(1), 1960. Kappa is
unknown where chance alone agrees always (both gave one value to everything).
"""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TextIO

from lightemma.evaluation.reasoning.reader import Reader
from lightemma.evaluation.reasoning.readings import CLAIM_FIELDS
from lightemma.run_folder.manifest import Manifest

INTENT_FIELDS = ("longitudinal", "lateral", "stated_speed")
FIELDS = (*INTENT_FIELDS, *CLAIM_FIELDS)
#: Two stated speeds are the same within this, m/s.
SAME_SPEED = 0.25
#: A field that agrees less often is reported as unreliable.
RELIABLE = 0.90
#: Statements of all runs together.
ALL = "all"
_SHIPPED = "agreement.csv"


@dataclass(frozen=True, slots=True)
class LabelledStatement:
    """One statement that a person read.

    Attributes:
        run: whose statement it is.
        scene: name of the scene.
        frame_index: place among the scene's benchmark frames.
        stage: ``intent`` or ``scene``.
        text_sha256: of the statement, see :func:`~lightemma.run_folder.judgments.digest`.
        labels: field to value; a stated speed is empty where none is said.
    """

    run: str
    scene: str
    frame_index: int
    stage: str
    text_sha256: str
    labels: dict[str, str]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How often a reader and people say the same of one field.

    Attributes:
        run: whose statements, or ``all``.
        field: what was read.
        statements: how many.
        agreement: share of equal values.
        kappa: Cohen's; NaN where chance agrees always.
    """

    run: str
    field: str
    statements: int
    agreement: float
    kappa: float


def read_labels(file: TextIO) -> list[LabelledStatement]:
    """The statements of a label file."""
    return [
        LabelledStatement(
            row["run"], row["scene"], int(row["frame_index"]), row["stage"], row["text_sha256"],
            {field: row[field] for field in FIELDS},
        )
        for row in csv.DictReader(file)
    ]  # fmt: skip


def read_as_labels(reader: Reader, stage: str, text: str) -> dict[str, str] | None:
    """A reader's values of the fields of a stage, as a label file writes them; None where it has no reading."""
    if stage == "intent":
        intent = reader.read_intent(text)
        if intent is None:
            return None
        speed = "" if intent.stated_speed is None else f"{intent.stated_speed:.3f}"
        return {"longitudinal": intent.longitudinal, "lateral": intent.lateral, "stated_speed": speed}
    scene = reader.read_scene(text)
    return None if scene is None else {field: scene.claim(field) for field in CLAIM_FIELDS}


def same_value(field: str, first: str, second: str) -> bool:
    """Whether two values of a field are the same; speeds within 0.25 m/s."""
    if field != "stated_speed" or not first or not second:
        return first == second
    return abs(float(first) - float(second)) <= SAME_SPEED


def agreement(run: str, field: str, pairs: Sequence[tuple[str, str]]) -> Agreement:
    """Agreement over pairs of (a person's value, the reader's value)."""
    if not pairs:
        return Agreement(run, field, 0, math.nan, math.nan)
    same = sum(same_value(field, *pair) for pair in pairs) / len(pairs)
    if field == "stated_speed":  # speeds are no kinds: by chance, one is said or not
        pairs = [("said" if one else "", "said" if other else "") for one, other in pairs]
    ours, theirs = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    chance = sum(ours[value] * theirs[value] for value in ours) / len(pairs) ** 2
    return Agreement(run, field, len(pairs), same, (same - chance) / (1 - chance) if chance < 1 else math.nan)


def agreements(found: Iterable[tuple[LabelledStatement, dict[str, str]]]) -> list[Agreement]:
    """Agreement by field, over all runs and run by run.

    Args:
        found: each labelled statement with the reader's values.
    """
    pairs: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for statement, values in found:
        for field, value in values.items():
            for run in (ALL, statement.run):
                pairs.setdefault((run, field), []).append((statement.labels[field], value))
    runs = [ALL, *sorted({run for run, _ in pairs} - {ALL})]
    return [agreement(run, field, pairs[run, field]) for run in runs for field in FIELDS if (run, field) in pairs]


@cache
def shipped() -> dict[tuple[str, str], Agreement]:
    """(run, field) to the agreement of the rules with the shipped labels, as ``scripts/check_readers.py`` last wrote it."""
    place = resources.files("lightemma.evaluation.reasoning").joinpath(_SHIPPED)
    rows = csv.DictReader(place.read_text(encoding="utf-8").splitlines())
    made = [
        Agreement(
            row["run"], row["field"], int(row["statements"]), float(row["agreement"]), float(row["kappa"] or "nan")
        )
        for row in rows
    ]
    return {(one.run, one.field): one for one in made}


def model_of(manifest: Manifest | None) -> str:
    """The name that a run's model has among the labelled runs."""
    return "" if manifest is None or manifest.model is None else manifest.model.name


def unreliable(model: str) -> list[str]:
    """The fields that the rules read with less than 90 % agreement: by the model's own labelled statements, else by all."""
    known = shipped()
    return [field for field in FIELDS if known.get((model, field), known[ALL, field]).agreement < RELIABLE]
