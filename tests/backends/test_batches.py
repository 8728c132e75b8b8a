"""Batches of every provider that takes them: handed over, watched, fetched by key."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from lightemma.backends.base import BatchUnknownYet, CallError, Completion
from lightemma.calls.storable import storable
from lightemma.outside_text import is_text
from tests.backends.kit import (
    ANTHROPIC,
    CHAT,
    GOOGLE,
    HOSTED,
    KEY,
    ONE,
    RESPONSES,
    assert_hidden,
    each_hosted,
    request,
    turn,
    using,
)
from tests.fake_providers import Fault

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning")

SCHEMA = {
    "type": "object",
    "properties": {"speed": {"type": "number"}},
    "required": ["speed"],
    "additionalProperties": False,
}
REQUESTS = {
    "scene-0001_0-scene": request(turn("You drive.", role="system"), turn(ONE, "What can you see?")),
    "scene-0001_1-scene": request(turn(ONE, "What can you see now?")),
    "b": request(turn("Plan."), schema=SCHEMA),
    "c": request(turn("Write \u2028 six pairs.")),
}


def batch(provider, server, requests, **changes):
    """Hands requests over and fetches the results."""

    async def through(backend):
        name = await backend.submit_batch(requests)
        status = await backend.batch_status(name)
        return status, await backend.fetch_batch(name)

    return asyncio.run(using(provider.make(server, **changes), through))


@each_hosted
def test_a_batch_answers_as_single_calls_do(server, provider):
    single = {key: provider.ask(server, asked) for key, asked in REQUESTS.items()}
    status, results = batch(provider, server, REQUESTS)
    assert (status.done, status.finished, status.total) == (True, 4, 4)
    assert results == single
    assert set(server.counts.served.values()) == {2}


@each_hosted
def test_a_batch_takes_its_time(server, provider):
    server.server.settings.batch_delay_s = 0.4

    async def watch(backend):
        name = await backend.submit_batch({"a": REQUESTS["c"]})
        early = await backend.batch_status(name)
        while not (late := await backend.batch_status(name)).done:
            await asyncio.sleep(0.05)
        return name, early, late

    started = time.monotonic()
    name, early, late = asyncio.run(using(provider.make(server), watch))
    assert time.monotonic() - started >= 0.4
    assert (early.done, early.finished, early.total) == (False, 0, 1)
    assert (late.done, late.finished, late.total) == (True, 1, 1)
    assert early.state
    assert early.state != late.state
    # Another process, days later, with nothing but the name.
    assert asyncio.run(using(provider.make(server), lambda backend: backend.fetch_batch(name)))["a"].text


@each_hosted
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("bad_request", "bad_request"),
        ("server_error", "server_error"),
        ("rate_limited", "rate_limited"),
        ("overloaded_529", "overloaded"),
        ("unknown_model", "model_not_found"),
        ("expired", "timeout"),
    ],
)
def test_a_request_that_fails_fails_alone(server, provider, fault, kind):
    server.server.control({"batch_faults": {"b": {"kind": fault, "message": f"no luck with {KEY}"}}})
    _, results = batch(provider, server, REQUESTS)
    assert set(results) == set(REQUESTS)
    failed = results.pop("b")
    assert isinstance(failed, CallError)
    assert failed.kind == kind
    assert_hidden(failed)
    assert all(isinstance(result, Completion) for result in results.values())


@each_hosted
def test_answers_of_no_use_in_a_batch(server, provider):
    server.server.control({"batch_faults": {"b": "content_filter", "c": "no_usage"}})
    _, results = batch(provider, server, REQUESTS)
    assert results["b"].finish_reason in {"content_filter", "refused"}
    assert results["c"].usage is None
    assert results["c"].text


@each_hosted
def test_a_batch_that_runs_out_of_time(server, provider):
    server.server.settings.batch_outcome = "expired"
    status, results = batch(provider, server, REQUESTS)
    assert status.done
    kinds = [result.kind if isinstance(result, CallError) else "ok" for result in results.values()]
    assert sorted(kinds) == ["ok", "ok", "timeout", "timeout"]


@each_hosted
def test_a_batch_that_was_cancelled(server, provider):
    server.server.settings.batch_outcome = "cancelled"
    status, results = batch(provider, server, REQUESTS)
    assert status.done
    assert sum(isinstance(result, CallError) for result in results.values()) == 2


@pytest.mark.parametrize("provider", [CHAT, RESPONSES, GOOGLE], ids=lambda provider: provider.name)
def test_a_batch_that_is_refused_as_a_whole(server, provider):
    server.server.settings.batch_outcome = "failed"
    with pytest.raises(CallError) as caught:
        batch(provider, server, REQUESTS)
    assert caught.value.kind == "bad_request"


@each_hosted
def test_an_unknown_batch_is_not_an_unknown_model(server, provider):
    name = {"anthropic": "msgbatch_x", "google": "batches/x"}.get(provider.name, "batch_x")
    for ask in ("batch_status", "fetch_batch"):
        with pytest.raises(CallError) as caught:
            asyncio.run(using(provider.make(server), lambda backend, ask=ask: getattr(backend, ask)(name)))
        assert caught.value.kind == "bad_request"


@each_hosted
def test_a_batch_whose_id_was_lost_is_found_by_its_label(server, provider):
    server.server.settings.batches_per_page = 2
    names = [f"lightemma-{n}" for n in "abcde"]

    async def through(backend):
        made = {}
        for name in names:
            keys = {f"{name}-0": REQUESTS["c"], f"{name}-1": REQUESTS["scene-0001_1-scene"]}
            made[name] = await backend.submit_batch(keys)
        found = {name: await backend.find_batch(name) for name in names}
        return made, found, await backend.find_batch("lightemma-f"), await backend.find_batch("lightemma")

    made, found, missing, short = asyncio.run(using(provider.make(server), through))
    assert provider.backend.finds_batches
    assert found == made
    assert len(set(found.values())) == len(names)
    assert (missing, short) == (None, None)


def test_anthropic_s_batches_are_told_apart_once_they_have_ended(server):
    server.server.settings.batch_delay_s = 3600.0

    async def through(backend):
        await backend.submit_batch({"lightemma-a-0": REQUESTS["c"]})
        await backend.find_batch("lightemma-a")

    with pytest.raises(BatchUnknownYet, match=r"once msgbatch_\d+ has ended"):
        asyncio.run(using(ANTHROPIC.make(server), through))


def test_old_batches_whose_results_are_gone_do_not_hide_a_lost_one(server, monkeypatch):
    """Results are kept for some weeks; and those of an ended batch are fetched once, however often it is looked for."""
    fetched = []

    async def through(backend):
        whole = backend.fetch_batch

        async def fetch(batch):
            fetched.append(batch)
            if batch == old:
                raise CallError("bad_request", "Results are no longer available.")
            return await whole(batch)

        old = await backend.submit_batch({"lightemma-old-0": REQUESTS["c"]})
        lost = await backend.submit_batch({"lightemma-lost-0": REQUESTS["c"]})
        await backend.submit_batch({"lightemma-new-0": REQUESTS["c"]})
        backend.fetch_batch = fetch
        found = [await backend.find_batch(name) for name in ("lightemma-lost", "lightemma-none", "lightemma-lost")]
        return found, lost

    found, lost = asyncio.run(using(ANTHROPIC.make(server), through))
    assert found == [lost, None, lost]
    assert len(fetched) == len(set(fetched)) == 3


def test_batches_of_another_size_are_not_waited_for(server):
    """An account may have batches of others, which take a day; a label says how many requests its batch has."""

    async def through(backend):
        server.server.settings.batch_delay_s = 3600.0
        await backend.submit_batch({"other-0": REQUESTS["c"], "other-1": REQUESTS["c"]})
        server.server.settings.batch_delay_s = 0.0
        made = await backend.submit_batch({"lightemma-a-1-0": REQUESTS["c"]})
        found = [await backend.find_batch(label) for label in ("lightemma-a-1", "lightemma-b-1", "lightemma-c-3")]
        with pytest.raises(BatchUnknownYet):
            await backend.find_batch("lightemma-d-2")
        with pytest.raises(BatchUnknownYet):
            await backend.find_batch("lightemma-012345678912")  # of 0.1: the number is chance
        return made, found

    made, found = asyncio.run(using(ANTHROPIC.make(server), through))
    assert found == [made, None, None]


@pytest.mark.parametrize("provider", [CHAT, RESPONSES, ANTHROPIC], ids=lambda provider: provider.name)
def test_a_torn_line_costs_its_own_answer_alone(server, provider):
    async def through(backend):
        name = await backend.submit_batch(REQUESTS)
        (made,) = server.server.memory.batches.values()
        made.torn = True
        torn = await backend.fetch_batch(name)
        made.torn = False
        return torn, await backend.fetch_batch(name)

    torn, whole = asyncio.run(using(provider.make(server), through))
    assert len(torn) == len(REQUESTS) - 1
    assert {key: whole[key] for key in torn} == torn


ODD_ANSWERS = [
    None,
    7,
    "fine",
    [],
    {},
    {"choices": [], "content": None, "candidates": {}, "output": 1},
    {"model": "\ud800"},
    {"deep": json.loads("[" * 300 + "]" * 300)},
    {"wide": [{}] * 60_000},
]


@each_hosted
@pytest.mark.parametrize("odd", ODD_ANSWERS, ids=range(len(ODD_ANSWERS)))
def test_an_odd_answer_costs_itself_alone(server, provider, odd):
    async def through(backend):
        name = await backend.submit_batch(REQUESTS)
        await backend.batch_status(name)
        (made,) = server.server.memory.batches.values()
        whole = await backend.fetch_batch(name)
        assert made.results is not None
        for result in made.results:
            if result["key"] == "b":
                result["answer"] = odd
        return whole, await backend.fetch_batch(name)

    whole, results = asyncio.run(using(provider.make(server), through))
    failed = results.pop("b", None)
    assert failed is None or (isinstance(failed, CallError) and is_text(failed.message))
    assert results == {key: answer for key, answer in whole.items() if key != "b"}


@each_hosted
def test_an_odd_key_costs_itself_alone(server, provider):
    async def through(backend):
        name = await backend.submit_batch(REQUESTS)
        await backend.batch_status(name)
        (made,) = server.server.memory.batches.values()
        assert made.results is not None
        for result, key in zip(made.results, ("\ud800", 7, None), strict=False):
            result["key"] = key
        return list(REQUESTS), await backend.fetch_batch(name)

    keys, results = asyncio.run(using(provider.make(server), through))
    assert isinstance(results[keys[3]], Completion)
    assert not set(keys[:3]) & set(results)


@each_hosted
def test_half_a_character_in_a_batch_is_one_answer_s(server, provider):
    server.server.control({"batch_faults": {"b": Fault("answer", text="slow \ud83d").as_dict()}})
    _, results = batch(provider, server, REQUESTS)
    assert set(results) == set(REQUESTS)
    # It is refused where it would be kept.
    with pytest.raises(CallError, match="half a character"):
        storable(results.pop("b"), 512)
    assert all(storable(answer, 512) == answer for answer in results.values())


@each_hosted
def test_settings_hold_in_batches(server, provider):
    batch(provider, server, {"a": request(turn(ONE, "What?"), schema=SCHEMA)}, max_output_tokens=50, temperature=0.5)
    (made,) = server.server.memory.batches.values()
    provider.ask(server, request(turn(ONE, "What?"), schema=SCHEMA), max_output_tokens=50, temperature=0.5)
    sent = dict(made.items)["a"]
    assert sent == server.requests[-1].body


def test_every_provider_says_how_much_one_batch_takes():
    for provider in HOSTED:
        assert provider.backend.max_batch_requests >= 10_000
        assert provider.backend.max_batch_bytes >= 20_000_000


def test_a_batch_without_credit(server):
    server.server.control({"batch_faults": {"b": Fault("no_credit").as_dict()}})
    for provider in (CHAT, ANTHROPIC):
        _, results = batch(provider, server, REQUESTS)
        assert results["b"].kind == "no_credit"
