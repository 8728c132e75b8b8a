"""Every kind of request through `lightemma ask`, answered by the real engine that `lightemma serve` started."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request

import pytest
import yaml

from tests.backends import tiny_models
from tests.serving.kit import carrying, wait_until
from tests.serving.real_vllm import needs_vllm, save_model, settings

pytestmark = [pytest.mark.slow, needs_vllm]
START_S = 400


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A folder with pictures and ``there.yaml``, the way to a server that is up."""
    folder = tmp_path_factory.mktemp("asked")
    model = save_model(folder / "weights")
    (folder / "tiny.yaml").write_text(yaml.safe_dump(settings(model, str(folder))))
    for number in range(5):
        (folder / f"{number}.jpg").write_bytes(tiny_models.picture(number, 224, 168).data)
    log = (folder / "serve.out").open("w+")
    process = subprocess.Popen(
        [sys.executable, "-m", "lightemma", "serve", "tiny.yaml"], cwd=folder, stdout=log, stderr=subprocess.STDOUT
    )

    def address():
        return re.search(r"http://127\.0\.0\.1:\d+", (folder / "serve.out").read_text())

    try:
        assert wait_until(lambda: address() or process.poll() is not None, START_S)
        found = address()
        assert found, (folder / "serve.out").read_text()
        with urllib.request.urlopen(f"{found[0]}/v1/models") as answer:
            name = json.load(answer)["data"][0]["id"]
        there = {"name": "there", "provider": "openai-compatible", "model": name, "max_output_tokens": 8}
        (folder / "there.yaml").write_text(yaml.safe_dump(there | {"base_url": f"{found[0]}/v1", "temperature": 0.0}))
        yield folder
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        log.close()
        assert carrying(f"TEST_FOLDER={folder}") == []


def ask(folder, *arguments):
    command = [sys.executable, "-m", "lightemma", "ask", "there.yaml", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def tokens(folder, *arguments):
    done = ask(folder, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    answers = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return [answer["usage"]["input"] for answer in answers] if answers else [json.loads(done.stdout)["usage"]["input"]]


def test_text_pictures_and_turns(served):
    text = tokens(served, "What is ahead?")[-1]
    one = tokens(served, "What is ahead?", "--image", "0.jpg")[-1]
    three = tokens(served, "What is ahead?", "--image", "0.jpg", "--image", "1.jpg", "--image", "2.jpg")[-1]
    assert one - text == 8 * 6 + 2
    assert three - text == 3 * (one - text)
    turns = ask(served, "What is ahead?", "--image", "0.jpg", "--turn", "And now?", "--json")
    assert turns.returncode == 0, turns.stderr
    first, second = (turn["usage"]["input"] for turn in json.loads(turns.stdout)["turns"])
    assert second > first == one


def test_a_picture_by_address(served):
    server = subprocess.Popen(
        [sys.executable, "-u", "-m", "http.server", "0", "--bind", "127.0.0.1", "--directory", str(served)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    try:
        assert server.stdout
        port = re.search(r"port (\d+)", server.stdout.readline())
        assert port
        by_address = tokens(served, "What is ahead?", "--image", f"http://127.0.0.1:{port[1]}/0.jpg")[-1]
        assert by_address == tokens(served, "What is ahead?", "--image", "0.jpg")[-1]
    finally:
        server.kill()
        server.wait()


def test_the_fifth_picture_is_one_sentence(served):
    done = ask(served, "What is ahead?", *(part for number in range(5) for part in ("--image", f"{number}.jpg")))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "At most 4 image(s)" in done.stderr
