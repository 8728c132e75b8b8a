"""The frame browser's columns: small enough to be part of the page for 35,000 rows, and quick to filter."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lightemma.evaluation.metrics.displacement import CONVENTIONS, l2, misses
from lightemma.evaluation.scores import RunScores
from lightemma.evaluation.strata import SCENE_FAMILY, strata
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.errors import outcomes_of
from lightemma.run_folder.records import OK
from lightemma.scene_facts import SceneFacts


@dataclass(frozen=True, slots=True)
class Family:
    """A way of sorting frames: labels, and (n,) the label's number of each frame, -1 where none fits."""

    name: str
    labels: list[str]
    codes: npt.NDArray[np.int64]


def frame_columns(study: Study) -> dict[str, Any]:
    """What the page knows of every frame without opening its scene's data.

    Arrays are base64 of little-endian numbers: ``scene`` uint16, ``speed`` float32, codes uint8 (255: none), ``outcome``
    uint8 per run, ``words`` uint8 per run (bits, see ``JUDGED``), ``seconds`` float32 per run (NaN where unknown; None
    where all are), ``errors`` float32 per run and convention (metres; NaN without a plan).
    """
    runs = study.runs
    first = runs[0]
    scenes = list(dict.fromkeys(first.scenes))
    number = {scene: code for code, scene in enumerate(scenes)}
    outcomes = sorted({outcome for run in runs for outcome in outcomes_of(run)}, key=lambda name: (name != OK, name))
    code = {outcome: index for index, outcome in enumerate(outcomes[:255])}
    return {
        "tokens": list(first.tokens),
        "scenes": scenes,
        "scene": _packed(np.array([number[scene] for scene in first.scenes]), "<u2"),
        "index": first.frame_index.tolist(),
        "speed": _packed(first.history[:, -1, 0], "<f4"),
        "families": [
            {"name": family.name, "labels": family.labels, "codes": _packed(family.codes % 256, "u1")}
            for family in families(first, study.context.facts)
        ],
        "outcomes": outcomes,
        "runs": [
            {
                "words": _packed(_words(study, run.name) + MISSED * (misses(run.errors) == 1), "u1"),
                "seconds": None if np.isnan(run.latency).all() else _packed(run.latency, "<f4"),
                "outcome": _packed(np.array([code.get(outcome, 255) for outcome in outcomes_of(run)]), "u1"),
                "errors": {
                    convention: _packed(np.minimum(l2(run.errors, convention)[:, 3], 1e30), "<f4")
                    for convention in CONVENTIONS
                },
            }
            for run in runs
        ],
    }


#: What is known of a frame, as bits: of its words judged, right, followed, says slower; of its plan that it is a miss.
JUDGED, RIGHT, FOLLOWED, SLOWER, MISSED = 1, 2, 4, 8, 16


def _words(study: Study, run: str) -> npt.NDArray[np.int64]:
    """(n,) bits of what a run's words are; 0 where they are not judged."""
    ledger = study.ledgers.get(run)
    if ledger is None:
        return np.zeros(study.frames, dtype=np.int64)
    bits = JUDGED + RIGHT * (ledger.right() == 1) + FOLLOWED * (ledger.followed() == 1) + SLOWER * (ledger.said == -1)
    return np.where(ledger.judged(), bits, 0)


def families(run: RunScores, facts: Mapping[str, SceneFacts] | None = None) -> list[Family]:
    """The strata that frames can be filtered by, family by family; scenes are a column of their own."""
    groups: dict[str, list[tuple[str, npt.NDArray[np.bool_]]]] = {}
    for stratum in strata(run.history, run.truth, run.scenes, facts, run.frame_index):
        family, _, label = stratum.name.partition(": ")
        if family != SCENE_FAMILY:
            groups.setdefault(family, []).append((label, stratum.frames))
    found = []
    for name, members in groups.items():
        codes = np.full(len(run.tokens), -1, dtype=np.int64)
        for number, (_, inside) in enumerate(members):
            codes[inside] = number
        found.append(Family(name, [label for label, _ in members], codes))
    return found


def _packed(values: npt.NDArray[Any], kind: str) -> str:
    return base64.b64encode(values.astype(kind).tobytes()).decode("ascii")
