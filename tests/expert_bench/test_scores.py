"""How boxes, shares and errors are counted."""

import pytest

from lightemma.expert_bench.detection_score import TrueThing, band, score_boxes
from lightemma.expert_bench.tally import Promise, Tally, share_interval
from lightemma.experts.base import Box
from lightemma.simulation.render import front_camera

CAMERA = front_camera((1600, 900))


def box(label, left, bottom=600.0, wide=60.0, high=50.0, score=0.9):
    return Box(label, score, left, bottom - high, left + wide, bottom)


def true(kind, left, distance=20.0, *, asked=True, **given):
    return TrueThing(kind, box(kind, left, **given), distance, asked)


def counts(found, truth):
    tally = Tally()
    score_boxes("d", found, truth, CAMERA, tally)
    kept = {name.removeprefix("d: "): (sum(right), len(right)) for name, right in tally.right.items()}
    precision = [value for name, value in kept.items() if name.startswith("precision")]
    return {k: v for k, v in kept.items() if k.startswith("recall")}, tuple(map(sum, zip(*precision, strict=True)))


def test_a_thing_is_found_once_and_a_second_box_of_it_is_wrong():
    recall, precision = counts([box("car", 100), box("truck", 102, score=0.5)], [true("car", 101)])
    assert recall == {"recall, vehicle 15-30 m": (1, 1)}
    assert precision == (1, 2)


def test_what_is_not_asked_for_is_neither_missed_nor_a_false_alarm():
    truth = [true("car", 100, asked=False), true("cone", 300)]
    assert counts([box("car", 100), box("car", 300)], truth) == ({}, ())
    assert counts([box("traffic light", 700)], []) == ({}, ())


def test_another_class_in_the_same_place_is_missed_and_false():
    recall, precision = counts([box("person", 100)], [true("car", 100, 50.0)])
    assert recall == {"recall, vehicle 30-60 m": (0, 1)}
    assert precision == (0, 1)


@pytest.mark.parametrize("label", ["person", "bicycle", "motorcycle"])
def test_a_cyclist_may_be_called_person_or_bicycle_or_both(label):
    recall, precision = counts([box(label, 100)], [true("cyclist", 100)])
    assert recall == {"recall, two-wheeler 15-30 m": (1, 1)}
    assert precision == (1, 1)
    both = [box(label, 100), box("person", 105, wide=40, high=30, score=0.5)]
    assert counts(both, [true("cyclist", 100)])[1] == (1, 1)


@pytest.mark.parametrize(
    ("distance", "name"), [(0.0, "00-15 m"), (15.0, "00-15 m"), (15.1, "15-30 m"), (61.0, "beyond 60 m")]
)
def test_bands(distance, name):
    assert band(distance) == name


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (22, 22, 0.8513, 1.0), (0, 0, 0.0, 1.0)],
)
def test_wilsons_interval(count, of, low, high):
    assert share_interval(count, of) == pytest.approx((low, high), abs=2e-4)


def test_promises_and_lines():
    tally = Tally(pictures=2, drives=1)
    tally.right["light"] += [True] * 19 + [False]
    tally.errors["metres"] += [0.1, 0.3, 0.2]
    assert tally.keeps(Promise("light", 0.95, True)) is True
    assert tally.keeps(Promise("light", 0.96, True)) is False
    assert tally.keeps(Promise("metres", 0.2, False)) is True
    assert tally.keeps(Promise("metres", 0.19, False)) is False
    assert tally.keeps(Promise("other", 0.5, True)) is None
    assert tally.lines() == [
        "2 pictures of 1 drives",
        "light: 19 of 20 (76% to 99%)",
        "metres: median error 0.2, 90 % below 0.28, of 3",
    ]
