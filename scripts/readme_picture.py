"""Draws the README's picture: one embedded demo frame with the recorded path and two plans over it."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lightemma.camera import project
from lightemma.data.embedded_demo import open_embedded_demo
from lightemma.frame import Camera, FloatArray, Frame
from lightemma.kinematics import integrate
from lightemma.planners.baselines import ConstantAction, DampedAcceleration

# Okabe and Ito's colours, told apart by everyone.
RECORDED, CONSTANT, DAMPED = (255, 255, 255), (230, 159, 0), (86, 180, 233)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--scene", default="sim-lead-car-braking-000")
    arguments.add_argument("--frame", type=int, default=12)
    arguments.add_argument("--out", type=Path, default=Path("docs/images/demo-frame.jpg"))
    options = arguments.parse_args()
    draw(open_embedded_demo().scene_frames(options.scene)[options.frame]).save(options.out, quality=88)


def draw(frame: Frame) -> Image.Image:
    if frame.image_path is None:
        raise SystemExit("the demo has lost its pictures")
    picture = Image.open(frame.image_path).convert("RGB")
    history = frame.history.actions
    paths = [
        ("constant-action", CONSTANT, integrate(ConstantAction().actions(history))),
        ("damped-acceleration", DAMPED, integrate(DampedAcceleration().actions(history))),
        ("recorded", RECORDED, frame.future),
    ]
    canvas = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=17)
    for row, (name, colour, path) in enumerate(paths):
        pixels = on_road(path, frame.camera)
        if len(pixels) > 1:
            canvas.line([tuple(point) for point in pixels], fill=colour, width=4, joint="curve")
        for x, y in pixels:
            canvas.ellipse([x - 5, y - 5, x + 5, y + 5], fill=colour, outline=(40, 40, 40))
        canvas.rectangle([14, 14 + 26 * row, 34, 30 + 26 * row], fill=colour, outline=(40, 40, 40))
        canvas.text(
            (42, 11 + 26 * row), name, fill=(20, 20, 20), font=font, stroke_width=2, stroke_fill=(240, 240, 240)
        )
    return picture


def on_road(path: FloatArray, camera: Camera) -> FloatArray:
    """Pixels of the points that the camera sees, on the ground ahead of the car."""
    seen = project(np.column_stack([path, np.zeros(len(path))]), camera)
    width, height = camera.size or (800, 450)
    inside = (seen.depth > 0.5) & (seen.pixels >= 0).all(axis=1) & (seen.pixels < [width, height]).all(axis=1)
    return seen.pixels[inside]


if __name__ == "__main__":
    main()
