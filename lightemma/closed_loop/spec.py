"""Which episodes are driven, and under which rules."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from lightemma.errors import UserError, near_names
from lightemma.protocol import LIGHTEMMA

#: Raised when the worlds or the loop change so that older episodes cannot be compared.
VERSION = 3
#: The same for two-stage drives.
TWO_STAGE_VERSION = 1
#: Pixels: smaller shows nothing, larger takes minutes a picture on a processor.
SMALLEST, LARGEST = (64, 36), (3840, 2160)


@dataclass(frozen=True, slots=True)
class EpisodeSpec:
    """One episode of a world: a scenario, a seed for everything random in it, light and weather, the side of the road.

    Attributes:
        scenario: name of the scenario; the world decides what a scenario is (a recorded scene, a first frame).
        seed: of everything that is drawn at random.
        conditions: light and weather, such as ``day``; empty in a world without conditions.
        left_hand: whether traffic keeps to the left.
        options: everything else the world needs to open the episode; not part of its name.
        family: name of the scenario whose streets and draws it shares; empty for its own. Such twins are one cluster of
            intervals.
        number: the seed as users know it, where ``seed`` is made of it and a key; see ``hidden_suite``.
    """

    scenario: str
    seed: int
    conditions: str = "day"
    left_hand: bool = False
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)
    family: str = ""
    number: int | None = None

    @property
    def shown_seed(self) -> int:
        """The seed as names and records have it."""
        return self.seed if self.number is None else self.number

    @property
    def name(self) -> str:
        """Such as ``red-light.day.003`` or ``red-light.rain.left.003``."""
        parts = [self.scenario, self.conditions, "left" if self.left_hand else "", f"{self.shown_seed:03d}"]
        return ".".join(part for part in parts if part)

    def token(self, step: int) -> str:
        """The sample token of decision number ``step``: 32 hex digits, the same on every machine."""
        return hashlib.sha256(f"lightemma closed loop {VERSION}/{self.name}/{step}".encode()).hexdigest()[:32]

    def picture_seed(self, step: int) -> int:
        """Seed of the camera's noise at that decision."""
        return int(self.token(step)[:8], 16)


@dataclass(frozen=True, slots=True)
class TwoStageRules:
    """How many plans of an episode are asked for in a two-stage drive, and where.

    Attributes:
        points: moments of the expert's drive from which a plan is driven.
        starts: perturbed starts after each.
        sigma: metres, of the Gaussian that weights a start by its distance to where the first plan led.
    """

    points: int = 2
    starts: int = 2
    sigma: float = 1.0


@dataclass(frozen=True, slots=True)
class LoopRules:
    """The rules of the loop.

    Attributes:
        replan: actions of a plan that are driven before the next picture is taken, 1 … 6.
        real_time: whether the world moves on while the planner computes.
        car_limits: whether the car has limits (acceleration, braking, cornering); without, it does exactly what is planned.
        size: width and height of the pictures in pixels.
        draw: whether pictures are drawn; None draws them for planners that want them.
        renderer: ``auto``, ``panda3d`` or ``painter``.
        facts: whether observations carry `ObservedFacts`, with their privileged block, where the world can tell them.
        suite: which episodes there are to choose from, such as ``suite 1`` or ``suite 1, hidden 1f0c…``; empty in a world
            without a suite.
        two_stage: None drives episodes from start to goal; otherwise single plans are driven, from chosen starts.
        mixture: probability with which the expert steers in place of the planner, drawn for each decision; None where the
            planner always does.
        disturb: whether the car starts beside its place, turned, too fast or too slow.
        early_end: whether faults end an episode; without, only the goal and the time limit do.

    Raises:
        UserError: if a number is out of range.
    """

    replan: int = 1
    real_time: bool = False
    car_limits: bool = True
    size: tuple[int, int] = (800, 450)
    draw: bool | None = None
    renderer: str = "auto"
    facts: bool = False
    suite: str = ""
    two_stage: TwoStageRules | None = None
    mixture: float | None = None
    disturb: bool = False
    early_end: bool = True

    def __post_init__(self) -> None:
        if not 1 <= self.replan <= LIGHTEMMA.plan_steps:
            raise UserError(
                f"`replan` is {self.replan}; a plan has {LIGHTEMMA.plan_steps} actions, so give 1 to {LIGHTEMMA.plan_steps}.",
                "replan",
            )
        if self.two_stage is not None and (self.real_time or self.replan != 1):
            raise UserError(
                "`two_stage` drives every plan to its end; leave `real_time` and `replan` out.",
                "two_stage",
                "real_time",
                "replan",
            )
        if not all(low <= side <= high for side, low, high in zip(self.size, SMALLEST, LARGEST, strict=True)):
            raise UserError(
                f"`size` is {self.size[0]}x{self.size[1]}; give pixels from {SMALLEST[0]}x{SMALLEST[1]} to "
                f"{LARGEST[0]}x{LARGEST[1]}, such as 800x450.",
                "size",
            )
        if self.mixture is not None and not 0.0 <= self.mixture <= 1.0:
            raise UserError(f"The mixture is {self.mixture:g}; give a probability from 0 to 1.", "driver")

        if self.two_stage is not None and self.collecting:
            raise UserError(
                "`two_stage` drives single plans; leave `driver` mixture, `disturb` and `no_early_end` out.",
                "two_stage",
                "driver",
                "disturb",
            )

    @property
    def collecting(self) -> bool:
        """Whether it is driven to collect what is seen on the way, and not to be scored."""
        return self.mixture is not None or self.disturb or not self.early_end

    @property
    def description(self) -> str:
        """The rules that decide the numbers, in one line; runs can be compared if it is the same."""
        two = self.two_stage
        if two is not None:
            parts = [f"two-stage {TWO_STAGE_VERSION} of loop {VERSION}", f"{two.points} points", f"{two.starts} starts"]
        else:
            parts = [f"loop {VERSION}", f"replan {self.replan}"]
        parts += ["real time"] if self.real_time else []
        parts += [] if self.car_limits else ["no vehicle limits"]
        parts += [self.suite] if self.suite else []
        # Drives for collecting: they are never scored beside others.
        parts += [] if self.mixture is None else [f"the expert steers with probability {self.mixture:g}"]
        parts += ["disturbed starts"] if self.disturb else []
        parts += [] if self.early_end else ["no early end"]
        return ", ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """All fields, for drive.json."""
        return asdict(self)


def parse_size(text: str) -> tuple[int, int]:
    """Pixels from ``800x450``.

    Raises:
        UserError: if it has another form.
    """
    width, _, height = text.lower().replace("×", "x").partition("x")
    if not (width.strip().isdecimal() and height.strip().isdecimal()):
        raise UserError(f"`size` is '{text}'; give width and height in pixels, such as 800x450.", "size")
    return int(width), int(height)


def parse_seeds(text: str) -> list[int]:
    """Seeds from ``3`` (which means 0, 1 and 2) or from a list such as ``1,5,9`` (which means these; ``5,`` is only 5).

    Raises:
        UserError: if it is neither.
    """
    parts = [part.strip() for part in text.split(",")]
    given = [part for part in parts if part]
    if not given or not all(part.isascii() and part.isdecimal() for part in given):
        raise UserError(f"`seeds` is '{text}'; give how many, such as 3, or which, such as 1,5,9.", "seeds")
    numbers = [int(part) for part in given]
    if len(parts) == 1:
        if not 1 <= numbers[0] <= 1000:
            raise UserError(f"`seeds` is {numbers[0]}; give 1 to 1000 seeds, or a list such as 1,5,9.", "seeds")
        return list(range(numbers[0]))
    return list(dict.fromkeys(numbers))


def choose(text: str, known: Collection[str], what: str) -> list[str]:
    """Names from a list with commas, or all of them for ``all``.

    Raises:
        UserError: if one is unknown (near names are offered), or there is none.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if names == ["all"]:
        return list(known)
    for name in names:
        if name not in known:
            raise UserError(f"There is no {what} '{name}'; {near_names(name, known)}")
    if not names:
        raise UserError(f"No {what} is named; give one or more of {', '.join(known)}, or all.")
    return list(dict.fromkeys(names))


def episodes(
    scenarios: Sequence[str], seeds: Iterable[int], conditions: Sequence[str] = ("day",), *, left_hand: bool = False
) -> list[EpisodeSpec]:
    """Every scenario under every condition with every seed."""
    seeds = list(seeds)
    return [EpisodeSpec(name, seed, when, left_hand) for name in scenarios for when in conditions for seed in seeds]
