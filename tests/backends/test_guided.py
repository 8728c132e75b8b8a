"""Guided answers: what each provider is sent, and the answer that comes back."""

from __future__ import annotations

import json
import re

import pytest

from lightemma.backends.base import CallError, Request
from lightemma.backends.config import ModelConfig
from lightemma.parsing import parse_answer
from lightemma.prompts.sets import ACTION_REGEX, ACTION_SCHEMA
from tests.backends.kit import ALL, ANTHROPIC, CHAT, COMPATIBLE, GOOGLE, HOSTED, ONE, RESPONSES, each, request, turn
from tests.fake_providers import Fault

PLAN = request(turn(ONE, "Answer with a JSON object."), schema=ACTION_SCHEMA, stage="action")
LIST = Request((turn(ONE, "What now?"),), "t0", "action", response_regex=ACTION_REGEX)


def schema_sent(provider, body):
    if provider is RESPONSES:
        assert body["text"]["format"]["type"] == "json_schema"
        return body["text"]["format"]["schema"]
    if provider is ANTHROPIC:
        assert body["output_config"]["format"]["type"] == "json_schema"
        return body["output_config"]["format"]["schema"]
    if provider is GOOGLE:
        assert body["generationConfig"]["responseMimeType"] == "application/json"
        return body["generationConfig"]["responseJsonSchema"]
    assert body["response_format"]["type"] == "json_schema"
    assert body["response_format"]["json_schema"]["strict"] is True
    return body["response_format"]["json_schema"]["schema"]


@each
def test_every_provider_is_sent_a_schema_in_its_own_form(server, provider):
    server.server.settings.malformed_rate = 1.0
    completion, received = provider.exchange(server, PLAN)
    sent = schema_sent(provider, received.body)
    pairs = sent["properties"]["actions"]
    assert sent["required"] == ["actions"]
    assert set(pairs["items"]["required"]) == {"speed", "curvature"}
    if provider is ANTHROPIC:  # cannot enforce the number, so it is said
        assert "6" in pairs["description"]
    else:
        assert (pairs["minItems"], pairs["maxItems"]) == (6, 6)
    assert parse_answer(completion.text, "strict", "json").outcome == "ok", "even of a model that slips every time"


@each
def test_a_guided_answer_that_is_cut_says_so(server, provider):
    completion, _ = provider.exchange(server, PLAN, max_output_tokens=10)
    assert completion.finish_reason == "length"
    assert parse_answer(completion.text, "strict", "json", cut=True).outcome == "format:truncated"


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({}, {"structured_outputs": {"regex": ACTION_REGEX}}),
        ({"regex_parameter": "guided_regex"}, {"guided_regex": ACTION_REGEX}),
        ({"regex_parameter": "regex"}, {"regex": ACTION_REGEX}),
    ],
)
def test_a_server_of_open_models_is_sent_a_regular_expression(server, options, sent):
    server.server.settings.malformed_rate = 1.0
    completion, received = COMPATIBLE.exchange(server, LIST, options={"extra_body": {"top_k": 3}, **options})
    assert {name: received.body[name] for name in sent} == sent
    assert received.body["top_k"] == 3
    assert "response_format" not in received.body
    assert re.fullmatch(ACTION_REGEX, completion.text)
    assert parse_answer(completion.text, "strict").outcome == "ok"


def test_without_guidance_nothing_of_it_is_sent(server):
    _, received = COMPATIBLE.exchange(server)
    assert not {"structured_outputs", "guided_regex", "regex", "response_format"} & set(received.body)


@pytest.mark.parametrize("provider", HOSTED, ids=lambda provider: provider.name)
def test_a_provider_without_regular_expressions_never_answers_unguided(server, provider):
    with pytest.raises(CallError, match="regular expression") as caught:
        provider.ask(server, LIST)
    assert caught.value.kind == "bad_request"
    assert server.counts.requests == 0


@each
def test_backends_say_what_they_can_hold_answers_to(server, provider):
    assert provider.make(server).constraints == ({"json", "regex"} if provider is COMPATIBLE else {"json"})
    assert provider.make(server, options={"structured_output": False}).constraints == frozenset()


def test_the_option_for_old_servers_leaves_kept_answers_alone(server):
    assert "regex_parameter" not in COMPATIBLE.make(server).options.model_dump(mode="json")
    old = COMPATIBLE.make(server, options={"regex_parameter": "guided_regex"})
    assert old.options.model_dump(mode="json", exclude_defaults=True)["regex_parameter"] == "guided_regex"


def test_local_models_refuse_what_they_cannot_hold():
    pytest.importorskip("torch", reason="local models need the extra `local`")
    pytest.importorskip("transformers", reason="local models need the extra `local`")
    import asyncio

    from lightemma.backends.transformers import TransformersBackend

    backend = TransformersBackend(ModelConfig(name="local", provider="transformers", model="some/model"))
    assert backend.constraints == frozenset()
    with pytest.raises(CallError, match="regular expression"):
        asyncio.run(backend.generate(LIST))


@pytest.mark.parametrize("provider", [CHAT, COMPATIBLE, RESPONSES], ids=lambda provider: provider.name)
def test_addresses_of_pictures_are_passed_on_where_the_provider_fetches_them(server, provider):
    from lightemma.data.picture_url import picture_at

    assert provider.backend.facts.takes_urls
    address = "https://example.org/road.jpg?key=1"
    server.next(Fault("answer", text="A road."))
    _, received = provider.exchange(server, request(turn(picture_at(address), "What is this?")))
    assert address in json.dumps(received.body)
    assert [(picture.media_type, picture.base64) for picture in received.asked.pictures] == [("url", address)]


def test_the_others_do_not_say_they_do():
    assert {provider.name for provider in ALL if provider.backend.facts.takes_urls} == {
        "openai-chat",
        "openai-responses",
        "openai-compatible",
    }
