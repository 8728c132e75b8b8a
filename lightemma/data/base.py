"""What every source of frames offers. docs/data.md shows how to add one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from lightemma.agents import AgentLookup, MapLookup, Unknown
from lightemma.data.frame_checks import FrameChecks, UniqueTokens
from lightemma.data.source_faults import failures_of, is_built_in
from lightemma.errors import UserError, near_names
from lightemma.frame import Frame
from lightemma.plugins import describe
from lightemma.protocol import LIGHTEMMA, Protocol
from lightemma.run_folder.manifest import distributions_of
from lightemma.scene_facts import SceneFacts

#: Where the pictures of a frame's other cameras are: by scene name and sample token, channel (such as CAM_BACK) to file.
CameraLookup = Callable[[str, str], Mapping[str, Path]]


@dataclass(frozen=True, slots=True)
class DataInfo:
    """Where frames came from, for the manifest.

    Attributes:
        source: kind of source, such as ``nuscenes``, ``published`` or ``demo``.
        name: folder or archive name, without the path that leads to it.
        version: nuScenes version such as ``v1.0-test``, empty where the source does not say.
        scenes: how many scenes the source has.
    """

    source: str
    name: str
    version: str
    scenes: int


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """The settings that a command gives to a source when it opens it.

    Attributes:
        protocol: how scenes are cut into frames.
        index_folder: folder for files that the source can make again at any time; None if there is none.
        reader: for nuScenes tables, lightemma's own reader or nuscenes-devkit's.
    """

    protocol: Protocol = LIGHTEMMA
    index_folder: Path | None = None
    reader: Literal["tables", "devkit"] = "tables"


class FrameSource(ABC):
    """A set of scenes cut into benchmark frames.

    A source must have ``info``, ``scene_names`` and ``scene_frames``. What else it knows about its scenes it may give
    by ``agents``, ``maps``, ``facts`` and ``cameras``; tables that need what it does not know stay empty and say so.
    """

    @classmethod
    def open(cls, place: str, settings: SourceSettings) -> FrameSource:
        """The source behind ``--data NAME:PLACE``.

        By default the class is made without arguments if there is no place, else with the place as its one argument.

        Args:
            place: what follows the name and a colon; empty where nothing does.
            settings: of the command.

        Raises:
            UserError: if there is nothing at ``place``, or it is broken.
        """
        return cls(place) if place else cls()  # type: ignore[call-arg]

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

    @property
    def packages(self) -> tuple[str, ...]:
        """Distributions beyond lightemma's own that the frames depend on, for the manifest."""
        return distributions_of(type(self).__module__)

    def agents(self) -> AgentLookup | Unknown | None:
        """Who was around each frame: a function of scene name and sample token; None where the source does not know.

        Raises:
            UserError: if the annotations are broken.
        """
        return None

    def maps(self) -> MapLookup | Unknown | None:
        """Where one may drive in each scene: a function of the scene's name; None where the source does not know.

        Raises:
            UserError: if the maps are broken.
        """
        return None

    def facts(self) -> Mapping[str, SceneFacts] | None:
        """Place, light and weather by scene name, as far as known; None where the source does not know.

        Raises:
            UserError: if the file that holds them is broken.
        """
        return None

    def cameras(self) -> CameraLookup | None:
        """Where the other cameras' pictures of each frame are; None where the source has the front camera only.

        Raises:
            UserError: if the tables that say so are broken.
        """
        return None

    def checked_frames(self, scene: str) -> list[Frame]:
        """The benchmark frames of one scene, checked against the protocol. All of lightemma reads frames through this method.

        Raises:
            UserError: if they contradict the protocol, or the source fails.
            KeyError: if there is no such scene.
        """
        with failures_of(type(self), "scene_frames"):
            frames = self.scene_frames(scene)
        return self._checks().checked(frames, scene)

    def frames(self, scenes: Sequence[str] | None = None, stride: int = 1, limit: int | None = None) -> Iterator[Frame]:
        """Frames of the named scenes (all if None): every ``stride``-th of each scene, ``limit`` in all.

        Raises:
            UserError: if a name is unknown (near names are offered), ``stride`` or ``limit`` is below 1, or frames
                contradict the protocol.
        """
        if stride < 1:
            raise UserError(f"--stride is {stride}; give 1 (every frame) or more.")
        if limit is not None and limit < 1:
            raise UserError(f"--limit is {limit}; give 1 or more frames.")
        with failures_of(type(self), "scene_names"):
            names = list(self.scene_names)
        known = set(names)
        for name in scenes or ():
            if name not in known:
                raise UserError(f"There is no scene '{name}' in {self.info.name}; {near_names(name, known)}")
        wanted = list(dict.fromkeys(scenes)) if scenes else names
        unique = UniqueTokens(self._label())
        every = (frame for name in wanted for frame in unique.checked(self.checked_frames(name))[::stride])
        return islice(every, limit)

    def _checks(self) -> FrameChecks:
        # Made here and not in __init__, which a subclass need not call.
        made: FrameChecks | None = self.__dict__.get("_frame_checks")
        if made is None:
            made = self.__dict__["_frame_checks"] = FrameChecks(self._label())
        return made

    def _label(self) -> str:
        """The data in messages; a class of the user's own is named with its file."""
        return f"'{self.info.name}'" if is_built_in(type(self)) else describe(type(self))
