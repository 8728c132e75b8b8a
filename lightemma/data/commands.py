"""The navigation command of a recorded frame, by the rule of the nuScenes planning papers. It looks at the future.

VAD (Jiang et al., ICCV 2023) makes its ``gt_ego_fut_cmd`` when it converts nuScenes: right if the last of the recorded future
points is 2 m or more to the right of the car, left if it is 2 m or more to the left, else straight. The same rule is in ST-P3
and UniAD. It says where the driver went, not where a map would have sent it, so a planner that is given it is told a part
of what is to be predicted: manifests and tables mark such runs.
"""

from __future__ import annotations

from dataclasses import replace

from lightemma.errors import UserError
from lightemma.frame import FloatArray, Frame

LEFT, RIGHT, STRAIGHT = "left", "right", "straight"
#: Metres to the side at 3 s from which a drive counts as a turn.
SIDEWAYS = 2.0


def command_of(future: FloatArray) -> str:
    """The command of a recorded drive.

    Args:
        future: (6, 2) metres, ego frame, y to the left.
    """
    aside = float(future[-1, 1])
    if aside >= SIDEWAYS:
        return LEFT
    return RIGHT if aside <= -SIDEWAYS else STRAIGHT


def with_command(frame: Frame) -> Frame:
    """The frame with the command of its recorded future.

    Raises:
        UserError: if there is none.
    """
    if frame.future is None:
        raise UserError(
            f"Frame {frame.sample_token} has no recorded future, from which a command could be made; leave `command` out.",
            "command",
        )
    return replace(frame, command=command_of(frame.future))
