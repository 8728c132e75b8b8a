"""What every source of frames offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from lightemma.errors import UserError, near_names
from lightemma.frame import Frame


@dataclass(frozen=True, slots=True)
class DataInfo:
    """Where frames came from, for the manifest.

    Attributes:
        source: kind of source: ``nuscenes``, ``published`` or ``demo``.
        name: folder or archive name, without the path that leads to it.
        version: nuScenes version such as ``v1.0-test``, empty where the source does not say.
        scenes: how many scenes the source has.
    """

    source: str
    name: str
    version: str
    scenes: int


class FrameSource(ABC):
    """A set of scenes cut into benchmark frames."""

    @property
    @abstractmethod
    def info(self) -> DataInfo:
        """What this source is."""

    @property
    @abstractmethod
    def scene_names(self) -> Sequence[str]:
        """Names of all scenes, in the source's order."""

    @abstractmethod
    def scene_frames(self, scene: str) -> list[Frame]:
        """The benchmark frames of one scene, in time order.

        Raises:
            UserError: if the scene's rows are broken.
            KeyError: if there is no such scene.
        """

    def frames(self, scenes: Sequence[str] | None = None, stride: int = 1, limit: int | None = None) -> Iterator[Frame]:
        """Frames of the named scenes (all if None): every ``stride``-th of each scene, ``limit`` in all.

        Raises:
            UserError: if a name is unknown (near names are offered), or ``stride`` or ``limit`` is below 1.
        """
        if stride < 1:
            raise UserError(f"--stride is {stride}; give 1 (every frame) or more.")
        if limit is not None and limit < 1:
            raise UserError(f"--limit is {limit}; give 1 or more frames.")
        known = set(self.scene_names)
        for name in scenes or ():
            if name not in known:
                raise UserError(f"There is no scene '{name}' in {self.info.name}; {near_names(name, known)}")
        wanted = list(dict.fromkeys(scenes)) if scenes else list(self.scene_names)
        every = (frame for name in wanted for frame in self.scene_frames(name)[::stride])
        return islice(every, limit)
