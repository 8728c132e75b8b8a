"""What servers do wrong, in each family's own words, and what a call must end in."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from lightemma.failures import failure_kind
from tests.fake_providers.dialects import DIALECTS, PAIRS, Dialect, body_of
from tests.fake_providers.raw import Sent, bomb, endless, head, plain, streamed, whole

#: Tries of a call while the table is made.
TRIES = 2
#: What a run that stops ends in.
ENDS = "run ends"
#: Any end will do that neither stops the run nor keeps what cannot be written down.
STORED = "an answer or a failed call"
HALF = "\ud83d"
FAMILIES = tuple(dialect.name for dialect in DIALECTS)
_BOMB = int(3.7e9)
_MEGABYTE = 2**20


@dataclass(frozen=True)
class Kind:
    """One thing that goes wrong.

    Attributes:
        name: of the kind.
        group: kinds that belong together.
        answers: what a family's server sends, request by request; the last one again and again.
        right: what the last question must end in: ``ok``, ``format:<kind>``, ``call:<kind>`` or ``run ends``.
        differs: families that say it in another way, with their own outcome.
        families: that can say it at all.
        asks: questions that are asked, one after the other.
        requests: that the server must get; by the rule of the failure's kind if left out.
        waits: least and most seconds that the first wait may have.
        impatient: whether the call's time is short.
        most_sent: bytes that the server may get rid of at most.
    """

    name: str
    group: str
    answers: Callable[[Dialect], list[Sent]]
    right: str
    differs: Mapping[str, str] = field(default_factory=dict)
    families: tuple[str, ...] = FAMILIES
    asks: int = 1
    requests: int | None = None
    waits: tuple[float, float] | None = None
    impatient: bool = False
    most_sent: int | None = None

    def right_for(self, dialect: Dialect) -> str:
        """What it must end in at a family."""
        return self.differs.get(dialect.name, self.right)

    def requests_for(self, dialect: Dialect) -> int:
        """How many requests the family's server must get."""
        if self.requests is not None:
            return self.requests
        right = self.right_for(dialect)
        return TRIES if right.startswith("call:") and failure_kind(right[5:]).retried else 1


def ok(dialect: Dialect) -> Sent:
    """A proper answer."""
    return plain(dialect.answer())


def refused(dialect: Dialect, status: int, message: str = "no", code: str | None = None, **headers: str) -> Sent:
    """An error in the family's form."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return plain(dialect.error(status, message, code), status, named)


def _said(**changes: Any) -> Callable[[Dialect], list[Sent]]:
    """An answer with parts changed."""
    return lambda dialect: [plain(dialect.answer(**changes))]


def _changed(change: Callable[[dict[str, Any], Dialect], object]) -> Callable[[Dialect], list[Sent]]:
    """An answer changed by hand."""

    def answers(dialect: Dialect) -> list[Sent]:
        content = dialect.answer()
        changed = change(content, dialect)
        return [plain(content if changed is None else changed)]

    return answers


def _bytes(change: Callable[[bytes], bytes], status: int = 200, **headers: str) -> Callable[[Dialect], list[Sent]]:
    """A proper answer's bytes, changed."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda dialect: [whole(change(body_of(dialect.answer())), status, named)]


def _error_bytes(status: int, change: Callable[[bytes], bytes], **headers: str) -> Callable[[Dialect], list[Sent]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda dialect: [whole(change(body_of(dialect.error(status, "no", None))), status, named)]


def _sent(pieces: Callable[[], Iterable[bytes | float]], status: int = 200, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda dialect: [streamed(pieces, status, named)]


def _raw(*pieces: bytes | float, end: Any = "close") -> Callable[[Dialect], list[Sent]]:
    return lambda dialect: [Sent(lambda: pieces, end)]


def _half_way(end: Any) -> Callable[[Dialect], list[Sent]]:
    """An answer that ends in the middle of its body."""

    def answers(dialect: Dialect) -> list[Sent]:
        body = body_of(dialect.answer())
        lines = head(200, {"content-type": "application/json", "content-length": str(len(body))})
        return [Sent(lambda: [lines, body[: len(body) // 2], 0.01], end)]

    return answers


def _chunked(*tail: bytes) -> Callable[[Dialect], list[Sent]]:
    """An answer in chunks, of which one is whole."""

    def answers(dialect: Dialect) -> list[Sent]:
        body = body_of(dialect.answer())
        lines = head(200, {"content-type": "application/json", "transfer-encoding": "chunked"})
        return [Sent(lambda: [lines, b"%x\r\n%s\r\n" % (len(body), body), *tail], "close")]

    return answers


def _dripping(dialect: Dialect) -> list[Sent]:
    body = body_of(dialect.answer())
    lines = head(200, {"content-type": "application/json", "content-length": str(len(body))})

    def pieces() -> Iterator[bytes | float]:
        yield lines
        for at in range(len(body)):
            yield body[at : at + 1]
            yield 0.02

    return [Sent(pieces)]


def _raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(body) + packer.flush()


def _counts(sent: Any, made: Any) -> Callable[[Dialect], list[Sent]]:
    return lambda dialect: [plain(dialect.answer(usage=dialect.counts(sent, made)))]


def _counts_text(digits: str) -> Callable[[Dialect], list[Sent]]:
    """Counts of more digits than Python's own encoder writes."""
    return lambda dialect: [
        whole(body_of(dialect.answer(usage=dialect.counts("DIGITS", 1))).replace(b'"DIGITS"', digits.encode()))
    ]


def _answers() -> list[Kind]:
    """Bodies with status 200 that are no answers, or could not be stored."""
    bad, good = "call:invalid_response", "ok"

    def kinds(group: str, *lines: tuple[str, Callable[[Dialect], list[Sent]], str], **more: Any) -> list[Kind]:
        return [Kind(name, group, answers, right, **more) for name, answers, right in lines]

    return [
        *kinds(
            "half characters",
            ("in the text", _said(text=PAIRS + HALF), bad),
            ("the low half, in the text", _said(text="\udc00" + PAIRS), bad),
            ("both halves in the wrong order", _said(text=PAIRS + "\udc00\ud800"), bad),
            (
                "both halves in order are a character",
                _bytes(lambda body: body.replace(b"served", b"\\ud83d\\ude00")),
                good,
            ),
            ("in the model", _said(model=f"m{HALF}"), bad),
            ("as the finish reason", _said(finish=HALF), STORED),
            ("in the id", _changed(lambda content, _: content.update(id=HALF, responseId=HALF)), good),
            ("in the name of a field", _changed(lambda content, _: content.update({HALF: 1})), good),
            ("in unknown fields", _changed(lambda content, _: content.update(note={"deep": [HALF]})), good),
        ),
        *kinds(
            "too much",
            ("100 MB with their length", _sent_with_length(100 * _MEGABYTE), bad),
            ("a body without an end", _sent(endless), bad),
            ("spaces for ever", _sent(lambda: endless(b" " * 1024)), bad),
            ("gzip of 3.7 GB", _sent(lambda: bomb(b"{", _BOMB, 31), content_encoding="gzip"), bad),
            ("deflate of 3.7 GB", _sent(lambda: bomb(b"{", _BOMB, 15), content_encoding="deflate"), bad),
            ("plain deflate of 3.7 GB", _sent(lambda: bomb(b"{", _BOMB, -15), content_encoding="deflate"), bad),
            ("gzip twice of 3.7 GB", _sent(lambda: bomb(b"{", _BOMB, 31, 31), content_encoding="gzip, gzip"), bad),
            ("X-GZip of 3.7 GB", _sent(lambda: bomb(b"{", _BOMB, 31), content_encoding="x-gzip"), bad),
            most_sent=24 * _MEGABYTE,
        ),
        *kinds(
            "too much",
            ("a text of 1.1 MB", _said(text=PAIRS + " " * 1_100_000), bad),
            ("a model of 200 kB", _said(model="m" * 200_000), bad),
            ("100,000 empty objects", _changed(lambda content, _: content.update(x=[{}] * 100_000)), bad),
            ("100,000 broken parts", _changed(lambda content, d: content.update({d.holder: [7] * 100_000})), bad),
            ("nested 90 deep", _bytes(_deep(90)), bad),
            ("nested 900 deep", _bytes(_deep(900)), bad),
            ("nested 100,000 deep", _bytes(lambda _: b"[" * 100_000), bad),
            ("objects nested 100,000 deep", _bytes(lambda _: b'{"a":' * 100_000), bad),
            ("counts of 5,000 digits", _counts_text("9" * 5_000), bad),
        ),
        *kinds(
            "packed",
            ("gzip", _bytes(gzip.compress, content_encoding="gzip"), good),
            ("deflate", _bytes(zlib.compress, content_encoding="deflate"), good),
            ("plain deflate", _bytes(_raw_deflate, content_encoding="deflate"), good),
            (
                "gzip in deflate",
                _bytes(lambda body: zlib.compress(gzip.compress(body)), content_encoding="gzip, deflate"),
                good,
            ),
            ("said to be utf-8", _bytes(bytes, content_encoding="utf-8"), good),
            ("br, which nobody asked for", _bytes(bytes, content_encoding="br"), bad),
            ("zstd, which nobody asked for", _bytes(bytes, content_encoding="zstd"), bad),
            ("said to be gzip", _bytes(bytes, content_encoding="gzip"), bad),
            ("gzip cut in the middle", _bytes(lambda body: gzip.compress(body)[:60], content_encoding="gzip"), bad),
            ("gzip four times", _bytes(_four_times, content_encoding="gzip,gzip,gzip,gzip"), bad),
        ),
        *kinds(
            "model",
            ("a number", _said(model=7), bad),
            ("a list", _said(model=["m"]), bad),
            ("an object", _said(model={"id": "m"}), bad),
            ("true", _said(model=True), bad),
            ("null", _said(model=None), good),
            ("empty", _said(model=""), good),
        ),
        *kinds(
            "counts",
            ("10^30", _counts(10**30, 10**30), good),
            ("10^400", _counts(10**400, 1), good),
            ("negative", _counts(-1, -1), good),
            ("fractions", _counts(1.5, 2.5), good),
            ("texts", _counts("many", "few"), good),
            ("NaN", _counts(float("nan"), float("inf")), good),
            ("null", _changed(lambda content, _: content.update(usage=None, usageMetadata=None)), good),
            ("a list", _changed(lambda content, _: content.update(usage=[1, 2], usageMetadata=[1, 2])), good),
        ),
        *kinds(
            "JSON",
            ("NaN as the text", _said(text=float("nan")), bad),
            ("a number as the text", _said(text=7), bad),
            ("an object as the text", _said(text={"a": 1}), bad),
            (
                "NaN in an unknown field",
                _changed(lambda content, _: content.update(x=[float("nan"), float("-inf")])),
                good,
            ),
            ("the model twice", _bytes(lambda body: b'{"model": "a", "modelVersion": "a", ' + body[1:]), good),
            ("bytes that are no UTF-8", _bytes(lambda body: body.replace(b"served", b"\xff\xfe\x80")), bad),
            ("a byte order mark", _bytes(lambda body: b"\xef\xbb\xbf" + body), good),
            ("empty", _bytes(lambda _: b""), bad),
            ("blanks", _bytes(lambda _: b"  \n"), bad),
            ("null", _bytes(lambda _: b"null"), bad),
            ("a list", _bytes(lambda _: b"[]"), bad),
            ("a text", _bytes(lambda _: b'"fine"'), bad),
            ("a number", _bytes(lambda _: b"200"), bad),
            ("an empty object", _bytes(lambda _: b"{}"), bad),
            ("half of it", _bytes(lambda body: body[: len(body) // 2]), bad),
            ("two of them", _bytes(lambda body: body + body), bad),
            (
                "server-sent events",
                _bytes(lambda body: b"data: " + body + b"\n\n", content_type="text/event-stream"),
                bad,
            ),
            ("a page", _bytes(lambda _: b"<html>Sign in</html>", content_type="text/html"), bad),
            ("said to be text", _bytes(bytes, content_type="text/plain"), good),
            ("said to be a page", _bytes(bytes, content_type="text/html"), good),
            ("in an unknown character set", _bytes(bytes, content_type="application/json; charset=zlib_codec"), good),
            ("status 201", _bytes(bytes, status=201), good),
            ("status 204", _raw(head(204, {}), end="keep"), bad),
        ),
        *kinds(
            "list of answers",
            ("missing", _changed(lambda content, d: content.pop(d.holder) and None), bad),
            ("null", _changed(lambda content, d: content.update({d.holder: None})), bad),
            ("an object", _changed(lambda content, d: content.update({d.holder: {}})), bad),
            ("a text", _changed(lambda content, d: content.update({d.holder: "x"})), bad),
            ("of null", _changed(lambda content, d: content.update({d.holder: [None]})), bad),
        ),
        Kind(
            "empty",
            "list of answers",
            _changed(lambda content, d: content.update({d.holder: []})),
            bad,
            # Anthropic's messages may have no content: the model said nothing.
            differs={"anthropic": "format:empty"},
        ),
    ]


def _four_times(body: bytes) -> bytes:
    for _ in range(4):
        body = gzip.compress(body)
    return body


def _deep(levels: int) -> Callable[[bytes], bytes]:
    return lambda body: b'{"x": ' + b"[" * levels + b"]" * levels + b", " + body[1:]


def _sent_with_length(size: int) -> Callable[[Dialect], list[Sent]]:
    lines = head(200, {"content-type": "application/json", "content-length": str(size)})

    def pieces() -> Iterator[bytes | float]:
        yield lines + b"{"
        yield from endless()

    return lambda dialect: [Sent(pieces, "close")]


def _connections() -> list[Kind]:
    """What happens to bytes on their way."""

    def kinds(*lines: tuple[str, Callable[[Dialect], list[Sent]]], **more: Any) -> list[Kind]:
        return [Kind(name, "connection", answers, "call:connection", **more) for name, answers in lines]

    slow = {"impatient": True}
    return [
        *kinds(
            ("closed before a byte", _raw()),
            ("reset before a byte", _raw(end="reset")),
            ("closed in the headers", _raw(b"HTTP/1.1 200 OK\r\ncontent-")),
            ("closed in the body", _half_way("close")),
            ("reset in the body", _half_way("reset")),
            ("chunks without the last", _chunked()),
            ("a chunk of no length", _chunked(b"zz\r\n")),
            ("a chunk shorter than said", _chunked(b"ffff\r\n{}")),
            ("no HTTP", _raw(b"220 mail.example ESMTP\r\n")),
            ("TLS where HTTP was asked", _raw(b"\x15\x03\x01\x00\x02\x02\x46")),
            ("headers for ever", _sent_headers()),
            most_sent=24 * _MEGABYTE,
        ),
        Kind("a byte now and then", "connection", _dripping, "call:timeout", **slow),
        Kind("blanks now and then", "connection", _sent(lambda: endless(b" ", 0.02)), "call:timeout", **slow),
        Kind("silent", "connection", _raw(3600.0), "call:timeout", **slow),
        Kind("silent after the headers", "connection", _sent(lambda: [3600.0]), "call:timeout", **slow),
        Kind("early hints first", "connection", _after_hints, "ok"),
        Kind("broken once", "connection", lambda d: [Sent(lambda: [], "reset"), ok(d)], "ok", requests=2),
    ]


def _sent_headers() -> Callable[[Dialect], list[Sent]]:
    def pieces() -> Iterator[bytes | float]:
        yield b"HTTP/1.1 200 OK\r\n"
        yield from endless(b"x-more: " + b"y" * 1000 + b"\r\n")

    return lambda dialect: [Sent(pieces, "close")]


def _after_hints(dialect: Dialect) -> list[Sent]:
    body = body_of(dialect.answer())
    return [Sent(lambda: [b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n", *whole(body).pieces()])]


def _by_status(status: int) -> str:
    """What a status means that comes without a word."""
    named = {408: "timeout", 429: "rate_limited", 503: "overloaded", 529: "overloaded"}
    if status in (401, 402, 403, 404):
        return ENDS
    return f"call:{named.get(status, 'server_error' if status >= 500 else 'bad_request')}"


def _statuses() -> list[Kind]:
    """Every status, and redirects to another place."""
    kinds = [
        Kind(f"HTTP {status}", "status", lambda d, status=status: [refused(d, status)], _by_status(status))  # type: ignore[misc]
        for status in range(400, 600)
    ]
    away = {"location": "http://127.0.0.1:9/v1/elsewhere"}
    return kinds + [
        Kind(
            f"HTTP {status}",
            "redirect",
            lambda d, status=status: [whole(b"" if status == 304 else b"{}", status, away)],  # type: ignore[misc]
            "call:bad_request",
        )
        for status in (300, 301, 302, 303, 304, 305, 307, 308)
    ]


def _waits() -> list[Kind]:
    """How long a provider asks to wait."""
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    past = format_datetime(datetime.now(UTC) - timedelta(days=90), usegmt=True)
    lines: list[tuple[str, dict[str, str], tuple[float, float]]] = [
        ("seconds", {"retry_after": "7"}, (7.0, 8.0)),
        ("half a second", {"retry_after": "0.5"}, (0.5, 2.0)),
        ("milliseconds", {"retry_after_ms": "7000"}, (7.0, 8.0)),
        ("a date", {"retry_after": soon}, (60.0, 100.0)),
        ("a date that is past", {"retry_after": past}, (0.0, 2.0)),
        ("a date in the year 10^20", {"retry_after": f"Mon, 01 Jan {10**20} 00:00:00 GMT"}, (0.0, 2.0)),
        ("a zone beyond the globe", {"retry_after": "Mon, 01 Jan 2030 00:00:00 +999999999999"}, (0.0, 2.0)),
        ("negative", {"retry_after": "-5"}, (0.0, 2.0)),
        ("not a number", {"retry_after": "nan"}, (0.0, 2.0)),
        ("infinite", {"retry_after": "inf"}, (0.0, 2.0)),
        ("words", {"retry_after": "a while"}, (0.0, 2.0)),
        ("empty", {"retry_after": ""}, (0.0, 2.0)),
        ("a reset header", {"x_ratelimit_remaining_requests": "0", "x_ratelimit_reset_requests": "12s"}, (12.0, 14.0)),
    ]
    return [
        Kind(
            f"429, Retry-After: {name}",
            "waiting",
            lambda d, headers=headers: [refused(d, 429, **headers), ok(d)],  # type: ignore[misc]
            "ok",
            requests=2,
            waits=waits,
        )
        for name, headers, waits in lines
    ] + [
        Kind(
            "429, Retry-After: an hour",
            "waiting",
            lambda d: [refused(d, 429, retry_after="3600"), ok(d)],
            "call:rate_limited",
            requests=1,
        )
    ]


def _errors() -> list[Kind]:
    """Errors whose body cannot be read, or is no end of it."""
    group = "error body"
    limited, down, bad = "call:rate_limited", "call:server_error", "call:bad_request"
    page = {"content_type": "text/html"}
    return [
        Kind("429 of 100 MB", group, _sent(endless, 429), limited, most_sent=24 * _MEGABYTE),
        Kind("500 of 3.7 GB in gzip", group, _sent(lambda: bomb(b"{", _BOMB, 31), 500, content_encoding="gzip"), down),
        Kind("429 that is no UTF-8", group, _error_bytes(429, lambda body: b"\xff" + body), limited),
        Kind("429 with a half character", group, lambda d: [refused(d, 429, f"slow {HALF}")], limited),
        Kind("400 with a half character", group, lambda d: [refused(d, 400, f"no {HALF}")], bad),
        Kind("400 with a half character as code", group, lambda d: [refused(d, 400, "no", HALF)], bad),
        Kind("400 with escapes of a terminal", group, lambda d: [refused(d, 400, "\x1b[31mno\x07")], bad),
        Kind("400 nested 900 deep", group, _error_bytes(400, _nested_error(900)), bad),
        Kind("400 nested 100,000 deep", group, _error_bytes(400, lambda _: b"[" * 100_000), bad),
        Kind("400 with an empty list", group, _error_bytes(400, lambda _: b"[]"), bad),
        Kind("400 with a number", group, _error_bytes(400, lambda _: b"7"), bad),
        Kind("502 with a page", group, _error_bytes(502, lambda _: b"<html>Bad gateway</html>", **page), down),
        Kind("503 with nothing", group, _error_bytes(503, lambda _: b""), "call:overloaded"),
        Kind("500 packed as br", group, _error_bytes(500, bytes, content_encoding="br"), down),
        Kind("429 cut in the body", group, _cut_error, limited),
    ]


def _nested_error(levels: int) -> Callable[[bytes], bytes]:
    return lambda _: b'{"error": ' * levels + b"1" + b"}" * levels


def _cut_error(dialect: Dialect) -> list[Sent]:
    lines = head(429, {"content-type": "application/json", "content-length": "1000"})
    return [Sent(lambda: [lines, b'{"error": {"mess'], "close")]


def _runs() -> list[Kind]:
    """One failure among answers, and the same one for ever."""

    def after_answers(status: int, *then: int) -> Callable[[Dialect], list[Sent]]:
        return lambda d: [ok(d), *(refused(d, one) for one in (status, *then)), ok(d)]

    def same(status: int, message: str, code: str | None = None) -> Callable[[Dialect], list[Sent]]:
        return lambda d: [refused(d, status, message, code)]

    group = "run"
    temperature = "Unsupported value: 'temperature' does not support 0.0 with this model."
    return [
        Kind("one 401 after an answer", group, after_answers(401), "ok", asks=2, requests=3),
        Kind("one 403 after an answer", group, after_answers(403), "ok", asks=2, requests=3),
        Kind("one 404 after an answer", group, after_answers(404), "ok", asks=2, requests=3),
        Kind("one 403 twice after an answer", group, after_answers(403, 403), "call:auth", asks=2, requests=3),
        Kind("403 for ever after an answer", group, lambda d: [ok(d), refused(d, 403)], ENDS, asks=20, requests=11),
        Kind("the same 400 for ever", group, same(400, temperature), ENDS, asks=20, requests=10),
        Kind("the same 500 for ever", group, same(500, "down"), ENDS, asks=20, requests=20),
        Kind("the same page for ever", group, _bytes(lambda _: b"<html>"), ENDS, asks=20, requests=20),
        Kind("the same half character for ever", group, _said(text=HALF), ENDS, asks=20, requests=20),
    ]


def _meanings() -> list[Kind]:
    """Failures that look like answers, answers that look like failures, and codes that say more than the status."""
    group = "meaning"
    filtered = "call:content_filter"

    def case(name: str, answers: Callable[[Dialect], list[Sent]], right: str, **more: Any) -> Kind:
        return Kind(name, group, answers, right, **more)

    alone: dict[str, Any] = {"families": ("openai",)}
    return [
        case("the filter ended the answer", lambda d: [plain(d.answer(text="", finish=d.finishes["filter"]))], filtered,
             differs={"anthropic": "call:refused"}),
        case("Google's SAFETY", _said(text="", finish="SAFETY"), filtered, families=("openai", "google")),
        case("Google's RECITATION", _said(text="", finish="RECITATION"), filtered, families=("openai", "google")),
        case("403 for the input's content", _moderated, filtered, **alone),
        case("400 data_inspection_failed", lambda d: [refused(d, 400, "Input data may hold unsuitable content.",
             "data_inspection_failed")], filtered, **alone),
        case("an error in the answer", _error_inside, "call:server_error", **alone),
        case("429 for a request that is too large", lambda d: [refused(d, 429,
             "Request too large on tokens per min: Limit 30000, Requested 40000.", "rate_limit_exceeded")],
             "call:bad_request", **alone),
        case("thinking in ◁think▷", _said(text=f"◁think▷slow◁/think▷{PAIRS}"), "ok", **alone),
        case("thinking after a word", _said(text=f"Okay.\n<think>slow</think>\n{PAIRS}"), "ok", **alone),
        case("nothing but thinking", _said(text=None, thinking=PAIRS), "call:reasoning_only", **alone),
        case("thinking beside the answer", _said(thinking="slow"), "ok"),
        case("a half character in the thinking", _said(thinking=f"slow {HALF}"), STORED),
        case("no credit under 429", lambda d: [refused(d, 429, "You exceeded your quota", "insufficient_quota")], ENDS,
             **alone),
        case("no credit under 400", lambda d: [refused(d, 400, "Your credit balance is too low to go on.")], ENDS,
             families=("openai", "anthropic")),
        case("an error with status 200", lambda d: [plain(d.error(503, "overloaded", "overloaded_error"))],
             "call:overloaded"),
    ]  # fmt: skip


def _moderated(dialect: Dialect) -> list[Sent]:
    metadata = {"reasons": ["violence"], "provider_name": "P"}
    return [plain({"error": {"code": 403, "message": "The input was flagged", "metadata": metadata}}, 403)]


def _error_inside(dialect: Dialect) -> list[Sent]:
    content = dialect.answer(text="[(5.0, 0.001), (5.0,")
    content["choices"][0]["error"] = {"code": 504, "message": "upstream idle too long"}
    return [plain(json.loads(json.dumps(content)))]


def kinds() -> list[Kind]:
    """All kinds, in the order of the table."""
    return [*_answers(), *_meanings(), *_connections(), *_errors(), *_waits(), *_runs(), *_statuses()]
