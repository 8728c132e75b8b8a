"""What follows from each kind of failure, stated once: the table and those who act on it."""

from __future__ import annotations

import asyncio
import random
import string

import pytest

from lightemma.backends.base import CallError, Message, Request, TextPart
from lightemma.backends.config import Limits, ModelConfig
from lightemma.backends.endpoints import EndpointsBackend
from lightemma.backends.scripted import ScriptedBackend
from lightemma.calls import caller
from lightemma.calls.caller import CallContext, ModelCaller
from lightemma.calls.cancellation import Cancellation
from lightemma.calls.limits import CallPool, ProviderLimits
from lightemma.calls.monitor import Monitor
from lightemma.errors import UserError
from lightemma.failures import CALL_KINDS, FAILURES, failure_kind

every = pytest.mark.parametrize("kind", CALL_KINDS)

ASKED = Request((Message("user", (TextPart("How far?"),)),), "token", "scene")


def test_the_table_has_every_kind_and_no_other():
    assert tuple(FAILURES) == CALL_KINDS


@every
def test_no_kind_says_two_things(kind):
    follows = FAILURES[kind]
    assert not (follows.fatal and follows.retried)
    # Fewer calls, another look at the server or another process only help a call that is tried again.
    assert follows.retried or not (follows.slows_down or follows.server_suspect or follows.process_suspect)
    assert not follows.process_suspect or follows.server_suspect
    assert follows.sentence == follows.sentence.strip().rstrip(".")
    assert follows.sentence[0].islower()
    fields = {name for _, name, _, _ in string.Formatter().parse(follows.ends_run) if name}
    assert fields <= {"provider", "name", "model", "message", "key"}


def test_the_kinds_of_0_1_have_the_same_effects():
    def those(flag):
        return {kind for kind, follows in FAILURES.items() if getattr(follows, flag)}

    assert those("fatal") == {"auth", "no_credit", "model_not_found"}
    assert those("slows_down") == {"rate_limited", "overloaded"}
    assert those("retried") == those("server_suspect") | {"rate_limited"}
    assert those("server_suspect") == {"connection", "timeout", "server_error", "overloaded", "invalid_response"}
    assert those("process_suspect") == {"server_error", "connection"}


def test_an_unknown_kind_has_no_effects():
    follows = failure_kind("made_up")
    assert not any((follows.retried, follows.fatal, follows.slows_down, follows.server_suspect))
    assert not failure_kind(None).slows_down


@every
def test_a_call_is_tried_again_and_ends_the_run_as_the_table_says(kind, monkeypatch):
    monkeypatch.setattr(caller, "wait_before", lambda *_: 0.0)
    model = ModelConfig(name="m", provider="scripted", model="model-1", limits=Limits(attempts=3))
    backend = ScriptedBackend.from_answers([CallError(kind, "the message")], repeat=True, config=model)
    services = CallContext(ProviderLimits(model.limits), Monitor("m"), Cancellation(), rng=random.Random(1))

    async def ask():
        return await ModelCaller(backend, services)(ASKED)

    if FAILURES[kind].fatal:
        with pytest.raises(UserError, match="the message"):
            asyncio.run(ask())
        assert len(backend.requests) == 1
        return
    result = asyncio.run(ask())
    assert result.failure == kind
    assert result.attempts == len(backend.requests) == (3 if FAILURES[kind].retried else 1)


@every
def test_fewer_calls_are_made_as_the_table_says(kind):
    async def level():
        pool = CallPool()
        before = pool.level
        pool.release(await pool.acquire(), kind)
        return before, pool.level

    before, after = asyncio.run(level())
    assert (after < before) == FAILURES[kind].slows_down


@every
def test_another_server_is_asked_as_the_table_says(kind, monkeypatch):
    pytest.importorskip("openai")
    backend = EndpointsBackend(
        ModelConfig(name="m", provider="endpoints", model="m", options={"urls": ["http://a/v1", "http://b/v1"]})
    )

    async def fail(request):
        raise CallError(kind, "no")

    async def ask():
        for endpoint in backend.endpoints:
            monkeypatch.setattr(endpoint.client, "generate", fail)
        with pytest.raises(CallError):
            await backend.generate(ASKED)
        await backend.aclose()

    asyncio.run(ask())
    assert any(endpoint.failures for endpoint in backend.endpoints) == FAILURES[kind].retried
