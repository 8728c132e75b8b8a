"""Light and weather in numbers: sun, sky, haze and exposure of each condition, the same for every renderer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.frame import FloatArray
from lightemma.simulation.state import Conditions

Light = tuple[float, float, float]
"""Red, green and blue of light, linear; with 1 a white wall appears nearly white."""


@dataclass(frozen=True, slots=True)
class Look:
    """Light, sky and haze of one condition.

    Attributes:
        sun: (3,) unit vector towards the sun, world frame.
        sunlight: light of the sun, 0 behind clouds.
        above: light from the sky on faces that look up.
        below: light from the ground on faces that look down.
        sky_high: the sky overhead.
        sky_low: the sky at the horizon, which far things fade into.
        haze: metres after which 63 % of a thing's colour is replaced by ``sky_low``.
        exposure: multiplies all light before it is shown.
        clouds: 0 for a clear sky … 1 for one with many clouds.
        wet: 0 for a dry road … 1 for a wet one that mirrors.
        lamps: 0 in daylight … 1 where lamps light the street.
        shadows: whether the sun throws shadows.
    """

    sun: FloatArray
    sunlight: Light
    above: Light
    below: Light
    sky_high: Light
    sky_low: Light
    haze: float
    exposure: float
    clouds: float
    wet: float = 0.0
    lamps: float = 0.0
    shadows: bool = False


def look_of(conditions: Conditions, seed: int = 0) -> Look:
    """The palette of a condition; the seed turns the sun, never into the picture's middle at noon height."""
    turn = float(np.random.default_rng([seed, 41]).uniform(0, 2 * np.pi))
    high = 0.82
    sun = np.array([np.cos(high) * np.cos(turn), np.cos(high) * np.sin(turn), np.sin(high)])
    if conditions.light == "dusk":
        return _dusk(conditions, sun)
    if conditions.weather == "rain":
        return Look(
            sun, (0.0, 0.0, 0.0), (0.56, 0.60, 0.66), (0.20, 0.20, 0.20), (0.42, 0.45, 0.49), (0.60, 0.63, 0.66),
            210.0, 0.80, 0.5, wet=1.0,
        )  # fmt: skip
    if conditions.weather == "fog":
        return Look(
            sun, (0.0, 0.0, 0.0), (0.72, 0.74, 0.76), (0.32, 0.32, 0.32), (0.74, 0.76, 0.78), (0.72, 0.74, 0.755),
            48.0, 0.84, 0.0, wet=0.25,
        )  # fmt: skip
    return Look(
        sun, (1.62, 1.48, 1.28), (0.60, 0.62, 0.66), (0.28, 0.26, 0.24), (0.17, 0.34, 0.70), (0.66, 0.76, 0.88),
        620.0, 0.86, 0.8, shadows=True,
    )  # fmt: skip


def _dusk(conditions: Conditions, sun: FloatArray) -> Look:
    """After sunset: little light, all lamps lit."""
    wet = {"rain": 1.0, "fog": 0.25}.get(conditions.weather, 0.0)
    if conditions.weather == "clear":
        return Look(
            sun, (0.0, 0.0, 0.0), (0.105, 0.125, 0.185), (0.05, 0.045, 0.045), (0.045, 0.075, 0.17),
            (0.30, 0.235, 0.23), 420.0, 1.0, 0.55, lamps=1.0,
        )  # fmt: skip
    haze = 45.0 if conditions.weather == "fog" else 170.0
    return Look(
        sun, (0.0, 0.0, 0.0), (0.10, 0.115, 0.15), (0.045, 0.045, 0.045), (0.07, 0.085, 0.12), (0.135, 0.145, 0.17),
        haze, 1.0, 0.3, wet=wet, lamps=1.0,
    )  # fmt: skip


def linear(colours: FloatArray) -> FloatArray:
    """Screen colours (…, 3) in 0 … 1 as light (a plain gamma of 2, which is cheap and near enough)."""
    light: FloatArray = np.clip(colours, 0.0, 1.0) ** 2
    return light


def shown(light: FloatArray, exposure: float) -> FloatArray:
    """Light (…, 3) as screen colours in 0 … 1: the fitted filmic curve of Narkowicz (2015), then gamma 2."""
    x = np.maximum(light, 0.0) * exposure
    curve = (x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14)
    screen: FloatArray = np.clip(curve, 0.0, 1.0) ** 0.5
    return screen
