"""What traffic lights show, by colour: lit discs on dark boards, in the whole picture or within boxes of lights."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lightemma.camera import project
from lightemma.experts.base import Box, Card, Expert, Found, Question
from lightemma.experts.detections import suppressed
from lightemma.frame import PixelArray
from lightemma.run_folder.tool_records import RED_LIGHT

_Mask = npt.NDArray[np.bool_]

#: Lights are above this share of the picture's height, and a disc is at most this share of it high.
_LOWEST, _LARGEST = 0.6, 0.12
#: Slope of a road that leads down to a light, by which lights may be below the horizon of a known camera.
_SLOPE = 0.02
#: Brightest channel of a board (0 to 255); share of a disc's surroundings that must be that dark.
_DARK, _BOARD = 90, 0.45
#: In a box of a light: the value of a lit pixel, by how much it is redder or greener, and pixels that must be so.
_LIT, _TINT, _FEWEST, _LEAST = 110, 14, 3, 0.01
#: Discs that are looked at, and pixels of colour above which the picture is no use (a red wall).
_MOST, _TOO_MUCH = 40, 0.05


class LightState(Expert):
    """Says what traffic lights show, and which of them is likely ours: the one that is largest."""

    card = Card(
        id="light-state",
        task="light-state",
        description="Says which traffic lights are red, amber or green, and what the nearest one, likely ours, shows.",
        inputs=("picture", "boxes?"),
        outputs=("words", "boxes", "numbers"),
        code_licence="MIT",
        rank=1,
        cost=0.1,
        usual={"picture": "picture", "boxes": "object-detection"},
    )

    def look(self, question: Question) -> Found:
        """Lit discs, the largest first."""
        pixels = question.pixels()
        lights = [box for box in question.boxes.get("boxes", ()) if "light" in box.label]
        found = [box for light in lights for box in _in_box(pixels, light)] or lit_discs(pixels, _lowest(question))
        found.sort(key=lambda box: -(box.right - box.left) * (box.bottom - box.top))
        if not found:
            return Found("No lit traffic light is seen.")
        ours, others = found[0], found[1:]
        colours = [box.label.removesuffix(" light") for box in others]
        words = f"The nearest traffic light shows {ours.label.removesuffix(' light')}."
        if others:
            counts = ", ".join(f"{colours.count(one)} {one}" for one in dict.fromkeys(colours))
            words += f" Others, which may not be ours: {counts}."
        numbers = {
            "lights": float(len(found)),
            "light_height_px": round(ours.bottom - ours.top, 1),
            RED_LIGHT: float(ours.label == "red light"),
        }
        return Found(words, tuple(found), numbers)


def _lowest(question: Question) -> float:
    """Share of the picture's height above which lights are: they hang higher than any car's camera, so above the horizon."""
    if question.frame.camera is None:
        return _LOWEST
    camera = question.camera()
    # The point far ahead at the height of the camera.
    horizon = float(project(np.array([[1e6, 0.0, camera.translation[2]]]), camera).pixels[0, 1])
    height = question.pictures["picture"].size[1]
    return float(np.clip((horizon + _SLOPE * camera.intrinsic[1, 1]) / height, 0.1, 1.0))


def lit_discs(pixels: PixelArray, lowest: float = _LOWEST) -> list[Box]:
    """Lit discs of traffic lights on dark boards.

    Args:
        pixels: (height, width, 3) red, green, blue.
        lowest: share of the height above which lights are.

    Returns:
        Their boxes in pixels, labelled ``red light``, ``amber light`` or ``green light``; the score is the darkness around.
    """
    height = len(pixels)
    shown = pixels[: int(height * lowest)]
    values = shown.astype(np.int16)
    dark = values.max(axis=2) < _DARK
    found = []
    for colour, mask in (*_colours(values).items(), *_pale_colours(values).items()):
        if mask.mean() > _TOO_MUCH:
            continue
        for left, top, right, bottom in _pieces(mask)[:_MOST]:
            wide, high = right - left + 1, bottom - top + 1
            if not 0.4 <= wide / high <= 2.5 or high > max(3.0, _LARGEST * height):
                continue
            # The board of a red disc goes on below it, that of a green one above; the backs of others may be around.
            upper = 0 if colour == "red" else 2 * high
            lower = 0 if colour == "green" else 2 * high
            around = dark[max(0, top - upper) : bottom + 1 + lower, max(0, left - wide // 2) : right + 1 + wide // 2]
            score = float(around.mean()) if around.size else 0.0
            if score < _BOARD:
                continue
            found.append(Box(f"{colour} light", min(1.0, score), left - 0.5, top - 0.5, right + 0.5, bottom + 0.5))
    return suppressed(found, nested=True)


def _in_box(pixels: PixelArray, light: Box) -> list[Box]:
    """The lit disc of one light: the colour with the most pixels in its box."""
    height, width = pixels.shape[:2]
    left, top = max(0, round(light.left)), max(0, round(light.top))
    right, bottom = min(width, round(light.right) + 1), min(height, round(light.bottom) + 1)
    if right - left < 1 or bottom - top < 1:
        return []
    colour, share = _tint(pixels[top:bottom, left:right].astype(np.int16))
    return [Box(f"{colour} light", min(1.0, share), light.left, light.top, light.right, light.bottom)] if colour else []


def _tint(values: npt.NDArray[np.int16]) -> tuple[str, float]:
    """The colour of the light in a box, and how strong it is (0 to 1); empty for none that is lit.

    Cameras show lit discs as white with a coloured rim, so what counts is by how much the box is redder or greener than its
    own middle value.
    """
    red, green, blue = values[..., 0], values[..., 1], values[..., 2]
    redder = red - green
    redder = redder - np.median(redder).astype(np.int16)
    bright = values.max(axis=2) > _LIT
    shares = {"red": bright & (redder > _TINT), "green": bright & (redder < -_TINT)}
    amounts = {name: int(np.abs(redder[mask]).sum()) for name, mask in shares.items()}
    colour = max(amounts, key=lambda name: amounts[name])
    mask = shares[colour]
    if mask.sum() < max(_FEWEST, _LEAST * mask.size):
        return "", 0.0
    if colour == "red" and np.median((green - blue)[mask]) > 60 and np.median((red - green)[mask]) < 80:
        colour = "amber"
    return colour, float(amounts[colour if colour != "amber" else "red"]) / (amounts["red"] + amounts["green"])


def _colours(values: npt.NDArray[np.int16]) -> dict[str, _Mask]:
    red, green, blue = values[..., 0], values[..., 1], values[..., 2]
    return {
        "red": (red > 130) & (red - green > 75) & (red - blue > 60),
        "amber": (red > 150) & (red - green > 10) & (red - green <= 75) & (green - blue > 70),
        "green": (green > 100) & (green - red > 50) & (green - blue > -20),
    }


def _pale_colours(values: npt.NDArray[np.int16]) -> dict[str, _Mask]:
    """Lamps that are too bright for the camera: nearly white, with a little of their colour left."""
    red, green, blue = values[..., 0], values[..., 1], values[..., 2]
    return {
        "red": (red > 195) & (red - green > 40) & (red - blue > 45) & (green - blue < 50),
        "green": (green > 225) & (green - red > 6) & (green - blue > -8),
    }


def _pieces(mask: _Mask) -> list[tuple[int, int, int, int]]:
    """Left, top, right and bottom of every connected piece of at least 4 pixels, the largest first."""
    left_over = {(int(row), int(column)) for row, column in np.argwhere(mask)}
    found = []
    while left_over:
        edge = [left_over.pop()]
        rows, columns, count = [edge[0][0]] * 2, [edge[0][1]] * 2, 0
        while edge:
            row, column = edge.pop()
            count += 1
            rows = [min(rows[0], row), max(rows[1], row)]
            columns = [min(columns[0], column), max(columns[1], column)]
            for near in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
                if near in left_over:
                    left_over.remove(near)
                    edge.append(near)
        if count >= 4:
            found.append((count, (columns[0], rows[0], columns[1], rows[1])))
    return [box for _, box in sorted(found, reverse=True)]
