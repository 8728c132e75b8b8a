"""Several answers to one question: as few calls as the provider allows, each answer read, the one in the middle planned."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from lightemma.backends.base import CallError, CallResult, Completion, FurtherAnswer, Message, Request, TextPart
from lightemma.backends.plugin_faults import check_fields
from lightemma.backends.scripted import ScriptedBackend
from lightemma.calls.identity import Identity
from lightemma.calls.storable import storable
from lightemma.medoid import distances, medoid
from lightemma.parsing import parse_answer
from lightemma.planners.base import Plan, PlannerSettings, Sample, View
from lightemma.planners.chain_of_thought import ChainOfThought
from lightemma.planners.plan_checks import InvalidPlan, check_plan
from lightemma.planners.planning import PlannerRunner
from lightemma.planners.prompt_style import PromptStyle
from lightemma.planners.samples import Answer, all_samples, plan_of
from lightemma.redaction import remember
from lightemma.run_folder.records import CallRecord
from tests.conftest import make_frame, plan_text, steady

ASKED = Request((Message("user", (TextPart("Six pairs?"),)),), "token", "action", samples=6)


class Provider:
    """Gives up to ``most`` answers a call; the texts are numbered. The call of number ``failing`` fails."""

    def __init__(self, most: int, failing: int | None = None) -> None:
        self.most, self.failing, self.asked = most, failing, list[Request]()

    async def __call__(self, request: Request) -> CallResult:
        number = len(self.asked)
        self.asked.append(request)
        await asyncio.sleep(0)
        if number == self.failing:
            return CallResult(None, "server_error", "no")
        first, *more = (str(request.sample + n) for n in range(min(self.most, request.samples)))
        return CallResult(Completion(first, more=tuple(map(FurtherAnswer, more))))

    def texts(self, wanted: int = 6) -> list[str]:
        results = asyncio.run(all_samples(self, replace(ASKED, samples=wanted)))
        return [
            text
            for one in results
            if one.completion
            for text in (one.completion.text, *(m.text for m in one.completion.more))
        ]


@pytest.mark.parametrize(("most", "calls"), [(1, 6), (2, 3), (4, 2), (6, 1), (128, 1)])
def test_every_answer_is_asked_for_once_in_as_few_calls_as_there_can_be(most, calls):
    provider = Provider(most)
    assert provider.texts() == ["0", "1", "2", "3", "4", "5"]
    assert len(provider.asked) == calls
    assert len({(one.sample, one.samples) for one in provider.asked}) == calls, "each call has an answer of its own"


def test_one_answer_is_one_call_as_it_was():
    provider = Provider(1)
    assert provider.texts(1) == ["0"]
    assert provider.asked == [replace(ASKED, samples=1)]


@pytest.mark.parametrize(("most", "failing", "calls"), [(1, 0, 1), (4, 0, 1), (4, 1, 2), (1, 3, 6)])
def test_a_failed_call_fails_the_frame_so_that_it_is_asked_again(most, failing, calls):
    provider = Provider(most, failing)
    results = asyncio.run(all_samples(provider, ASKED))
    assert len(provider.asked) == calls
    assert plan_of(results, 6, read).outcome == "call:server_error"


def read(text: str, cut: bool) -> Answer:
    parsed = parse_answer(text, cut=cut)
    return Answer(parsed.outcome, parsed.actions)


def results(*texts: str) -> list[CallResult]:
    first, *more = texts
    return [CallResult(Completion(first, more=tuple(map(FurtherAnswer, more))))]


def test_the_plan_is_the_medoid_of_those_that_are_plans():
    plan = plan_of(results(*(plan_text(steady(v)) for v in (9.0, 4.0, 5.0)), "prose", ""), 5, read, first=2)
    assert plan.actions.tolist() == steady(5.0).tolist()
    assert [one.outcome for one in plan.samples] == ["ok", "ok", "ok", "format:prose", "format:empty"]
    assert [(one.call, one.answer) for one in plan.samples] == [(2, number) for number in range(5)]
    assert plan.answer == 2


def test_without_any_plan_the_first_answer_says_why():
    plan = plan_of(results("prose", "", "[]"), 3, read)
    assert (plan.actions, plan.outcome, plan.answer) == (None, "format:prose", 0)
    assert len(plan.samples) == 3


def test_more_answers_than_wanted_are_left_out():
    texts = [plan_text(steady(v)) for v in (3.0, 9.0, 9.0)]
    assert plan_of(results(*texts), 1, read).actions.tolist() == steady(3.0).tolist()
    assert plan_of(results(*texts), 1, read).samples == ()


def test_the_medoid_by_hand():
    points = np.zeros((4, 6, 2))
    points[:, :, 0] = np.array([0.0, 1.0, 5.0, np.nan])[:, None]
    assert distances(points)[0, 2] == 5.0
    assert medoid(points) == 1  # sums 6, 5, 9
    assert medoid(points[3:]) is None
    assert medoid(points[[0, 0]]) == 0


def test_a_sample_has_a_key_of_its_own_and_a_plain_call_keeps_its_key():
    identity = Identity(ScriptedBackend.from_answers(["x"]))
    plain = replace(ASKED, samples=1)
    keys = [identity.asked(replace(plain, sample=n)).key for n in range(3)]
    keys += [identity.asked(replace(plain, samples=2)).key, identity.asked(replace(plain, temperature=0.7)).key]
    assert len(set(keys)) == 5
    assert identity.asked(replace(plain, temperature=0.0)).key == keys[0], "the model's own temperature, written down"
    assert identity.asked(plain).key == keys[0]


class Sampling(ScriptedBackend):
    """Gives three answers a call, two of them further ones."""

    async def generate(self, request: Request) -> Completion:
        first = await super().generate(request)
        texts = [plan_text(steady(v)) for v in (6.0, 8.0)][: request.samples - 1]
        return replace(first, more=tuple(map(FurtherAnswer, texts)))


def test_chain_of_thought_draws_its_last_answer_only():
    backend = Sampling.from_answers(
        {"scene": ["A road."], "intent": ["Go on."], "action": [plan_text(steady(5.0))] * 2}
    )
    planner = ChainOfThought(PlannerSettings(style=PromptStyle(samples=5, temperature=0.7)))

    async def call(request: Request) -> CallResult:
        return CallResult(await backend.generate(request))

    planned = asyncio.run(PlannerRunner(planner, {"main": call}).plan(make_frame(), View()))
    assert [(one.stage, one.samples, one.temperature) for one in backend.requests] == [
        ("scene", 1, None),
        ("intent", 1, None),
        ("action", 5, 0.7),
        ("action", 2, 0.7),
    ]
    plan = planned.plan
    assert [one.stage for one in plan.calls] == ["scene", "intent", "action", "action"]
    assert [len(one.more or ()) for one in plan.calls] == [0, 0, 2, 1]
    assert [one.actions[0, 0] for one in plan.samples] == [5.0, 6.0, 8.0, 5.0, 6.0]
    assert plan.actions.tolist() == steady(6.0).tolist()


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        (["x"], "whose more is not a tuple of FurtherAnswers"),
        (("x",), "whose more is not a tuple of FurtherAnswers"),
        ((FurtherAnswer(5),), "FurtherAnswer whose text is a int"),  # type: ignore[arg-type]
        ((FurtherAnswer("x", "done"),), "FurtherAnswer whose finish_reason is none of"),  # type: ignore[arg-type]
    ],
)
def test_further_answers_of_a_plugin_are_checked(more, wrong):
    with pytest.raises(TypeError, match=wrong):
        check_fields(ScriptedBackend.from_answers(["x"]), Completion("x", more=more))


def test_further_answers_that_cannot_be_written_down_fail_the_call():
    with pytest.raises(CallError, match="half a character"):
        storable(Completion("x", more=(FurtherAnswer("\ud800"),)), 512)
    with pytest.raises(CallError, match="are the most"):
        storable(Completion("x", more=(FurtherAnswer("x" * 1_000_001),)), 512)


def test_a_key_in_a_further_answer_is_starred():
    remember("sk-secret-of-the-test-0123456789")
    assert "secret" not in FurtherAnswer("It is sk-secret-of-the-test-0123456789.").text


@pytest.mark.parametrize(
    ("sample", "wrong"),
    [
        (Sample(1, 0, "ok", steady(5.0)), "a sample's call is 1"),
        (Sample(0, 0, "ok"), "it has no actions"),
        (Sample(0, 0, "fine", steady(5.0)), "a sample's outcome is 'fine'"),
        (Sample(0, 0, "ok", np.zeros((5, 2))), r"shape \(5, 2\)"),
        ("no sample", "hold a str"),
    ],
)
def test_a_plan_with_broken_samples_is_none(sample, wrong):
    with pytest.raises(InvalidPlan, match=wrong):
        check_plan(Plan(steady(5.0), "ok", samples=(sample,)), [CallRecord("action", "?", "x", "ok")])


def test_a_plan_with_broken_candidates_or_points_is_none():
    with pytest.raises(InvalidPlan, match="chosen is 2"):
        check_plan(Plan(steady(5.0), "ok", candidates=(steady(5.0),), chosen=2), [])
    with pytest.raises(InvalidPlan, match="trajectory have shape"):
        check_plan(Plan(steady(5.0), "ok", trajectory=np.zeros((3, 2))), [])
