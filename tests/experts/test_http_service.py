"""A service as an expert: what it is sent, and what of its answers is taken."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from lightemma.errors import UserError
from lightemma.experts.base import Box, Question
from lightemma.experts.found_check import Rubbish, checked
from lightemma.experts.registry import make_expert
from tests.conftest import make_frame
from tests.experts.test_every_expert import picture


@pytest.fixture
def service(tmp_path):
    """A service with an answer, and what it was sent."""
    sent: list[dict] = []
    answer: dict = {"status": 200, "body": b"{}", "location": None}

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            sent.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(answer["status"])
            if answer["location"]:
                self.send_header("Location", answer["location"])
            self.send_header("Content-Length", str(len(answer["body"])))
            self.end_headers()
            self.wfile.write(answer["body"])

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    path = tmp_path / "service.yaml"
    path.write_text(
        f"id: mine\ntask: object-detection\ndescription: Finds cars.\nurl: http://127.0.0.1:{server.server_port}/\n"
        'inputs: [picture, "boxes?"]\noutputs: [boxes]\n'
    )
    yield make_expert(str(path)), sent, answer
    server.shutdown()
    server.server_close()


QUESTION = Question(make_frame(), {"picture": picture()}, {"boxes": (Box("car", 0.5, 1, 2, 3, 4),)})
BOX = {"label": "car", "score": 0.9, "left": 1, "top": 2, "right": 3, "bottom": 4}


def test_it_is_sent_the_question_alone_and_its_finding_is_taken(service):
    expert, sent, answer = service
    answer["body"] = json.dumps({"words": "One car.", "boxes": [BOX], "numbers": {"cars": 1}}).encode()
    found = checked(expert.look(QUESTION), expert.card)
    assert (found.words, found.boxes, found.numbers) == ("One car.", (Box(**BOX),), {"cars": 1.0})
    assert set(sent[0]) == {"task", "pictures", "boxes", "numbers", "words"}
    assert sent[0]["pictures"]["picture"]["media_type"] == "image/png"
    assert (expert.card.endpoint, expert.card.id) == ("http", "mine")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"hello", "did not answer with JSON"),
        (b"[" * 100_000, "did not answer with JSON"),
        (b"[]", "not an object with words"),
        (b'{"words": "x", "more": 1}', "not an object with words"),
        (b'{"words": "x", "boxes": [{"label": "car"}]}', "its boxes are not"),
        (b'{"words": "x", "boxes": {}}', "its boxes are not"),
        (b'{"words": 7}', "its words are"),
        (b'{"words": "x", "numbers": [1]}', "its numbers are"),
        (b'{"words": "x", "numbers": {"a": NaN}}', "not a finite number"),
        (b'{"words": "' + b"x" * 1_000_001 + b'"}', "more than 1,000,000 bytes"),
    ],
)
def test_answers_of_another_form_are_no_findings(service, body, why):
    expert, _, answer = service
    answer["body"] = body
    with pytest.raises(Rubbish, match=why):
        checked(expert.look(QUESTION), expert.card)


@pytest.mark.parametrize(("status", "location"), [(500, None), (404, None), (302, "http://127.0.0.1:9/")])
def test_errors_and_redirects_fail_the_task(service, status, location):
    expert, sent, answer = service
    answer |= {"status": status, "location": location}
    with pytest.raises(OSError, match=f"status {status}"):
        expert.look(QUESTION)
    assert len(sent) == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("id: mine", "task: "),
        ("id: mine\ntask: a\ndescription: b\nurl: ftp://x\n", "http or https"),
        ("id: mine\ntask: a\ndescription: b\nurl: http://me:secret@x/\n", "without a user name"),
        ("id: mine\ntask: a\ndescription: b\nurl: http://:secret@x/\n", "without a user name"),
        ("id: mine\ntask: a\ndescription: b\ntool: t\nmcp: {url: 'http://:secret@x/mcp'}\n", "without a user name"),
        ("id: mine\ntask: a\ndescription: b\ntool: t\nmcp: {url: 'https://me:secret@x/mcp'}\n", "without a user name"),
        ("id: mine\ntask: a\ndescription: b\ntool: t\nmcp: {url: 'ftp://x/mcp'}\n", "http or https"),
        ("id: My One\ntask: a\ndescription: b\nurl: http://x/\n", "id is"),
        ("id: mine\ntask: a\ndescription: b\nurl: http://x/\nusual: {sound: picture}\n", "usual names"),
        ("id: mine\ntask: a\ndescription: b\nurl: http://x/\nkey: 1\n", "key: "),
        ("[", "not valid"),
        ("- 1", "not valid"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path, text, why):
    (tmp_path / "s.yaml").write_text(text)
    with pytest.raises(UserError, match=why) as raised:
        make_expert(str(tmp_path / "s.yaml"))
    assert "secret" not in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match=r"none\.yaml"):
        make_expert(str(tmp_path / "none.yaml"))
