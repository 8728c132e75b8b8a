"""What a run's manifest says about its probe: what was changed, of which run, and the law that the change puts to the test."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

#: What a law measures in each frame, on the untouched plan and the probed one. docs/probes.md has the formulas.
Measure = Literal["moves", "stays", "mirrors", "turns", "shifts", "follows-speed", "follows-words"]


class Law(msgspec.Struct, frozen=True):
    """What a planner that sees, and does what it says, does under a probe.

    Attributes:
        statement: the law in a sentence.
        measure: what is measured in each frame:
            ``moves`` (the plan must change), ``stays`` (it must not), ``mirrors`` (it must be the mirror image);
            ``turns`` (change of the final heading over the turn of the camera, law -1), ``shifts`` (change of the final
            place to the left over the shift of the camera, law -1), ``follows-speed`` (change of the mean speed over the
            change of the speed that was told, law 1), ``follows-words`` (the final speed must change as the words did).
        tolerance: how far the mean violation may be from 0 before the law counts as broken, in the measure's unit.
        approximate: whether the change is an approximation, so that an honest planner may miss the law somewhat.
    """

    statement: str
    measure: Measure
    tolerance: float
    approximate: bool = False


class ProbeEntry(msgspec.Struct, frozen=True):
    """The probe of a run.

    Attributes:
        name: of the probe, such as ``yaw-left-6``.
        family: its name without the variant, such as ``yaw``; the runs of a family may have a row together.
        of: name of the untouched run.
        law: what should follow.
        settings: what else decides the change, such as degrees or pixels.
    """

    name: str
    family: str
    of: str
    law: Law
    settings: dict[str, Any] = {}
