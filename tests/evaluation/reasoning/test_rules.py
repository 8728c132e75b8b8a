"""What the rules read: advice, and not history, conditions, denials, other cars, or two choices."""

from __future__ import annotations

import pytest

from lightemma.evaluation.reasoning.readings import CLAIM_FIELDS, CLAIMS, LATERAL, LONGITUDINAL, NOTES
from lightemma.evaluation.reasoning.rules import RuleReader
from lightemma.run_folder.judgments import FIELDS

RULES = RuleReader()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("The ego should speed up gently over the next 3 seconds.", "accelerate"),
        ("It should hold its present speed and keep to its lane.", "keep"),
        ("It should hold its current speed.", "keep"),
        ("The car must brake for the crossing.", "decelerate"),
        ("The ego vehicle should come to a complete stop before the line.", "decelerate"),
        ("The ego should follow the lane.", "unclear"),
        # history told in the past
        ("The ego was decelerating from 8 m/s to 6 m/s. Now it should accelerate again.", "accelerate"),
        ("Its previous intent was to accelerate, but in the next 3 seconds it should maintain its speed.", "keep"),
        ("The speed decreased over the past 3 seconds. The ego should continue to accelerate.", "accelerate"),
        # denied
        ("The ego should maintain its speed without accelerating or decelerating.", "keep"),
        ("There is no need to slow down, so the ego should accelerate.", "accelerate"),
        ("The ego should follow the lane. There is no need to accelerate or decelerate.", "keep"),
        ("The ego should not accelerate and instead slow down.", "decelerate"),
        ("The ego should stop accelerating and maintain its current speed.", "keep"),
        ("Accelerating is not advisable; the ego should keep a steady speed.", "keep"),
        ("No changes on the road would require it to brake, so it should keep its speed.", "keep"),
        ("Acceleration should be avoided; the ego should decelerate.", "decelerate"),
        # on a condition, or only to be ready for
        ("The ego should maintain its speed and be prepared to stop if the pedestrian steps out.", "keep"),
        ("If the light turns red, it should brake. For now the ego should accelerate.", "accelerate"),
        ("The ego should maintain its speed, or accelerate if traffic permits.", "keep"),
        ("The ego should prepare to slow down.", "decelerate"),
        ("Once the light turns green the ego can accelerate, but it should remain stopped until then.", "stay-stopped"),
        # of others, and why
        ("Because the truck ahead is slowing down, the ego should decelerate.", "decelerate"),
        ("Given that the vehicle ahead is accelerating, the ego should maintain its current speed.", "keep"),
        ("The ego should maintain its speed as the cars ahead are braking gently.", "keep"),
        # hedged, judged, and in a row
        ("It might be best to slow down a little.", "decelerate"),
        ("Given the wet road, slowing down would be appropriate.", "decelerate"),
        ("The ego should decelerate through the bend and then accelerate.", "decelerate"),
        # two choices are no advice, unless they come to the same
        ("The ego should maintain its speed or slightly decelerate.", "unclear"),
        ("The ego should maintain or slightly reduce its speed.", "unclear"),
        ("The ego should continue to decelerate or maintain a very low speed.", "decelerate"),
        ("The ego should hold a steady or slightly lower speed.", "unclear"),
        ("The ego should maintain its speed and continue to decelerate a little.", "unclear"),
        ("The ego should maintain its speed or decelerate a bit, depending on the van.", "unclear"),
        ("The ego should primarily maintain its speed or accelerate a little.", "keep"),
        ("It should maintain or reduce its speed. The best course is to brake gently, as advised.", "decelerate"),
        ("It should maintain or reduce its speed. Then it should wait at the line.", "unclear"),
        ("It should slow down if the lights change or maintain its speed if they do not.", "unclear"),
        ("It should maintain its current low speed or decelerate further.", "unclear"),
        ("It should keep a very low speed or come to a stop.", "decelerate"),
        # history, again: what follows from it, and verbs without a cue
        ("Its intent was therefore accelerating. It should maintain its speed.", "keep"),
        ("It can be seen that it slightly decelerated. It should accelerate.", "accelerate"),
        ("It does not need to stop now. It should keep its current speed.", "keep"),
        # a condition of the purpose is none of the advice; what is said in brackets of the amount is meant
        ("It should slow down to ensure that it can stop if a child runs out, or wait.", "decelerate"),
        ("It should keep a speed of 3 m/s (a slight acceleration) on the way out.", "accelerate"),
        ("It should moderate its acceleration and keep its current speed.", "keep"),
        ("It should maintain or increase its deceleration towards the queue.", "decelerate"),
        # a car that stands
        ("The ego should keep its speed of 4 m/s until it has to come to a complete stop.", "keep"),
        ("The ego has been stationary at 0.0 m/s. It should maintain its speed.", "stay-stopped"),
        ("The ego vehicle is stopped and should wait for the light to turn green.", "stay-stopped"),
        ("The ego drove at 8.2 m/s past stationary trucks and should maintain its speed.", "keep"),
        ("The ego should hold its position in the lane and keep its speed of 7 m/s.", "keep"),
        ("It should maintain its acceleration.", "accelerate"),
        # no punctuation at all
        (
            "the ego was decelerating and turning right given the empty road the ego should accelerate to reach a cruising "
            "speed it should also follow the lane",
            "accelerate",
        ),
    ],
)  # fmt: skip
def test_what_happens_to_the_speed(text, wanted):
    assert RULES.read_intent(text).longitudinal == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("The ego should turn left at the junction.", "left"),
        ("It should follow the lane with a slight right turn.", "right"),
        ("It should continue to follow the lane as it curves left.", "left"),
        ("The ego should make a slight leftward adjustment.", "left"),
        ("The ego should follow the lane without turning left or right.", "straight"),
        ("The ego was turning left. It should now straighten out and stay in its lane.", "straight"),
        ("It should not turn right, since the road goes straight on.", "straight"),
        ("The slight rightward curvature suggests that it should follow the lane.", "straight"),
        ("The ego should change to the left lane.", "lane-change-left"),
        ("It should merge to the right lane.", "lane-change-right"),
        ("The ego should slow down.", "unclear"),
        ("It should straighten out from its right turn.", "straight"),
        ("It should gradually reduce its left turn.", "straight"),
        ("It should follow the road to the left.", "left"),
        ("It should follow the lane with a gentle left turn as needed to stay in it.", "left"),
        ("It should hold the same slight rightward bend.", "right"),
        ("It should follow the left-turning path.", "left"),
        ("It should follow the lane, as its curvature shows a gentle left turn.", "left"),
        ("It should stay where it is and not turn for now.", "straight"),
        ("The slight turn to the left is probably due to the road. It should follow the lane.", "straight"),
        ("It should follow the lane, since the taxi is signaling to turn left.", "straight"),
    ],
)
def test_where_it_goes(text, wanted):
    assert RULES.read_intent(text).lateral == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("It should slow to about 5 m/s.", 5.0),
        ("It should keep its speed at around 7.5-8.5 m/s.", 8.0),
        ("It should accelerate by 0.5 m/s.", None),
        ("It should accelerate at 0.5 m/s\u00b2.", None),
        ("It drove at 9 m/s. It should brake.", None),
        ("It should reduce its speed from 8 m/s to 6 m/s.", 6.0),
        ("It should decelerate by about -0.4 m/s every second.", None),
        ("It should keep its speed of 36 km/h.", 10.0),
    ],
)
def test_the_speed_that_is_stated(text, wanted):
    assert RULES.read_intent(text).stated_speed == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("The traffic light ahead is red.", {"red_light": "claimed"}),
        ("A green signal hangs over the road, and the brake lights of a van are red.", {"green_light": "claimed"}),
        ("There are no visible traffic lights.", {"red_light": "denied", "green_light": "denied"}),
        ("Two pedestrians wait at the kerb.", {"person": "claimed"}),
        ("A pedestrian crossing sign stands at a crosswalk for pedestrian traffic.", {}),
        ("No pedestrians or cyclists are visible.", {"person": "denied"}),
        ("No pedestrians are near, but a worker sweeps the pavement.", {"person": "claimed"}),
        ("There is possibly a pedestrian on the left.", {"person": "hedged"}),
        ("A white van drives directly ahead in the same lane.", {"lead_vehicle": "claimed"}),
        ("A car with its brake lights on is in front.", {"lead_vehicle": "claimed"}),
        ("Parked cars line the road.", {}),
        ("The road is empty, with no vehicles in sight.", {"lead_vehicle": "denied"}),
        ("A lorry is in the middle lane.", {"lead_vehicle": "claimed"}),
        ("Ahead in the current travel lane, a blue van waits.", {"lead_vehicle": "claimed"}),
        ("A grey van waiting at a traffic light blocks the view.", {"lead_vehicle": "claimed"}),
        ("We stand at a crossing behind a blue scooter.", {"lead_vehicle": "claimed"}),
        ("Vans are parked at the kerb, one ahead of a taxi.", {}),
        ("In the intersection ahead, a taxi is present.", {}),
        ("The light ahead is amber so that the cars stop.", {}),
        ("A taxi with its tail lights on is in the adjacent lane.", {}),
        ("A lorry crosses from the left. There are no other vehicles.", {}),
        ("Cars are parked here. There are no other vehicles.", {"lead_vehicle": "denied"}),
        ("The picture does not show any moving vehicles.", {"lead_vehicle": "denied"}),
        ("Orange cones narrow the lane.", {"roadworks": "claimed"}),
        ("Behind the fence is a building under construction.", {}),
        ("It rains and the road is wet.", {"bad_weather": "claimed"}),
        ("The weather is clear and sunny.", {"bad_weather": "denied"}),
        ("Dark clouds suggest that it may rain soon.", {"bad_weather": "hedged"}),
        ("An overcast day in a city.", {}),
    ],
)
def test_what_a_description_claims(text, claims):
    found = RULES.read_scene(text)
    assert dict(found.claims) == claims
    for name, (start, end) in found.places.items():
        assert text[start:end].strip(), name


def test_how_it_was_told_and_where_it_was_read():
    text = (
        "The ego was braking. It should keep its speed, and slow down if the car ahead stops. It should not accelerate."
    )
    found = RULES.read_intent(text)
    assert set(found.notes) == {"past", "condition", "negation"}
    assert text[slice(*found.place)].strip().startswith("It should keep its speed")
    assert RULES.read_intent("Since the light is red, the ego should stop.").reasons == ("red_light",)


@pytest.mark.parametrize(
    "text", ["", " ", "\ud800", "\u0130" * 50, "[(1, 2)]", "no people " * 20_000, "slow or " * 9_000, "\u2019" * 99]
)
def test_any_text_has_a_reading(text):
    intent, scene = RULES.read_intent(text), RULES.read_scene(text)
    assert intent.longitudinal in LONGITUDINAL
    assert intent.lateral in LATERAL
    assert set(scene.claims.values()) <= set(CLAIMS)
    assert RULES.read_intent(text) == intent, "the same text has the same reading"


def test_judges_and_readers_have_the_same_words():
    assert FIELDS["intent"]["longitudinal"] == LONGITUDINAL
    assert FIELDS["intent"]["lateral"] == LATERAL
    assert tuple(FIELDS["scene"]) == CLAIM_FIELDS
    assert all(set(values) == set(CLAIMS) for values in FIELDS["scene"].values())
    assert len(NOTES) == 5
