"""The contract of experts, for all shipped ones; and what is refused of others."""

from __future__ import annotations

import functools
import io
import math

import numpy as np
import pytest
from PIL import Image

from lightemma.errors import UserError
from lightemma.experts.base import Box, Card, Expert, Found, Question
from lightemma.experts.found_check import checked
from lightemma.experts.registry import EXPERTS, chosen_experts, experts, make_expert
from lightemma.experts.task_plan import default_plan, plan_schema
from lightemma.frame import Picture
from tests.conftest import make_frame
from tests.plugins.installed import install

#: Weights are loaded once.
once_made = functools.cache(make_expert)
every_expert = pytest.mark.parametrize("name", EXPERTS)


def picture(pixels=None, size=(320, 180)) -> Picture:
    image = Image.fromarray(np.full((size[1], size[0], 3), 90, np.uint8) if pixels is None else pixels)
    out = io.BytesIO()
    image.save(out, "PNG")
    return Picture(out.getvalue(), "image/png", image.size, "0")


def question_for(card: Card, shown: Picture) -> Question:
    """A question with every argument."""
    boxes = (Box("car", 0.9, 150, 100, 170, 120), Box("traffic light", 0.8, 100, 20, 110, 45))
    given = {
        kind: {n: v for n, k in card.arguments.items() if k == kind}
        for kind, v in {
            "picture": shown,
            "boxes": boxes,
            "numbers": {"lead_distance_m": 10.0},
            "words": "Ahead.",
        }.items()
    }
    return Question(make_frame(), given["picture"], given["boxes"], given["numbers"], given["words"])


@every_expert
def test_every_expert_has_a_whole_card_under_its_own_name(name):
    expert = make_expert(name)
    assert expert.card.id == name
    assert expert.card.code_licence != "unknown"
    assert expert.card.privileged == name.startswith("oracle-")
    assert 0 < expert.card.timeout_s <= 60
    assert expert.absent() == "" or ";" in expert.absent(), "with the cure"


@every_expert
@pytest.mark.parametrize("shown", ["grey", "noise"])
def test_every_expert_gives_a_finding_or_raises_and_keeps_what_it_is_given(name, shown):
    expert = once_made(name)
    if expert.absent() or expert.card.privileged:
        pytest.skip("has no weights here, or needs the truth")
    if expert.card.weights_licence and shown == "grey":
        pytest.skip("networks are slow, and noise shows them more")
    noise = np.random.default_rng(0).integers(0, 256, (180, 320, 3), dtype=np.uint8)
    question = question_for(expert.card, picture(noise if shown == "noise" else None))
    before = question.frame.history.actions.copy()
    found = checked(expert.look(question), expert.card)
    assert np.array_equal(question.frame.history.actions, before)
    assert all(math.isfinite(value) for value in found.numbers.values())
    assert found == checked(expert.look(question), expert.card), "the same question has the same answer"


def test_the_default_plan_of_all_and_its_schema():
    cards = [one.card for one in chosen_experts(["all"])]
    tasks = default_plan(cards, ("picture", "earlier-picture"))
    assert {task.task for task in tasks} <= {card.task for card in cards}
    assert "motion-words" in {task.task for task in tasks}
    assert set(plan_schema(cards)["properties"]["tasks"]["items"]["properties"]["task"]["enum"]) == {
        c.task for c in cards
    }


class Good(Expert):
    """Counts nothing."""

    card = Card("good", "counting", "Counts.", (), ("words",))

    def look(self, question: Question) -> Found:
        return Found("None.")


class Twin(Good):
    """Has the id of another."""


class NoCard(Expert):
    """Has no card."""

    def look(self, question: Question) -> Found:
        return Found("None.")


class NoLook(Expert):
    """Does not look."""

    card = Good.card


class Waits(Good):
    """Is asynchronous."""

    async def look(self, question: Question) -> Found:
        return Found("None.")


class WantsMore(Good):
    """Needs an argument to be made."""

    def __init__(self, size: int) -> None:
        self.size = size


class Breaks(Good):
    """Cannot be made."""

    def __init__(self) -> None:
        raise ValueError("no weights")


class Absent(Good):
    """Lacks a package."""

    def absent(self) -> str:
        return "its package is not installed; install it"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("NoCard", "has no card"),
        ("NoLook", "does not write look"),
        ("Waits", "async def"),
        ("WantsMore", "made without arguments"),
        ("Breaks", "cannot be made: ValueError: no weights"),
        ("Absent", "cannot be used: its package is not installed; install it"),
        ("picture", "not a expert|is not an? expert"),
    ],
)
def test_what_breaks_the_contract_is_named_before_the_first_frame(name, why):
    with pytest.raises(UserError, match=why):
        chosen_experts([f"{__name__}:{name}"])


def test_an_installed_package_offers_its_expert_by_name(monkeypatch, tmp_path):
    install(monkeypatch, tmp_path, {"lightemma.experts": {"counter": f"{__name__}:Good"}})
    assert experts()["counter"].package == "made-up-package"
    assert chosen_experts(["counter"])[0].card.id == "good"
    assert "good" in {one.card.id for one in chosen_experts(["all"])}


def test_unknown_and_equal_names():
    with pytest.raises(UserError, match=r"There is no expert 'motion-word'; did you mean motion-words"):
        chosen_experts(["motion-word"])
    with pytest.raises(UserError, match="Two experts are called 'good'"):
        chosen_experts([f"{__name__}:Good", f"{__name__}:Twin"])
    assert len(chosen_experts([f"{__name__}:Good", f"{__name__}:Good"])) == 1


GOOD = {"id": "a", "task": "b", "description": "c", "inputs": ("picture",), "outputs": ("words",)}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"id": "Not Good"}, "id is"),
        ({"task": ""}, "task is"),
        ({"description": " "}, "description must"),
        ({"description": "x" * 401}, "description must"),
        ({"inputs": ("sound",)}, "inputs are"),
        ({"inputs": ["picture"]}, "inputs are"),
        ({"inputs": ("picture", "picture?")}, "named twice"),
        ({"outputs": ()}, "outputs are"),
        ({"outputs": ("sound",)}, "outputs are"),
        ({"endpoint": "ftp"}, "endpoint is"),
        ({"rank": 0}, "rank is"),
        ({"cost": float("nan")}, "cost is"),
        ({"timeout_s": -1}, "timeout_s is"),
        ({"code_licence": "x" * 81}, "code_licence must"),
        ({"usual": {"boxes": "detect"}}, "usual names 'boxes'"),
    ],
)
def test_a_wrong_card_is_refused(changes, why):
    with pytest.raises(ValueError, match=why):
        Card(**{**GOOD, **changes})
