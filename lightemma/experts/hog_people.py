"""People by OpenCV's histogram of oriented gradients (Dalal and Triggs 2005): no weights but those that OpenCV has built in."""

from __future__ import annotations

import math

import numpy as np

from lightemma.experts.base import Box, Card
from lightemma.experts.detections import Detector, suppressed
from lightemma.experts.found_check import MOST_BOXES
from lightemma.experts.opencv_weights import without_opencv
from lightemma.frame import PixelArray

#: Pixels of the picture's width that is searched: people are found from 128 pixels of height on.
_WIDTH = 960
#: Distance to the classifier's border that counts as found.
_LEAST = 0.6
#: The classifier's windows have a margin around the person: shares of width and height.
_ASIDE, _ABOVE = 0.2, 0.08


class HogPeople(Detector):
    """Finds people who stand or walk."""

    card = Card(
        id="hog-people",
        task="object-detection",
        description="Finds people who stand or walk nearby, and nothing else; often takes poles and trees for people.",
        inputs=("picture",),
        outputs=("words", "boxes"),
        code_licence="MIT",
        weights_licence="Apache-2.0 (a part of OpenCV)",
        rank=9,
        cost=0.3,
        usual={"picture": "picture"},
    )

    def absent(self) -> str:
        """OpenCV is a package of its own."""
        return without_opencv()

    def detect(self, pixels: PixelArray) -> list[Box]:
        """Boxes in pixels, the surest first.

        Args:
            pixels: (height, width, 3) red, green, blue.
        """
        import cv2

        height, width = pixels.shape[:2]
        scale = _WIDTH / width
        size = (_WIDTH, max(1, round(height * scale)))
        if size[1] < 128:
            return []
        finder = cv2.HOGDescriptor()  # type: ignore[no-untyped-call, unused-ignore]
        finder.setSVMDetector(cv2.HOGDescriptor.getDefaultPeopleDetector())  # type: ignore[arg-type, unused-ignore]
        small = cv2.resize(np.ascontiguousarray(pixels), size, interpolation=cv2.INTER_AREA)
        found, weights = finder.detectMultiScale(small, winStride=(8, 8), padding=(8, 8), scale=1.1)
        made = []
        for (left, top, wide, high), weight in zip(
            np.reshape(found, (-1, 4)).tolist(), np.ravel(weights).tolist(), strict=True
        ):
            if weight >= _LEAST:
                edges = (
                    left + _ASIDE * wide,
                    top + _ABOVE * high,
                    left + (1 - _ASIDE) * wide,
                    top + (1 - _ABOVE) * high,
                )
                made.append(Box("person", 1 / (1 + math.exp(-weight)), *(edge / scale - 0.5 for edge in edges)))
        return suppressed(made)[:MOST_BOXES]
