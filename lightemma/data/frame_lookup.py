"""One frame of a source by its scene and sample token."""

from __future__ import annotations

from collections import OrderedDict

from lightemma.data.base import FrameSource
from lightemma.frame import Frame


class FrameLookup:
    """Finds frames, and keeps the scenes it looked into last.

    Args:
        source: where the frames are.
        scenes: how many scenes are kept.
    """

    def __init__(self, source: FrameSource, scenes: int = 8) -> None:
        self.source = source
        self._names = frozenset(source.scene_names)
        self._limit = scenes
        self._kept: OrderedDict[str, dict[str, Frame]] = OrderedDict()

    def frame(self, scene: str, token: str) -> Frame | None:
        """The frame, or None if the source has no such scene or no such benchmark frame in it.

        Raises:
            UserError: if the scene's rows are broken.
        """
        if scene not in self._names:
            return None
        if scene in self._kept:
            self._kept.move_to_end(scene)
        else:
            self._kept[scene] = {frame.sample_token: frame for frame in self.source.checked_frames(scene)}
            if len(self._kept) > self._limit:
                self._kept.popitem(last=False)
        return self._kept[scene].get(token)
