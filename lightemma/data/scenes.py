"""Cuts one scene's key frames into benchmark frames by the protocol. Every pose-based source ends here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lightemma.agents import BoolArray
from lightemma.data.frame_checks import LEAST_STEP, MOST_STEP, CutFrames, unit_of_step
from lightemma.data.loose_values import shown
from lightemma.data.picture_names import PictureFolder
from lightemma.errors import UserError
from lightemma.frame import Camera, EarlierPicture, EgoHistory, FloatArray, Frame, Pose
from lightemma.kinematics import actions_from_poses, to_ego_frame, yaw_from_quaternion
from lightemma.protocol import LIGHTEMMA, Protocol


@dataclass(frozen=True, slots=True)
class SceneTrack:
    """The CAM_FRONT key frames of one scene, in time order.

    Attributes:
        scene: name of the scene.
        sample_tokens: (n) tokens.
        timestamps: (n,) microseconds, int64, of the pictures.
        positions: (n, 2) metres, world: the ego pose of each picture.
        rotations: (n, 4) quaternions w, x, y, z.
        images: (n) picture names relative to the data root; empty where there is none.
        cameras: (n) cameras (the same object where the calibration is the same), or None where unknown.
        root: the data root, or None when the source has no pictures.
        also: further folders that pictures may be in where links lead there, such as one that the source found itself.
    """

    scene: str
    sample_tokens: Sequence[str]
    timestamps: np.ndarray[tuple[int], np.dtype[np.int64]]
    positions: FloatArray
    rotations: FloatArray
    images: Sequence[str]
    cameras: Sequence[Camera | None]
    root: Path | None
    also: Sequence[Path] = ()


def frames_of_track(track: SceneTrack, protocol: Protocol = LIGHTEMMA) -> list[Frame]:
    """Benchmark frames of one scene: n key frames give n - 14 of them under LightEMMA's protocol, or none if shorter.

    Where neighbouring key frames are not 0.25 to 0.75 s apart there is a gap, and frames whose history or future would
    reach across it are left out; the others keep their index.

    Raises:
        UserError: if the time stamps do not increase, are in another unit, or most key frames are not 0.5 s apart, or a
            picture's name leads out of the data root (see ``picture_names``).
    """
    before = protocol.history_positions - 1
    after = protocol.plan_steps
    count = len(track.sample_tokens) - before - after - protocol.spare_frames
    _check_order(track)
    if count <= 0:
        return []
    whole = _without_gaps(track, before + after + 1)
    headings = yaw_from_quaternion(track.rotations)
    seconds = (track.timestamps - track.timestamps[0]) / 1e6
    # Neither speed nor curvature depends on the frame of reference, so they are computed for the whole track.
    actions = actions_from_poses(track.positions, seconds, protocol)
    # Made once for the whole track: its frames share them.
    pictures = [] if track.root is None else _pictures(track, track.root)
    # The first key frame that the pictures before each one reach back to without a gap.
    reach = np.maximum.accumulate([0 if picture else place + 1 for place, picture in enumerate(pictures)]).tolist()
    frames = CutFrames()
    frames.left_out = _left_out(track, whole[:count])
    for index in range(count):
        if not whole[index]:
            continue
        now = index + before
        picture = pictures[now] if pictures else None
        here, heading = track.positions[now], float(headings[now])
        around = to_ego_frame(track.positions[index : now + 1 + after], here, heading)
        frames.append(
            Frame(
                scene=track.scene,
                frame_index=index,
                sample_token=track.sample_tokens[now],
                timestamp=int(track.timestamps[now]),
                image=track.images[now],
                image_path=picture.path if picture else None,
                camera=track.cameras[now],
                pose=Pose(float(here[0]), float(here[1]), heading),
                history=EgoHistory(
                    positions=around[: before + 1],
                    actions=actions[index : index + protocol.history_actions],
                ),
                future=around[before + 1 :],
                earlier=tuple(one for one in pictures[max(index, reach[now - 1]) : now] if one) if pictures else (),
            )
        )
    return frames


def _check_order(track: SceneTrack) -> None:
    """Refuses key frames that are not in time order."""
    wrong = np.flatnonzero(np.diff(track.timestamps) <= 0)
    if not len(wrong):
        return
    unit = unit_of_step(float(track.timestamps[-1] - track.timestamps[0]) / (len(track.timestamps) - 1))
    first, times, tokens = int(wrong[0]), track.timestamps, track.sample_tokens
    raise UserError(
        f"The key frames of scene '{track.scene}' are not in time order: {tokens[first + 1]} ({times[first + 1]} µs) is not "
        f"later than {tokens[first]} ({times[first]} µs); "
        + (f"the times seem to be in {unit}." if unit else "check the prev/next links and the time stamps.")
    )


def _without_gaps(track: SceneTrack, length: int) -> BoolArray:
    """(n - length + 1,) whether the ``length`` key frames from each on are one step apart.

    Raises:
        UserError: if most are not.
    """
    steps = np.diff(track.timestamps) / 1e6
    gaps = (steps < LEAST_STEP) | (steps > MOST_STEP)
    if np.count_nonzero(gaps) * 2 > len(gaps):
        middle = float(np.median(steps))
        unit = unit_of_step(middle * 1e6)
        what = f"its times seem to be in {unit}" if unit else f"its key frames are {middle:g} s apart"
        raise UserError(
            f"Scene '{track.scene}' does not fit the protocol: {what}; times are microseconds and key frames "
            f"{LIGHTEMMA.dt:g} s apart."
        )
    met = np.concatenate([[0], np.cumsum(gaps)])
    whole: BoolArray = met[length - 1 :] == met[: len(met) - length + 1]
    return whole


def _left_out(track: SceneTrack, whole: BoolArray) -> str:
    """How many frames are left out, and for which gap, as a clause; empty if none is."""
    every, lost = len(whole), int(np.count_nonzero(~whole))
    if not lost:
        return ""
    steps = np.diff(track.timestamps) / 1e6
    gaps = np.flatnonzero((steps < LEAST_STEP) | (steps > MOST_STEP))
    first, more = int(gaps[0]), f" and {len(gaps) - 1} more such gaps" if len(gaps) > 1 else ""
    return (
        f"{'all' if lost == every else lost} of {every} frames are left out, since key frames are missing around them "
        f"or are not {LIGHTEMMA.dt:g} s apart ({steps[first]:g} s lie between {track.sample_tokens[first]} and "
        f"{track.sample_tokens[first + 1]}{more})"
    )


def _pictures(track: SceneTrack, root: Path) -> list[EarlierPicture | None]:
    """The key frames' pictures, None where a name is empty.

    Raises:
        UserError: if a name leads out of the data root.
    """
    folder = PictureFolder(root, track.also)
    for image in track.images:
        wrong = folder.wrong(image) if image else ""
        if wrong:
            raise UserError(
                f"Scene '{track.scene}' names the picture {shown(image, 200)}, which {wrong}; pictures are read from "
                f"inside {root} only: put it there, or leave the scene out with --scenes."
            )
    return [
        EarlierPicture(root / image, time) if image else None
        for image, time in zip(track.images, track.timestamps.tolist(), strict=True)
    ]
