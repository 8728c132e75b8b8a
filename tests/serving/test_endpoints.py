"""Calls are spread over several running servers; a server that fails rests and is tried again."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightemma.backends.base import CallError, Message, Request, TextPart
from lightemma.backends.config import ModelConfig
from lightemma.backends.endpoints import Endpoint, EndpointsBackend, choose
from lightemma.calls.identity import Identity
from lightemma.errors import UserError
from lightemma.sessions.models import model_entry
from tests.fake_providers import ReplyServer
from tests.fake_providers.replies import answer, failure

pytest.importorskip("openai", reason="servers are asked through the extra `openai`")

ASKED = Request((Message("user", (TextPart("What is ahead?"),)),), "token", "scene")


def config(*urls, **more):
    return ModelConfig(
        name="m", provider="endpoints", model="model-1", limits={"timeout_s": 5}, options={"urls": list(urls), **more}
    )


NUMBERS = itertools.count()


def a_frame():
    """The first call of another frame."""
    return replace(ASKED, sample_token=f"frame-{next(NUMBERS)}")


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_calls_are_spread_evenly_and_get_the_same_answers():
    def same(_):
        return answer("Straight on.")

    with (
        ReplyServer(respond=same) as one,
        ReplyServer(respond=same) as two,
        ReplyServer(respond=same) as three,
    ):

        async def scenario():
            backend = EndpointsBackend(config(one.base_url, two.base_url + "/", three.base_url, two.base_url))
            assert len(backend.endpoints) == 3, "the same server named twice is one"
            frames = [replace(ASKED, sample_token=str(number)) for number in range(30)]
            completions = await asyncio.gather(*(backend.generate(frame) for frame in frames))
            await backend.aclose()
            return completions

        completions = asyncio.run(scenario())
        assert {completion.text for completion in completions} == {"Straight on."}
        assert {completion.usage.input for completion in completions} == {100}
        assert [len(server.requests) for server in (one, two, three)] == [10, 10, 10]


def test_a_server_that_fails_rests_and_is_tried_again():
    broken = True

    def moody(_):
        return failure(500, "out of order") if broken else answer()

    with ReplyServer(respond=moody) as bad, ReplyServer(respond=lambda _: answer()) as good:

        async def scenario():
            nonlocal broken
            clock = Clock()
            backend = EndpointsBackend(config(bad.base_url, good.base_url, rest_s=10), clock)
            with pytest.raises(CallError, match="out of order"):
                await backend.generate(a_frame())
            for _ in range(5):
                await backend.generate(a_frame())
            assert (len(bad.requests), len(good.requests)) == (1, 5), "one attempt is one request, at one server"
            clock.now += 10.1
            with pytest.raises(CallError):
                await backend.generate(a_frame())  # still out of order: it now rests twice as long
            clock.now += 10.1
            await backend.generate(a_frame())
            assert len(bad.requests) == 2
            clock.now += 10.1
            broken = False
            for _ in range(8):
                await backend.generate(a_frame())
            await backend.aclose()

        asyncio.run(scenario())
        assert len(bad.requests) > 3, "it takes its share again"


def test_failures_of_the_request_do_not_set_a_server_aside():
    with ReplyServer(respond=lambda _: failure(400, "At most 4 image(s)")) as server:

        async def scenario():
            backend = EndpointsBackend(config(server.base_url))
            with pytest.raises(CallError):
                await backend.generate(ASKED)
            assert backend.endpoints[0].failures == 0
            await backend.aclose()

        asyncio.run(scenario())


def test_when_all_rest_the_call_is_made_all_the_same():
    async def scenario():
        backend = EndpointsBackend(config("http://127.0.0.1:9/v1"))
        for _ in range(2):
            with pytest.raises(CallError) as refused:
                await backend.generate(ASKED)
            assert refused.value.kind == "connection"
        await backend.aclose()

    asyncio.run(scenario())


def test_addresses_tell_answers_apart_and_are_not_in_the_manifest():
    one, two = (EndpointsBackend(config(url)) for url in ("http://a:1/v1", "http://b:2/v1"))
    asked = [Identity(backend).asked(ASKED) for backend in (one, two)]
    assert [call.place for call in asked] == ["http://a:1/v1", "http://b:2/v1"]
    assert asked[0].key == asked[1].key
    assert "http" not in str(model_entry(one).parameters)
    assert one.rate_key != two.rate_key


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"options": {"urls": []}}, "option 'urls' is wrong"),
        ({"options": {}}, "option 'urls' is wrong"),
        ({"options": {"urls": ["localhost:8000"]}}, "is not an address"),
        ({"options": {"urls": ["http://a/v1"]}, "base_url": "http://b/v1"}, r"write it under options\.urls"),
    ],
)
def test_wrong_settings(wrong, sentence):
    with pytest.raises(UserError, match=sentence):
        EndpointsBackend(ModelConfig(name="m", provider="endpoints", model="x", **wrong))


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 50), st.booleans(), st.floats(0, 100)), min_size=1, max_size=6)
)
def test_the_least_busy_of_those_that_are_awake(states):
    now = 50.0
    endpoints = [
        Endpoint(f"{place}", None, busy, served, int(failing), until if failing else float("-inf"))
        for place, (busy, served, failing, until) in enumerate(states)
    ]
    chosen = choose(endpoints, now)
    well = [endpoint for endpoint in endpoints if not endpoint.failures]
    if well:
        # A server may be tried after its rest, but with one call only; a resting one is never asked.
        assert chosen.cooldown_until <= now
        assert chosen.in_progress <= min(endpoint.in_progress for endpoint in well)
        assert not (chosen.failures and chosen.in_progress)


def test_a_frames_later_calls_go_where_its_first_went_unless_others_are_idle():
    one, two = (Endpoint(name, None) for name in ("one", "two"))
    one.in_progress, two.in_progress = 2, 0
    assert choose((one, two), 0.0) is two
    assert choose((one, two), 0.0, one) is one
    one.in_progress = 3
    assert choose((one, two), 0.0, one) is two
    one.in_progress, one.cooldown_until = 0, 5.0
    assert choose((one, two), 0.0, one) is two


def test_load_follows_speed():
    fast, slow = (Endpoint(name, None) for name in ("fast", "slow"))
    done = Counter()
    # Each step the fast one finishes a call, every fourth the slow one; ten calls are always in progress.
    for _ in range(10):
        choose((fast, slow), 0.0).in_progress += 1
    for step in range(400):
        for endpoint in (fast, slow) if step % 4 == 0 else (fast,):
            if endpoint.in_progress:
                endpoint.in_progress -= 1
                endpoint.served += 1
                done[endpoint.address] += 1
                choose((fast, slow), 0.0).in_progress += 1
    assert done["fast"] == pytest.approx(4 * done["slow"], rel=0.1)
