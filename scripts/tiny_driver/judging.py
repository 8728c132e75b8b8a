"""Answers of a tiny driver over collected drives, by the ordinary planners and its provider, and what they are worth."""

from __future__ import annotations

import asyncio
import hashlib
import io
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from lightemma.backends.base import CallResult, Request
from lightemma.backends.config import ModelConfig
from lightemma.backends.tiny import vocabulary as words
from lightemma.backends.tiny_driver import TinyDriverBackend
from lightemma.data.collected import CollectedDrives, CollectedFrame
from lightemma.evaluation.metrics.displacement import l2, step_errors
from lightemma.frame import Picture
from lightemma.kinematics import integrate
from lightemma.planners.base import PlannerSettings, View
from lightemma.planners.prompt_style import PromptStyle
from lightemma.planners.registry import make_planner
from lightemma.simulation.dataset.split import Part

RED = ("red-light", "light-turns-green", "light-stays-red")
SIGHT = ("red-light", "light-turns-green", "green-but-blocked", "bend", "pedestrian-crossing")
LEAD = ("lead-car-braking", "lead-car-steady", "stopped-queue", "queue-moves-off", "cut-in")
#: Metres within which a leader and a light count for the facts.
NEAR = 50.0


@dataclass
class Answers:
    """What was answered, frame by frame.

    Attributes:
        actions: (n, 6, 2), NaN without a plan.
        texts: stage -> answers.
        outcomes: of the plans.
        seconds: of processor time, per call.
    """

    actions: np.ndarray
    texts: list[dict[str, str]]
    outcomes: list[str]
    seconds: list[float] = field(default_factory=list)


def frames_of(roots: Sequence[Path], part: Part | None = "test") -> list[CollectedFrame]:
    """All benchmark frames of some data sets."""
    return [frame for root in roots for frame in CollectedDrives(root).frames(part)]


def picture_of(path: Path) -> Picture:
    """A picture file as it is sent."""
    data = path.read_bytes()
    with Image.open(io.BytesIO(data)) as image:
        size = image.size
    return Picture(data, "image/jpeg", size, hashlib.sha256(data).hexdigest())


def _grey() -> Picture:
    held = io.BytesIO()
    Image.new("RGB", (320, 180), (128, 128, 128)).save(held, "JPEG", quality=95)
    return Picture(held.getvalue(), "image/jpeg", (320, 180), hashlib.sha256(held.getvalue()).hexdigest())


def answers(
    frames: Sequence[CollectedFrame],
    folder: Path | None,
    *,
    planner: str = "single-call",
    pictures: int = 2,
    shown: str = "own",
) -> Answers:
    """Asks about all frames.

    Args:
        frames: to plan.
        folder: of the weights; None for the package's own.
        planner: ``single-call`` or ``chain-of-thought``.
        pictures: 1 or 2.
        shown: ``own``, ``grey``, or ``other`` for those of another drive.
    """
    options = {} if folder is None else {"folder": str(folder)}
    config = ModelConfig(
        name="tiny-driver", provider="tiny-driver", model="tiny", options=options, max_output_tokens=40
    )
    backend = TinyDriverBackend(config)
    asked = make_planner(planner, PlannerSettings(style=PromptStyle(pictures=pictures)))
    out = Answers(np.full((len(frames), 6, 2), np.nan), [], [])
    grey, said = _grey(), dict[str, str]()

    async def call(request: Request) -> CallResult:
        began = time.process_time()
        completion = await backend.generate(request)
        out.seconds.append(time.process_time() - began)
        said[str(request.stage)] = completion.text
        return CallResult(completion)

    async def plan_all() -> None:
        for place, one in enumerate(frames):
            frame = one.frame
            source = frames[other_place(frames, place)].frame if shown == "other" else frame
            assert source.image_path is not None
            files = [*(earlier.path for earlier in source.earlier[-1:]), source.image_path][-pictures:]
            view = View(tuple(grey if shown == "grey" else picture_of(path) for path in files))
            said.clear()
            plan = await asked.plan(frame, view, {"main": call})
            out.outcomes.append(plan.outcome)
            out.texts.append(dict(said))
            if plan.actions is not None:
                out.actions[place] = plan.actions

    asyncio.run(plan_all())
    return out


def other_place(frames: Sequence[CollectedFrame], place: int) -> int:
    """A frame of another drive, always the same for a place."""
    count = len(frames)
    step = count // 3 + 17
    for _ in range(count):
        other = (place + step) % count
        if (
            frames[other].scene.name != frames[place].scene.name
            and frames[other].scene.scenario != frames[place].scene.scenario
        ):
            return other
        step += 29
    return place


def errors(actions: np.ndarray, frames: Sequence[CollectedFrame]) -> np.ndarray:
    """(n,) metres: L2 average by the protocol's convention."""
    truth = np.array([one.frame.future for one in frames])
    return l2(step_errors(integrate(actions), truth), "lightemma")[:, 3]


@dataclass(frozen=True)
class Ratio:
    """A mean error as part of another's, with its 95 % interval over drives."""

    value: float
    low: float
    high: float
    drives: int

    def __str__(self) -> str:
        return f"{self.value:.2f} [{self.low:.2f}, {self.high:.2f}] ({self.drives} drives)"


def ratio(mine: np.ndarray, theirs: np.ndarray, drives: np.ndarray, rows: np.ndarray) -> Ratio:
    """Paired by drive; drives are drawn anew 4,000 times."""
    rows = rows & ~np.isnan(mine) & ~np.isnan(theirs)
    names, place = np.unique(drives[rows], return_inverse=True)
    sums = np.stack([np.bincount(place, weights=one[rows]) for one in (mine, theirs)])
    drawn = np.random.default_rng(0).integers(0, len(names), (4000, len(names)))
    spread = sums[0][drawn].sum(1) / sums[1][drawn].sum(1)
    return Ratio(float(sums[0].sum() / sums[1].sum()), *np.quantile(spread, (0.025, 0.975)), len(names))


def told_light(text: str) -> str:
    """The colour of a light that a text says, ``none`` where it says that there is none, ``nothing`` where it says neither."""
    return next((colour for colour, phrase in words.LIGHTS.items() if phrase in text), "nothing")


def lit(one: CollectedFrame) -> bool:
    """Whether a light is in the picture, no farther than NEAR."""
    return one.facts is not None and one.facts.light is not None and one.facts.light.distance < NEAR


def right_light(text: str, one: CollectedFrame) -> bool:
    """Whether a text says the colour of the light that is in the picture."""
    return one.facts is not None and one.facts.light is not None and told_light(text) == one.facts.light.colour


def fact_shares(texts: Sequence[str], frames: Sequence[CollectedFrame]) -> dict[str, tuple[float, int]]:
    """Shares of right answers, and of how many: light colour where one is seen, leader yes or no within 50 m; metres off."""
    lights, leaders, gaps, alarms = [], [], [], []
    for text, one in zip(texts, frames, strict=True):
        assert one.facts is not None
        told, leader = told_light(text), one.facts.leader
        if lit(one):
            lights.append(right_light(text, one))
        elif one.facts.light is None:
            alarms.append(told == "none")
        gap = next(
            (g for g, a, b in zip(words.GAPS, words.LEADERS, words.OBSTACLES, strict=True) if a in text or b in text),
            None,
        )
        if leader is None or leader.gap < NEAR:
            leaders.append((leader is not None) == (gap is not None))
            if leader is not None and gap is not None:
                gaps.append(abs(gap - leader.gap))
    return {
        "light colour": (float(np.mean(lights)), len(lights)),
        "no light where none": (float(np.mean(alarms)), len(alarms)),
        "leader yes or no": (float(np.mean(leaders)), len(leaders)),
        "leader metres off": (float(np.mean(gaps)), len(gaps)),
    }


def words_follow(texts: Sequence[str], actions: np.ndarray, frames: Sequence[CollectedFrame]) -> tuple[float, int]:
    """Share of frames whose plan does what the words say of the speed, by the package's own reader and rule."""
    from lightemma.evaluation.reasoning.directions import DEFINITION, said_direction
    from lightemma.evaluation.reasoning.rules import RuleReader

    reader = RuleReader()
    speed = np.array([one.frame.history.actions[-1, 0] for one in frames])
    said = said_direction([reader.read_intent(text) for text in texts], speed)
    done = DEFINITION.directions(actions[:, -1, 0] - speed, speed)
    clear = ~np.isnan(said) & ~np.isnan(done)
    return float((said == done)[clear].mean()), int(clear.sum())


Formula = Callable[[np.ndarray], np.ndarray]


def formula(name: str, frames: Sequence[CollectedFrame]) -> np.ndarray:
    """Plans of a shipped formula."""
    planner = make_planner(name)
    return np.array([planner.actions(one.frame.history.actions) for one in frames])  # type: ignore[attr-defined]
