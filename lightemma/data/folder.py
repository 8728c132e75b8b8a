"""A folder with ``poses.csv`` and, where there are some, pictures: the simplest way to use data of your own."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lightemma.data.base import DataInfo, FrameSource, SourceSettings
from lightemma.data.key_times import key_rows
from lightemma.data.loose_values import shown, whole_microseconds
from lightemma.data.picture_names import leads_out
from lightemma.data.scenes import SceneTrack, frames_of_track
from lightemma.errors import UserError
from lightemma.files import open_regular
from lightemma.frame import Frame
from lightemma.kinematics import quaternion_from_yaw
from lightemma.protocol import LIGHTEMMA, Protocol

FILE = "poses.csv"
_NEEDED = ("scene", "timestamp_us", "x", "y", "heading")
_COLUMNS = (*_NEEDED, "image")
#: Metres from the origin beyond which there is no road.
_FARTHEST = 1e9


@dataclass(frozen=True, slots=True)
class _Row:
    """One line: microseconds, metres, radians, and the picture's name or nothing."""

    line: int
    time: int
    x: float
    y: float
    heading: float
    image: str


class FolderSource(FrameSource):
    """Poses of the car at the front camera's times, from ``DIR/poses.csv``.

    The file is UTF-8 with a header line and the columns ``scene``, ``timestamp_us`` (whole microseconds), ``x``, ``y``
    (metres, any level frame that stays the same within a scene, of the rear axle), ``heading`` (radians, counter-clockwise
    from x) and, if there are pictures, ``image`` (a path relative to DIR). Rows of a scene are in time order. Of a recording
    denser than 2 Hz the rows nearest to every 0.5 s are taken.

    Args:
        root: the folder.
        protocol: how scenes are cut.

    Raises:
        UserError: if the file is missing or broken.
    """

    def __init__(self, root: Path, protocol: Protocol = LIGHTEMMA) -> None:
        self._root, self._protocol = root, protocol
        self._scenes = _read(root / FILE)

    @classmethod
    def open(cls, place: str, settings: SourceSettings) -> FolderSource:
        """The source behind ``folder:DIR``."""
        return cls(Path(place).expanduser(), settings.protocol)

    @property
    def info(self) -> DataInfo:
        """What this source is."""
        return DataInfo("folder", self._root.resolve().name, "", len(self._scenes))

    @property
    def scene_names(self) -> Sequence[str]:
        """Names of all scenes, in the file's order."""
        return list(self._scenes)

    def scene_frames(self, scene: str) -> list[Frame]:
        """The benchmark frames of one scene, in time order.

        Raises:
            UserError: if the scene's times contradict the protocol.
            KeyError: if there is no such scene.
        """
        rows = self._scenes[scene]
        times = np.array([row.time for row in rows], dtype=np.int64)
        if len(times) > 1 and np.median(np.diff(times)) < 1000:
            raise UserError(
                f"The rows of scene '{scene}' in {self._root / FILE} are {np.median(np.diff(times)):g} µs apart; timestamp_us "
                "is in microseconds."
            )
        kept = [rows[number] for number in key_rows(times).tolist()]
        pictured = any(row.image for row in kept)
        lacking = next((row for row in kept if not row.image), None)
        if pictured and lacking:
            raise _wrong(
                self._root / FILE, lacking.line, f"has no image, and other key frames of scene '{scene}' have one"
            )
        track = SceneTrack(
            scene=scene,
            sample_tokens=[f"{scene}-{row.time}" for row in kept],
            timestamps=np.array([row.time for row in kept], dtype=np.int64),
            positions=np.array([[row.x, row.y] for row in kept], dtype=np.float64),
            rotations=quaternion_from_yaw(np.array([row.heading for row in kept], dtype=np.float64)),
            images=[row.image for row in kept],
            cameras=[None] * len(kept),
            root=self._root if pictured else None,
        )
        return frames_of_track(track, self._protocol)


def _read(path: Path) -> dict[str, list[_Row]]:
    """Scenes by name, their rows in time order."""
    try:
        with io.TextIOWrapper(open_regular(path), encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            _check_header(reader.fieldnames or (), path)
            scenes: dict[str, list[_Row]] = {}
            for values in reader:
                name = (values["scene"] or "").strip()
                if not name:
                    raise _wrong(path, reader.line_num, "has no scene")
                row = _row(values, path, reader.line_num)
                before = scenes.setdefault(name, [])
                if before and row.time <= before[-1].time:
                    raise _wrong(path, row.line, f"is not later than line {before[-1].line} of the same scene '{name}'")
                before.append(row)
    except FileNotFoundError:
        raise UserError(f"There is no file {path}; docs/data.md says what it must hold.") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"The file {path} cannot be read ({error}); docs/data.md says what it must hold.") from error
    if not scenes:
        raise UserError(f"The file {path} has no rows; docs/data.md says what it must hold.")
    return scenes


def _check_header(names: Sequence[str], path: Path) -> None:
    for name in names:
        if name not in _COLUMNS:
            raise _wrong(path, 1, f"has the column '{name}', which is not one of {', '.join(_COLUMNS)}")
    for name in _NEEDED:
        if name not in names:
            raise _wrong(path, 1, f"has no column '{name}'")
    if len(set(names)) < len(names):
        raise _wrong(path, 1, "names a column twice")


def _row(values: dict[str, str], path: Path, line: int) -> _Row:
    if None in values or None in values.values():
        raise _wrong(path, line, "has more or fewer values than the header")
    try:
        time = whole_microseconds(values["timestamp_us"])
    except ValueError as error:
        raise _wrong(
            path,
            line,
            f"has the timestamp_us {shown(values['timestamp_us'])}, which is no whole number of microseconds (it {error})",
        ) from None
    image = (values.get("image") or "").strip()
    if image and leads_out(image):
        raise _wrong(path, line, f"has the image '{image}'; give a path inside the folder")
    x, y, heading = (_number(values[name], name, path, line) for name in ("x", "y", "heading"))
    return _Row(line, time, x, y, heading, image)


def _number(text: str, name: str, path: Path, line: int) -> float:
    try:
        number = float(text)
    except ValueError:
        number = np.nan
    if not abs(number) < _FARTHEST:
        raise _wrong(
            path, line, f"has the {name} {shown(text)}, which is no finite number or is beyond a million kilometres"
        )
    return number


def _wrong(path: Path, line: int, what: str) -> UserError:
    return UserError(f"{path}, line {line}, {what}; docs/data.md says what it must hold.")
