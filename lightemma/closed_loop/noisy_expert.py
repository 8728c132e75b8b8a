"""The expert with noise: it is pushed off its line and out of its speed now and then, and finds back."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import ClassVar, Literal, Self

import numpy as np

from lightemma.closed_loop.privileged import PrivilegedDriver, WorldPlan
from lightemma.closed_loop.spec import EpisodeSpec
from lightemma.closed_loop.world import World
from lightemma.errors import UserError
from lightemma.frame import FloatArray

#: Largest sigma: beyond it the car is off the road all the time.
LARGEST = 5.0
#: Probability that something follows when a manoeuvre has ended, rather than a stretch without noise.
OFTEN = 0.6
#: m/s below which no car can be steered sideways.
SLOWEST = 3.0

Kind = Literal["none", "steer", "drift", "brake", "accelerate"]


@dataclass(frozen=True, slots=True)
class Manoeuvre:
    """What is done in place of the plan.

    Attributes:
        lateral: m/s² to the left in addition.
        gain: m/s that the speed changes in addition, each half second.
        decisions: half seconds that it lasts.
    """

    lateral: float = 0.0
    gain: float = 0.0
    decisions: int = 1


def draw_manoeuvre(rng: np.random.Generator, sigma: float) -> Manoeuvre:
    """Draws the next: steering for up to 1 s, drifting for up to 2.5 s, braking or accelerating for up to 1.5 s, or nothing."""
    kinds: tuple[Kind, ...] = ("steer", "drift", "brake", "accelerate")
    kind: Kind = kinds[int(rng.integers(len(kinds)))] if rng.random() < OFTEN else "none"
    amount, side = float(rng.uniform(0.3, 1.0)) * sigma, float(rng.choice((-1.0, 1.0)))
    if kind == "steer":
        return Manoeuvre(lateral=1.5 * side * amount, decisions=int(rng.integers(1, 3)))
    if kind == "drift":
        return Manoeuvre(lateral=0.4 * side * amount, decisions=int(rng.integers(3, 6)))
    if kind == "brake":
        return Manoeuvre(gain=-1.5 * amount, decisions=int(rng.integers(1, 4)))
    if kind == "accelerate":
        return Manoeuvre(gain=1.0 * amount, decisions=int(rng.integers(1, 4)))
    return Manoeuvre(decisions=int(rng.integers(2, 6)))


class NoisyExpertDriver(PrivilegedDriver):
    """The expert with drawn manoeuvres in between: it steers, drifts, brakes or accelerates, and then recovers.

    Labels of such drives are the expert's without noise (noise injection: Laskey et al., DART, 2017). The manoeuvres
    depend on the episode and sigma alone.

    Args:
        sigma: how strong they are; with 1 the car is about 0.5 m beside its line or 2 m/s off its speed.

    Raises:
        UserError: if sigma is out of range.
    """

    name: ClassVar[str] = "noisy-expert"
    takes: ClassVar[str] = "SIGMA"

    def __init__(self, sigma: float = 1.0) -> None:
        super().__init__()
        if not 0.0 <= sigma <= LARGEST:
            raise UserError(f"The sigma of noisy-expert is {sigma:g}; give 0 to {LARGEST:g}, such as noisy-expert:1.")
        self.sigma = sigma

    @classmethod
    def made(cls, argument: str) -> Self:
        """With its sigma, such as ``0.5``."""
        try:
            sigma = float(argument)
        except ValueError:
            sigma = math.nan
        if not math.isfinite(sigma):
            raise UserError(f"The sigma of noisy-expert is '{argument}'; give a number, such as noisy-expert:1.")
        return cls(sigma)

    @property
    def suffix(self) -> tuple[str, ...]:
        """Sigma, where it is not 1."""
        return () if self.sigma == 1.0 else (f"{self.sigma:g}",)

    def begin(self, spec: EpisodeSpec) -> WorldPlan:
        """Draws the manoeuvres one after the other.

        Raises:
            UserError: at the first plan, if the world has no expert.
        """
        seed = hashlib.sha256(f"lightemma noise/{spec.name}/{self.sigma:g}".encode()).digest()
        rng = np.random.default_rng(list(seed))
        now, left = Manoeuvre(), 0

        def plan(world: World) -> FloatArray:
            nonlocal now, left
            label = world.label()
            if label is None:
                raise UserError(f"The world of '{spec.name}' has no expert; let another planner drive.")
            if not left:
                now = draw_manoeuvre(rng, self.sigma)
                left = now.decisions
            left -= 1
            return _off_plan(label.actions, now, world.car.speed)

        return plan


def _off_plan(actions: FloatArray, now: Manoeuvre, speed: float) -> FloatArray:
    """(6, 2) the plan with a manoeuvre; a plan without noise in it is returned as it is."""
    if not now.lateral and not now.gain:
        return actions
    changed = actions.copy()
    if now.gain:
        changed[:, 0] = np.maximum(speed + now.gain * np.arange(1, len(actions) + 1), 0.0)
    changed[:, 1] += now.lateral / max(speed, SLOWEST) ** 2
    return changed
