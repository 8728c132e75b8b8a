"""Clips: the pictures of a drive at a model's size, what was driven between them, and what is known of each moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from lightemma.agents import CAR_AHEAD, CAR_LENGTH, CAR_WIDTH, GroundMap
from lightemma.boxes import corners
from lightemma.data.base import FrameSource
from lightemma.data.collected import DRIVEN, CollectedDrives, actions_between
from lightemma.data.nuscenes import NuScenesSource
from lightemma.data.sources import open_source
from lightemma.errors import UserError
from lightemma.frame import Camera, FloatArray
from lightemma.kinematics import yaw_from_quaternion
from lightemma.simulation.dataset.split import Part
from lightemma.worldmodel.lanes import keeps_lane

ByteArray = npt.NDArray[np.uint8]
BoolArray = npt.NDArray[np.bool_]
#: Share of the time step by which two pictures may be nearer or farther apart and still follow each other.
_UNEVEN = 0.35


@dataclass(frozen=True, slots=True)
class Clip:
    """Pictures one time step apart, without a gap.

    Attributes:
        name: of the scene.
        pictures: (n, h, w, 3) bytes.
        actions: (n - 1, 3) mean speed (m/s), curvature (1/m) and seconds from each picture to the next.
        poses: (n, 3) x, y (metres), heading (radians) of the rear axle in the world.
        off_road: (n,) whether a corner of the car is off the carriageway; None where no map says so.
        in_lane: (n,) whether the car keeps a lane, see ``lanes.keeps_lane``; None without a map.
        camera: the front camera, at the pictures' size; None where unknown.
        ground: the map under it; None without one.
        directed: whether that map knows which way a lane runs, see ``lanes.keeps_lane``.
    """

    name: str
    pictures: ByteArray
    actions: FloatArray
    poses: FloatArray
    off_road: BoolArray | None = None
    in_lane: BoolArray | None = None
    camera: Camera | None = None
    ground: GroundMap | None = None
    directed: bool = False


def load_clips(
    spec: str, size: tuple[int, int], dt: float = 0.5, part: Part | None = None, limit: int | None = None
) -> list[Clip]:
    """The clips of a data set.

    Args:
        spec: as ``--data`` has it; sweeps are read from data sets that ``lightemma simulate data`` wrote.
        size: width and height in pixels.
        dt: seconds between two pictures.
        part: of the split by seeds, for such data sets; None takes all scenes. Elsewhere every scene is taken.
        limit: most scenes.

    Raises:
        UserError: if the data set is missing or broken, or has no clip.
    """
    source = open_source(spec, Path("results"))
    drives = _driven(source, dt, part, limit)
    maps = source.maps()
    simulated = isinstance(source, NuScenesSource) and _is_simulated(source)
    clips = []
    for name, files, times, poses, curvatures, camera in drives:
        ground = maps(name) if callable(maps) else None
        for run in _runs(times, dt):
            if len(run) < 2:
                continue
            pairs = actions_between(poses[run], times[run], curvatures[run])
            actions = np.column_stack([pairs, np.diff(times[run])])
            pictures = np.stack([read_picture(files[one], size) for one in run])
            off_road, in_lane = judged(poses[run], ground, directed=simulated)
            seen_by = scaled_camera(camera, size)
            clips.append(Clip(name, pictures, actions, poses[run], off_road, in_lane, seen_by, ground, simulated))
    if not clips:
        kind = f" for {part} (the last digit of a seed decides)" if part else ""
        raise UserError(f"'{spec}' has no drive{kind} with pictures {dt:g} s apart; give other data, or another `dt`.")
    return clips


_Drive = tuple[str, Sequence[Path], FloatArray, FloatArray, FloatArray, Camera | None]


def _is_simulated(source: NuScenesSource) -> bool:
    return (source.root / "simulation.json").exists()


def _driven(source: FrameSource, dt: float, part: Part | None, limit: int | None) -> Iterator[_Drive]:
    """Name, files, seconds, poses, curvatures where the car stands, and camera of each scene, thinned to the time step."""
    if isinstance(source, NuScenesSource):
        # The demo's drives are of the simulator, too, but have key frames alone.
        if _is_simulated(source) and (source.root / DRIVEN).is_dir():
            yield from islice(_collected(source, dt, part), limit)
            return
        index = source.index
        for name in list(source.scene_names)[:limit]:
            rows = index.rows_of(name)
            seconds = (index.timestamps[rows] - index.timestamps[rows.start]) / 1e6 if rows.stop > rows.start else []
            files = [source.root / image for image in index.images[rows]]
            poses = np.column_stack([index.positions[rows], yaw_from_quaternion(index.rotations[rows])])
            camera = index.cameras[int(index.camera_numbers[rows.start])] if rows.stop > rows.start else None
            there = [one for one, file in enumerate(files) if file.is_file()]
            yield (
                name,
                [files[one] for one in there],
                np.array(seconds)[there],
                poses[there],
                np.zeros(len(there)),
                camera,
            )
        return
    for name in list(source.scene_names)[:limit]:
        frames = [frame for frame in source.checked_frames(name) if frame.image_path is not None]
        times = np.array([frame.timestamp for frame in frames]) / 1e6
        poses = np.array([(frame.pose.x, frame.pose.y, frame.pose.heading) for frame in frames]).reshape(-1, 3)
        files = [frame.image_path for frame in frames if frame.image_path is not None]
        yield name, files, times, poses, np.zeros(len(frames)), frames[0].camera if frames else None


def _collected(source: NuScenesSource, dt: float, part: Part | None) -> Iterator[_Drive]:
    """Drives that ``lightemma simulate data`` wrote, sweeps included, in the world of their tables."""
    index = source.index
    for drive in CollectedDrives(source.root, source.version).drives(part):
        rows = index.rows_of(drive.scene.name)
        # The tables' world is that of the simulation, moved by whole metres; their poses have millimetres of noise.
        keys = np.searchsorted(
            drive.times, drive.times[0] + (index.timestamps[rows] - index.timestamps[rows.start]) / 1e6 - 1e-3
        )
        moved = np.round(np.median(index.positions[rows] - drive.poses[keys, :2], axis=0))
        poses = drive.poses + np.append(moved, 0.0)
        kept = _thinned(drive.times, dt)
        files = [drive.pictures[one] for one in kept]
        camera = index.cameras[int(index.camera_numbers[rows.start])]
        yield drive.scene.name, files, drive.times[kept], poses[kept], np.zeros(len(kept)), camera


def _thinned(times: FloatArray, dt: float) -> list[int]:
    """Pictures about one time step apart."""
    kept = [0]
    for number in range(1, len(times)):
        if times[number] - times[kept[-1]] >= dt * (1.0 - _UNEVEN / 2.0):
            kept.append(number)
    return kept


def _runs(times: FloatArray, dt: float) -> Iterator[list[int]]:
    """Stretches of pictures that follow each other."""
    wrong = np.flatnonzero(np.abs(np.diff(times) - dt) > _UNEVEN * dt) + 1
    edges = [0, *wrong.tolist(), len(times)]
    for first, last in pairwise(edges):
        yield list(range(first, last))


def judged(poses: FloatArray, ground: GroundMap | None, *, directed: bool) -> tuple[BoolArray | None, BoolArray | None]:
    """Whether the car is off the road, and whether it keeps a lane, at each pose; None without a map."""
    if ground is None:
        return None, None
    heading = poses[:, 2]
    middle = poses[:, :2] + CAR_AHEAD * np.column_stack([np.cos(heading), np.sin(heading)])
    boxes = corners(middle, heading, np.array([CAR_LENGTH, CAR_WIDTH]))
    off_road: BoolArray = ~np.all(ground.contains(boxes.reshape(-1, 2)).reshape(-1, 4), axis=1)
    return off_road, keeps_lane(middle, heading, ground, directed)


def read_picture(path: Path, size: tuple[int, int]) -> ByteArray:
    """(h, w, 3) a picture at a size.

    Raises:
        UserError: if it cannot be read.
    """
    try:
        with Image.open(path) as picture:
            picture.draft("RGB", (2 * size[0], 2 * size[1]))
            return np.asarray(picture.convert("RGB").resize(size, Image.Resampling.BOX))
    except (OSError, ValueError, SyntaxError) as error:
        raise UserError(f"The picture '{path}' cannot be read ({error}).") from error


def scaled_camera(camera: Camera | None, size: tuple[int, int]) -> Camera | None:
    """The camera of pictures that were brought to another size."""
    if camera is None or camera.size is None:
        return None
    across, down = size[0] / camera.size[0], size[1] / camera.size[1]
    intrinsic = camera.intrinsic.copy()
    # Pixels count from the middle of the first one.
    intrinsic[0] *= across
    intrinsic[1] *= down
    intrinsic[0, 2] += (across - 1.0) / 2.0
    intrinsic[1, 2] += (down - 1.0) / 2.0
    return Camera(intrinsic, camera.rotation, camera.translation, size)
