"""claims: what descriptions claim to see, against annotations, the recorded drive, and the model's own intent."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lightemma.evaluation.metrics.manoeuvres import STANDING_SPEED
from lightemma.evaluation.reasoning.agreement import model_of, unreliable
from lightemma.evaluation.reasoning.annotated import annotated
from lightemma.evaluation.reasoning.ledger import Ledger
from lightemma.evaluation.reasoning.readings import CLAIM_FIELDS, CLAIMS
from lightemma.evaluation.statistics.means import mean
from lightemma.evaluation.study import Study
from lightemma.evaluation.tables.base import Table
from lightemma.frame import FloatArray

#: A car that is slower than this may wait for any reason, m/s.
MOVING = 3.0
#: What a claim asks of the driver, and what contradicts it: the recorded drive, and the intent that follows the description.
_FASTER, _STOPS = "goes faster", "comes to a stop"
_DRIVE = {"red_light": _FASTER, "green_light": _STOPS}
_INTENT = {"red_light": "accelerate", "green_light": "stay-stopped"}


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """One claim of one model.

    Attributes:
        run: name of the run
        claim: `red_light`, `green_light`, `person`, `lead_vehicle`, `roadworks` or `bad_weather`
        descriptions: number of frames with a description of the stage `scene`
        claimed: share of these that claim it
        claimed_ci_low: share, lower end of its scene-clustered 95 % interval (Korn & Graubard)
        claimed_ci_high: share, upper end
        hedged: share that say it may be there
        denied: share that say it is not there
        annotated: number of these frames whose annotations say whether it is there
        there: share of the annotated frames in which it is there
        precision: share of the claims about annotated frames in which it is there
        precision_ci_low: share, lower end of its interval
        precision_ci_high: share, upper end
        recall: share of the annotated frames in which it is there that claim it
        recall_ci_low: share, lower end of its interval
        recall_ci_high: share, upper end
        moving_claims: number of claims while the car drives faster than 3 m/s, for claims that the drive can contradict
        contradicted: share of these in which the recorded car goes faster (red light) or comes to a stop (green light)
        contradicted_ci_low: share, lower end of its interval
        contradicted_ci_high: share, upper end
        contradicted_elsewhere: share of all frames faster than 3 m/s in which the recorded car does so
        intent_against: share of the claims of a light whose own intent says the opposite: red and accelerate, green and
            stay stopped
        intent_invents: share of the intents that give it as a ground although the same frame's description denies it
        intents_after_denial: number of intents whose frame's description denies it, of which `intent_invents` is a share
        few_events: the columns of shares whose event is in fewer than 5 scenes
        unreliable: `unreliable` where the rules read this field with less than 90 % agreement with people
    """

    run: str
    claim: str
    descriptions: int
    claimed: float
    claimed_ci_low: float
    claimed_ci_high: float
    hedged: float
    denied: float
    annotated: int
    there: float
    precision: float
    precision_ci_low: float
    precision_ci_high: float
    recall: float
    recall_ci_low: float
    recall_ci_high: float
    moving_claims: int
    contradicted: float
    contradicted_ci_low: float
    contradicted_ci_high: float
    contradicted_elsewhere: float
    intent_against: float
    intent_invents: float
    intents_after_denial: int
    few_events: str
    unreliable: str


class Claims(Table[ClaimRow]):
    """What descriptions of the stage `scene` claim, one row per model and claim.

    Where the data has annotations a claim is held to what is there within 40 m in view of the front camera. Where it has
    none, the recorded drive is a witness: who speeds up towards a red light saw another one, or none.
    """

    name = "claims"
    ALWAYS = False
    Row = ClaimRow
    PAGE = (
        "run", "claim", "claimed", "hedged", "denied", "precision", "recall", "contradicted", "contradicted_elsewhere",
        "intent_against", "intent_invents",
    )  # fmt: skip

    def caption(self, study: Study) -> str:
        """What the numbers are."""
        return f"What the descriptions claim to see, read by {study.reader.name}, {study.over}."

    def build(self, study: Study) -> list[ClaimRow]:
        """One row per model and claim."""
        if not study.ledgers:
            return []
        there = annotated(study.baseline.scenes, study.baseline.tokens, study.context)
        unknown = np.full(study.frames, np.nan)
        made = {
            (name, field): _columns(one, field, there.get(field, unknown))
            for name, one in study.ledgers.items()
            for field in CLAIM_FIELDS
        }
        shares = study.shares(np.column_stack([column for columns in made.values() for column in columns]))
        found = iter(shares)
        rows = []
        models = {run.name: run for run in study.models}
        for (run, field), columns in made.items():
            parts = dict(zip(_COLUMNS, (next(found) for _ in columns), strict=True))
            known = there.get(field, unknown)
            one = study.ledgers[run]
            events = {
                key: parts[key] for key in ("claimed", "precision", "recall", "contradicted") if parts[key].frames
            }
            rows.append(
                ClaimRow(
                    run=run,
                    claim=field,
                    descriptions=parts["claimed"].frames,
                    claimed=parts["claimed"].share,
                    claimed_ci_low=parts["claimed"].low,
                    claimed_ci_high=parts["claimed"].high,
                    hedged=parts["hedged"].share,
                    denied=parts["denied"].share,
                    annotated=int((~np.isnan(known + columns[0])).sum()),
                    there=mean(np.where(np.isnan(columns[0]), np.nan, known)),
                    precision=parts["precision"].share,
                    precision_ci_low=parts["precision"].low,
                    precision_ci_high=parts["precision"].high,
                    recall=parts["recall"].share,
                    recall_ci_low=parts["recall"].low,
                    recall_ci_high=parts["recall"].high,
                    moving_claims=parts["contradicted"].frames,
                    contradicted=parts["contradicted"].share,
                    contradicted_ci_low=parts["contradicted"].low,
                    contradicted_ci_high=parts["contradicted"].high,
                    contradicted_elsewhere=mean(_contradiction(one, field)),
                    intent_against=parts["intent_against"].share,
                    intent_invents=parts["intent_invents"].share,
                    intents_after_denial=parts["intent_invents"].frames,
                    few_events=", ".join(key for key, share in events.items() if share.mark),
                    unreliable="unreliable" if field in unreliable(model_of(models[run].manifest)) else "",
                )
            )
        return rows


_COLUMNS = ("claimed", "hedged", "denied", "precision", "recall", "contradicted", "intent_against", "intent_invents")


def claim_column(one: Ledger, field: str, value: str) -> FloatArray:
    """(n,) 1 where a description says a value of a field, 0 where another, NaN without a description."""
    return _are(_said(one, field), value)


def _said(one: Ledger, field: str) -> npt.NDArray[np.int8]:
    """(n,) place in ``CLAIMS`` of what each description says of a field, -1 without a description."""
    codes = {claim: code for code, claim in enumerate(CLAIMS)}
    absent = codes["absent"]
    found = [
        -1 if said is None else codes[said.claims[field]] if field in said.claims else absent for said in one.scenes
    ]
    return np.array(found, dtype=np.int8)


def _are(said: npt.NDArray[np.int8], value: str) -> FloatArray:
    found: FloatArray = np.where(said < 0, np.nan, said == CLAIMS.index(value))
    return found


def _columns(one: Ledger, field: str, there: FloatArray) -> list[FloatArray]:
    """The (n,) columns of ``_COLUMNS``."""
    said = _said(one, field)
    claimed, denied = _are(said, "claimed"), _are(said, "denied")
    grounds = np.array([np.nan if said is None else float(field in said.reasons) for said in one.intents])
    against, opposite = _INTENT.get(field), np.full(len(said), np.nan)
    if against is not None:
        opposite = np.array([np.nan if said is None else float(said.longitudinal == against) for said in one.intents])
    return [
        claimed,
        _are(said, "hedged"),
        denied,
        np.where(claimed == 1, there, np.nan),
        np.where(there == 1, claimed, np.nan),
        np.where(claimed == 1, _contradiction(one, field), np.nan),
        np.where(claimed == 1, opposite, np.nan),
        np.where(denied == 1, grounds, np.nan),
    ]


def _contradiction(one: Ledger, field: str) -> FloatArray:
    """(n,) whether the recorded drive does what the claim forbids; NaN where the car is slow, or nothing is forbidden."""
    _, recorded = one.directions()
    does = {_FASTER: recorded == 1, _STOPS: one.speed + one.recorded < STANDING_SPEED}.get(_DRIVE.get(field, ""))
    if does is None:
        return np.full(len(one.speed), np.nan)
    usable = (one.speed > MOVING) & ~np.isnan(one.recorded)
    found: FloatArray = np.where(usable, does, np.nan)
    return found
