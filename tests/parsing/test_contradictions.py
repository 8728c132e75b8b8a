"""Words that contradict the numbers: refused, by the name of what they say."""

from __future__ import annotations

import pytest

from lightemma.parsing.kinds import CONTRADICTIONS
from tests.parsing.plans import CURVATURES, LIST, PLAN, SPEEDS, read, rows

AGAINST = {
    "units": [
        f"Speeds in mph: {LIST}",
        f"(speed in km/h, curvature in 1/m)\n{LIST}",
        f"{LIST}\nSpeeds are in km/h.",
        f"{LIST} (mph)",
        "[" + rows("({v} km/h, {c})", ", ") + "]",
        rows("{i}. speed {v} km/h, curvature {c} 1/m"),
        "| Step | Speed (km/h) | Curvature |\n|---|---|---|\n" + rows("| {i} | {v} | {c} |"),
        f"From 3.5 km/h to 3.6 km/h: {LIST}",
        f"All speeds are given in miles per hour.\n\nPlan:\n{LIST}",
        f"I converted from m/s to km/h: {LIST}",
        f"Kilometres per hour:\n{LIST}",
        f"Speed in ft/s. {LIST}",
        f"cm/s: {LIST}",
        f"In knots: {LIST}",
        f"速度单位为公里/小时\uff1a{LIST}",
        f"скорость в км/ч: {LIST}",
        f"السرعة كم/س: {LIST}",
        f"Geschwindigkeit in km/h: {LIST}",
        "[" + rows('{{"speed_kmh": {v}, "curvature": {c}}}', ", ") + "]",
        f"speed [km/h]: [{SPEEDS}]\ncurvature: [{CURVATURES}]",
        f'{{"unit": "km/h", "actions": {LIST}}}',
        f"[ # km/h\n{LIST[1:]}",
        f"Curvature in 1/km: {LIST}",
        f"(m/s, deg): {LIST}",
        f"Velocities (kmph):\n{LIST}",
        f"{LIST} where v is in km/h and c in 1/m",
        f"单位是千米每小时：{LIST}",
        rows("Step {i}: {v} mph and curvature {c}"),
        f"Curvature in degrees per meter: {LIST}",
    ],
    "scale": [
        f"Curvature x 1000: {LIST}",
        f"(speed, curvature * 1e3)\n{LIST}",
        f"curvature in 1e-3 1/m: {LIST}",
        f"Curvature \u00d7 10\u207b\u00b3: {LIST}",
        f"curvatures scaled by 1000\n{LIST}",
        f"curvature multiplied by 100:\n{LIST}",
        f"{LIST} x 10^-3",
        f"{LIST}\n(curvature values are multiplied by 1000)",
        f"Curvature in thousandths: {LIST}",
        f"speeds in units of 0.1 m/s: {LIST}",
        f"(v, 1000*c): {LIST}",
        f"All numbers are ten times too large: {LIST}",
        f"multiply each curvature by 0.001\n{LIST}",
        f"speed/10, curvature: {LIST}",
        f"speeds normalized by 10: {LIST}",
        f"Speed as a fraction of 20 m/s: {LIST}",
        "[" + rows('{{"speed": {v}, "curvature_x1000": {c}}}', ", ") + "]",
        f"Divide by 100 to get 1/m.\n{LIST}",
        f"曲率乘以1000\uff1a{LIST}",
        "| Step | Speed | Curvature (x1000) |\n|---|---|---|\n" + rows("| {i} | {v} | {c} |"),
    ],
    "order": [
        f"[(curvature, speed), ...]:\n{LIST}",
        f"Pairs of curvature and speed:\n{LIST}",
        f"Each pair is (c, v): {LIST}",
        f"curvature first, then speed: {LIST}",
        f"{LIST}\n(curvature, speed)",
        f"curvature-speed pairs: {LIST}",
        f"as (curvature [1/m], speed [m/s]): {LIST}",
        f"curvature (1/m), speed (m/s):\n{LIST}",
        f"curvature and speed, in this order: {LIST}",
        f"The first number is the curvature, the second the speed.\n{LIST}",
        f"Curvature | Speed:\n{LIST}",
        f"First the curvature, second the speed. {LIST}",
        f"\uff08曲率\uff0c速度\uff09\uff1a{LIST}",
        f"(кривизна, скорость): {LIST}",
        f"(Kr\u00fcmmung, Geschwindigkeit): {LIST}",
        "[" + rows("({c} 1/m, {v} m/s)", ", ") + "]",
    ],
    "other_quantity": [
        f"Waypoints:\n{LIST}",
        f"The next six waypoints (x, y):\n{LIST}",
        f"(x, y) in metres: {LIST}",
        f"Here are the coordinates: {LIST}",
        f"Future positions of the ego vehicle:\n{LIST}",
        f"Trajectory in meters: {LIST}",
        f"{LIST}\nThese are (x, y) waypoints.",
        f"(speed, steering angle): {LIST}",
        f"(acceleration, curvature): {LIST}",
        f"(speed, yaw rate): {LIST}",
        f"(time, speed): {LIST}",
        f"(x_t, y_t): {LIST}",
        f"{LIST}\nwhere x is forward and y is left",
        f"lat/lon: {LIST}",
        f"speed, yaw rate\n{LIST}",
        rows("Waypoint {i}: ({v}, {c})"),
        f"轨迹点\uff1a{LIST}",
        f"координаты: {LIST}",
        f'{{"waypoints": {LIST.replace("(", "[").replace(")", "]")}}}',
        "[" + rows("(x={v}, y={c})", ", ") + "]",
        "[" + rows('{{"x": {v}, "y": {c}}}', ", ") + "]",
        "| x | y |\n|---|---|\n" + rows("| {v} | {c} |"),
        rows("x={v}, y={c}"),
    ],
    "example": [
        f"For example: {LIST}",
        f"e.g. {LIST}",
        f"The format is {LIST}",
        f"The required format:\n\n{LIST}",
        f"Remember: the format is {LIST}",
        f"Please answer in the format {LIST}",
        f"Output must have the form {LIST}",
        f"Expected output format:\n```\n{LIST}\n```",
        f"I need the picture. A valid answer looks like {LIST} for example.",
        f"You would write something like {LIST}.",
        f"Placeholder values: {LIST}",
        f"Please provide the list like {LIST}",
        f"In the example you gave, {LIST}",
        f"If I could see the picture, I might answer {LIST}",
        f"Formatting reminder, the format is:\n{LIST}",
        f"{LIST} is only an example.",
        f"{LIST}\n\n(This is just an example.)",
        f"例如\uff1a{LIST}",
        f"请使用以下格式\uff1a{LIST}",
        f"например, {LIST}",
        f"Zum Beispiel {LIST}",
        f"par exemple : {LIST}",
        f"por ejemplo {LIST}",
    ],
    "refusal": [
        f"I'm sorry, but I can't help with driving. {LIST}",
        f"I cannot provide driving actions. You wrote {LIST}",
        f"As an AI language model, I can't drive a car. {LIST}",
        f"I am unable to assist with that request.\n{LIST}",
        f"Sorry, I can't predict the actions without the picture. The history was {LIST}",
        f"{LIST}\nI'm sorry, I cannot provide this.",
        f"I must decline. {LIST}",
        f"I'm just an AI and can't drive. {LIST}",
        f"It is not possible for me to plan this. {LIST}",
        f"Cannot determine actions from this image. {LIST}",
        f"抱歉\uff0c我无法提供驾驶指令。{LIST}",
        f"К сожалению, я не могу помочь. {LIST}",
        f"Lo siento, no puedo ayudar con eso. {LIST}",
        f"Es tut mir leid, ich kann dabei nicht helfen. {LIST}",
    ],
}


def test_every_contradiction_has_members():
    assert set(AGAINST) == CONTRADICTIONS


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in AGAINST.items() for text in texts])
@pytest.mark.parametrize("answer_format", ["list", "json"])
def test_words_against_the_numbers_are_refused_by_their_name(kind, text, answer_format):
    assert isinstance(read(text, "tolerant", answer_format), str)
    assert read(text) == f"format:{kind}"


def test_strict_names_them_too_but_reads_no_comments():
    assert read(f"Speeds in mph: {LIST}", "strict") == "format:units"
    assert read(f"[ # km/h\n{LIST[1:]}", "strict") == PLAN
