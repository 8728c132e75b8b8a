"""A page on which one steers a trained world by the arrow keys; it is served on this machine only."""

from __future__ import annotations

import base64
import io
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import torch
from PIL import Image

from lightemma.worldmodel.checkpoint import Checkpoint
from lightemma.worldmodel.edm import Sampler
from lightemma.worldmodel.imagination import Imagination, Stream
from lightemma.worldmodel.starts import Start

#: Metres per second that a key changes the speed by, and the fastest; 1/m that a key turns by.
FASTER, FASTEST, TURN = 0.5, 14.0, 0.05
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>lightemma: an imagined world</title>
<style>
body { font-family: sans-serif; max-width: 45rem; margin: 1rem auto; padding: 0 1rem; }
img { width: 100%; image-rendering: pixelated; background: #888; }
button { font-size: 1.2rem; padding: 0.4rem 1rem; }
</style>
<h1>An imagined world</h1>
<img id="picture" alt="what the model draws for your actions">
<p id="words" role="status">Arrow keys: up and down change the speed, left and right steer. Nothing here is real.</p>
<p><button id="left">left</button> <button id="right">right</button> <button id="up">faster</button>
<button id="down">slower</button> <button id="again">start again</button></p>
<script>
"use strict";
const held = new Set();
const keys = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "up", ArrowDown: "down" };
addEventListener("keydown", e => { if (keys[e.key]) { held.add(keys[e.key]); e.preventDefault(); } });
addEventListener("keyup", e => held.delete(keys[e.key]));
for (const name of ["left", "right", "up", "down"]) {
  const button = document.getElementById(name);
  button.addEventListener("pointerdown", () => held.add(name));
  for (const end of ["pointerup", "pointerleave"]) button.addEventListener(end, () => held.delete(name));
}
let again = true;
document.getElementById("again").addEventListener("click", () => { again = true; });
async function go() {
  const asked = again ? "/begin" : "/step?keys=" + [...held].join(",");
  again = false;
  try {
    const found = await (await fetch(asked, { method: "POST" })).json();
    document.getElementById("picture").src = found.picture;
    document.getElementById("words").textContent = found.words;
  } catch (error) {
    document.getElementById("words").textContent = "The program has ended.";
    return;
  }
  setTimeout(go, 250);
}
go();
</script>
</html>
"""


class Player:
    """One imagined drive, steered by keys.

    Args:
        checkpoint: the world.
        device: ``cpu`` or ``cuda``.
        seed: of starts and noise.
    """

    def __init__(self, checkpoint: Checkpoint, device: str = "cpu", seed: int = 0) -> None:
        card = checkpoint.card
        self._imagination = Imagination(checkpoint.denoiser(device), Sampler(card.sampler_steps), None, device)
        self._starts, self._dt, self._trusted = checkpoint.starts(), card.dt, checkpoint.horizon_s
        self._rng = np.random.default_rng(seed)
        self.speed = 0.0
        self._stream: Stream | None = None
        self.begin()

    def begin(self) -> dict[str, str]:
        """Starts anew, from recorded pictures."""
        start: Start = self._starts[int(self._rng.integers(len(self._starts)))]
        pictures = torch.from_numpy(np.ascontiguousarray(start.pictures)).permute(0, 3, 1, 2).contiguous()
        self._stream = Stream(int(self._rng.integers(2**31)), pictures, torch.from_numpy(start.actions).float())
        self.speed = float(start.actions[-1, 0]) if len(start.actions) else 0.0
        return self._shown(f"Recorded: {start.scenario}. From here on all is imagined.")

    def step(self, keys: set[str]) -> dict[str, str]:
        """Drives on by one picture."""
        assert self._stream is not None
        self.speed = min(max(self.speed + FASTER * (("up" in keys) - ("down" in keys)), 0.0), FASTEST)
        curvature = TURN * (("left" in keys) - ("right" in keys))
        self._imagination.advance([self._stream], np.array([[self.speed, curvature, self._dt]]))
        seconds = self._stream.drawn * self._dt
        beyond = " Beyond its trust horizon." if seconds > self._trusted else ""
        return self._shown(f"{seconds:.1f} s, {self.speed:.1f} m/s, curvature {curvature:+.2f} 1/m.{beyond}")

    def _shown(self, words: str) -> dict[str, str]:
        assert self._stream is not None
        data = io.BytesIO()
        Image.fromarray(self._stream.pictures[-1].permute(1, 2, 0).numpy()).save(data, "PNG")
        return {"picture": "data:image/png;base64," + base64.b64encode(data.getvalue()).decode(), "words": words}


def make_server(player: Player, port: int) -> ThreadingHTTPServer:
    """The server of the page, on 127.0.0.1; port 0 takes a free one."""
    lock = Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, "text/html; charset=utf-8", _PAGE.encode()) if self.path == "/" else self.send_error(404)

        def do_POST(self) -> None:
            # A page of somebody else must not steer: browsers say where a request comes from.
            origin = self.headers.get("Origin")
            if origin and urlsplit(origin).netloc != self.headers.get("Host"):
                self.send_error(403)
                return
            asked = urlsplit(self.path)
            with lock:
                if asked.path == "/begin":
                    found = player.begin()
                elif asked.path == "/step":
                    found = player.step(set(parse_qs(asked.query).get("keys", [""])[0].split(",")))
                else:
                    self.send_error(404)
                    return
            self._answer(200, "application/json", json.dumps(found).encode())

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)
