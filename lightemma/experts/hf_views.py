"""What models of the transformers library make of a picture, in the words of experts. Imports torch."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lightemma.agents import CAR_AHEAD, CAR_LENGTH
from lightemma.camera import rotation_matrix
from lightemma.experts.base import Box, Found, Question, ground_points
from lightemma.experts.detections import DRIVING_WORDS, suppressed
from lightemma.experts.found_check import MOST_BOXES
from lightemma.experts.free_space import first_blocked, said, strip_ahead
from lightemma.experts.ground_distance import FARTHEST, HALF_LANE, ON_THE_ROAD
from lightemma.frame import Camera, FloatArray, PixelArray

_AUTO = {
    "detection": "AutoModelForObjectDetection",
    "prompted": "AutoModelForZeroShotObjectDetection",
    "depth": "AutoModelForDepthEstimation",
    "segmentation": "AutoModelForSemanticSegmentation",
}
#: Names that data sets give to what one drives on.
_ROAD = frozenset({"road", "lane marking", "ground", "path", "street", "crosswalk", "floor", "lane"})
#: The least share of what the ground's depth varies by that a fit must explain, and pixels of ground that it needs.
_EXPLAINED, _FEWEST = 0.8, 50


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model ready to look.

    Attributes:
        model: of transformers, in evaluation mode on its device.
        processor: its own.
        prompts: what it is told to look for; empty where it knows its classes.
        device: where it computes.
    """

    model: Any
    processor: Any
    prompts: tuple[str, ...]
    device: str


def load(folder: str, does: str, device: str, prompts: Sequence[str]) -> Loaded:
    """Loads a model; takes seconds to a minute."""
    transformers: Any = importlib.import_module("transformers")
    given = {"local_files_only": True, "trust_remote_code": False}
    kind = "prompted" if prompts else does
    model = getattr(transformers, _AUTO[kind]).from_pretrained(folder, **given).to(device).eval()
    auto = transformers.AutoProcessor if prompts else transformers.AutoImageProcessor
    return Loaded(model, auto.from_pretrained(folder, **given), tuple(prompts), device)


def detection(loaded: Loaded, pixels: PixelArray, least: float) -> list[Box]:
    """Boxes of road users and lights, the surest first.

    Args:
        loaded: a detector.
        pixels: (height, width, 3).
        least: score.
    """
    height, width = pixels.shape[:2]
    if loaded.prompts:
        inputs = _inputs(loaded, images=pixels, text=[list(loaded.prompts)])
        outputs = _forward(loaded, inputs)
        read = loaded.processor.post_process_grounded_object_detection(
            outputs, inputs["input_ids"], threshold=least, text_threshold=least, target_sizes=[(height, width)]
        )[0]
        named = [str(one).strip().lower() for one in read.get("text_labels", read["labels"])]
        labels = [DRIVING_WORDS.get(name, name) for name in named]
    else:
        outputs = _forward(loaded, _inputs(loaded, images=pixels))
        read = loaded.processor.post_process_object_detection(outputs, threshold=least, target_sizes=[(height, width)])[
            0
        ]
        names = loaded.model.config.id2label
        labels = [DRIVING_WORDS.get(str(names.get(int(one), "")).lower(), "") for one in read["labels"].tolist()]
    made = []
    for label, score, (left, top, right, bottom) in zip(
        labels, read["scores"].tolist(), read["boxes"].tolist(), strict=True
    ):
        if label and left < right and top < bottom:
            made.append(Box(label, min(1.0, max(0.0, score)), left - 0.5, top - 0.5, right - 0.5, bottom - 0.5))
    return suppressed(made)[:MOST_BOXES]


def depth(loaded: Loaded, pixels: PixelArray, question: Question) -> Found:
    """How far the things of boxes are, or the nearest of five parts of the picture where there are no boxes.

    A model of metric depth gives metres. One of relative depth gives a number that grows with nearness: level ground before
    the car, which the camera's calibration places, says how many metres that is (inverse depth is linear in it, Ranftl et al.
    2022).
    """
    outputs = _forward(loaded, _inputs(loaded, images=pixels))
    read = loaded.processor.post_process_depth_estimation(outputs, target_sizes=[pixels.shape[:2]])[0]
    values = np.asarray(read["predicted_depth"].float().cpu().numpy(), dtype=np.float64)
    boxes = [one for one in question.boxes.get("boxes", ()) if one.label in ON_THE_ROAD]
    metric = getattr(loaded.model.config, "depth_estimation_type", "relative") == "metric"
    camera = question.camera() if question.frame.camera is not None else None
    metres = values if metric else None if camera is None else _metres(values, camera, boxes)
    if metres is None:
        order = sorted(((_middle(values, box), box.label) for box in boxes), reverse=True)
        return Found(
            f"From near to far: {', '.join(label for _, label in order[:5])}."
            if order
            else "How far things are cannot be told without a scale."
        )
    if not boxes:
        return Found("No vehicle or person is given whose depth could be told.")
    return _placed(metres, boxes, camera)


def segmentation(loaded: Loaded, pixels: PixelArray, question: Question) -> Found:
    """What the picture shows by share, and how far our path is road."""
    outputs = _forward(loaded, _inputs(loaded, images=pixels))
    read = loaded.processor.post_process_semantic_segmentation(outputs, target_sizes=[pixels.shape[:2]])[0]
    classes = np.asarray(read.cpu().numpy(), dtype=np.int64)
    names = {int(number): str(name).lower() for number, name in loaded.model.config.id2label.items()}
    counts = np.bincount(classes.ravel(), minlength=1) / classes.size
    shown = ", ".join(
        f"{names.get(int(one), '?')} {counts[one]:.0%}" for one in np.argsort(-counts)[:4] if counts[one] > 0.01
    )
    words = f"The picture shows {shown}."
    if question.frame.camera is None:
        return Found(words)
    road = np.array([number for number, name in names.items() if _is_road(name)], dtype=np.int64)
    if not len(road):
        return Found(f"{words} The model knows no road.")
    history = question.frame.history
    strip = strip_ahead(question.camera(), float(history.actions[-1, 1]) if history.known else 0.0)
    known: npt.NDArray[np.bool_] = np.asarray(np.isfinite(strip.pixels).all(axis=-1))
    at = np.where(known[..., None], strip.pixels, 0.0).round().astype(np.int64)
    under = classes[at[..., 1].clip(0, len(classes) - 1), at[..., 0].clip(0, classes.shape[1] - 1)]
    different = known & ~np.isin(under, road)
    free = first_blocked(different, strip.distances)
    if free is None:
        found = said(None)
    else:
        row = int(np.searchsorted(strip.distances, free))
        there = np.bincount(under[row][different[row]]).argmax()
        found = said(free, names.get(int(there), "something"))
    return Found(f"{found.words} {words}", numbers=found.numbers)


def _inputs(loaded: Loaded, **given: Any) -> Any:
    return loaded.processor(**given, return_tensors="pt").to(loaded.device)


def _forward(loaded: Loaded, inputs: Any) -> Any:
    import torch

    with torch.inference_mode():
        return loaded.model(**inputs)


def _is_road(name: str) -> bool:
    return bool({part.strip() for part in name.replace(";", ",").split(",")} & _ROAD)


def _middle(values: FloatArray, box: Box) -> float:
    """The median in the middle half of a box."""
    height, width = values.shape
    across, down = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    half = (box.right - box.left) / 4, (box.bottom - box.top) / 4
    left, right = round(min(max(across - half[0], 0), width - 1)), round(min(max(across + half[0], 0), width - 1))
    top, bottom = round(min(max(down - half[1], 0), height - 1)), round(min(max(down + half[1], 0), height - 1))
    return float(np.median(values[top : bottom + 1, left : right + 1]))


def _metres(values: FloatArray, camera: Camera, boxes: Sequence[Box]) -> FloatArray | None:
    """Depth along the optical axis from relative inverse depth, by level ground; None where that does not fit."""
    strip = strip_ahead(camera, 0.0)
    places = strip.pixels.reshape(-1, 2)
    places = places[np.isfinite(places).all(axis=1)]
    for box in boxes:
        inside = (
            (places[:, 0] > box.left)
            & (places[:, 0] < box.right)
            & (places[:, 1] > box.top)
            & (places[:, 1] < box.bottom)
        )
        places = places[~inside]
    ground = ground_points(places, camera)
    kept = np.isfinite(ground).all(axis=1)
    places, ground = places[kept].round().astype(np.int64), ground[kept]
    if len(places) < _FEWEST:
        return None
    inverse = 1.0 / np.maximum(ground[:, 0] - camera.translation[0], 0.5)
    shown = values[places[:, 1].clip(0, len(values) - 1), places[:, 0].clip(0, values.shape[1] - 1)]
    slope, start = np.polyfit(shown, inverse, 1).tolist()
    left = float(((slope * shown + start - inverse) ** 2).sum() / max(((inverse - inverse.mean()) ** 2).sum(), 1e-12))
    if slope <= 0 or left > 1.0 - _EXPLAINED:
        return None
    metres: FloatArray = 1.0 / np.maximum(slope * values + start, 1.0 / (2 * FARTHEST))
    return metres


def _placed(metres: FloatArray, boxes: Sequence[Box], camera: Camera | None) -> Found:
    """Boxes with their depths in words, the nearest first, and the lead where the camera is known."""
    order = sorted(((max(0.0, _ahead(_middle(metres, box), camera)), box) for box in boxes), key=lambda one: one[0])
    numbers: dict[str, float] = {}
    said_all = []
    for distance, box in order[:5]:
        if distance > FARTHEST:
            continue
        where = ""
        if camera is not None:
            aside = _aside(box, distance, camera)
            where = (
                " in our lane"
                if abs(aside) < HALF_LANE
                else f" {abs(aside):.0f} m to the {'left' if aside > 0 else 'right'}"
            )
            if abs(aside) < HALF_LANE:
                numbers.setdefault("lead_distance_m", round(distance, 2))
        said_all.append(f"{box.label} {distance:.0f} m ahead{where}")
    return Found(f"By depth: {'; '.join(said_all)}." if said_all else "Nothing near is seen by depth.", numbers=numbers)


def _ahead(depth_m: float, camera: Camera | None) -> float:
    """Metres from the bumper."""
    start = 0.0 if camera is None else float(camera.translation[0])
    return depth_m + start - CAR_AHEAD - CAR_LENGTH / 2 if camera is not None else depth_m


def _aside(box: Box, distance: float, camera: Camera) -> float:
    """Metres to the left of the car's axis."""
    ray = np.linalg.inv(camera.intrinsic) @ np.array([(box.left + box.right) / 2, (box.top + box.bottom) / 2, 1.0])
    turned = rotation_matrix(camera.rotation) @ ray
    return float(turned[1] / max(turned[0], 1e-6) * (distance + CAR_AHEAD + CAR_LENGTH / 2 - camera.translation[0]))
