"""The input of a planner: one front-camera key frame with the car's own motion up to it."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float64]
    #: (height, width, 3) red, green, blue.
    PixelArray = npt.NDArray[np.uint8]
else:
    # Commands that compute nothing start without NumPy.
    FloatArray = PixelArray = Any
#: A change to a picture: pixels to pixels, perhaps of another size. The same for the same pixels.
PictureChange = Callable[[PixelArray], PixelArray]


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole camera on the car.

    Attributes:
        intrinsic: (3, 3) matrix, pixels.
        rotation: (4,) unit quaternion w, x, y, z that turns camera axes (x right, y down, z forward) into the ego frame.
        translation: (3,) metres, the camera's place in the ego frame.
        size: picture width and height in pixels, where the data says it.
    """

    intrinsic: FloatArray
    rotation: FloatArray
    translation: FloatArray
    size: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Pose:
    """The car's pose in the world: x and y in metres, heading in radians (counter-clockwise from x)."""

    x: float
    y: float
    heading: float


@dataclass(frozen=True, slots=True)
class EgoHistory:
    """Three seconds of the car's own motion, oldest first, the current key frame last.

    Attributes:
        positions: (8, 2) metres, ego frame of the current key frame (so the last is the origin).
        actions: (6, 2) pairs of speed (m/s) and curvature (1/m, positive = left); the last is the current action.
        known: False where a probe has taken the history away: all numbers are then 0, and prompts say ``unknown``.
    """

    positions: FloatArray
    actions: FloatArray
    known: bool = True


class _Room:
    """Room for what is made of an object once, and is no part of it: not compared, copied or sent."""

    __slots__ = ("_address", "_base64")
    _base64: str
    _address: bytes


@dataclass(frozen=True, slots=True)
class Picture(_Room):
    """A picture ready to be sent to a model.

    Attributes:
        data: encoded bytes (JPEG or PNG).
        media_type: ``image/jpeg`` or ``image/png``.
        size: width and height in pixels as sent.
        sha256: hex digest of ``data``.
        url: where the provider fetches the picture itself; ``data`` is then empty, ``size`` unknown (0, 0) and ``sha256``
            that of the address. Pictures of frames always have data.
        file_sha256: hex digest of the file that the picture was made from, None where there was no file.
    """

    data: bytes
    media_type: str
    size: tuple[int, int]
    sha256: str
    url: str | None = None
    file_sha256: str | None = None

    @property
    def base64(self) -> str:
        """``data`` in base 64; made once, since all calls of a frame and all their tries send it."""
        try:
            return self._base64
        except AttributeError:
            coded = b64encode(self.data).decode("ascii")
            object.__setattr__(self, "_base64", coded)
            return coded

    @property
    def json_address(self) -> bytes:
        """The picture as a ``data:`` address, a text in JSON; made once, and copied into each request as it is."""
        try:
            return self._address
        except AttributeError:
            written = b'"data:%s;base64,%s"' % (self.media_type.encode(), b64encode(self.data))
            object.__setattr__(self, "_address", written)
            return written


@dataclass(frozen=True, slots=True)
class EarlierPicture:
    """An earlier front-camera key frame of a frame's scene.

    Attributes:
        path: where the picture is.
        timestamp: microseconds, of the picture.
    """

    path: Path
    timestamp: int


@dataclass(frozen=True, slots=True)
class Frame:
    """One benchmark frame.

    Attributes:
        scene: name of the scene.
        frame_index: place among the scene's benchmark frames, from 0.
        sample_token: the key frame's token, unique in the data set.
        timestamp: microseconds, of the picture.
        image: the picture's name as the data set gives it (relative to the data root).
        image_path: where the picture file is, or None when the source has no pictures.
        camera: the front camera, or None when the source does not describe it.
        pose: the car in the world at this key frame.
        history: the motion up to here.
        future: (6, 2) metres, ego frame: where the recorded car was 0.5 … 3 s later. Ground truth, not for planners; None in
            worlds that have none.
        earlier: the key frames before this one, oldest first, as many as the history spans; empty when the source has no
            pictures.
        altered: a probe's change to the frame's pictures, made as they are loaded; None leaves them as recorded.
        command: where the drive goes next: ``left``, ``right``, ``straight``, or ``follow`` the road; None unless the planner
            needs it. From a recording it is made from the future, see ``commands``.
        command_m: metres to where that begins, 0 on it; None where there is nothing to come to, and for recordings.
    """

    scene: str
    frame_index: int
    sample_token: str
    timestamp: int
    image: str
    image_path: Path | None
    camera: Camera | None
    pose: Pose
    history: EgoHistory
    future: FloatArray | None
    earlier: tuple[EarlierPicture, ...] = ()
    altered: PictureChange | None = None
    command: str | None = None
    command_m: float | None = None
