"""Loads what a planner is shown of a frame: its pictures, those of other cameras, and examples from other scenes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from lightemma.agents import AgentLookup, Unknown
from lightemma.backends.base import Backend
from lightemma.data.base import CameraLookup, FrameSource
from lightemma.data.pictures import PicturePolicy, load_picture
from lightemma.data.source_answers import agents_of, cameras_of
from lightemma.errors import UserError
from lightemma.frame import Frame, Picture
from lightemma.planners.base import CAMERAS, Needs, View
from lightemma.sessions.examples import Examples


def pictures_needed(needs: Needs, backends: Mapping[str, Backend]) -> int:
    """Number of pictures loaded per frame: 0 if neither planner nor models use them.

    Args:
        needs: of the planner.
        backends: its models by role.
    """
    looks = needs.looks or not needs.models or any(backend.reads_pictures for backend in backends.values())
    return needs.pictures if looks else 0


def load_view(frame: Frame, pictures: int, policy: PicturePolicy) -> View:
    """Reads a frame's pictures.

    Args:
        frame: holds the paths of its pictures.
        pictures: number of pictures, the frame's own included; if there are fewer, all of them.
        policy: how pictures are sent.

    Raises:
        UserError: as ``load_picture`` does.
    """
    return View(tuple(load_picture(path, policy, frame.altered) for path in picture_paths(frame, pictures)))


def picture_paths(frame: Frame, pictures: int) -> list[Path]:
    """The files of a frame's pictures, oldest first, its own last; none where it has no picture.

    Args:
        frame: holds them.
        pictures: number of pictures, the frame's own included; if there are fewer, all of them.
    """
    if pictures == 0 or frame.image_path is None:
        return []
    before = frame.earlier[-(pictures - 1) :] if pictures > 1 else ()
    return [*(one.path for one in before), frame.image_path]


@dataclass(frozen=True)
class Views:
    """What a run's planner is shown.

    Attributes:
        pictures: number of front-camera pictures per frame; 0 if neither planner nor models use them.
        policy: how pictures are sent.
        channels: other cameras whose pictures are shown.
        lookup: where these are.
        examples: of other scenes, or None.
        truth: who was around each frame, where the planner needs the truth.
    """

    pictures: int
    policy: PicturePolicy
    channels: tuple[str, ...] = ()
    lookup: CameraLookup | None = None
    examples: Examples | None = None
    truth: AgentLookup | None = None

    @property
    def any(self) -> bool:
        """Whether anything is loaded."""
        return self.pictures > 0 or self.examples is not None or self.truth is not None

    def of(self, frame: Frame) -> View:
        """What is shown of a frame.

        Raises:
            UserError: if a picture is missing or broken.
        """
        view = load_view(frame, self.pictures, self.policy)
        examples = self.examples.of(frame.scene) if self.examples else ()
        truth = self.truth(frame.scene, frame.sample_token) if self.truth else None
        return replace(view, others=self._others(frame), examples=examples, truth=truth)

    def check(self, frame: Frame) -> None:
        """Looks for the first frame's other cameras and examples, so that missing ones end a run before its first call.

        Raises:
            UserError: if they are missing.
        """
        self._others(frame)
        if self.examples:
            self.examples.of(frame.scene)

    def _others(self, frame: Frame) -> dict[str, Picture]:
        if not self.channels or self.lookup is None:
            return {}
        paths = self.lookup(frame.scene, frame.sample_token)
        missing = [channel for channel in self.channels if channel not in paths]
        if missing:
            raise UserError(
                f"Frame {frame.sample_token} has no picture of {', '.join(missing)}; leave `cameras` out, or take data with "
                "all cameras.",
                "cameras",
            )
        return {channel: load_picture(paths[channel], self.policy) for channel in self.channels}


def views_of(needs: Needs, pictures: int, source: FrameSource, policy: PicturePolicy) -> Views:
    """What loads the pictures and examples of a run.

    Args:
        needs: of its planner.
        pictures: as ``pictures_needed`` says.
        source: of the frames.
        policy: how pictures are sent.

    Raises:
        UserError: if the data have no other cameras and the planner needs them.
    """
    lookup = None
    channels = CAMERAS[needs.cameras] if pictures else ()
    if channels:
        lookup = cameras_of(source)
        if lookup is None:
            raise UserError(
                f"{source.info.name} has pictures of the front camera only; leave `cameras` out, or take nuScenes tables with "
                "all six.",
                "cameras",
            )
    examples = None
    if needs.examples:
        examples = Examples(source, needs.examples, needs.examples_seed, policy if pictures else None, needs.command)
    return Views(pictures, policy, channels, lookup, examples, _truth(source) if needs.truth else None)


def _truth(source: FrameSource) -> AgentLookup:
    """Who was around each frame of a source.

    Raises:
        UserError: if it does not know.
    """
    found = agents_of(source)
    if found is None or isinstance(found, Unknown):
        why = found.reason if isinstance(found, Unknown) else f"{source.info.name} has no annotations."
        raise UserError(
            f"The planner needs the truth, and it is not known: {why} Take annotated data, or another planner."
        )
    return found
