"""Examples for a model: frames of other scenes than the one it drives in, with what their drivers did."""

from __future__ import annotations

import random
from threading import Lock

from lightemma.data.base import FrameSource
from lightemma.data.commands import with_command
from lightemma.data.pictures import PicturePolicy, load_picture
from lightemma.errors import UserError
from lightemma.frame import Frame
from lightemma.kinematics import actions_through
from lightemma.planners.base import Example
from lightemma.protocol import LIGHTEMMA


class Examples:
    """Draws the examples of each scene: the same for all of its frames, so that providers may cache them.

    Args:
        source: of the frames; its scenes are all drawn from, whichever of them are driven.
        count: how many, each of another scene.
        seed: of the draws.
        policy: how pictures are sent; None for models that read none.
        command: whether the examples say where their drives went.
    """

    def __init__(self, source: FrameSource, count: int, seed: int, policy: PicturePolicy | None, command: bool) -> None:
        self._source, self._count, self._seed, self._policy, self._command = source, count, seed, policy, command
        self._drawn: dict[str, tuple[Example, ...]] = {}
        self._lock = Lock()  # frames are loaded in threads

    def of(self, scene: str) -> tuple[Example, ...]:
        """The examples for the frames of a scene.

        Raises:
            UserError: if there are not enough other scenes with a recorded drive, or a picture is missing.
        """
        with self._lock:
            if scene not in self._drawn:
                self._drawn = {scene: self._draw(scene)}  # frames come scene by scene: one is enough
            return self._drawn[scene]

    def _draw(self, scene: str) -> tuple[Example, ...]:
        others = [name for name in self._source.scene_names if name != scene]
        chance = random.Random(f"examples {self._seed} {scene}")
        chance.shuffle(others)
        found: list[Example] = []
        for name in others:
            frames = [frame for frame in self._source.checked_frames(name) if self._is_usable(frame)]
            if frames:
                found.append(self._example(chance.choice(frames)))
            if len(found) == self._count:
                return tuple(found)
        raise UserError(
            f"{self._source.info.name} has {len(found)} scenes beside '{scene}' to take examples from, and `few_shot` wants "
            f"{self._count}; take fewer, or data with more scenes.",
            "few_shot",
        )

    def _is_usable(self, frame: Frame) -> bool:
        return frame.future is not None and (self._policy is None or frame.image_path is not None)

    def _example(self, frame: Frame) -> Example:
        assert frame.future is not None, "chosen so"
        shown = with_command(frame) if self._command else frame
        picture = None
        if self._policy is not None and frame.image_path is not None:
            picture = load_picture(frame.image_path, self._policy)
        actions = actions_through(frame.future).round(LIGHTEMMA.decimals) + 0.0
        return Example(shown, picture, actions, frame.future)
