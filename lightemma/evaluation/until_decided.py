"""Stops a run once it is known well enough how it compares with the baseline, so that no more calls are paid for.

Scenes are driven in a random order. At planned looks, after equal numbers of scenes, the difference of l2_avg to the baseline
(run minus ``constant-action``, over the frames with a plan) gets a repeated confidence interval: CR2 over scenes, as in every
table, at the level that alpha spending leaves for this look (statistics.alpha_spending). The run is decided once that interval
leaves zero out, or lies within the margin on either side. All looks together say a wrong word in at most 5 % of studies.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lightemma.errors import UserError
from lightemma.evaluation.metrics.displacement import Convention, l2, step_errors
from lightemma.evaluation.statistics.alpha_spending import LEVEL, look_levels
from lightemma.evaluation.statistics.cr2 import SceneIntervals
from lightemma.evaluation.statistics.multiple_testing import FEWEST_SCENES
from lightemma.kinematics import hold_last_action, integrate
from lightemma.protocol import Protocol
from lightemma.run_folder.manifest import LookEntry, StoppingEntry
from lightemma.run_folder.records import OK, FrameNumbers, FrameRecord, is_call_error

#: Looks of a run: more would decide a little earlier, and make the last one less sharp.
LOOKS = 10
#: With fewer scenes there would be no look before the last one.
FEWEST = 2 * FEWEST_SCENES
#: Seed of the order of scenes; the same for every run, so that runs that stop share their first scenes.
ORDER_SEED = 0
CONVENTION: Convention = "lightemma"
REFERENCE = "constant-action"


def scene_order(scenes: Sequence[str], seed: int = ORDER_SEED) -> list[str]:
    """The scenes in a random order that a seed fixes; it does not depend on the order in which they are given."""
    names = sorted(scenes)
    return [names[place] for place in np.random.default_rng(seed).permutation(len(names))]


def verdict(low: float, high: float, margin: float) -> str | None:
    """What an interval of the difference (run minus reference, metres) decides.

    Returns:
        ``better``, ``worse``, ``equal`` (no more than the margin apart), or None where nothing is decided.
    """
    if math.isnan(low) or math.isnan(high):
        return None
    if high < 0 or low > 0:
        return "better" if high < 0 else "worse"
    return "equal" if -margin <= low and high <= margin else None


@dataclass
class UntilDecided:
    """Collects the frames of a run in the order of its scenes, looks as planned, and says when it is decided.

    Args:
        frames: scene -> number of its frames, of all scenes that the run is to cover.
        margin: metres of l2_avg that count as no difference.
        protocol: how plans become trajectories.
        seed: of the order of scenes.

    Attributes:
        order: the scenes as they are driven.
        looks: what was seen at each look so far.
        decided: ``better``, ``worse`` or ``equal``; None while nothing is.

    Raises:
        UserError: if there are too few scenes, or the margin is not above 0.
    """

    frames: Mapping[str, int]
    margin: float
    protocol: Protocol
    seed: int = ORDER_SEED
    order: list[str] = field(init=False)
    looks: list[LookEntry] = field(init=False, default_factory=list)
    decided: str | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.margin) and self.margin > 0):
            raise UserError(f"`until_decided` is {self.margin}; give a margin in metres above 0, such as 0.05.")
        scenes = len(self.frames)
        if scenes < FEWEST:
            raise UserError(
                f"`until_decided` needs {FEWEST} scenes or more, and there are {scenes}: no verdict is given below "
                f"{FEWEST_SCENES} scenes, so nothing could be saved; leave it out."
            )
        self.order = scene_order(list(self.frames), self.seed)
        self._at = look_places(scenes)
        self._levels = look_levels([place / scenes for place in self._at])
        self._seen: dict[str, dict[str, float]] = {}
        self._complete = 0

    def add(self, record: FrameRecord | FrameNumbers) -> None:
        """Takes a recorded frame, and looks if that completes the scenes of a look.

        A frame whose call failed does not complete its scene: it is tried again.
        """
        if is_call_error(record.outcome) or self.decided is not None:
            return
        self._seen.setdefault(record.scene, {})[record.sample_token] = difference(record, self.protocol)
        while self._complete < len(self.order) and self._is_complete(self.order[self._complete]):
            self._complete += 1
        while self.decided is None and len(self.looks) < len(self._at) and self._at[len(self.looks)] <= self._complete:
            self._look()

    def add_all(self, records: Iterable[FrameRecord | FrameNumbers]) -> None:
        """Takes the frames of an earlier session."""
        for record in records:
            self.add(record)

    @property
    def entry(self) -> StoppingEntry:
        """What the manifest says about it."""
        return StoppingEntry(
            margin_m=self.margin,
            reference=REFERENCE,
            convention=CONVENTION,
            order_seed=self.seed,
            planned_scenes=len(self.order),
            looks=tuple(self.looks),
            decided=self.decided,
        )

    def _is_complete(self, scene: str) -> bool:
        return len(self._seen.get(scene, ())) >= self.frames[scene]

    def _look(self) -> None:
        count, level = self._at[len(self.looks)], self._levels[len(self.looks)]
        values = [list(self._seen[scene].values()) for scene in self.order[:count]]
        codes = np.repeat(np.arange(count), [len(one) for one in values])
        found = SceneIntervals(codes).interval(np.concatenate(values), 1 - (level or LEVEL))
        low, high = (found.low, found.high) if level else (math.nan, math.nan)  # too early to decide anything
        self.looks.append(LookEntry(count, _known(found.mean), _known(low), _known(high), level))
        if found.scenes >= FEWEST_SCENES:
            self.decided = verdict(low, high, self.margin)


def _known(value: float) -> float | None:
    """JSON has no NaN."""
    return None if math.isnan(value) else value


def look_places(scenes: int) -> list[int]:
    """After how many scenes a run is looked at: in equal steps, never before a verdict is allowed, and at the end."""
    step = max(-(-scenes // LOOKS), 1)
    places = [place for place in range(step, scenes, step) if place >= FEWEST_SCENES]
    return [*places, scenes]


def difference(record: FrameRecord | FrameNumbers, protocol: Protocol) -> float:
    """Metres of l2_avg above the baseline; NaN without a plan or without ground truth."""
    if record.outcome != OK or record.trajectory is None or record.ground_truth is None:
        return math.nan
    truth = np.array(record.ground_truth)
    held = integrate(hold_last_action(np.array([record.history])), protocol)[0]
    errors = step_errors(np.stack([np.array(record.trajectory), held]), truth)
    run, baseline = l2(errors, CONVENTION)[:, 3]
    return float(run - baseline)


def sentence(stopping: StoppingEntry) -> str:
    """What a decided run's looks say, for the closing line and the tables' warnings.

    Raises:
        ValueError: if nothing was decided.
    """
    if stopping.decided is None or not stopping.looks:
        raise ValueError("the run is not decided")
    last = stopping.looks[-1]
    mean, low, high = (math.nan if value is None else value for value in (last.mean, last.low, last.high))
    words = {
        "better": f"better than {stopping.reference}",
        "worse": f"worse than {stopping.reference}",
        "equal": f"within {stopping.margin_m:g} m of {stopping.reference}",
    }
    return (
        f"decided after {last.scenes} of {stopping.planned_scenes} scenes: {words[stopping.decided]}, "
        f"{mean:+.3f} m [{low:+.3f}, {high:+.3f}] (l2_avg, {stopping.convention} convention, interval valid for "
        "all looks)"
    )
