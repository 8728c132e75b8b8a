"""Reads a benchmark's frames once before the first call: their tokens, and whether their pictures can be sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lightemma.data.pictures_check import MISSING, PictureFault, PicturesCheck, described
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
        UserError: if there is no frame, or a picture that a planner uses is missing, empty, torn or none.
    """
    tokens, scenes, check = list[str](), Counter[str](), _PictureCheck(pictures)
    for frame in frames:
        tokens.append(frame.sample_token)
        scenes[frame.scene] += 1
        if pictures:
            check.add(frame)
    if not tokens:
        raise UserError(f"{source} has no scene long enough for a benchmark frame (15 key frames or more).")
    check.raise_if_faulty(source, len(tokens))
    return FrameSet(tuple(tokens), scenes)


@dataclass
class _PictureCheck:
    """Counts frames without a picture, frames without earlier pictures, and files that cannot be sent."""

    pictures: int
    without_picture: int = 0
    without_earlier: int = 0
    faults: list[PictureFault] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._files = PicturesCheck(self.pictures - 1)

    def add(self, frame: Frame) -> None:
        if frame.image_path is None:
            self.without_picture += 1
        elif len(frame.earlier) < self.pictures - 1:
            self.without_earlier += 1
        else:
            fault = self._files.fault(frame)
            if fault:
                self.faults.append(fault)

    def raise_if_faulty(self, source: str, frames: int) -> None:
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
        if self.faults:
            raise UserError(_faulty(source, frames, self.faults))


def _faulty(source: str, frames: int, faults: Sequence[PictureFault]) -> str:
    if all(fault.what == MISSING for fault in faults):
        return (
            f"{len(faults)} of {frames} pictures are missing under {source}, the first is '{faults[0].name}'; unpack the "
            "CAM_FRONT key frames there, or leave these scenes out."
        )
    return (
        f"{len(faults)} of {frames} pictures under {source} cannot be sent ({described(faults)}); copy or unpack them again, "
        "or leave these scenes out."
    )
