"""How fast the vehicle ahead is: its distance in two pictures, and our own speed between them."""

from __future__ import annotations

from lightemma.experts.base import Card, Expert, Found, Question
from lightemma.experts.ground_distance import lead_of, on_the_ground
from lightemma.protocol import LIGHTEMMA

#: m/s: below it the lead stands; below it the gap stays. No vehicle is faster than the last.
_STANDS, _SAME, _FASTEST = 0.7, 0.7, 70.0


class LeadSpeed(Expert):
    """Says how fast the nearest vehicle in our lane is, and how the gap changes."""

    card = Card(
        id="lead-speed",
        task="lead-speed",
        description="Says how fast the vehicle ahead is and whether the gap closes, from boxes now and in the earlier picture.",
        inputs=("boxes", "earlier_boxes", "picture?"),
        outputs=("words", "numbers"),
        code_licence="MIT",
        rank=1,
        cost=0.002,
        usual={"boxes": "object-detection", "earlier_boxes": "object-detection@earlier", "picture": "picture"},
        camera=True,
    )

    def look(self, question: Question) -> Found:
        """The lead's speed: ours, and what the gap gained per second."""
        frame, camera = question.frame, question.camera()
        if not frame.history.known:
            return Found("How fast the vehicle ahead is cannot be told without our own speed.")
        speed, curvature = frame.history.actions[-1].tolist()
        now = lead_of(on_the_ground(question.boxes["boxes"], camera, curvature))
        before = lead_of(on_the_ground(question.boxes["earlier_boxes"], camera, curvature))
        if now is None or before is None:
            return Found("No vehicle is seen in our lane in both pictures.")
        seconds = (frame.timestamp - frame.earlier[-1].timestamp) / 1e6 if frame.earlier else LIGHTEMMA.dt
        rate = (now.distance - before.distance) / max(seconds, 0.05)
        theirs = max(0.0, speed + rate)
        if theirs > _FASTEST or now.box.label != before.box.label:
            return Found("What is ahead in our lane is not the same in both pictures.")
        gap = "stays" if abs(rate) < _SAME else f"{'grows' if rate > 0 else 'closes'} by {abs(rate):.1f} m/s"
        moves = "stands" if theirs < _STANDS else f"drives at about {theirs:.0f} m/s"
        words = f"The {now.box.label} ahead in our lane {moves}; the gap of {now.distance:.0f} m {gap}."
        if rate < -_SAME:
            words += f" We would reach it in {now.distance / -rate:.1f} s."
        numbers = {"lead_speed_mps": theirs, "gap_rate_mps": rate, "lead_distance_m": now.distance}
        return Found(words, numbers={name: round(value, 2) for name, value in numbers.items()})
