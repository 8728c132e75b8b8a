"""One walk over a benchmark's frames before the first call: which there are, and whether their pictures are there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from lightemma.data.pictures_check import missing_pictures
from lightemma.errors import UserError
from lightemma.frame import Frame


@dataclass(frozen=True, slots=True)
class FrameSet:
    """The frames by name.

    Attributes:
        tokens: sample tokens, in order.
        scenes: how many scenes they are of.
    """

    tokens: tuple[str, ...]
    scenes: int


def survey(frames: Iterable[Frame], source: str, pictures: int) -> FrameSet:
    """Walks all frames once and keeps only their names.

    Args:
        frames: what is to be driven.
        source: the data's name, for messages.
        pictures: how many pictures per frame the planners look at; 0 if none does.

    Raises:
        UserError: if there is no frame, or a picture is missing that a planner looks at.
    """
    tokens, scenes, check = list[str](), set[str](), _PictureCheck(pictures)
    for frame in frames:
        tokens.append(frame.sample_token)
        scenes.add(frame.scene)
        if pictures:
            check.look_at(frame)
    if not tokens:
        raise UserError(f"{source} has no scene long enough for a benchmark frame (15 key frames or more).")
    check.complain(source, len(tokens))
    return FrameSet(tuple(tokens), len(scenes))


@dataclass
class _PictureCheck:
    """Counts pictures that are missing: of frames that have none, that do not know earlier ones, and files."""

    pictures: int
    without: int = 0
    alone: int = 0
    missing: list[str] = field(default_factory=list)

    def look_at(self, frame: Frame) -> None:
        if frame.image_path is None:
            self.without += 1
        elif len(frame.earlier) < self.pictures - 1:
            self.alone += 1
        else:
            self.missing += missing_pictures([frame], self.pictures - 1)

    def complain(self, source: str, frames: int) -> None:
        if self.alone:
            raise UserError(
                f"{source} does not say which pictures come before those of its frames; leave `pictures` out.",
                "pictures",
            )
        if self.without:
            raise UserError(
                f"{source} has no pictures for {self.without} of {frames} frames, and this model looks at them; use a "
                "nuScenes folder with samples/CAM_FRONT, or a baseline planner."
            )
        if self.missing:
            raise UserError(_missing(source, frames, self.missing))


def _missing(source: str, frames: int, missing: Sequence[str]) -> str:
    return (
        f"{len(missing)} of {frames} pictures are missing under {source}, the first is '{missing[0]}'; unpack the "
        "CAM_FRONT key frames there, or leave these scenes out."
    )
