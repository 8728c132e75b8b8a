"""infractions: every fault of every closed-loop episode, with its time and place."""

from __future__ import annotations

from dataclasses import dataclass

from lightemma.closed_loop.study import DrivenStudy, DrivenTable


@dataclass(frozen=True, slots=True)
class InfractionRow:
    """One fault.

    Attributes:
        run: name of the run
        episode: name of the episode
        scenario: name of the scenario
        kind: what, such as collision, red-light, off-road, off-route or stuck
        time_s: seconds since the episode's start
        x: metres, of the car's rear axle in the world
        y: metres
        at_fault: whether the car is to blame
        against: kind of the other road user; empty where there is none
        detail: a few words
    """

    run: str
    episode: str
    scenario: str
    kind: str
    time_s: float
    x: float
    y: float
    at_fault: bool
    against: str
    detail: str


class Infractions(DrivenTable[InfractionRow]):
    """Every fault, in order of time; none for runs of version 0.1, which did not note them."""

    name = "infractions"
    Row = InfractionRow

    def caption(self, study: DrivenStudy) -> str:
        """What the rows are."""
        return f"{study.where} Every fault, when and where."

    def build(self, study: DrivenStudy) -> list[InfractionRow]:
        """One row per fault."""
        return [
            InfractionRow(
                run=run.name,
                episode=one.name,
                scenario=one.scenario,
                kind=fault.kind,
                time_s=fault.time,
                x=fault.x,
                y=fault.y,
                at_fault=fault.at_fault,
                against=fault.against,
                detail=fault.detail,
            )
            for run in study.runs
            for one in run.episodes.values()
            for fault in one.outcome.infractions or ()
        ]
