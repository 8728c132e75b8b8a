"""A conversation: every turn is sent with all earlier ones, and the oldest are summarised when the context is full."""

from __future__ import annotations

import asyncio

import pytest

from lightemma.backends.base import CallResult, Completion, PicturePart, TextPart
from lightemma.backends.config import ModelConfig
from lightemma.frame import Picture
from lightemma.planners.conversation import SUMMARY, Conversation, Window, window_of
from lightemma.run_folder.records import Usage

PICTURES = [Picture(bytes([n]), "image/jpeg", (16, 9), f"sha-{n}") for n in range(4)]
#: Tokens of a picture for the model below.
PICTURE_TOKENS = 400


class Counting:
    """A model with a limited context: four characters a token, and an error beyond it as from a server."""

    def __init__(self, answer="x" * 200, context=None, most=50, counted=True, summary="They met.", per_token=4):
        self.answer, self.context, self.most = answer, context, most
        self.counted, self.summary, self.per_token = counted, summary, per_token
        self.requests = []

    async def __call__(self, request) -> CallResult:
        self.requests.append(request)
        parts = [part for message in request.messages for part in message.parts]
        letters = sum(len(part.text) for part in parts if isinstance(part, TextPart))
        tokens = letters // self.per_token + PICTURE_TOKENS * sum(isinstance(part, PicturePart) for part in parts)
        if self.context is not None and tokens + self.most > self.context:
            return CallResult(None, "bad_request", f"{tokens} tokens are too many")
        text = self.summary if request.stage == SUMMARY else self.answer
        if isinstance(text, Completion):
            return CallResult(text)
        usage = Usage(input=tokens, output=len(text) // self.per_token) if self.counted else None
        return CallResult(Completion(text, usage))


def talk(model, turns, window=None, system=None):
    """All calls of all turns."""

    async def drive():
        conversation = Conversation(model, "token", window, system)
        return [await conversation.send(turn, "scene") for turn in turns]

    return asyncio.run(drive())


def texts(request):
    return [(message.role, message.text) for message in request.messages]


def pictures(request):
    return [part.picture for message in request.messages for part in message.parts if isinstance(part, PicturePart)]


def turn(text, *shown):
    return [*map(PicturePart, shown), TextPart(text)]


def test_every_turn_is_sent_with_all_earlier_ones():
    model = Counting("Yes.")
    calls = talk(model, [turn("One?", PICTURES[0]), turn("Two?"), turn("Three?")], system="Be brief.")
    assert [[exchange.stage for exchange in turn] for turn in calls] == [["scene"]] * 3
    first, second, third = model.requests
    assert second.messages[: len(first.messages)] == first.messages, "a prefix that servers can cache"
    assert third.messages[: len(second.messages)] == second.messages
    assert texts(third) == [
        ("system", "Be brief."),
        ("user", "One?"),
        ("assistant", "Yes."),
        ("user", "Two?"),
        ("assistant", "Yes."),
        ("user", "Three?"),
    ]
    assert pictures(third) == [PICTURES[0]]


def test_a_turn_without_an_answer_is_not_part_of_the_conversation():
    model = Counting(Completion("  ", finish_reason="length"))

    async def drive():
        conversation = Conversation(model)
        (failed,) = await conversation.send(turn("One?"), "scene")
        model.answer = "Yes."
        await conversation.send(turn("Again?"), "scene")
        return failed

    assert asyncio.run(drive()).outcome == "format:truncated"
    assert texts(model.requests[1]) == [("user", "Again?")]


@pytest.mark.parametrize("counted", [True, False])
def test_the_oldest_turns_are_summarised_before_the_server_would_refuse(counted):
    model = Counting(context=512, counted=counted)
    calls = talk(model, [turn(f"Question {n}: " + "why " * 40) for n in range(12)], Window(512, 50), "Be brief.")
    stages = [exchange.stage for turn in calls for exchange in turn]
    assert all(exchange.outcome == "ok" for turn in calls for exchange in turn), "nothing was refused"
    assert [turn[-1].stage for turn in calls] == ["scene"] * 12
    assert 1 <= stages.count(SUMMARY) <= 6, "not with every turn"
    summary = next(request for request in model.requests if request.stage == SUMMARY)
    assert "Question 0" in summary.messages[-1].text
    assert "Assistant: xxx" in summary.messages[-1].text
    last = model.requests[-1]
    assert last.messages[0].role == "system"
    assert [message.role for message in last.messages[1:]] == ["user", "assistant"] * (len(last.messages) // 2 - 1) + [
        "user"
    ]
    assert "They met." in last.messages[1].text
    assert "Question 0" not in "".join(message.text for message in last.messages)
    assert "Question 11" in last.messages[-1].text


def test_a_summary_contains_the_earlier_summary():
    model = Counting(context=512, summary="S" * 100)
    talk(model, [turn(f"Question {n}: " + "why " * 40) for n in range(12)], Window(512, 50))
    summaries = [request for request in model.requests if request.stage == SUMMARY]
    assert len(summaries) > 1
    assert "S" * 100 in summaries[1].messages[0].text


def test_nothing_is_summarised_while_there_is_room_or_the_context_is_unknown():
    turns = [turn("why " * 40) for _ in range(5)]
    for window in (Window(10_000, 50), None):
        model = Counting()
        talk(model, turns, window)
        assert [request.stage for request in model.requests] == ["scene"] * 5


def test_the_newest_pictures_stay_as_far_as_there_is_room():
    labelled = [part for n in range(4) for part in (TextPart(f"Picture {n}:\n"), PicturePart(PICTURES[n]))]
    model = Counting(context=1840)
    first = [*labelled, TextPart("What? " + "why " * 80)]
    talk(model, [first, turn("And " + "then " * 80), turn("So?")], Window(1840, 50))
    scene, summary, second, third = model.requests
    assert pictures(scene) == PICTURES
    assert summary.stage == SUMMARY
    assert not pictures(summary), "text alone"
    kept = pictures(second)
    assert 0 < len(kept) < 4
    assert kept == PICTURES[-len(kept) :]
    labels = [part.text for part in second.messages[0].parts if isinstance(part, TextPart)]
    assert labels[: len(kept)] == [f"Picture {n}:\n" for n in range(4 - len(kept), 4)]
    assert third.messages[: len(second.messages)] == second.messages


def test_characters_per_token_are_measured_in_the_models_answers():
    model = Counting("y" * 120, context=600, most=60, per_token=2)
    calls = talk(model, [turn("why " * 25) for _ in range(10)], Window(600, 60))
    assert all(exchange.outcome == "ok" for turn in calls for exchange in turn)
    assert SUMMARY in {exchange.stage for turn in calls for exchange in turn}


@pytest.mark.parametrize(
    ("summary", "outcome"),
    [
        (Completion("", finish_reason="length"), "format:truncated"),
        (Completion("No.", finish_reason="refused"), "call:refused"),
    ],
)
def test_a_summary_that_fails_ends_the_turn(summary, outcome):
    model = Counting(context=512, summary=summary)

    async def drive():
        conversation = Conversation(model, window=Window(512, 50))
        for n in range(10):
            calls = await conversation.send(turn(f"{n} " + "why " * 40), "scene")
            if calls[-1].outcome != "ok":
                return calls
        return []

    (exchange,) = asyncio.run(drive())
    assert (exchange.stage, exchange.outcome) == (SUMMARY, outcome)


def test_the_window_comes_from_the_yaml():
    config = ModelConfig(name="m", provider="scripted", model="m", max_output_tokens=100, context_tokens=900)
    assert window_of(config) == Window(900, 100)
    assert Window(900, 100).input_tokens == 800
    assert window_of(config.model_copy(update={"context_tokens": None})) is None
