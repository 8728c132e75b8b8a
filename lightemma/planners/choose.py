"""Choosing among plans that the harness draws from the history: the answer is a number, so there are no pairs to get wrong.

A candidate is a constant acceleration from the present speed and a constant curvature: v_k = max(0, v_0 + a t_k) with t_k the
end of each action, c_k = c_0 + d. The middle of both, a = 0 and d = 0, is the constant-action baseline.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from lightemma.errors import UserError
from lightemma.frame import FloatArray, Frame
from lightemma.kinematics import integrate
from lightemma.parsing.choice import read_choice
from lightemma.planners.base import Example, Plan, Planner, PlannerSettings, View
from lightemma.planners.one_call import OneCall
from lightemma.planners.samples import Answer
from lightemma.prompts.answer_forms import choice_regex, choice_schema
from lightemma.protocol import LIGHTEMMA

#: Seconds from now to the end of each action, (6,).
_ELAPSED = LIGHTEMMA.dt * np.arange(1, LIGHTEMMA.plan_steps + 1, dtype=np.float64)
_MOST = 60

#: m/s² and 1/m that a car can be asked for.
_LIMITS = {"accelerations": (-8.0, 5.0), "curvatures": (-0.2, 0.2)}


class Choose(OneCall):
    """Asks one model once per frame which of several plans fits best; they are drawn from the car's own motion."""

    name: ClassVar[str] = "choose"
    rereadable: ClassVar[bool] = False

    class Options(Planner.Options):
        """Which plans there are."""

        accelerations: tuple[float, ...] = Field(
            default=(-2.0, -1.0, 0.0, 0.5, 1.0), min_length=1, description="m/s², one or more"
        )
        curvatures: tuple[float, ...] = Field(
            default=(0.02, 0.0, -0.02), min_length=1, description="1/m, added to the present curvature, one or more"
        )
        drawn: bool = Field(default=False, description="the plans' paths are drawn on the picture, with their numbers")
        shuffled: bool = Field(
            default=True,
            description="numbers are dealt anew for each frame, so that no number means the same everywhere",
        )

        @field_validator("accelerations", "curvatures")
        @classmethod
        def _of_a_car(cls, value: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
            least, most = _LIMITS[info.field_name or ""]
            if not all(least <= one <= most for one in value):
                raise ValueError(f"every value must be from {least:g} to {most:g}")
            return value

    options: Options

    def __init__(self, settings: PlannerSettings = PlannerSettings()) -> None:  # noqa: B008 -- frozen
        super().__init__(settings)
        options = self.options
        self.count = len(options.accelerations) * len(options.curvatures)
        if not 2 <= self.count <= _MOST or len(set(self._grid())) < self.count:
            raise UserError(
                f"The planner '{self.name}' has {len(set(self._grid()))} different plans to choose from; give accelerations "
                f"and curvatures that make 2 to {_MOST}, each once.",
                "planner_options",
            )
        if options.drawn and not self.style.history_s:
            raise UserError(
                "Paths drawn on the picture show how fast the car is, so `history` cannot be 0; leave `drawn` out.",
                "history",
            )

    @property
    def answer_tokens(self) -> int:
        """See ``OneCall``."""
        return 3

    @property
    def template(self) -> str:
        """See ``OneCall``."""
        return "choose"

    def form(self, *, as_json: bool) -> str:
        """See ``OneCall``."""
        return "choice-json" if as_json else "choice"

    def candidates(self, frame: Frame) -> FloatArray:
        """The plans, in the order of their numbers.

        Returns:
            (n, 6, 2) actions.
        """
        speed, curvature = frame.history.actions[-1]
        grid = np.array([self._grid()[place] for place in self._order(frame)])
        speeds = np.maximum(speed + grid[:, :1] * _ELAPSED, 0.0)
        curvatures = np.broadcast_to(curvature + grid[:, 1:], speeds.shape)
        plans: FloatArray = np.stack([speeds, curvatures], axis=-1)
        return plans

    def more(self, frame: Frame) -> dict[str, str]:
        """The plans in words."""
        known = self.style.history_s > 0
        lines = [
            f"{number}. {_words(plan, change, bend, known=known)}"
            for number, (plan, (change, bend)) in enumerate(
                zip(self.candidates(frame), (self._grid()[place] for place in self._order(frame)), strict=True), 1
            )
        ]
        return {"candidates": "\n".join(lines)}

    def constraints(self, frame: Frame) -> tuple[dict[str, Any] | None, str | None]:
        """The numbers that there are, and no other."""
        if self.prompts.answer_form == "choice-json":
            return choice_schema(self.count), None
        return None, choice_regex(self.count)

    def view_of(self, view: View, frame: Frame) -> View:
        """With the paths drawn on the picture, if the options say so."""
        if not self.options.drawn or view.picture is None:
            return view
        from lightemma.planners.drawn_candidates import with_paths

        drawn = with_paths(view.picture, frame, integrate(self.candidates(frame)))
        return replace(view, pictures=(*view.pictures[:-1], drawn))

    def read(self, text: str, frame: Frame, *, cut: bool) -> Answer:
        """The plan of the number."""
        place, outcome = read_choice(text, self.count, self.parser, cut=cut)
        return Answer(outcome) if place is None else Answer(outcome, self.candidates(frame)[place], chosen=place)

    def finished(self, plan: Plan, frame: Frame) -> Plan:
        """With all candidates, so that the best of them can be scored beside the one that was chosen."""
        return replace(plan, candidates=tuple(self.candidates(frame)))

    def recorded(self, example: Example) -> str:
        """The number of the plan that is nearest to the recorded drive."""
        apart = integrate(self.candidates(example.frame)) - example.trajectory
        number = 1 + int(np.hypot(apart[..., 0], apart[..., 1]).mean(axis=-1).argmin())
        return f'{{"choice": {number}}}' if self.prompts.answer_form == "choice-json" else str(number)

    def _grid(self) -> list[tuple[float, float]]:
        return [(change, bend) for change in self.options.accelerations for bend in self.options.curvatures]

    def _order(self, frame: Frame) -> list[int]:
        order = list(range(self.count))
        if self.options.shuffled:
            random.Random(f"candidates {frame.sample_token}").shuffle(order)
        return order


def _words(plan: FloatArray, change: float, bend: float, *, known: bool) -> str:
    """A plan in words; without the speed where the motion is not to be known."""
    held = f"change the speed by {change:+g} m/s every second" if change else "hold the speed"
    if not known:
        side = "bend more to the left" if bend > 0 else "bend more to the right" if bend < 0 else "keep the bend"
        return f"{held}; {side} ({bend:+g} 1/m)" if bend else f"{held}; {side}"
    return f"{held} ({plan[-1, 0]:.1f} m/s at the end); curvature {plan[-1, 1] + 0.0:.3f}"
