"""What nuScenes' descriptions say about light and weather."""

from __future__ import annotations

import pytest

from lightemma.scene_facts import SceneFacts, facts_from_text


@pytest.mark.parametrize(
    ("description", "light", "weather"),
    [
        ("Parked truck, construction, intersection, turn left", "day", "dry"),
        ("Night, difficult lighting, peds", "night", "dry"),
        ("Rain, wait at intersection", "day", "rain"),
        ("Night, heavy rain, turn right", "night", "rain"),
        ("Raining, parked cars", "day", "rain"),
        ("After rain, wet road, scooter", "day", "dry"),
        ("Night, after the rain, lots of lights", "night", "dry"),
        ("After heavy rain, drizzle again", "day", "rain"),
        ("Railway crossing, train, brain drain", "day", "dry"),
        ("Many knights, overnight parking", "day", "dry"),
        ("", "", ""),
        ("   ", "", ""),
    ],
)
def test_descriptions(description, light, weather):
    assert facts_from_text("singapore-onenorth", description) == SceneFacts(
        "singapore-onenorth", light, weather, "left"
    )


def test_an_unknown_place_stays_unknown():
    assert facts_from_text("", "Night") == SceneFacts("", "night", "dry")
    assert SceneFacts() == SceneFacts("", "", "")


@pytest.mark.parametrize(
    ("location", "description", "side"),
    [
        ("singapore-onenorth", "", "left"),
        ("boston-seaport", "Rain", "right"),
        ("simulated-city", "SYNTHETIC bend, day, clear, left-hand traffic: a bend.", "left"),
        ("simulated-city", "SYNTHETIC bend, day, clear: a bend.", "right"),
        ("nowhere", "Night", ""),
        ("", "", ""),
    ],
)
def test_the_traffic_side_is_known_by_the_place(location, description, side):
    assert facts_from_text(location, description).traffic == side
