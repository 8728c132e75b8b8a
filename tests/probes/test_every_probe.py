"""What holds for every probe: named, lawful, the same whenever it is made, and nothing but what it says is changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lightemma.data.embedded_demo import open_embedded_demo
from lightemma.data.pictures import PicturePolicy, load_picture, picture_pixels
from lightemma.errors import UserError
from lightemma.frame import EgoHistory, Frame, PixelArray
from lightemma.probes.base import Probe, Probed, Stored, Untouched, draws
from lightemma.probes.corruptions.fog import FARTHEST, street_distance
from lightemma.probes.registry import PROBES, chosen_probes, probe_class
from lightemma.prompts.sets import load_prompts
from lightemma.run_folder.probe_entry import Law
from lightemma.run_folder.records import STAGES
from lightemma.simulation.render.pinhole import front_camera
from tests.conftest import make_frame, make_frames

EVERY_PROBE = chosen_probes(["all"])
SPEEDING, SLOWING = "It should speed up.", "It should slow down."


def words(text: str) -> str:
    return {SPEEDING: "accelerate", SLOWING: "decelerate"}.get(text, "unclear")


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Untouched:
    """Three frames of three scenes, with small pictures, calibration, a changing history, and stored answers."""
    source, folder = open_embedded_demo(), tmp_path_factory.mktemp("pictures")
    frames = [smaller(source.scene_frames(name)[9], folder) for name in list(source.scene_names)[1:4]]
    answers = {
        frame.sample_token: {
            "scene": Stored("What is ahead?", f"A road, {number}."),
            "intent": Stored("And now?", (SPEEDING, SLOWING)[number % 2]),
        }
        for number, frame in enumerate(frames)
    }
    return Untouched(frames, answers, words)


def smaller(frame: Frame, folder: Path) -> Frame:
    """The frame with pictures of a fifth of their width."""

    def small(path: Path) -> Path:
        with Image.open(path) as picture:
            picture.resize((160, 90)).save(folder / path.name, quality=95)
        return folder / path.name

    earlier = tuple(replace(one, path=small(one.path)) for one in frame.earlier[-3:])
    return replace(frame, image_path=small(frame.image_path), earlier=earlier)


def shown(probe: Probe, frame: Frame, run: Untouched) -> tuple[Probed, PixelArray]:
    changed = probe.change(frame, run)
    assert changed is not None
    pixels = picture_pixels(changed.frame)
    assert pixels is not None
    return changed, pixels


@pytest.mark.parametrize("probe", EVERY_PROBE, ids=lambda probe: probe.label)
def test_a_probe_changes_what_it_says_and_always_in_the_same_way(probe, run):
    frame = run.frames[0]
    before = picture_pixels(frame)
    changed, pixels = shown(probe, frame, run)
    again, pixels_again = shown(type(probe)(probe.variant), frame, run)
    assert np.array_equal(pixels, pixels_again)
    assert changed.amount == again.amount
    assert pixels.dtype == np.uint8
    assert changed.frame.sample_token == frame.sample_token
    assert (changed.frame.future is None) == (frame.future is None)
    same_picture = pixels.shape == before.shape and np.array_equal(pixels, before)
    same_history = np.array_equal(changed.frame.history.actions, frame.history.actions)
    assert same_picture == (probe.group in ("history", "words", "prompts") or probe.name == "recoded")
    assert same_history == (probe.group != "history" and probe.name != "mirror")
    assert all(probe.answer(stage, frame, run) for stage in probe.replaces)
    assert [stage for stage in probe.replaces if stage in probe.keeps] == []


@pytest.mark.parametrize("name", PROBES)
def test_a_probe_is_one_file_with_a_law_in_words(name):
    cls = probe_class(name)
    assert cls.__module__.rsplit(".", 1)[1] == name.replace("-", "_")
    assert cls.name == name
    for probe in chosen_probes([name]):
        assert probe.law.statement.endswith(".")
        assert probe.law.tolerance > 0
        assert probe.label.startswith(name)


def test_damage_depends_on_the_frame_and_grows_with_the_strength(run):
    first, second = run.frames[:2]
    for name in ("noise", "dark", "rain", "lens-dirt", "jpeg", "blur", "fog"):
        weak, _, strong = chosen_probes([name])
        before = picture_pixels(first).astype(int)
        little, much = (np.abs(shown(probe, first, run)[1] - before).mean() for probe in (weak, strong))
        assert 0 < little < much, name
    noise = chosen_probes(["noise-1"])[0]
    same_pixels = replace(second, image_path=first.image_path)
    assert not np.array_equal(shown(noise, first, run)[1], shown(noise, same_pixels, run)[1])


def test_draws_are_the_same_on_every_machine():
    assert draws("noise", "token").integers(0, 1000, 4).tolist() == [775, 109, 293, 517]
    assert draws("noise", "other").integers(0, 1000, 4).tolist() != [775, 109, 293, 517]


def test_another_picture_is_never_of_the_own_scene():
    frames = make_frames({"a": 5, "b": 1, "c": 2})
    run = Untouched(frames)
    drawn = [run.elsewhere(frame, "other-picture") for frame in frames]
    assert all(other is not None and other.scene != frame.scene for frame, other in zip(frames, drawn, strict=True))
    assert len({other.sample_token for other in drawn if other}) > 2
    assert Untouched(make_frames({"a": 3})).elsewhere(make_frame("a"), "other-picture") is None


def test_a_hidden_history_is_unknown_to_prompts_and_nothing_to_formulas(run):
    (probe,) = chosen_probes(["no-history"])
    hidden = probe.change(run.frames[0], run).frame
    prompt = load_prompts("three-stage").prompt("intent", hidden, {"scene": "A road."})
    assert "speed in m/s: unknown" in prompt
    assert "straight): unknown" in prompt
    assert not hidden.history.actions.any()
    recorded = load_prompts("three-stage").prompt("intent", run.frames[0], {"scene": "A road."})
    assert "unknown" not in recorded


def test_histories_that_a_probe_cannot_change_are_left_out(run):
    steady = make_frame()
    assert chosen_probes(["reversed-history"])[0].change(steady, run) is None
    standing = make_frame(history=np.zeros((6, 2)))
    assert chosen_probes(["half-history"])[0].change(standing, run) is None
    half = chosen_probes(["half-history"])[0].change(steady, run)
    assert half.frame.history.actions.tolist() == [[2.5, 0.0]] * 6
    assert half.amount == -2.5


def test_words_are_replaced_by_their_opposite_by_others_and_by_nothing(run):
    speeding, slowing = run.frames[:2]
    opposite, other, scene, nothing = chosen_probes(["words"])
    assert words(SPEEDING) == "accelerate"
    assert opposite.change(speeding, run).amount == -1.0
    assert "slow down" in opposite.answer("intent", speeding, run)
    assert opposite.change(slowing, run).amount == 1.0
    assert "speed up" in opposite.answer("intent", slowing, run)
    unclear = Untouched(run.frames, run.answers, lambda text: "keep")
    assert opposite.change(speeding, unclear) is None, "to keep the speed has no opposite"
    said = [other.answer("intent", frame, run) for frame in run.frames]
    assert all(text in (SPEEDING, SLOWING) for text in said)
    assert nothing.answer("intent", speeding, run).startswith("(")
    assert scene.answer("intent", speeding, run) == SPEEDING, "only the description is another one"
    assert scene.answer("scene", speeding, run) in ("A road, 1.", "A road, 2.")
    silent = Untouched(run.frames)
    assert [probe.change(speeding, silent) for probe in (opposite, other, scene, nothing)] == [None] * 4


@pytest.mark.parametrize("name", ["three-stage", "three-stage-json"])
def test_a_paraphrase_has_the_same_places_and_another_wording(name):
    prompts = load_prompts(name)
    for probe in chosen_probes(["paraphrase"]):
        other = probe.reword(prompts)
        assert other.sha256 != prompts.sha256
        assert other.response_schema == prompts.response_schema
        for stage in STAGES:
            filled = other.prompt(stage, make_frame(), {"scene": "SCENE", "intent": "INTENT"})
            asked = prompts.prompt(stage, make_frame(), {"scene": "SCENE", "intent": "INTENT"})
            facts = ("SCENE", "INTENT", "5.0, 5.0", "0.0, 0.0")
            assert [fact in filled for fact in facts] == [fact in asked for fact in facts]
    own = replace(prompts, name=name, templates={**prompts.templates, "scene": "What now?"})
    polite, reworded = chosen_probes(["paraphrase"])
    assert reworded.reword(own) is None, "the wording by hand is of another set"
    assert polite.reword(own).templates["scene"].endswith("What now?\n\nThank you.")


def test_fog_is_thin_before_the_car_and_thick_far_away():
    metres = street_distance((450, 800), front_camera((800, 450)))
    assert metres[440, 408] == pytest.approx(
        1.5 / ((440 - 245.5) / 633.2) * np.hypot(1, (440 - 245.5) / 633.2), rel=0.01
    )
    assert metres[240, 408] == FARTHEST
    assert metres[100, 10] < 25, "a wall stands at the side"
    assert street_distance((90, 160), None).shape == (90, 160)


def test_an_altered_picture_is_encoded_once_and_sized_by_the_policy(run):
    frame = run.frames[0]
    changed = chosen_probes(["grey"])[0].change(frame, run).frame
    small = load_picture(frame.image_path, PicturePolicy(max_side=100), changed.altered)
    assert (small.media_type, small.size) == ("image/jpeg", (100, 56))
    turned = chosen_probes(["yaw-left-6"])[0].change(frame, run).frame
    cropped = load_picture(frame.image_path, PicturePolicy(max_side=100), turned.altered)
    width, height = turned.camera.size
    assert cropped.size == (round(width * 100 / 160), round(height * 100 / 160)), "scaled like the whole picture"
    untouched = load_picture(frame.image_path, PicturePolicy())
    assert untouched.data == frame.image_path.read_bytes()


@pytest.mark.parametrize(
    ("names", "labels"),
    [
        (["grey"], ["grey"]),
        (["yaw-left-6"], ["yaw-left-6"]),
        (["yaw", "yaw-left-6"], ["yaw-left-3", "yaw-right-3", "yaw-left-6", "yaw-right-6"]),
        (["history"], ["no-history", "half-history", "reversed-history"]),
    ],
)
def test_probes_are_named_alone_by_variant_and_by_group(names, labels):
    assert [probe.label for probe in chosen_probes(names)] == labels


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("gray", "There is no probe 'gray'; did you mean grey"),
        ("yaw-left-7", "There is no probe 'yaw-left-7'; did you mean yaw-left-"),
        ("tests.probes.test_every_probe:Nameless", "has no name of small letters"),
        ("tests.probes.test_every_probe:Idle", "changes nothing"),
        ("tests.probes.test_every_probe:Mute", "must name the stage"),
        ("tests.probes.test_every_probe:Lawless", "has the law 'obey'; give a Law"),
        ("tests.probes.test_every_probe:Broken", r"cannot be made: ZeroDivisionError: division by zero \(test_every"),
        ("lightemma.probes.grey:LEVEL", "is not a probe"),
    ],
)
def test_what_is_no_probe_is_refused_in_a_sentence(name, says):
    with pytest.raises(UserError, match=says):
        chosen_probes([name])


class Nameless(Probe):
    law = Law("None.", "moves", 0.5)

    def change(self, frame, run):
        return Probed(frame)


class Idle(Nameless):
    name = "idle"
    change = Probe.change


class Mute(Nameless):
    name = "mute"

    def answer(self, frame, run):
        return "Nothing."


class Lawless(Nameless):
    name = "lawless"
    law = "obey"


class Broken(Nameless):
    name = "broken"

    def __init__(self, variant=""):
        super().__init__(variant)
        self.share = 1 / 0


def test_a_history_is_known_unless_a_probe_hides_it():
    assert EgoHistory(np.zeros((8, 2)), np.zeros((6, 2))).known


@pytest.mark.parametrize("name", ["other-picture", "other-words", "other-scene"])
def test_what_is_drawn_does_not_depend_on_the_order_in_which_frames_were_finished(run, name):
    (probe,) = chosen_probes([name])
    backwards = replace(run, frames=run.frames[::-1])

    def drawn(of: Untouched) -> list[object]:
        return [
            (probe.change(frame, of).frame.image_path, *(probe.answer(stage, frame, of) for stage in probe.replaces))
            for frame in run.frames
        ]

    assert drawn(backwards) == drawn(run)
