"""The contract of a planner. A new way of driving means subclassing ``Planner`` and writing ``plan``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

from lightemma.backends.base import Call
from lightemma.frame import FloatArray, Frame, Picture
from lightemma.run_folder.records import StageRecord


@dataclass(frozen=True, slots=True)
class Plan:
    """What a planner made of a frame.

    Attributes:
        actions: (6, 2) pairs of speed (m/s) and curvature (1/m), or None if there is no plan.
        outcome: ``ok``, ``format:<kind>`` or ``call:<kind>``.
        stages: the calls made, in order.
    """

    actions: FloatArray | None
    outcome: str
    stages: list[StageRecord] = field(default_factory=list)


class Planner(ABC):
    """Turns a frame into a plan.

    Attributes:
        name: what it is called on the command line and in tables.
        asks_model: whether it needs a model; one that does is run once per model.
    """

    name: ClassVar[str]
    asks_model: ClassVar[bool] = False

    @property
    def words(self) -> tuple[str, ...]:
        """What sets this way of driving apart from others of its name, such as ``dialogue``; part of run names."""
        return ()

    @property
    def kind(self) -> str:
        """Name and words: what manifests and tables call the planner."""
        return "-".join((self.name, *self.words))

    @property
    def frames(self) -> int:
        """Pictures it wants: the frame's own, and from two on the key frames before it (``frame.earlier``)."""
        return 1

    @abstractmethod
    async def plan(self, frame: Frame, picture: Picture | None, call: Call | None) -> Plan:
        """Plans the next three seconds of one frame.

        Args:
            frame: history, camera and names; ``frame.future`` is the ground truth and off limits.
            picture: the front-camera picture as it is sent, or None where none is needed.
            call: asks the model; None for planners that ask none.
        """

    def settings(self) -> dict[str, Any]:
        """What decides this planner's behaviour, for the manifest."""
        return {}
