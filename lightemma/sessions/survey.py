"""Reads a benchmark's frames once before the first call: their tokens, and whether their pictures exist."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lightemma.data.pictures_check import missing_pictures
from lightemma.errors import UserError
from lightemma.frame import Frame


@dataclass(frozen=True, slots=True)
class FrameSet:
    """Tokens and scenes of frames.

    Attributes:
        tokens: sample tokens, in order.
        per_scene: scene -> how many of them.
    """

    tokens: tuple[str, ...]
    per_scene: Mapping[str, int]

    @property
    def scenes(self) -> int:
        """How many scenes the frames come from."""
        return len(self.per_scene)


def survey(frames: Iterable[Frame], source: str, pictures: int) -> FrameSet:
    """Reads all frames once and keeps only their tokens.

    Args:
        frames: to be driven.
        source: the data's name, for messages.
        pictures: number of pictures per frame that the planners use, or 0.

    Raises:
        UserError: if there is no frame, or a picture that a planner uses is missing.
    """
    tokens, scenes, check = list[str](), Counter[str](), _PictureCheck(pictures)
    for frame in frames:
        tokens.append(frame.sample_token)
        scenes[frame.scene] += 1
        if pictures:
            check.add(frame)
    if not tokens:
        raise UserError(f"{source} has no scene long enough for a benchmark frame (15 key frames or more).")
    check.raise_if_missing(source, len(tokens))
    return FrameSet(tuple(tokens), scenes)


@dataclass
class _PictureCheck:
    """Counts frames without a picture, frames without earlier pictures, and missing files."""

    pictures: int
    without_picture: int = 0
    without_earlier: int = 0
    missing: list[str] = field(default_factory=list)

    def add(self, frame: Frame) -> None:
        if frame.image_path is None:
            self.without_picture += 1
        elif len(frame.earlier) < self.pictures - 1:
            self.without_earlier += 1
        else:
            self.missing += missing_pictures([frame], self.pictures - 1)

    def raise_if_missing(self, source: str, frames: int) -> None:
        if self.without_earlier:
            raise UserError(
                f"{source} does not say which pictures come before those of its frames; leave `pictures` out.",
                "pictures",
            )
        if self.without_picture:
            raise UserError(
                f"{source} has no pictures for {self.without_picture} of {frames} frames, and a model needs them; use a "
                "nuScenes folder with samples/CAM_FRONT, or a baseline planner."
            )
        if self.missing:
            raise UserError(_missing(source, frames, self.missing))


def _missing(source: str, frames: int, missing: Sequence[str]) -> str:
    return (
        f"{len(missing)} of {frames} pictures are missing under {source}, the first is '{missing[0]}'; unpack the "
        "CAM_FRONT key frames there, or leave these scenes out."
    )
