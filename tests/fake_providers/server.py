"""A server of made-up models that speaks the wire formats of OpenAI, Anthropic and Google."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import fields, replace
from itertools import count
from typing import Any

from aiohttp import web

from tests.fake_providers import batches, replies, wire
from tests.fake_providers.answers import Answer, answer_to, cut, silent
from tests.fake_providers.asked import Asked, RejectedError
from tests.fake_providers.faults import STATUSES, Fault, Schedule
from tests.fake_providers.replies import Reply
from tests.fake_providers.state import Batch, Format, Memory, Received, Settings

_PAGE = b"<!doctype html><html><head><title>Just a moment</title></head><body>Sign in first.</body></html>"
_LONGEST_HANG_S = 3600.0
_LARGEST_BODY = 400 * 2**20


class FakeServer:
    """The server's behaviour; ``app`` is what serves it.

    Args:
        settings: how it behaves.

    Attributes:
        settings: may be changed at any time.
        schedule: which faults happen when; may be changed at any time.
        memory: what happened so far.
        respond: gives the whole reply to a request, in place of the made-up models.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.schedule = Schedule(self.settings.seed)
        self.memory = Memory()
        self.respond: Callable[[Received], Reply] | None = None
        self._batch_numbers = count(1)

    def app(self) -> web.Application:
        """The routes."""
        app = web.Application(client_max_size=_LARGEST_BODY)
        add = app.router
        add.add_post("/v1/chat/completions", self._generates("chat"))
        add.add_post("/v1/responses", self._generates("responses"))
        add.add_post("/v1/messages", self._generates("anthropic"))
        add.add_post("/{version:v1|v1beta}/models/{model}:generateContent", self._generates("google"))
        add.add_post("/v1/files", self._openai_upload)
        add.add_get("/v1/files/{file}/content", self._openai_content)
        add.add_post("/v1/batches", self._openai_submit)
        add.add_get("/{version:v1|v1beta}/batches", self._list_batches)
        add.add_get("/v1/messages/batches", self._list_batches)
        add.add_get("/{version:v1|v1beta}/batches/{batch}", self._get_batch)
        add.add_post("/v1/messages/batches", self._anthropic_submit)
        add.add_get("/v1/messages/batches/{batch}", self._get_batch)
        add.add_get("/v1/messages/batches/{batch}/results", self._anthropic_content)
        add.add_post("/{version:v1|v1beta}/models/{model}:batchGenerateContent", self._google_submit)
        add.add_get("/_stats", self._stats)
        add.add_get("/_timeline", self._timeline)
        add.add_get("/_log", self._show_log)
        add.add_post("/_control", self._control)
        return app

    # One answer.

    def _generates(self, form: Format) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            raw = await request.read()
            counts = self.memory.counts
            counts.requests += 1
            headers = {name.lower(): value for name, value in request.headers.items()}
            received = Received(counts.requests, form, request.path_qs, headers, {})
            self._keep(received)
            if self.respond is not None:
                received.body = json.loads(raw)
                return await self._reply(request, self.respond(received))
            settings = self.settings
            if settings.capacity is not None and counts.in_flight >= settings.capacity:
                counts.rejected += 1
                full = Fault("rate_limited", retry_after=settings.capacity_retry_after)
                answer = self._error(received, full)
                self._note(received, time.time())
                return answer
            counts.in_flight += 1
            counts.peak = max(counts.peak, counts.in_flight)
            started = time.time()
            try:
                return await self._answer(request, received, raw)
            finally:
                counts.in_flight -= 1
                self._note(received, started)

        return handle

    async def _reply(self, request: web.Request, reply: Reply) -> web.StreamResponse:
        await asyncio.sleep(reply.delay_s)
        headers = {"content-type": "application/json", **reply.headers, "content-length": str(len(reply.body))}
        response = web.StreamResponse(status=reply.status, headers=headers)
        await response.prepare(request)
        await replies.write(reply, response, lambda: _reset(request))
        return response

    def _note(self, received: Received, started: float) -> None:
        """Adds a request to the timeline."""
        digest = received.asked.digest if received.asked is not None else ""
        status = received.status or 0
        self.memory.timeline.append({"hash": digest, "status": status, "started": started, "finished": time.time()})

    async def _answer(self, request: web.Request, received: Received, raw: bytes) -> web.StreamResponse:
        form = received.format
        try:
            received.body = json.loads(raw)
            self._check_key(received)
            asked = wire.read(form, received.body, request.match_info.get("model", ""))
            self._check_model(asked)
            self._check_size(asked)
        except ValueError:
            return self._error(received, Fault("bad_request", message="The body is not JSON."))
        except RejectedError as rejected:
            kinds = {401: "auth", 404: "unknown_model"}
            return self._error(received, Fault(kinds.get(rejected.status, "bad_request"), message=rejected.message))
        received.asked = asked
        fault = self.schedule.choose(received.number)
        if fault is not None:
            received.fault = fault.kind
            self.memory.counts.faults[fault.kind] += 1
        if fault is not None and fault.kind in STATUSES:
            await asyncio.sleep(fault.delay_s or 0.0)
            return self._error(received, fault)
        await asyncio.sleep(self._latency(received.number, fault))
        if fault is not None and fault.kind == "reset_early":
            _reset(request)
            return web.Response()
        body = json.dumps(self._body(form, asked, fault, received.number)).encode()
        if fault is not None and fault.kind == "reset":
            return await self._torn(request, body)
        if fault is not None and fault.kind == "trickle":
            return await self._slow(request, body)
        received.status = 200
        if fault is not None and fault.kind in {"invalid_json", "html", "empty_body", "raw"}:
            bodies = {"invalid_json": body[: len(body) // 2], "html": _PAGE, "raw": (fault.text or "").encode()}
            broken = bodies.get(fault.kind, b"")
            return web.Response(body=broken, content_type="text/html" if fault.kind == "html" else "application/json")
        self.memory.counts.served[asked.digest] += 1
        return web.Response(
            body=body, content_type="application/json", headers={"request-id": f"req_{received.number}"}
        )

    def _body(self, form: Format, asked: Asked, fault: Fault | None, number: int) -> dict[str, Any]:
        malformed_rate = 1.0 if fault is not None and fault.kind == "malformed" else self.settings.malformed_rate
        answer = answer_to(asked, malformed_rate, fault.text if fault is not None else None)
        answer = self._with_cache(answer, asked)
        return wire.write(form, asked, _spoilt(answer, fault), number)

    def _with_cache(self, answer: Answer, asked: Asked) -> Answer:
        """Tokens read from or written to the cache, where the request marks its picture for it."""
        if not asked.cache:
            return answer
        pictures = "".join(picture.base64 for picture in asked.pictures)
        start = hashlib.sha256(f"{asked.model} {pictures}".encode()).hexdigest()
        tokens = 1000 * len(asked.pictures)
        if start in self.memory.cached:
            return replace(answer, cached=tokens)
        self.memory.cached.add(start)
        return replace(answer, written=tokens)

    def _latency(self, number: int, fault: Fault | None) -> float:
        if fault is not None and fault.kind == "hang":
            return fault.delay_s if fault.delay_s is not None else _LONGEST_HANG_S
        if fault is not None and fault.delay_s is not None:
            return fault.delay_s
        settings = self.settings
        if settings.jitter == 0.0:
            return settings.latency_s
        chance = random.Random(f"latency {settings.seed} {number}")
        return settings.latency_s * (1.0 + chance.uniform(-settings.jitter, settings.jitter))

    def _check_key(self, received: Received) -> None:
        headers = received.headers
        # Newer versions of Anthropic's SDK send the key as OpenAI's does; the service takes both.
        own = {"anthropic": "x-api-key", "google": "x-goog-api-key"}.get(received.format, "")
        sent = headers.get(own)
        if sent is None and received.format != "google":
            sent = headers.get("authorization", "").removeprefix("Bearer ")
        if not sent or (self.settings.keys is not None and sent not in self.settings.keys):
            raise RejectedError(401, f"Incorrect API key provided: {(sent or '')[:4]}***.")

    def _check_model(self, asked: Asked) -> None:
        models = self.settings.models
        known = not asked.model.startswith("unknown") if models is None else asked.model in models
        if not known:
            raise RejectedError(404, f"The model {asked.model!r} does not exist or you do not have access to it.")

    def _check_size(self, asked: Asked) -> None:
        most, context = self.settings.max_pictures, self.settings.context_tokens
        if most is not None and len(asked.pictures) > most:
            raise RejectedError(400, f"At most {most} image(s) may be provided in one prompt.")
        wanted = asked.input_tokens + asked.max_tokens
        if context is not None and wanted > context:
            raise RejectedError(
                400, f"This model's maximum context length is {context} tokens. However, you requested {wanted} tokens."
            )

    def _error(self, received: Received, fault: Fault) -> web.Response:
        status, body = wire.failure(received.format, fault)
        received.status = status
        headers = {"retry-after": fault.retry_after} if fault.retry_after is not None and not fault.in_body else {}
        return web.json_response(body, status=status, headers=headers)

    async def _torn(self, request: web.Request, body: bytes) -> web.StreamResponse:
        """Half of the body, and then a reset."""
        response = web.StreamResponse(headers={"content-type": "application/json", "content-length": str(len(body))})
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        await asyncio.sleep(0.01)
        _reset(request)
        return response

    async def _slow(self, request: web.Request, body: bytes) -> web.StreamResponse:
        """All of the body, so slowly that no client waits for it, but never silent for long."""
        response = web.StreamResponse(headers={"content-type": "application/json", "content-length": str(len(body))})
        await response.prepare(request)
        for byte in body:
            await response.write(bytes([byte]))
            await asyncio.sleep(0.05)
        return response

    def _keep(self, received: Received) -> None:
        log = self.memory.log
        log.append(received)
        while len(log) > self.settings.keep:
            log.popleft()

    # Batches.

    async def _openai_upload(self, request: web.Request) -> web.Response:
        form = await request.post()
        upload = form["file"]
        if not isinstance(upload, web.FileField) or form.get("purpose") != "batch":
            return web.json_response(
                wire.error("chat", 400, "bad_request", "A file for a batch is wanted."), status=400
            )
        file = f"file-{len(self.memory.files) + 1}"
        self.memory.files[file] = upload.file.read()
        size = len(self.memory.files[file])
        made = {"id": file, "object": "file", "bytes": size, "created_at": 1, "filename": upload.filename}
        return web.json_response(made | {"purpose": "batch", "status": "processed"})

    async def _openai_submit(self, request: web.Request) -> web.Response:
        body = await request.json()
        content = self.memory.files.get(body["input_file_id"])
        if content is None:
            return web.json_response(wire.error("chat", 404, "bad_request", "No such file."), status=404)
        lines = [json.loads(line) for line in content.splitlines() if line.strip()]
        if any(line["url"] != body["endpoint"] or line["method"] != "POST" for line in lines):
            return web.json_response(wire.error("chat", 400, "bad_request", "Lines for another endpoint."), status=400)
        form: Format = "responses" if body["endpoint"] == "/v1/responses" else "chat"
        items = [(line["custom_id"], line["body"]) for line in lines]
        batch = self._new_batch(form, "batch_", items)
        batch.labels = body.get("metadata") or {}
        return web.json_response(batches.openai_batch(batch))

    async def _list_batches(self, request: web.Request) -> web.Response:
        """The batches of one provider, the latest first, a page at a time."""
        kind = (
            "anthropic"
            if "/messages/" in request.path
            else "google"
            if "x-goog-api-key" in request.headers
            else "openai"
        )
        found = [batch for batch in reversed(self.memory.batches.values()) if batches.provider_of(batch) == kind]
        for batch in found:
            batches.work_off(batch, self._batch_answer)
        if kind == "google":
            return web.json_response({"operations": [batches.google_batch(batch) for batch in found]})
        after = request.query.get("after") or request.query.get("after_id")
        if after is not None:
            found = found[[batch.id for batch in found].index(after) + 1 :]
        page = found[: self.settings.batches_per_page]
        if kind == "anthropic":
            told = [batches.anthropic_batch(batch, _address(request)) for batch in page]
            return web.json_response({"data": told, "has_more": len(page) < len(found)})
        told = [batches.openai_batch(batch) for batch in page]
        return web.json_response({"object": "list", "data": told, "has_more": len(page) < len(found)})

    async def _anthropic_submit(self, request: web.Request) -> web.Response:
        body = await request.json()
        items = [(item["custom_id"], item["params"]) for item in body["requests"]]
        batch = self._new_batch("anthropic", "msgbatch_", items)
        return web.json_response(batches.anthropic_batch(batch, _address(request)))

    async def _google_submit(self, request: web.Request) -> web.Response:
        sent = (await request.json())["batch"]
        requests = sent["inputConfig"]["requests"]["requests"]
        items = [(item["metadata"]["key"], item["request"]) for item in requests]
        batch = self._new_batch("google", "batches/g", items)
        batch.model, batch.name = request.match_info["model"], sent.get("displayName")
        return web.json_response(batches.google_batch(batch))

    def _new_batch(self, form: Format, prefix: str, items: list[tuple[str, dict[str, Any]]]) -> Batch:
        settings = self.settings
        batch = Batch(
            id=f"{prefix}{next(self._batch_numbers)}",
            format=form,
            items=items,
            delay_s=settings.batch_delay_s,
            outcome=settings.batch_outcome,
            faults=dict(self.memory.batch_faults),
        )
        self.memory.batches[batch.id] = batch
        return batch

    def _worked_off(self, name: str) -> Batch | None:
        batch = self.memory.batches.get(name)
        if batch is not None:
            batches.work_off(batch, self._batch_answer)
        return batch

    def _batch_answer(self, asked: Asked, fault: Fault | None, form: Any) -> dict[str, Any]:
        self.memory.counts.served[asked.digest] += 1
        return self._body(form, asked, fault, 0)

    async def _get_batch(self, request: web.Request) -> web.Response:
        name = request.match_info["batch"]
        batch = self._worked_off(name) or self._worked_off(f"batches/{name}")
        if batch is None:
            form: Format = "anthropic" if "/messages/" in request.path else "google" if "batch_" not in name else "chat"
            return web.json_response(wire.error(form, 404, "bad_request", f"No batch {name!r}."), status=404)
        if batch.format == "anthropic":
            return web.json_response(batches.anthropic_batch(batch, _address(request)))
        if batch.format == "google":
            return web.json_response(batches.google_batch(batch))
        return web.json_response(batches.openai_batch(batch))

    async def _openai_content(self, request: web.Request) -> web.Response:
        kind, _, name = request.match_info["file"].partition("-")
        batch = self._worked_off(name)
        if batch is None or kind not in {"out", "err"}:
            return web.json_response(wire.error("chat", 404, "bad_request", "No such file."), status=404)
        body = batches.openai_file(batch, errors=kind == "err")
        return web.Response(body=body, content_type="application/octet-stream")

    async def _anthropic_content(self, request: web.Request) -> web.Response:
        batch = self._worked_off(request.match_info["batch"])
        if batch is None or not batch.finished:
            return web.json_response(wire.error("anthropic", 404, "bad_request", "No results yet."), status=404)
        return web.Response(body=batches.anthropic_results(batch), content_type="application/x-jsonl")

    # Reading the log and changing settings.

    async def _stats(self, request: web.Request) -> web.Response:
        return web.json_response(self.memory.counts.as_dict())

    async def _timeline(self, request: web.Request) -> web.Response:
        return web.json_response(self.memory.timeline)

    async def _show_log(self, request: web.Request) -> web.Response:
        """The last requests, without their keys and pictures."""
        lines = [
            {
                "number": received.number,
                "format": received.format,
                "path": received.path,
                "model": received.asked.model if received.asked else None,
                "digest": received.asked.digest if received.asked else None,
                "status": received.status,
                "fault": received.fault,
            }
            for received in self.memory.log
        ]
        return web.json_response(lines)

    async def _control(self, request: web.Request) -> web.Response:
        """Changes things: see ``control``."""
        try:
            self.control(await request.json())
        except (ValueError, TypeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        return web.json_response({"ok": True})

    def control(self, changes: dict[str, Any]) -> None:
        """Changes settings and faults while the server runs.

        Args:
            changes: ``reset`` (true forgets everything that happened and all faults), ``next`` (list of faults for the
                next requests, null for none), ``at`` (request number to fault), ``rates`` (kind of fault to share),
                ``retry_after`` (of faults by rate), ``batch_faults`` (key to fault), and any field of ``Settings``.
                A fault is a kind, or an object with the fields of ``Fault``.

        Raises:
            ValueError: if a name is unknown.
        """
        names = {field.name for field in fields(Settings)}
        for name, value in changes.items():
            if name == "reset":
                self.memory = Memory()
                self.schedule = Schedule(self.settings.seed)
            elif name == "next":
                self.schedule.add(Fault.read(fault) for fault in value)
            elif name == "at":
                faults = {int(number): Fault.read(fault) for number, fault in value.items()}
                self.schedule.numbered |= {number: fault for number, fault in faults.items() if fault is not None}
            elif name == "rates":
                self.schedule.rates = {Fault(kind).kind: float(rate) for kind, rate in value.items()}
            elif name == "retry_after":
                self.schedule.retry_after = value
            elif name == "batch_faults":
                faults_by_key = {key: Fault.read(fault) for key, fault in value.items()}
                self.memory.batch_faults = {key: fault for key, fault in faults_by_key.items() if fault is not None}
            elif name in names:
                setattr(self.settings, name, frozenset(value) if name in {"keys", "models"} and value else value)
            else:
                raise ValueError(f"there is nothing called {name!r} to change")


def _spoilt(answer: Answer, fault: Fault | None) -> Answer:
    """The answer after a fault that leaves it readable."""
    if fault is None:
        return answer
    if fault.kind == "no_usage":
        return replace(answer, counted=False)
    if fault.kind == "content_filter":
        return silent(answer, "content_filter")
    if fault.kind == "prompt_blocked":
        return replace(silent(answer, "prompt_blocked"), thinking=0)
    if fault.kind == "refusal":
        return replace(answer, text="I cannot help with that.", output=6, finish="refused")
    if fault.kind == "length":
        return cut(answer)
    if fault.kind == "empty":
        return silent(answer, "stop")
    return replace(answer, cached=fault.cached) if fault.cached else answer


def _reset(request: web.Request) -> None:
    """Breaks the connection; lingering for zero seconds makes it a reset instead of an orderly end."""
    transport = request.transport
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _address(request: web.Request) -> str:
    return f"{request.scheme}://{request.host}"
