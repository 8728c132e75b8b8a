"""Whatever a backend gives, one call fails where it cannot be written down; the run and its other answers stay."""

import asyncio

import numpy as np
import pytest

from lightemma.backends.base import CallError, Completion
from lightemma.calls.cache import ResponseCache
from lightemma.calls.caller import CallContext, ModelCaller
from lightemma.calls.limits import ProviderLimits
from lightemma.calls.monitor import Monitor
from lightemma.calls.storable import LONGEST_TEXT, storable
from lightemma.outside_text import is_text
from lightemma.planners.call_record import call_record
from lightemma.run_folder.records import FrameRecord, Usage
from lightemma.run_folder.store import RunWriter, read_frames
from tests.calls.test_caller import PRICE, NoWaiting, Served, ask, request
from tests.test_private_files import manifest

GOOD = Completion("fine", Usage(100, 0, 5))


class Name(str):
    """A text of another kind, as some packages give."""


ODD = {
    "half a character": Completion("slow \ud83d"),
    "half a character as model": Completion("slow", model="m\udc00"),
    "half a character as failure": Completion("slow", failure="\udc00"),  # type: ignore[arg-type]
    "too long": Completion("x" * (LONGEST_TEXT + 1)),
    "a long model": Completion("slow", model="m" * 2_000),
    "a model that is a number": Completion("slow", model=7),  # type: ignore[arg-type]
    "a text of another kind": Completion(Name("slow")),
    "an end that is none": Completion("slow", finish_reason="\ud800"),  # type: ignore[arg-type]
    "a failure that is a list": Completion("slow", failure=["auth"]),  # type: ignore[arg-type]
    "seconds that are none": Completion("slow", latency_s=float("nan")),
    "seconds of another kind": Completion("slow", latency_s=np.float32(1)),  # type: ignore[arg-type]
    "tokens of another kind": Completion("slow", Usage(np.int64(9), 0, 1)),  # type: ignore[arg-type]
    "tokens that are fractions": Completion("slow", Usage(1.5, 0, 1)),  # type: ignore[arg-type]
    "tokens of an unknown source": Completion("slow", Usage(9, 0, 1, source="\ud800")),  # type: ignore[arg-type]
    "a failure with half a character": CallError("bad_request", "no \ud83d"),
    "a failure of half a character": CallError("\ud83d", "no"),  # type: ignore[arg-type]
    "a kind that is a list": CallError(["auth"], "no"),  # type: ignore[arg-type]
    "a kind in words": CallError("No such kind", "no"),  # type: ignore[arg-type]
    "a failure of a megabyte": CallError("bad_request", "no " * 400_000),
    "a wait that is none": CallError("bad_request", "no", float("nan")),
    "a wait that is a text": CallError("bad_request", "no", "soon"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD)
def test_an_odd_answer_is_a_failed_call_that_a_record_holds(tmp_path, odd):
    async def ask():
        backend = Served(odd, GOOD, attempts=1)
        with ResponseCache(tmp_path / "c.sqlite") as cache:
            context = CallContext(ProviderLimits(backend.config.limits), Monitor("m"), NoWaiting(), cache=cache)
            caller = ModelCaller(backend, context)
            results = [await caller(request("first")), await caller(request("second"))]
            return results, len(cache)

    results, kept = asyncio.run(ask())
    assert results[0].completion is None
    assert results[0].failure in {"invalid_response", "backend_error", "bad_request"}
    assert results[1].completion == GOOD
    assert kept == 1
    assert len(results[0].error) <= 10_000

    records = [call_record("scene", "asked", result) for result in results]
    record = FrameRecord(
        scene="s",
        frame_index=0,
        sample_token="t",
        image="",
        timestamp=0,
        history=[],
        ground_truth=None,
        calls=records,
        actions=None,
        trajectory=None,
        outcome=records[0].outcome,
    )
    with RunWriter(tmp_path / "run", manifest()) as writer:
        writer.append(record)
    assert read_frames(tmp_path / "run")[0].calls == records


def test_an_answer_that_cannot_be_kept_was_paid_all_the_same():
    (result,), context = ask(Served(Completion("slow \ud83d", Usage(1000, 0, 50)), attempts=1), price=PRICE)
    assert result.failure == "invalid_response"
    assert context.budget.spent == pytest.approx((1000 * 1.0 + 50 * 10.0) / 1e6)


def test_what_can_be_kept_stays_as_it_is():
    whole = Completion("\U0001f697 è \u0000 ok", Usage(2**40, 0, 1), model="mødel")
    assert storable(whole, 100) is whole
    longer = Completion("x" * (LONGEST_TEXT + 1))
    assert storable(longer, LONGEST_TEXT) is longer  # where so many tokens were asked for


@pytest.mark.parametrize("usage", [Usage(2**40 + 1, 0, 1), Usage(1, 0, -1), Usage(1, 10**30, 1)])
def test_counts_that_fit_no_file_are_left_out(usage):
    assert storable(Completion("fine", usage), 100) == Completion("fine")


@pytest.mark.parametrize("text", ["\ud800", "a\udfff", "\udc00\ud800", "é\ud83d"])
def test_halves_of_characters_are_no_text(text):
    assert not is_text(text)
    assert is_text(CallError("bad_request", text).message)


def test_halves_are_seen_only_where_they_are():
    assert all(is_text(text) for text in ("", "a", "é", "\U0001f697", "\ufffd", "\x00"))
