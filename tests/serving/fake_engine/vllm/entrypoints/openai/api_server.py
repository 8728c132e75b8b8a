"""Looks like vLLM's API server from outside: its command line, its addresses, a worker of its own. And it dies on request.

Environment variables say how it behaves:

    FAKE_STATE         a file that counts the starts; without it every start is the first
    FAKE_STARTUP_S     seconds until it is healthy
    FAKE_FAIL_STARTS   starts that end in a traceback, such as 1,2
    FAKE_DIE_AT        answers after which it drops dead, in each start (a number), or only in the first (1st:number)
    FAKE_HANG_AT       answers after which it takes requests and answers none, in the first start
    FAKE_STUBBORN      takes no notice of SIGTERM, and neither does its worker
    FAKE_DELAY_S       seconds for each answer
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ANSWER = "[(5.0, 0.0), (5.0, 0.0), (5.0, 0.0), (5.0, 0.0), (5.0, 0.0), (5.0, 0.0)]"
TOKENS = {"text": 100, "picture": 24, "answer": 20}


def say(text):
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def given(name, default=None):
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else default


def asked(name):
    """A number of answers, and whether it holds in this start."""
    text = os.environ.get(name, "")
    first, colon, number = text.partition(":")
    if colon:
        return int(number) if first == "1st" and START == 1 else None
    return int(text) if text else None


def count_start():
    state = os.environ.get("FAKE_STATE")
    if not state:
        return 1
    path = Path(state)
    number = int(path.read_text()) + 1 if path.exists() else 1
    path.write_text(str(number))
    return number


START = count_start()
MODEL = given("--served-model-name", given("--model"))
LIMIT = json.loads(given("--limit-mm-per-prompt", '{"image": 99}'))["image"]
LOCK = threading.Lock()
COUNTED = {"input": 0, "output": 0, "answers": 0}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, form, *text):
        say("INFO:     " + form % text)

    def do_GET(self):
        if self.path == "/metrics":
            text = (
                "# HELP vllm:prompt_tokens_total Number of prefill tokens processed.\n"
                f'vllm:prompt_tokens_total{{engine="0",model_name="{MODEL}"}} {COUNTED["input"]}.0\n'
                f'vllm:generation_tokens_total{{engine="0",model_name="{MODEL}"}} {COUNTED["output"]}.0\n'
            )
            return self.send(200, text.encode(), "text/plain")
        bodies = {
            "/health": b"",
            "/version": json.dumps({"version": "0.0.fake"}).encode(),
            "/v1/models": json.dumps({"object": "list", "data": [{"id": MODEL}]}).encode(),
        }
        if self.path not in bodies:
            return self.send(404, b'{"detail":"Not Found"}')
        return self.send(200, bodies[self.path])

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if os.environ.get("VLLM_API_KEY") and self.headers["Authorization"] != f"Bearer {os.environ['VLLM_API_KEY']}":
            return self.send(401, b'{"error": "Unauthorized"}')
        contents = [turn["content"] for turn in body["messages"] if isinstance(turn["content"], list)]
        pictures = sum(part["type"] == "image_url" for content in contents for part in content)
        if pictures > LIMIT:
            text = {"error": {"message": f"At most {LIMIT} image(s) may be provided in one prompt.", "code": 400}}
            return self.send(400, json.dumps(text).encode())
        hang, die = (asked(name) for name in ("FAKE_HANG_AT", "FAKE_DIE_AT"))
        if hang is not None and START == 1 and hang <= COUNTED["answers"]:
            time.sleep(600)
        if die is not None and die <= COUNTED["answers"]:
            say("RuntimeError: the made-up engine dropped dead")
            os._exit(1)
        time.sleep(float(os.environ.get("FAKE_DELAY_S", "0")))
        usage = {"prompt_tokens": TOKENS["text"] + TOKENS["picture"] * pictures, "completion_tokens": TOKENS["answer"]}
        with LOCK:
            COUNTED["input"] += usage["prompt_tokens"]
            COUNTED["output"] += usage["completion_tokens"]
            COUNTED["answers"] += 1
        message = {"role": "assistant", "content": ANSWER}
        answer = {
            "id": "1",
            "object": "chat.completion",
            "model": MODEL,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": usage,
        }
        return self.send(200, json.dumps(answer).encode())

    def send(self, status, body, kind="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


def main():
    stubborn = bool(os.environ.get("FAKE_STUBBORN"))
    if stubborn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    # As vLLM's engine: a second process, which outlives the one that answers unless it is ended.
    subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
    say("INFO 11-22 04:08:08 [made_up.py:1] starting")
    time.sleep(float(os.environ.get("FAKE_STARTUP_S", "0")))
    if str(START) in os.environ.get("FAKE_FAIL_STARTS", "").split(","):
        prefix = "(EngineCore pid=7) ERROR 11-22 04:08:51 [core.py:1] "
        say(f"{prefix}ValueError: no room for the made-up weights")
        say("RuntimeError: Engine core initialization failed. See root cause above.")
        sys.exit(1)
    Server((given("--host"), int(given("--port"))), Handler).serve_forever()


main()
