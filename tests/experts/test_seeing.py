"""What the experts see in pictures whose truth is known: drawn through the camera."""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from lightemma.camera import project
from lightemma.experts import ssd_detector
from lightemma.experts.base import Box, Question, ground_points
from lightemma.experts.ground_distance import GroundDistance
from lightemma.experts.lane_geometry import LaneGeometry
from lightemma.experts.lead_speed import LeadSpeed
from lightemma.experts.light_state import LightState
from lightemma.experts.motion_words import MotionWords, motion_in_words
from lightemma.experts.ssd_detector import SsdDetector
from lightemma.frame import EarlierPicture, EgoHistory, Picture
from lightemma.simulation.render.pinhole import front_camera
from tests.conftest import make_frame, steady

SIZE = (640, 360)
CAMERA = front_camera(SIZE)
FRAME = replace(make_frame(), camera=CAMERA)
#: Metres from the rear axle to the front bumper.
BUMPER = 4.084 - 0.657


def shown(image: Image.Image) -> Picture:
    out = io.BytesIO()
    image.save(out, "PNG")
    return Picture(out.getvalue(), "image/png", image.size, "0")


def street() -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", SIZE, (165, 185, 210))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 196, *SIZE), fill=(120, 118, 116))
    return image, draw


LIT = {"red": (255, 40, 30), "amber": (255, 190, 40), "green": (20, 230, 140)}


def light(draw, colour, left, top, disc=8):
    draw.rectangle((left, top, left + 2 * disc, top + 5 * disc), fill=(25, 25, 28))
    place = top + {"red": 0.5, "amber": 2.0, "green": 3.5}[colour] * disc
    draw.ellipse((left + disc / 2, place, left + 1.5 * disc, place + disc), fill=LIT[colour])


@pytest.mark.parametrize("boxes", [(), (Box("traffic light", 0.9, 399, 59, 417, 101),)])
@pytest.mark.parametrize("colour", LIT)
def test_a_lit_light_is_read_in_the_whole_picture_and_in_a_box(colour, boxes):
    image, draw = street()
    light(draw, colour, 400, 60)
    found = LightState().look(Question(FRAME, {"picture": shown(image)}, {"boxes": boxes} if boxes else {}))
    assert found.words == f"The nearest traffic light shows {colour}."
    assert found.boxes[0].label == f"{colour} light"


def test_the_largest_light_is_ours_and_others_are_counted():
    image, draw = street()
    light(draw, "green", 300, 100, 5)
    light(draw, "red", 420, 60, 12)
    words = LightState().look(Question(FRAME, {"picture": shown(image)})).words
    assert words == "The nearest traffic light shows red. Others, which may not be ours: 1 green."


@pytest.mark.parametrize("what", ["empty", "red car", "red wall", "unlit", "brake lights"])
def test_what_is_no_lit_light_is_none(what):
    image, draw = street()
    if what == "red car":
        draw.rectangle((200, 200, 280, 240), fill=LIT["red"])
    elif what == "red wall":
        draw.rectangle((0, 20, 300, 190), fill=(200, 60, 50))
    elif what == "unlit":
        draw.rectangle((400, 60, 416, 100), fill=(25, 25, 28))
    elif what == "brake lights":
        draw.rectangle((200, 270, 280, 320), fill=(30, 30, 30))
        draw.ellipse((205, 300, 213, 308), fill=LIT["red"])
    assert LightState().look(Question(FRAME, {"picture": shown(image)})).words == "No lit traffic light is seen."


def box_of(x, y, label="car", wide=1.8, high=1.5):
    """The box of a flat thing that stands at (x, y)."""
    corners = project(np.array([[x, y + wide / 2, 0.0], [x, y - wide / 2, high]]), CAMERA).pixels
    (left, bottom), (right, top) = corners.tolist()
    return Box(label, 0.9, left, top, right, bottom)


def test_pixels_and_the_ground_are_inverse():
    points = np.array([[8.0, 1.0], [25.0, -3.0], [60.0, 6.0]])
    pixels = project(np.column_stack([points, np.zeros(3)]), CAMERA).pixels
    np.testing.assert_allclose(ground_points(pixels, CAMERA), points, atol=1e-9)
    assert np.isnan(ground_points(np.array([[320.0, 10.0]]), CAMERA)).all(), "the sky meets no ground"


@pytest.mark.parametrize("distance", [6.0, 15.0, 30.0])
def test_a_box_on_level_ground_is_as_far_as_it_is(distance):
    boxes = (box_of(BUMPER + distance, 0.2), box_of(20.0, -5.0, "person", 0.5), box_of(30.0, 0.0, "traffic light"))
    found = GroundDistance().look(Question(FRAME, boxes={"boxes": boxes}))
    assert found.numbers["lead_distance_m"] == pytest.approx(distance, abs=0.01)
    assert found.words.startswith(f"Ahead: car {distance:.0f} m ahead in our lane; person 17 m ahead 5 m to the right")
    assert "light" not in found.words


def test_a_box_that_is_cut_off_below_is_not_placed():
    cut = Box("car", 0.9, 250, 200, 390, SIZE[1] - 0.5)
    found = GroundDistance().look(Question(FRAME, {"picture": shown(street()[0])}, {"boxes": (cut,)}))
    assert found.numbers == {}


@pytest.mark.parametrize(
    ("now", "before", "speed"), [(20.0, 21.0, 3.0), (20.0, 20.0, 5.0), (20.0, 22.5, 0.0), (20.0, 18.0, 9.0)]
)
def test_the_leads_speed_is_ours_and_the_change_of_the_gap(now, before, speed):
    frame = replace(FRAME, earlier=(EarlierPicture(None, FRAME.timestamp - 500_000),))
    boxes = {"boxes": (box_of(BUMPER + now, 0.0),), "earlier_boxes": (box_of(BUMPER + before, 0.0),)}
    found = LeadSpeed().look(Question(frame, boxes=boxes))
    assert found.numbers["lead_speed_mps"] == pytest.approx(speed, abs=0.05)
    assert ("closes" in found.words) == (now < before)


def test_another_lead_has_no_speed():
    boxes = {"boxes": (box_of(12.0, 0.0),), "earlier_boxes": (box_of(60.0, 0.0),)}
    assert LeadSpeed().look(Question(FRAME, boxes=boxes)).words.startswith(("The car ahead in our lane stands", "What"))
    boxes = {"boxes": (box_of(12.0, 0.0, "bus"),), "earlier_boxes": (box_of(13.0, 0.0),)}
    assert "not the same" in LeadSpeed().look(Question(FRAME, boxes=boxes)).words


def road(curvature, heading, offset, width=3.5):
    """Two solid lines, drawn through the camera."""
    image, draw = street()
    for side in (width / 2, -width / 2):
        x = np.linspace(4.5, 45.0, 60)
        middle = side - offset + heading * x + curvature * x * x / 2
        edges = [project(np.column_stack([x, middle + half, 0 * x]), CAMERA).pixels for half in (0.08, -0.08)]
        draw.polygon([tuple(p) for p in edges[0].tolist()] + [tuple(p) for p in edges[1][::-1].tolist()], fill="white")
    return shown(image)


@pytest.mark.parametrize(("curvature", "heading", "offset"), [(0.0, 0.0, 0.0), (0.01, 0.0, 0.3), (-0.016, 0.05, -0.4)])
def test_the_lane_is_where_its_marks_are(curvature, heading, offset):
    numbers = LaneGeometry().look(Question(FRAME, {"picture": road(curvature, heading, offset)})).numbers
    assert numbers["lane_curvature_1pm"] == pytest.approx(curvature, abs=0.003)
    assert numbers["heading_error_rad"] == pytest.approx(-heading, abs=0.03)
    assert numbers["lane_offset_m"] == pytest.approx(offset, abs=0.25)
    assert numbers["lane_width_m"] == pytest.approx(3.5, abs=0.2)


def test_a_bare_road_has_no_marks():
    assert (
        LaneGeometry().look(Question(FRAME, {"picture": shown(street()[0])})).words == "No lane marks are seen clearly."
    )


def history(speeds, curvature=0.0, known=True):
    actions = np.column_stack([speeds, np.full(6, curvature)])
    return EgoHistory(np.zeros((8, 2)), actions, known)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (history([0.0] * 6), "Our car stands still, as it did 2.5 s ago."),
        (
            history([9.0, 8.0, 7.0, 6.0, 5.0, 4.0], -0.03),
            "Our car drives at 4.0 m/s; 2.5 s ago it drove at 9.0 m/s. It is losing about 2.0 m/s every second and would "
            "stand in about 2.0 s. Its path bends sharply to the right (radius 33 m).",
        ),
        (history([5.0] * 6, known=False), "How our car has moved is not known."),
    ],
)
def test_motion_is_put_into_words(given, words):
    assert motion_in_words(given)[0] == words


def test_two_pictures_say_whether_the_view_has_changed():
    one, other = road(0.0, 0.0, 0.0), shown(Image.new("RGB", SIZE, "white"))
    for earlier, said in ((one, "hardly changed"), (other, "has changed")):
        question = Question(
            replace(FRAME, history=EgoHistory(np.zeros((8, 2)), steady(5.0))),
            {"picture": one, "earlier_picture": earlier},
        )
        assert said in MotionWords().look(question).words


def test_the_detector_scales_boxes_and_leaves_out_what_is_no_road_user(monkeypatch, tmp_path):
    """With a network that gives fixed rows in place of OpenCV's."""
    rows = np.array(
        [
            [0, 3, 0.9, 0.25, 0.5, 0.5, 0.75],  # a car
            [0, 3, 0.8, 0.26, 0.5, 0.5, 0.75],  # the same car
            [0, 17, 0.9, 0.1, 0.1, 0.2, 0.2],  # a cat
            [0, 1, 0.2, 0.1, 0.1, 0.2, 0.2],  # hardly a person
            [0, 10, 0.5, 0.9, 0.2, 0.8, 0.3],  # no box
        ]
    )
    net = SimpleNamespace(setInput=lambda blob: None, forward=lambda: rows.reshape(1, 1, 5, 7))
    dnn = SimpleNamespace(readNetFromTensorflow=lambda *_: net, blobFromImage=lambda image, **_: image)
    monkeypatch.setitem(sys.modules, "cv2", SimpleNamespace(dnn=dnn))
    monkeypatch.setattr(ssd_detector, "_folder", lambda: tmp_path)
    found = SsdDetector().look(Question(FRAME, {"picture": shown(street()[0])}))
    assert found.words == "Detected: 1 x car."
    assert found.boxes == (Box("car", 0.9, 159.5, 179.5, 319.5, 269.5),)


@pytest.mark.parametrize(("colour", "core"), [("red", (240, 178, 165)), ("green", (236, 247, 246))])
def test_a_lamp_that_is_too_bright_for_the_camera_is_read_by_the_colour_that_is_left(colour, core, monkeypatch):
    monkeypatch.setitem(LIT, colour, core)
    image, draw = street()
    light(draw, colour, 400, 60, 12)
    assert (
        LightState().look(Question(FRAME, {"picture": shown(image)})).words
        == f"The nearest traffic light shows {colour}."
    )


def test_a_bright_sky_and_white_lamps_are_no_lights(monkeypatch):
    monkeypatch.setitem(LIT, "green", (250, 250, 250))
    image, draw = street()
    draw.rectangle((0, 0, 640, 50), fill=(235, 243, 252))
    draw.rectangle((100, 20, 180, 45), fill=(30, 40, 30))
    light(draw, "green", 400, 60, 12)
    assert LightState().look(Question(FRAME, {"picture": shown(image)})).words == "No lit traffic light is seen."


@pytest.mark.parametrize("camera", [CAMERA, None])
def test_brake_lights_of_a_dark_car_ahead_are_no_traffic_light(camera):
    """They are below the horizon, where no light is; without a camera that is the middle of the picture, with a margin."""
    image, draw = street()
    draw.rectangle((300, 215, 360, 260), fill=(25, 25, 28))
    draw.ellipse((304, 222, 312, 230), fill=LIT["red"])
    found = LightState().look(Question(replace(FRAME, camera=camera), {"picture": shown(image)}))
    assert found.words == "No lit traffic light is seen."
