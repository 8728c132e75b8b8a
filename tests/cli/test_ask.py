"""One request from the shell: text, pictures by address and by file, several pictures, several turns; and errors."""

from __future__ import annotations

import http.server
import io
import json
import threading
from itertools import pairwise

import pytest
import yaml
from PIL import Image

from tests.backends.conftest import _providers, no_certificates, server  # noqa: F401 -- fixtures
from tests.backends.kit import KEY, arrived
from tests.fake_providers import Fault

pytest.importorskip("openai", reason="servers are asked through the extra `openai`")

# ruff: noqa: F811


def picture(colour) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (32, 18), colour).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def model(server, elsewhere):
    """Writes a model's YAML and gives its path."""

    def write(provider: str = "openai-compatible", **changes):
        versioned = provider.startswith("openai")
        settings = {
            "name": "mine",
            "provider": provider,
            "model": "model-1",
            "base_url": server.openai_address if versioned else server.address,
            "limits": {"timeout_s": 20},
        }
        if provider == "openai-compatible":
            settings["api_key_env"] = "LIGHTEMMA_TEST_KEY"
        path = elsewhere / "mine.yaml"
        path.write_text(yaml.safe_dump(settings | changes))
        return path

    return write


@pytest.fixture
def roads(elsewhere):
    """Five pictures in files."""
    paths = []
    for number in range(5):
        paths.append(elsewhere / f"road-{number}.jpg")
        paths[-1].write_bytes(picture((40 * number, 90, 90)))
    return paths


@pytest.fixture
def site():
    """A web server with a picture, a page, and nothing else."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            found = {"/road.jpg": picture((1, 2, 3)), "/page.html": b"<html>"}.get(self.path.partition("?")[0])
            self.send_response(200 if found else 404)
            self.end_headers()
            self.wfile.write(found or b"")

        def log_message(self, *_):
            pass

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_address[1]}"
    httpd.shutdown()
    httpd.server_close()
    thread.join()


def sentence(ended, status):
    """The one sentence of a command that failed."""
    assert ended.status == status
    (line,) = [line for line in ended.err.splitlines() if line.startswith("Error:")]
    assert "Traceback" not in ended.err
    assert KEY not in ended.err + ended.out
    return line


# The five kinds of request.


def test_text(cli, server, model):
    server.next(Fault("answer", text="Forty-two."))
    ended = cli("ask", model(), "How far?")
    assert (ended.status, ended.out) == (0, "Forty-two.\n")
    assert "model-1-served" in ended.err
    assert "3 out" in ended.err
    (received,) = server.requests
    assert arrived(received) == [("user", ["How far?"])]


def test_a_picture_by_address_is_left_to_a_provider_that_fetches(cli, server, model):
    address = "http://pictures.invalid/road.jpg"
    assert cli("ask", model(), "What is this?", "--image", address).status == 0
    (received,) = server.requests
    assert [(sent.media_type, sent.base64) for sent in received.asked.pictures] == [("url", address)]


@pytest.mark.parametrize("provider", ["anthropic", "google"])
def test_a_picture_by_address_is_fetched_for_the_others(cli, server, model, site, provider):
    assert cli("ask", model(provider), "What is this?", "--image", f"{site}/road.jpg").status == 0
    (received,) = server.requests
    assert arrived(received) == [("user", [picture((1, 2, 3)), "What is this?"])]


def test_a_picture_in_a_file(cli, server, model, roads):
    assert cli("ask", model(), "What is this?", "--image", roads[0]).status == 0
    (received,) = server.requests
    assert arrived(received) == [("user", [roads[0].read_bytes(), "What is this?"])]


def test_several_pictures_cost_more_with_each(cli, server, model, roads):
    tokens = []
    for count in range(5):
        images = [argument for path in roads[:count] for argument in ("--image", path)]
        ended = cli("ask", model(), "Describe.", *images, "--json")
        tokens.append(json.loads(ended.out)["usage"]["input"])
    assert [b - a for a, b in pairwise(tokens)] == [1000] * 4
    assert arrived(server.requests[-1]) == [("user", [*(path.read_bytes() for path in roads[:4]), "Describe."])]


def test_every_turn_is_sent_with_the_earlier_ones(cli, server, model, roads):
    server.next(Fault("answer", text="A road."), Fault("answer", text="Slow."), Fault("answer", text="Stop."))
    arguments = ("What?", "--image", roads[0], "--turn", "And now?", "--turn", "And then?", "--system", "You drive.")
    ended = cli("ask", model(), *arguments)
    assert (ended.status, ended.out.splitlines()) == (0, ["A road.", "Slow.", "Stop."])
    first, second, third = (arrived(received) for received in server.requests)
    assert first == [("system", ["You drive."]), ("user", [roads[0].read_bytes(), "What?"])]
    assert second == [*first, ("assistant", ["A road."]), ("user", ["And now?"])]
    assert third == [*second, ("assistant", ["Slow."]), ("user", ["And then?"])]


# Output and options.


def test_json_has_all_fields(cli, server, model):
    server.next(Fault("answer", text="Ä road."), Fault("answer", text="Slow.", cached=1))
    whole = json.loads(cli("ask", model(), "What?", "--turn", "And now?", "--json").out)
    assert whole["model"] == "mine"
    assert [turn["answer"] for turn in whole["turns"]] == ["Ä road.", "Slow."]
    assert [turn["prompt"] for turn in whole["turns"]] == ["What?", "And now?"]
    assert {name: whole[name] for name in ("answer", "finish_reason", "answered_as")} == {
        "answer": "Slow.",
        "finish_reason": "stop",
        "answered_as": "model-1-served",
    }
    assert whole["usage"]["cached_input"] == 1
    assert whole["latency_s"] > 0
    assert "error" not in whole


def test_options_set_token_limit_and_temperature(cli, server, model):
    ended = cli("ask", model(temperature=0.0), "What can you see?", "--max-tokens", 3, "--temperature", 0.5, "--json")
    assert json.loads(ended.out)["finish_reason"] == "length"
    (received,) = server.requests
    assert (received.body["max_tokens"], received.body["temperature"]) == (3, 0.5)


def test_a_model_in_configs_and_a_class_work_the_same(cli, elsewhere):
    assert "A straight road" in cli("ask", "scripted-example", "What?").out
    ended = cli("ask", "tests.cli.test_bad_calls:Offered", "What?", "--max-tokens", 5)
    assert (ended.status, ended.out) == (0, "here\n")
    assert "no model named" in ended.err


def test_turns_beyond_the_context_are_summarised(cli, server, model):
    server.server.settings.context_tokens = 400
    try:
        turns = [argument for number in range(8) for argument in ("--turn", f"{number} " + "why " * 50)]
        path = model(context_tokens=400, max_output_tokens=40)
        ended = cli("ask", path, "What?", *turns, "--json")
    finally:
        server.server.settings.context_tokens = None
    assert ended.status == 0, ended.err
    whole = json.loads(ended.out)
    assert len(whole["turns"]) == 9
    summaries = [turn["summary"] for turn in whole["turns"] if turn["summary"]]
    assert 1 <= len(summaries) < 8
    assert len(server.requests) == 9 + len(summaries)


# Errors.


def test_one_picture_too_many_is_one_clear_sentence(cli, server, model, roads):
    server.server.settings.max_pictures = 4
    try:
        images = [argument for path in roads for argument in ("--image", path)]
        ended = cli("ask", model(), "Describe.", *images, "--json")
    finally:
        server.server.settings.max_pictures = None
    message = sentence(ended, 1)
    assert message == (
        "Error: 'mine' did not answer (bad_request): HTTP 400: At most 4 image(s) may be provided in one prompt."
    )
    assert json.loads(ended.out)["error"]["kind"] == "bad_request"
    assert server.counts.requests == 1, "no retry"


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("auth", "auth"), ("rate_limited", "rate_limited"), ("server_error", "server_error"), ("reset", "connection")],
)
def test_a_failed_call_is_a_sentence_and_status_1(cli, server, model, fault, kind):
    server.next(fault)
    assert f"did not answer ({kind})" in sentence(cli("ask", model(), "How far?"), 1)


def test_an_answer_of_thinking_only_says_what_to_do(cli, server, model):
    server.next("empty")
    assert "the answer is empty" in sentence(cli("ask", model(), "How far?"), 1)


def test_answers_before_a_failure_are_shown(cli, server, model):
    server.next(Fault("answer", text="A road."), "server_error")
    ended = cli("ask", model(), "What?", "--turn", "And now?")
    assert ended.out == "A road.\n"
    assert "server_error" in sentence(ended, 1)


def test_an_address_without_a_server(cli, model):
    path = model(base_url="http://127.0.0.1:9/v1")
    assert "did not answer (connection): http://127.0.0.1:9/v1" in sentence(cli("ask", path, "Hello?"), 1)


def test_wrong_use_is_status_2(cli, server, model, elsewhere):
    assert "no model 'gpt-4oo'" in sentence(cli("ask", "gpt-4oo", "What?"), 2)
    assert "no picture at" in sentence(cli("ask", model(), "What?", "--image", "gone.jpg"), 2)
    (elsewhere / "text.jpg").write_text("text")
    assert "not a JPEG" in sentence(cli("ask", model(), "What?", "--image", "text.jpg"), 2)
    assert "Missing argument" in sentence(cli("ask", model()), 2)
    assert "--max-tokens" in sentence(cli("ask", model(), "What?", "--max-tokens", 0), 2)
    assert server.counts.requests == 0


def test_a_picture_that_cannot_be_fetched_is_a_sentence(cli, server, model, site):
    path = model("anthropic")
    message = sentence(cli("ask", path, "What?", "--image", f"{site}/gone.jpg?token=secret"), 2)
    assert "gone.jpg cannot be fetched (HTTP 404)" in message
    assert "secret" not in message
    assert "cannot be fetched" in sentence(cli("ask", path, "What?", "--image", "http://127.0.0.1:9/road.jpg"), 2)
    assert "not a JPEG" in sentence(cli("ask", path, "What?", "--image", f"{site}/page.html"), 2)
    assert server.counts.requests == 0
