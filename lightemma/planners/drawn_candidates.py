"""Draws plans into the picture that a model is shown: the path of each on the ground, with its number at the end."""

from __future__ import annotations

import hashlib
import io

import numpy as np

from lightemma.camera import polyline_in_picture, sized
from lightemma.errors import UserError
from lightemma.frame import FloatArray, Frame, Picture

_COLOURS = (
    "#e6194b",
    "#3cb44b",
    "#ffe119",
    "#4363d8",
    "#f58231",
    "#46f0f0",
    "#f032e6",
    "#bcf60c",
    "#fabebe",
    "#008080",
)
#: JPEG quality of the changed picture, and the share of its width that a line is wide.
_QUALITY = 92
_LINE = 1 / 400
#: Pixels of the smallest number.
_LEAST_TEXT = 11


def with_paths(picture: Picture, frame: Frame, paths: FloatArray) -> Picture:
    """The picture with paths on it.

    Args:
        picture: as it would be sent.
        frame: gives the camera.
        paths: (n, 6, 2) metres, ego frame, on level ground.

    Raises:
        UserError: if the data does not describe the camera.
    """
    from PIL import Image, ImageDraw

    if frame.camera is None:
        raise UserError(
            "The data does not say how its camera looks at the road, so no plan can be drawn on a picture; leave `drawn` out.",
            "planner_options",
        )
    camera = sized(frame.camera, picture.size)
    with Image.open(io.BytesIO(picture.data), formats=("JPEG", "PNG")) as opened:
        image = opened.convert("RGB")
    draw = ImageDraw.Draw(image)
    width = max(1, round(image.width * _LINE))
    for number, path in enumerate(paths, 1):
        colour = _COLOURS[(number - 1) % len(_COLOURS)]
        points = np.column_stack([np.vstack([[0.0, 0.0], path]), np.zeros(len(path) + 1)])
        last = None
        for piece in polyline_in_picture(points, camera):
            line = [(float(x), float(y)) for x, y in piece]
            draw.line(line, fill=colour, width=width)
            last = line[-1]
        if last is not None:
            size = max(_LEAST_TEXT, image.height // 28)
            draw.text(last, str(number), "white", stroke_width=2, stroke_fill="black", anchor="mb", font_size=size)
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=_QUALITY)
    data = encoded.getvalue()
    return Picture(data, "image/jpeg", image.size, hashlib.sha256(data).hexdigest())
