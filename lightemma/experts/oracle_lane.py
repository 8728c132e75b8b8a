"""A control that knows the truth: the own lane, as far as it can be seen."""

from __future__ import annotations

import math

from lightemma.experts.base import Card, Expert, Found, NotKnown, Question
from lightemma.observed_facts import LANE_AHEAD

#: 1/m: below it the lane is straight.
_STRAIGHT = 0.003


class OracleLane(Expert):
    """Says how our lane bends, and where in it our car is."""

    card = Card(
        id="oracle-lane",
        task="own-lane",
        description="Knows how our lane bends ahead, and where in it our car is.",
        inputs=(),
        outputs=("words", "numbers"),
        code_licence="MIT",
        rank=1,
        cost=0.001,
        privileged=True,
    )

    def look(self, question: Question) -> Found:
        """The lane by the facts.

        Raises:
            NotKnown: if these are not known; recordings do not annotate lanes.
        """
        if question.facts is None:
            raise NotKnown("the lane is not known of this frame")
        lane = question.facts.lane
        if lane is None:
            return Found("Our lane is not seen.")
        side = "left" if lane.offset > 0 else "right"
        words = f"Our car is {abs(lane.offset):.1f} m to the {side} of the lane's middle{heading_in_words(lane.heading_error)}."
        numbers = {"lane_offset_m": round(lane.offset, 3), "heading_error_rad": round(lane.heading_error, 4)}
        known = [(ahead, one) for ahead, one in zip(LANE_AHEAD, lane.curvatures, strict=True) if one is not None]
        if known:
            said = ", ".join(f"{_bend(one)} at {ahead:.0f} m" for ahead, one in known[::2])
            words += f" Ahead it is: {said}."
            numbers["lane_curvature_1pm"] = round(sum(one for _, one in known) / len(known), 5)
        return Found(words, numbers=numbers)


def heading_in_words(error: float) -> str:
    """Where the car points, as a clause; empty where it points along the lane.

    Args:
        error: radians to the left of the lane.
    """
    degrees = math.degrees(error)
    return (
        f" and points {abs(degrees):.0f}° to the {'left' if degrees > 0 else 'right'} of it"
        if abs(degrees) >= 1
        else ""
    )


def _bend(curvature: float) -> str:
    if abs(curvature) < _STRAIGHT:
        return "straight"
    return f"bending {'left' if curvature > 0 else 'right'} (radius {1 / abs(curvature):.0f} m)"
