"""Safety of plans: who is hit, by how little nobody is, and who leaves the road. docs/safety.md says it in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lightemma.agents import BoolArray
from lightemma.errors import UserError
from lightemma.evaluation.metrics.agents_around import Lookup, Traffic, planned_poses
from lightemma.evaluation.metrics.collisions import CONVENTIONS, Convention, collision_columns, step_hits
from lightemma.evaluation.metrics.road_polygons import Ground, MapLookup
from lightemma.evaluation.metrics.time_to_collision import TTC_BOUND, least_time_to_collision, recorded_touches
from lightemma.evaluation.scores import BASELINE, RunScores, baseline_scores
from lightemma.evaluation.statistics.bootstrap import RESAMPLES, SEED, Interval, SceneBootstrap
from lightemma.frame import FloatArray

#: The recorded car's own row.
RECORDED = "recorded drive"
NO_ANNOTATIONS = "Nobody wrote down who was around these frames, so collisions are unknown."
NO_MAP = "There is no map under these scenes, so leaving the road is unknown."


@dataclass(frozen=True, slots=True)
class SafetyEvidence:
    """What is known about the surroundings of a set of runs.

    Attributes:
        surroundings: looks up who is around a frame by scene name and sample token; None where nobody knows.
        drivable: looks up a scene's map by its name; None where there is none.
        no_annotations: the sentence for ``SafetyRow.note`` where no frame's agents are known.
        no_map: the sentence where no frame has a map under it.
    """

    surroundings: Lookup | None = None
    drivable: MapLookup | None = None
    no_annotations: str = NO_ANNOTATIONS
    no_map: str = NO_MAP


@dataclass(frozen=True, slots=True)
class SafetyRow:
    """One run's safety on its ok frames whose surroundings are known; NaN where unknown, and ``note`` says why.

    Steps in which the recorded drive hits somebody by the same convention never count as a hit (the field's rule: such an
    annotation cannot be right).

    Attributes:
        run: name of the run, or ``recorded drive``.
        frames: ok frames with known agents; the collision and time-to-collision columns are over these.
        scenes: scenes they come from.
        collision_stp3_vad_1s: share of steps up to 1 s with an occupied cell, vehicles and pedestrians.
        collision_stp3_vad_2s: up to 2 s.
        collision_stp3_vad_3s: up to 3 s.
        collision_stp3_vad_avg: mean of the three.
        collision_uniad_1s: share of frames with an occupied cell at 1 s, vehicles only.
        collision_uniad_2s: at 2 s.
        collision_uniad_3s: at 3 s.
        collision_uniad_avg: mean of the three.
        collision_exact_1s: share of frames with any contact of turned boxes up to 1 s, everybody and everything.
        collision_exact_2s: up to 2 s.
        collision_exact_3s: up to 3 s.
        collision_exact_avg: mean of the three.
        collision_exact_3s_ci_low: lower end of the scene-clustered 95 % interval.
        collision_exact_3s_ci_high: upper end.
        diff_vs_baseline: collision_exact_3s less that of the constant-action baseline, on the same frames.
        ci_low: lower end of its scene-clustered 95 % interval.
        ci_high: upper end.
        excluded_stp3_vad: share of steps left out because the recorded drive hits somebody.
        excluded_uniad: the same by ``uniad``.
        excluded_exact: the same by ``exact``.
        ttc_below_share: share of frames whose least time to collision is below 0.95 s.
        ground_frames: ok frames with a map under them.
        off_road_share: share of these with a corner of the car off the drivable ground at a step.
        lane_frames: ok frames whose own lane is known.
        lane_departure_share: share of these with the rear axle out of the own lane at a step.
        note: why something is unknown.
    """

    run: str
    frames: int
    scenes: int
    collision_stp3_vad_1s: float
    collision_stp3_vad_2s: float
    collision_stp3_vad_3s: float
    collision_stp3_vad_avg: float
    collision_uniad_1s: float
    collision_uniad_2s: float
    collision_uniad_3s: float
    collision_uniad_avg: float
    collision_exact_1s: float
    collision_exact_2s: float
    collision_exact_3s: float
    collision_exact_avg: float
    collision_exact_3s_ci_low: float
    collision_exact_3s_ci_high: float
    diff_vs_baseline: float
    ci_low: float
    ci_high: float
    excluded_stp3_vad: float
    excluded_uniad: float
    excluded_exact: float
    ttc_below_share: float
    ground_frames: int
    off_road_share: float
    lane_frames: int
    lane_departure_share: float
    note: str


@dataclass(frozen=True)
class Verdicts:
    """What each plan of a run does, frame by frame; NaN where there is no plan or nobody knows.

    Attributes:
        hits: by convention, (n, 6) 1.0 where a step hits somebody, 0.0 where not. Left-out steps are 0.0.
        time_to_collision: (n,) seconds, the least over the plan; infinite where nobody is met.
        off_road: (n, 6) 1.0 where a corner of the car is off the drivable ground.
        lane_departure: (n, 6) 1.0 where the rear axle is out of the own lane.
    """

    hits: Mapping[Convention, FloatArray]
    time_to_collision: FloatArray
    off_road: FloatArray
    lane_departure: FloatArray


class SafetyScene:
    """Everything around a set of frames, gathered once; judges any number of drives over them.

    Args:
        scenes: (n) scene name of each frame.
        tokens: (n) sample token of each frame.
        evidence: who was around and where the road is.
    """

    def __init__(self, scenes: Sequence[str], tokens: Sequence[str], evidence: SafetyEvidence) -> None:
        self.traffic = Traffic.gather(scenes, tokens, evidence.surroundings or _nobody_knows)
        #: The ground under the frames; None without maps.
        self.ground = Ground(self.traffic, evidence.drivable) if evidence.drivable else None
        #: By convention, (n, 6) steps in which the recorded drive hits somebody.
        self.left_out: dict[Convention, BoolArray] = {
            convention: step_hits(convention, self.traffic.ego, self.traffic) for convention in CONVENTIONS
        }
        self._touched = recorded_touches(self.traffic)

    def judge(self, poses: FloatArray) -> Verdicts:
        """Verdicts on a drive.

        Args:
            poses: (n, 7, 3) of the rear axle: x, y (metres), heading (radians), ego frame, now first; NaN where none.
        """
        known = self.traffic.known & ~np.isnan(poses).any(axis=(1, 2))
        hits = {
            convention: np.where(
                known[:, None], step_hits(convention, poses, self.traffic) & ~self.left_out[convention], np.nan
            )
            for convention in CONVENTIONS
        }
        unknown = np.full((len(poses), poses.shape[1] - 1), np.nan)
        ground = self.ground.judge(poses) if self.ground else None
        return Verdicts(
            hits=hits,
            time_to_collision=least_time_to_collision(poses, self.traffic, self._touched),
            off_road=ground.off_road if ground else unknown,
            lane_departure=ground.lane_departure if ground else unknown,
        )


def frame_verdicts(run: RunScores, evidence: SafetyEvidence) -> Verdicts:
    """Verdicts on each plan of one run. For several runs make one :class:`SafetyScene` and use :func:`verdicts_in`."""
    return verdicts_in(SafetyScene(run.scenes, run.tokens, evidence), run)


def verdicts_in(scene: SafetyScene, run: RunScores) -> Verdicts:
    """Verdicts on each plan of a run over the frames that ``scene`` was made for."""
    return scene.judge(planned_poses(run.trajectory, run.actions, run.protocol))


def safety_rows(
    runs: Sequence[RunScores], evidence: SafetyEvidence, *, resamples: int = RESAMPLES, seed: int = SEED
) -> list[SafetyRow]:
    """One row per run, one for the constant-action baseline and one for the recorded drive.

    Args:
        runs: over the same frames; the baseline is computed and added if none of them is it.
        evidence: who was around and where the road is.
        resamples: bootstrap draws.
        seed: of the draws.

    Raises:
        UserError: if the runs are not over the same frames, or a map is broken.
    """
    if not runs:
        return []
    first = runs[0]
    if any(list(run.tokens) != list(first.tokens) for run in runs):
        raise UserError("The runs are not over the same frames; cut them to those that all of them have.")
    if all(run.planner != BASELINE for run in runs):
        runs = [*runs, baseline_scores(first)]
    scene = SafetyScene(first.scenes, first.tokens, evidence)
    verdicts = [verdicts_in(scene, run) for run in runs]
    names = [*(run.name for run in runs), RECORDED]
    verdicts.append(scene.judge(scene.traffic.ego))
    contact = np.column_stack([collision_columns("exact", each.hits["exact"])[:, 2] for each in verdicts])
    reference = next(index for index, run in enumerate(runs) if run.planner == BASELINE)
    codes = {name: code for code, name in enumerate(dict.fromkeys(first.scenes))}
    bootstrap = SceneBootstrap(np.array([codes[name] for name in first.scenes]), resamples, seed)
    rates = bootstrap.intervals(contact)
    differences = bootstrap.intervals(contact - contact[:, [reference]])
    notes = [evidence.no_annotations] * (not scene.traffic.known.any())
    notes += [evidence.no_map] * (scene.ground is None or not scene.ground.found)
    # The reason is the same for all runs, and stated once.
    return [
        _row(
            name,
            each,
            scene,
            rates[index],
            None if index == reference else differences[index],
            "" if index else " ".join(notes),
        )
        for index, (name, each) in enumerate(zip(names, verdicts, strict=True))
    ]


def _nobody_knows(scene: str, token: str) -> None:
    return None


def _row(
    name: str, verdicts: Verdicts, scene: SafetyScene, rate: Interval, difference: Interval | None, note: str
) -> SafetyRow:
    known = ~np.isnan(verdicts.time_to_collision)
    columns: dict[str, float] = {}
    for convention in CONVENTIONS:
        means = _means(collision_columns(convention, verdicts.hits[convention]))
        names = (f"collision_{convention}_{end}" for end in ("1s", "2s", "3s", "avg"))
        columns |= dict(zip(names, means, strict=True))
        left_out = np.where(known[:, None], scene.left_out[convention], np.nan)
        columns[f"excluded_{convention}"] = _means(left_out.reshape(-1, 1))[0]
    off_road, departure = verdicts.off_road.max(axis=1), verdicts.lane_departure.max(axis=1)
    below = np.where(known, verdicts.time_to_collision < TTC_BOUND, np.nan)
    return SafetyRow(
        run=name,
        frames=int(known.sum()),
        scenes=rate.scenes,
        **columns,
        # With few scenes the interval is symmetric and may reach beyond what a share can be.
        collision_exact_3s_ci_low=float(np.clip(rate.low, 0.0, 1.0)),
        collision_exact_3s_ci_high=float(np.clip(rate.high, 0.0, 1.0)),
        diff_vs_baseline=0.0 if difference is None else difference.mean,
        ci_low=0.0 if difference is None else difference.low,
        ci_high=0.0 if difference is None else difference.high,
        ttc_below_share=_means(below[:, None])[0],
        ground_frames=int((~np.isnan(off_road)).sum()),
        off_road_share=_means(off_road[:, None])[0],
        lane_frames=int((~np.isnan(departure)).sum()),
        lane_departure_share=_means(departure[:, None])[0],
        note=note,
    )


def _means(values: FloatArray) -> list[float]:
    """Column means over the known values; NaN where none is known."""
    known = ~np.isnan(values)
    counts = known.sum(axis=0)
    sums = np.where(known, values, 0.0).sum(axis=0)
    means: list[float] = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).tolist()
    return means
