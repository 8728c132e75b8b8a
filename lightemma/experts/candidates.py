"""The drawn plans of the `choose` planner as a tool: what the car could do, in words, before the model decides."""

from __future__ import annotations

from lightemma.experts.base import Card, Expert, Found, Question
from lightemma.kinematics import integrate
from lightemma.protocol import LIGHTEMMA

#: Few of them: they are read, not chosen from. Metres per second squared, and what is added to the bend (1/m).
_ACCELERATIONS, _BENDS = (-2.0, 0.0, 1.0), (0.02, 0.0, -0.02)


class Candidates(Expert):
    """Says where holding, braking, speeding up and bending would bring the car in three seconds."""

    card = Card(
        id="candidates",
        task="candidate-plans",
        description="Lists what our car could do in the next three seconds (brake, hold, speed up, bend) and where each leads.",
        inputs=(),
        outputs=("words",),
        code_licence="MIT",
        rank=1,
        cost=0.005,
    )

    def look(self, question: Question) -> Found:
        """The ends of a few plans, from the present speed and bend."""
        from lightemma.planners.base import PlannerSettings
        from lightemma.planners.choose import Choose

        history = question.frame.history
        if not history.known:
            return Found("What the car could do is not known, since its motion is not.")
        given = {"accelerations": _ACCELERATIONS, "curvatures": _BENDS, "shuffled": False}
        plans = Choose(PlannerSettings(options=given)).candidates(question.frame)
        ends = integrate(plans)[:, -1]
        seconds = f"{LIGHTEMMA.dt * LIGHTEMMA.plan_steps:g} s"
        straight = len(_BENDS) // 2
        said, numbers = [], {}
        for place, change in enumerate(_ACCELERATIONS):
            row = place * len(_BENDS)
            name = "braking" if change < 0 else "speeding up" if change > 0 else "holding the speed"
            speed, ahead = plans[row + straight, -1, 0], ends[row + straight, 0]
            said.append(f"{name} ({change:+g} m/s²) leads {ahead:.1f} m ahead at {speed:.1f} m/s")
            numbers[f"{name.replace(' ', '_')}_ahead_m"] = round(float(ahead), 2)
        aside = abs(
            ends[len(_BENDS) * (len(_ACCELERATIONS) // 2), 1]
            - ends[len(_BENDS) * (len(_ACCELERATIONS) // 2) + straight, 1]
        )
        words = f"In {seconds}: {'; '.join(said)}; bending {_BENDS[0]:g} 1/m more leads {aside:.1f} m to that side."
        return Found(words, numbers=numbers)
