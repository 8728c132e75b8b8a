"""Batches of requests in the formats of the three providers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.fake_providers import google_format, wire
from tests.fake_providers.asked import Asked, RejectedError
from tests.fake_providers.faults import STATUSES, Fault
from tests.fake_providers.state import Batch

#: Makes the answer to one request of a batch and counts it: (request, fault) to a body.
AnswerOne = Callable[[Asked, Fault | None, str], dict[str, Any]]


def provider_of(batch: Batch) -> str:
    """Whose batch it is."""
    return batch.format if batch.format in {"anthropic", "google"} else "openai"


def work_off(batch: Batch, answer_one: AnswerOne) -> None:
    """Answers the requests of a finished batch, once."""
    if batch.results is not None or not batch.finished:
        return
    batch.results = []
    if batch.outcome == "failed":
        return
    for place, (key, body) in enumerate(batch.items):
        # A batch that ran out of time has answered the first half of its requests.
        late = batch.outcome in {"expired", "cancelled"} and 2 * place >= len(batch.items)
        fault = Fault("canceled" if batch.outcome == "cancelled" else "expired") if late else batch.faults.get(key)
        batch.results.append({"key": key, **_result(batch, body, fault, answer_one)})


def _result(batch: Batch, body: dict[str, Any], fault: Fault | None, answer_one: AnswerOne) -> dict[str, Any]:
    if fault is not None and fault.kind in {"expired", "canceled"}:
        return {"gone": fault.kind}
    if fault is not None and fault.kind in STATUSES:
        status, error = wire.failure(batch.format, fault)
        return {"status": status, "error": error}
    try:
        asked = wire.read(batch.format, body, batch.model)
    except RejectedError as rejected:
        error = wire.error(batch.format, rejected.status, "bad_request", rejected.message)
        return {"status": rejected.status, "error": error}
    return {"answer": answer_one(asked, fault, batch.format)}


def _count(batch: Batch, *names: str) -> int:
    return sum(any(name in result for name in names) for result in batch.results or ())


def openai_batch(batch: Batch) -> dict[str, Any]:
    """``GET /v1/batches/ID``."""
    state = batch.outcome if batch.finished else "in_progress"
    whole: dict[str, Any] = {
        "id": batch.id,
        "object": "batch",
        "endpoint": "/v1/responses" if batch.format == "responses" else "/v1/chat/completions",
        "errors": None,
        "input_file_id": f"file-in-{batch.id}",
        "completion_window": "24h",
        "status": state,
        "output_file_id": f"out-{batch.id}" if _count(batch, "answer") else None,
        "error_file_id": f"err-{batch.id}" if _count(batch, "error", "gone") else None,
        "created_at": 1_750_000_000,
        "metadata": batch.labels,
        "request_counts": {
            "total": len(batch.items),
            "completed": _count(batch, "answer"),
            "failed": _count(batch, "error", "gone"),
        },
    }
    if state == "failed":
        problem = {"code": "invalid_json_line", "message": "Line 1 is not a request.", "line": 1, "param": None}
        whole["errors"] = {"object": "list", "data": [problem]}
    return whole


def torn(content: bytes, batch: Batch) -> bytes:
    """The content of a results file, its last line cut if the batch says so."""
    return content[:-20] if batch.torn else content


def openai_file(batch: Batch, errors: bool) -> bytes:
    """The output or the error file of a batch, in another order than the requests."""
    lines = []
    for result in reversed(batch.results or []):
        line: dict[str, Any] = {"id": "batch_req", "custom_id": result["key"], "response": None, "error": None}
        if "answer" in result:
            line["response"] = {"status_code": 200, "request_id": "r", "body": result["answer"]}
        elif "error" in result:
            line["response"] = {"status_code": result["status"], "request_id": "r", "body": result["error"]}
        else:
            code = "batch_expired" if result["gone"] == "expired" else "batch_cancelled"
            line["error"] = {"code": code, "message": "This request could not be executed in time."}
        if ("answer" in result) != errors:
            lines.append(json.dumps(line) + "\n")
    return torn("".join(lines).encode(), batch)


def anthropic_batch(batch: Batch, address: str) -> dict[str, Any]:
    """``GET /v1/messages/batches/ID``."""
    done = batch.finished
    gone = [result.get("gone") for result in batch.results or ()]
    return {
        "id": batch.id,
        "type": "message_batch",
        "processing_status": "ended" if done else "in_progress",
        "request_counts": {
            "processing": 0 if done else len(batch.items),
            "succeeded": _count(batch, "answer"),
            "errored": _count(batch, "error"),
            "canceled": gone.count("canceled"),
            "expired": gone.count("expired"),
        },
        "created_at": "2026-01-01T00:00:00Z",
        "expires_at": "2026-01-02T00:00:00Z",
        "ended_at": "2026-01-01T01:00:00Z" if done else None,
        "results_url": f"{address}/v1/messages/batches/{batch.id}/results" if done else None,
    }


def anthropic_results(batch: Batch) -> bytes:
    """``GET /v1/messages/batches/ID/results``, in another order than the requests."""
    lines = []
    for result in reversed(batch.results or []):
        if "answer" in result:
            reported: dict[str, Any] = {"type": "succeeded", "message": result["answer"]}
        elif "error" in result:
            reported = {"type": "errored", "error": result["error"]}
        else:
            reported = {"type": result["gone"]}
        lines.append(json.dumps({"custom_id": result["key"], "result": reported}) + "\n")
    return torn("".join(lines).encode(), batch)


def google_batch(batch: Batch) -> dict[str, Any]:
    """``GET /v1/batches/ID``."""
    outcomes = {"completed": "SUCCEEDED", "failed": "FAILED", "expired": "EXPIRED", "cancelled": "CANCELLED"}
    reported: dict[str, Any] = {
        "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
        "name": batch.id,
        "model": f"models/{batch.model}",
        "displayName": batch.name,
        "createTime": "2026-01-01T00:00:00Z",
        "updateTime": "2026-01-01T00:00:00Z",
        "batchStats": {"requestCount": str(len(batch.items))},
        "state": f"BATCH_STATE_{outcomes[batch.outcome] if batch.finished else 'RUNNING'}",
    }
    whole: dict[str, Any] = {"name": batch.id, "metadata": reported}
    if batch.finished:
        whole["done"] = True
        if batch.results:
            answers = {"inlinedResponses": {"inlinedResponses": [_google_result(one) for one in batch.results]}}
            reported["output"] = answers
            whole["response"] = answers
    return whole


def _google_result(result: dict[str, Any]) -> dict[str, Any]:
    reported: dict[str, Any] = {"metadata": {"key": result["key"]}}
    if "answer" in result:
        return reported | {"response": result["answer"]}
    if "error" in result:
        code = google_format.GRPC_CODES[result["status"]]
        return reported | {"error": {"code": code, "message": result["error"]["error"]["message"]}}
    return reported | {"error": {"code": 4 if result["gone"] == "expired" else 1, "message": "Not answered in time."}}
