"""Several answers of one call: each is read like a call's only one, and one that is none does not take the others with it."""

from __future__ import annotations

import pytest

from lightemma.backends.base import CallError, CallResult, Completion, FurtherAnswer, several
from lightemma.backends.http.errors import Failures
from lightemma.backends.http.openai_wire import read_chat
from lightemma.backends.plugin_faults import checked_answer
from lightemma.backends.scripted import ScriptedBackend
from lightemma.planners.call_record import call_record
from lightemma.run_folder.records import Usage
from lightemma.sessions.models import _answer

FAILURES = Failures("http://127.0.0.1", "m", None)


def choice(text: str, reason: str = "stop", **message: object) -> dict[str, object]:
    return {"message": {"role": "assistant", "content": text, **message}, "finish_reason": reason}


def read(*choices: dict[str, object]) -> Completion:
    usage = {"prompt_tokens": 10, "completion_tokens": 7, "total_tokens": 17}
    return read_chat({"choices": list(choices), "usage": usage, "model": "m"}, FAILURES)


def test_every_choice_is_read_like_the_first():
    answer = read(
        choice("one"),
        choice("<think>Hm.</think>two"),
        choice("half", "error"),
        choice("", "content_filter"),
        choice("three", "length"),
        choice("", refusal="No."),
    )
    assert (answer.text, answer.usage) == ("one", Usage(10, 0, 7))
    assert answer.more == (
        FurtherAnswer("two", reasoning="Hm."),
        FurtherAnswer("", failure="server_error"),
        FurtherAnswer("", "content_filter"),
        FurtherAnswer("three", "length"),
        FurtherAnswer("No.", "refused"),
    )


def test_a_first_choice_that_is_no_answer_fails_the_call():
    with pytest.raises(CallError, match="no whole answer"):
        read(choice("half", "error"), choice("two"))


def test_records_and_replays_keep_what_each_answer_was():
    answer = read(choice("one"), choice("half", "error"), choice("", "content_filter"), choice("<think>Hm.</think>x"))
    record = call_record("action", "?", CallResult(answer))
    assert [one.outcome for one in record.more] == ["call:server_error", "call:content_filter", "ok"]
    again = _answer(record, passed_on=False)
    assert isinstance(again, Completion)
    assert again.more == answer.more


def test_a_plugins_further_answers_are_parted_from_their_thinking():
    backend = ScriptedBackend.from_answers(["x"])
    given = Completion("<think>a</think>one", more=(FurtherAnswer("<think>b</think>two"), FurtherAnswer("<think>c")))
    answer = checked_answer(backend, given)
    assert (answer.text, answer.more[0].text, answer.more[0].reasoning) == ("one", "two", "b")
    assert "c" not in answer.more[1].text
    with pytest.raises(TypeError, match="not FurtherAnswers with a text"):
        checked_answer(backend, Completion("x", more=("y",)))  # type: ignore[arg-type]


def test_one_answer_is_itself():
    assert several([lambda: Completion("x", Usage(1, 0, 1))]) == Completion("x", Usage(1, 0, 1))
