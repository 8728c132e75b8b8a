"""What plans do to others and to the road, frame by frame: collisions, time to collision, leaving road and lane."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lightemma.agents import BoolArray
from lightemma.evaluation.metrics.agents_around import AgentsAround, planned_poses
from lightemma.evaluation.metrics.collisions import CONVENTIONS, Convention, step_hits
from lightemma.evaluation.metrics.road_polygons import Ground
from lightemma.evaluation.metrics.time_to_collision import min_ttc, recorded_touches
from lightemma.evaluation.scene_context import SceneContext
from lightemma.evaluation.scores import RunScores
from lightemma.frame import FloatArray

UNTOLD = "Who was visible, or had a lidar point, is unknown here, so the rules stp3 and vad count everyone."


@dataclass(frozen=True)
class PlanSafety:
    """What each of ``n`` plans does; NaN where there is no plan or the surroundings are unknown.

    Attributes:
        hits: by convention, (n, 6) 1.0 where a step hits a road user or an obstacle, 0.0 where not and where left out.
        time_to_collision: (n,) seconds, the least over the plan; infinite where no contact follows.
        off_road: (n, 6) 1.0 where a corner of the car is off the drivable ground.
        lane_departure: (n, 6) 1.0 where the rear axle is out of the own lane.
    """

    hits: Mapping[Convention, FloatArray]
    time_to_collision: FloatArray
    off_road: FloatArray
    lane_departure: FloatArray


class SafetyJudge:
    """Everything around a set of frames, collected once; judges any number of drives over them.

    Args:
        scenes: (n) scene name of each frame.
        tokens: (n) sample token of each frame.
        context: who is around and where the road is.
    """

    def __init__(self, scenes: Sequence[str], tokens: Sequence[str], context: SceneContext) -> None:
        self.around = AgentsAround.gather(scenes, tokens, context.agents or _no_agents)
        #: The ground under the frames; None without maps.
        self.ground = Ground(self.around, context.maps) if context.maps else None
        #: By convention, (n, 6) steps in which the recorded drive itself hits something.
        self.left_out: dict[Convention, BoolArray] = {
            convention: step_hits(convention, self.around.ego, self.around) for convention in CONVENTIONS
        }
        self._touched = recorded_touches(self.around)
        self._context = context

    @property
    def unknown(self) -> list[str]:
        """Sentences about what is unknown of every frame."""
        notes = [] if self.around.known.any() else [self._context.no_agents]
        return notes if self.ground is not None and self.ground.found else [*notes, self._context.no_maps]

    @property
    def untold(self) -> str:
        """The sentence that says that a published rule cannot choose whom it counts; empty where all can."""
        return "" if self.around.all_told else UNTOLD

    def judge(self, poses: FloatArray) -> PlanSafety:
        """What a drive does.

        Args:
            poses: (n, 7, 3) of the rear axle: x, y (metres), heading (radians), ego frame, now first; NaN where none.
        """
        known = self.around.known & ~np.isnan(poses).any(axis=(1, 2))
        hits = {
            convention: np.where(
                known[:, None], step_hits(convention, poses, self.around) & ~self.left_out[convention], np.nan
            )
            for convention in CONVENTIONS
        }
        unknown = np.full((len(poses), poses.shape[1] - 1), np.nan)
        departures = self.ground.judge(poses) if self.ground else None
        return PlanSafety(
            hits=hits,
            time_to_collision=min_ttc(poses, self.around, self._touched),
            off_road=departures.off_road if departures else unknown,
            lane_departure=departures.lane_departure if departures else unknown,
        )

    def judge_run(self, run: RunScores) -> PlanSafety:
        """What the plans of a run do; the run is over the frames that this judge was made for."""
        return self.judge(planned_poses(run.trajectory, run.actions, run.protocol))

    def judge_recorded(self) -> PlanSafety:
        """What the recorded drive itself does."""
        return self.judge(self.around.ego)


def _no_agents(scene: str, token: str) -> None:
    return None
