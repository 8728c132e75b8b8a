"""The made-up providers themselves: same question, same answer; faults when ordered; counts that add up."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.fake_providers import FakeProviders, Fault
from tests.fake_providers.answers import answer_to
from tests.fake_providers.asked import Asked, Text, Turn
from tests.fake_providers.faults import Schedule

PAIRS = "Write one list of exactly six pairs."


def post(address, path, body, key="k"):
    """Status, headers and body of the answer."""
    headers = {"content-type": "application/json", "authorization": f"Bearer {key}", "x-goog-api-key": key}
    sent = urllib.request.Request(address + path, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(sent, timeout=10) as answer:
            return answer.status, answer.headers, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, error.headers, json.loads(error.read())


def chat(address, text="How far?", **fields):
    body = {"model": "m", "messages": [{"role": "user", "content": text}]} | fields
    return post(address, "/v1/chat/completions", body)


def get(address, path):
    with urllib.request.urlopen(address + path, timeout=10) as answer:
        return json.loads(answer.read())


def text_of(answer):
    return answer[2]["choices"][0]["message"]["content"]


def asked(text):
    return Asked("m", (Turn("user", (Text(text),)),), 512)


def test_answers_depend_on_the_request_alone():
    with FakeProviders() as one, FakeProviders(seed=5) as other:
        assert text_of(chat(one.address)) == text_of(chat(one.address)) == text_of(chat(other.address))
        assert text_of(chat(one.address)) != text_of(chat(one.address, "How near?"))
        assert text_of(chat(one.address)) != text_of(chat(one.address, model="another"))


def test_plans_have_the_form_that_was_asked_for():
    plan = ast.literal_eval(answer_to(asked(PAIRS)).text)
    assert [len(pair) for pair in plan] == [2] * 6
    assert len(json.loads(answer_to(asked("Answer with one JSON object.")).text)["actions"]) == 6


def test_malformed_plans_come_at_their_rate_and_stay_so():
    texts = [answer_to(asked(f"{PAIRS} {i}"), malformed_rate=0.3).text for i in range(400)]
    assert texts == [answer_to(asked(f"{PAIRS} {i}"), malformed_rate=0.3).text for i in range(400)]

    def well_formed(text):
        try:
            plan = ast.literal_eval(text)
        except (SyntaxError, ValueError, TypeError):
            return False
        return len(plan) == 6 and isinstance(plan[0], tuple)

    assert 80 < sum(not well_formed(text) for text in texts) < 160


def test_faults_by_rate_are_seeded():
    def kinds(seed):
        schedule = Schedule(seed, rates={"rate_limited": 0.1, "server_error": 0.1})
        return [(schedule.choose(n) or Fault("answer")).kind for n in range(1, 1001)]

    assert kinds(1) == kinds(1) != kinds(2)
    assert 60 < kinds(1).count("rate_limited") < 140
    assert 60 < kinds(1).count("server_error") < 140


def test_faults_by_number_and_by_control():
    with FakeProviders() as server:
        assert post(server.address, "/_control", {"at": {"2": {"kind": "overloaded", "retry_after": "4"}}})[0] == 200
        assert chat(server.address)[0] == 200
        status, headers, _ = chat(server.address)
        assert (status, headers["retry-after"]) == (503, "4")
        assert post(server.address, "/_control", {"next": ["server_error", None], "latency_s": 0.0})[0] == 200
        assert [chat(server.address)[0] for _ in range(2)] == [500, 200]
        assert post(server.address, "/_control", {"latency": 3})[0] == 400
        assert post(server.address, "/_control", {"next": ["earthquake"]})[0] == 400


def test_counts_and_log():
    with FakeProviders() as server:
        server.next("server_error")
        for text in ("a", "a", "b", "a"):
            chat(server.address, text)
        stats = get(server.address, "/_stats")
        assert (stats["requests"], stats["answered"], stats["distinct"]) == (4, 3, 2)
        assert sorted(stats["served"].values()) == [1, 2]
        assert stats["faults"] == {"server_error": 1}
        assert [line["status"] for line in get(server.address, "/_log")] == [500, 200, 200, 200]
        post(server.address, "/_control", {"reset": True})
        assert get(server.address, "/_stats")["requests"] == 0


def test_capacity_and_latency():
    with FakeProviders(latency_s=0.3, jitter=0.2, capacity=4) as server, ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda i: chat(server.address, str(i)), range(12)))
        statuses = [status for status, _, _ in answers]
        assert statuses.count(200) == server.counts.served.total() >= 4
        assert statuses.count(429) == server.counts.rejected >= 1
        assert all(headers["retry-after"] == "1" for status, headers, _ in answers if status == 429)
        assert server.counts.peak == 4
        assert server.counts.in_flight == 0


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/chat/completions", {"model": "m"}),
        ("/v1/chat/completions", {"model": "m", "messages": [], "max_token": 3}),
        ("/v1/responses", {"model": "m", "input": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}),
        ("/v1/messages", {"model": "m", "messages": [{"role": "user", "content": "x"}]}),
        ("/v1/messages", {"model": "m", "max_tokens": 5, "messages": [{"role": "system", "content": "x"}]}),
        ("/v1/models/m:generateContent", {"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}),
    ],
)
def test_requests_that_the_service_would_not_take(path, body):
    with FakeProviders() as server:
        status, _, answer = post(server.address, path, body)
    assert status == 400
    assert answer["error"]["message"]


def test_as_a_process():
    command = [sys.executable, "-m", "tests.fake_providers", "--port", "0", "--fault", "overloaded=1", "--seed", "1"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ)
    try:
        printed = json.loads(process.stdout.readline())
        assert printed["address"].endswith(f":{printed['port']}")
        assert chat(printed["address"])[0] == 503
        post(printed["address"], "/_control", {"rates": {}})
        assert chat(printed["address"])[0] == 200
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
        process.stdout.close()
