"""Baselines: formulas over the car's own motion. A model that uses pictures should be better than they are."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np
from pydantic import Field

from lightemma.frame import FloatArray, Frame
from lightemma.kinematics import hold_last_action
from lightemma.planners.base import Calls, Plan, Planner, View
from lightemma.protocol import LIGHTEMMA
from lightemma.run_folder.records import OK

#: Seconds from now to the end of each action, (6,).
_ELAPSED = LIGHTEMMA.dt * np.arange(1, LIGHTEMMA.plan_steps + 1, dtype=np.float64)


class KinematicPlanner(Planner):
    """A planner that is a formula over the history."""

    @abstractmethod
    def actions(self, history: FloatArray) -> FloatArray:
        """The plan.

        Args:
            history: (..., 6, 2) actions, oldest first.

        Returns:
            (..., 6, 2) actions.
        """

    async def plan(self, frame: Frame, view: View, calls: Calls) -> Plan:
        """The formula's plan, from the history alone."""
        return Plan(self.actions(frame.history.actions), OK)


class ConstantAction(KinematicPlanner):
    """v_k = v_0, c_k = c_0: the current action six times. LightEMMA's own baseline."""

    name: ClassVar[str] = "constant-action"

    def actions(self, history: FloatArray) -> FloatArray:
        """Repeats the last action."""
        return hold_last_action(history)


class ConstantAcceleration(KinematicPlanner):
    """v_k = max(0, v_0 + a t_k), c_k = c_0, with a = (v_0 - v_-1) / dt: the CA model of target tracking.

    Source: constant-acceleration motion as in Schubert, Richter and Wanielik, "Comparison and evaluation of advanced
    motion models for vehicle tracking", FUSION 2008.
    """

    name: ClassVar[str] = "constant-acceleration"

    def actions(self, history: FloatArray) -> FloatArray:
        """Continues the last change of speed."""
        return _accelerate(history, _ELAPSED)


class DampedAcceleration(KinematicPlanner):
    """v_k = max(0, v_0 + a T (1 - exp(-t_k / T))), c_k = c_0, with a = (v_0 - v_-1) / dt and T = 2 s.

    The acceleration decays with time constant T, so that speed approaches v_0 + a T: the Singer model's expected
    motion (Singer, "Estimating optimal tracking filter performance for manned maneuvering targets", IEEE T-AES 1970).
    T is a round number; on the 150 test scenes every T from 1 to 5 s beats constant acceleration: its exact value matters
    little.
    """

    name: ClassVar[str] = "damped-acceleration"

    class Options(Planner.Options):
        """Settings of the formula."""

        time_constant_s: float = Field(
            default=2.0, gt=0, description="T, time constant of the acceleration's decay, seconds"
        )

    options: Options

    def actions(self, history: FloatArray) -> FloatArray:
        """Lets the last change of speed decay."""
        tau = self.options.time_constant_s
        return _accelerate(history, tau * (1.0 - np.exp(-_ELAPSED / tau)))


class ConstantSpeedStraight(KinematicPlanner):
    """v_k = v_0, c_k = 0: the constant-velocity model, straight ahead."""

    name: ClassVar[str] = "constant-speed-straight"

    def actions(self, history: FloatArray) -> FloatArray:
        """Keeps the speed and straightens the wheel."""
        actions = hold_last_action(history)
        actions[..., 1] = 0.0
        return actions


class Stop(KinematicPlanner):
    """v_k = 0, c_k = 0: the car stands still immediately. A lower reference: any planner should be better."""

    name: ClassVar[str] = "stop"

    def actions(self, history: FloatArray) -> FloatArray:
        """Stands still."""
        return np.zeros_like(hold_last_action(history))


def _accelerate(history: FloatArray, weights: FloatArray) -> FloatArray:
    """The last action with its speed changed by the last acceleration times ``weights`` ((6,) seconds), never below 0."""
    actions = hold_last_action(history)
    acceleration = (history[..., -1, 0] - history[..., -2, 0]) / LIGHTEMMA.dt
    actions[..., 0] = np.maximum(actions[..., 0] + acceleration[..., None] * weights, 0.0)
    return actions
