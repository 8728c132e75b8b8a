"""Runs through a provider's batch endpoint: hours instead of minutes, at about half the price.

A planner is driven with a caller that only looks into the response cache and notes what is not there. What was noted is
handed over as one batch; its answers go into the cache; then the planner is driven again, gets one stage further, and so on:
three waves for a three-stage planner, any number for another. When nothing is missing the run is recorded like any other.
Batches that are out are written down in the run's folder, so that days later the same command picks them up.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec

from lightemma.backends.base import (
    BatchBackend,
    CallError,
    CallResult,
    Completion,
    PicturePart,
    Request,
    TextPart,
)
from lightemma.calls.cache import ResponseCache, call_key
from lightemma.calls.cancellation import Stop
from lightemma.data.pictures import PicturePolicy, load_picture, with_earlier_pictures
from lightemma.errors import UserError
from lightemma.frame import Frame
from lightemma.planners.base import Planner

FILE = "batches.json"
#: Share of what a provider takes in bytes that a batch is filled to, and bytes of a request besides its words and pictures.
FILL = 0.9
REQUEST_BYTES = 2_000
POLL_S = 30.0
#: A call that failed in this many batches counts as failed.
TRIES = 3

log = logging.getLogger(__name__)


class _Out(msgspec.Struct):
    """A batch that is out at the provider: its id, and which of our calls each key stands for."""

    id: str
    keys: dict[str, str]


class _State(msgspec.Struct):
    """batches.json: what is out, and how often a call has failed and why it did last."""

    out: list[_Out] = []
    failures: dict[str, list[str]] = {}


class _NotYet(Exception):  # noqa: N818 -- part of the way of working
    """A call whose answer is still to come; ends the frame for this wave."""


class BatchCollector:
    """A ``Call`` that answers from the cache and notes what is missing.

    Args:
        backend: who will be asked.
        cache: where answers are.
        failures: calls that failed for good, by key.
    """

    def __init__(self, backend: BatchBackend, cache: ResponseCache, failures: dict[str, list[str]]) -> None:
        self.wanted: dict[str, Request] = {}
        self._backend = backend
        self._cache = cache
        self._failures = failures
        self._options = backend.options.model_dump(mode="json")

    async def __call__(self, request: Request) -> CallResult:
        """The answer if it is there, else notes the request and ends the frame."""
        key = call_key(self._backend.config, self._options, request)
        kept = self._cache.get(key)
        if kept is not None:
            return CallResult(kept, latency_s=None, attempts=0, cached=True)
        failed = self._failures.get(key, [])
        if len(failed) >= TRIES:
            kind, _, message = failed[-1].partition(": ")
            return CallResult(None, kind, message, attempts=len(failed))
        self.wanted[key] = request
        raise _NotYet


class BatchRun:
    """The waves of one run.

    Args:
        backend: a provider with a batch endpoint.
        cache: takes the answers.
        folder: the run's folder; keeps batches.json.
        stop: ends the waiting (the batches stay out, and the same command picks them up).
        told: is given a sentence whenever something happens.
        poll_s: seconds between two looks at a batch.

    Raises:
        UserError: if the folder's batches.json is broken.
    """

    def __init__(
        self,
        backend: BatchBackend,
        cache: ResponseCache,
        folder: Path,
        stop: Stop,
        told: Callable[[str], None],
        poll_s: float = POLL_S,
    ) -> None:
        self._backend = backend
        self._cache = cache
        self._path = folder / FILE
        self._stop = stop
        self._told = told
        self._poll_s = poll_s
        self._state = self._load()

    async def answer(
        self, frames: Callable[[], Iterable[Frame]], planner: Planner, policy: PicturePolicy
    ) -> BatchCollector:
        """Drives wave after wave until every call is answered or has failed for good.

        Returns:
            The caller that has all answers, to record the run with.

        Raises:
            UserError: if the provider does not take the batches.
            Stopped: if the run is to end; what is out stays out.
        """
        wave = 0
        while True:
            for out in list(self._state.out):
                await self._collect(out)
            collector = BatchCollector(self._backend, self._cache, self._state.failures)
            submitted, seen = 0, set[str]()
            for part in self._parts(self._missing(frames(), planner, policy, collector, seen)):
                requests = dict(part)
                submitted += len(requests)
                await self._submit(requests)
            if not submitted:
                return collector
            wave += 1
            self._told(f"wave {wave}: {submitted} calls handed over in {len(self._state.out)} batches")

    def _missing(
        self,
        frames: Iterable[Frame],
        planner: Planner,
        policy: PicturePolicy,
        collector: BatchCollector,
        seen: set[str],
    ) -> Iterator[tuple[str, Request]]:
        """The calls that stand next, one frame at a time: a wave's pictures are never all in memory."""
        for frame in frames:
            picture = None
            if self._backend.reads_pictures and frame.image_path is not None:
                picture = load_picture(frame.image_path, policy)
            shown = with_earlier_pictures(frame, policy, planner.frames) if picture else frame
            collector.wanted.clear()
            _run_now(_until_missing(planner.plan(shown, picture, collector)))
            for key, request in list(collector.wanted.items()):
                if key not in seen:  # two frames may ask the very same
                    seen.add(key)
                    yield key, request

    async def _submit(self, requests: dict[str, Request]) -> None:
        self._stop.check()
        keys = {f"call-{index}": key for index, key in enumerate(requests)}
        try:
            batch = await self._backend.submit_batch({short: requests[key] for short, key in keys.items()})
        except CallError as error:
            raise UserError(
                f"{self._backend.config.provider} did not take a batch of {len(requests)} calls for "
                f"'{self._backend.config.name}' ({error.kind}: {error.message}); run without --batch, or try again later."
            ) from error
        # Written down before anything else is done: a batch that is out has been paid for.
        self._state.out.append(_Out(batch, keys))
        self._save()

    async def _collect(self, out: _Out) -> None:
        while True:
            try:
                status = await self._backend.batch_status(out.id)
            except CallError as error:
                if error.kind in ("model_not_found", "bad_request"):
                    self._told(
                        f"batch {out.id} is not known any more ({error.message}); its calls are handed over again"
                    )
                    break
                log.warning("no word of batch %s (%s); asking again", out.id, error.message)
                await self._stop.sleep(self._poll_s)
                continue
            if status.done:
                await self._keep(out)
                break
            self._told(f"batch {out.id}: {status.words}, {status.finished} of {status.total}")
            await self._stop.sleep(self._poll_s)
        self._state.out.remove(out)
        self._save()

    async def _keep(self, out: _Out) -> None:
        answers = await self._backend.fetch_batch(out.id)
        for short, key in out.keys.items():
            answer = answers.get(short, CallError("server_error", "the batch brought no answer for this call"))
            if isinstance(answer, Completion):
                # A batch has no meaningful seconds per call.
                self._cache.put(key, self._backend.config.name, replace(answer, latency_s=None))
            else:
                self._state.failures.setdefault(key, []).append(f"{answer.kind}: {answer.message}")

    def _parts(self, calls: Iterator[tuple[str, Request]]) -> Iterator[list[tuple[str, Request]]]:
        """Cuts a wave into batches that the provider takes, without holding more than one in memory."""
        part: list[tuple[str, Request]] = []
        size = 0
        for call in calls:
            more = _size(call[1])
            full = len(part) >= self._backend.max_batch_requests
            if part and (full or size + more > FILL * self._backend.max_batch_bytes):
                yield part
                part, size = [], 0
            part.append(call)
            size += more
        if part:
            yield part

    def _load(self) -> _State:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_State)
        except FileNotFoundError:
            return _State()
        except (OSError, msgspec.DecodeError) as error:
            raise UserError(
                f"'{self._path}' cannot be read ({error}); it names batches that are paid for, so restore it, or remove it to "
                "hand the calls over again."
            ) from error

    def _save(self) -> None:
        temporary = self._path.with_suffix(".part")
        temporary.write_bytes(msgspec.json.encode(self._state))
        temporary.replace(self._path)


def _size(request: Request) -> int:
    """Bytes of a request on the wire: pictures go as base64, and text may take escapes."""
    parts = [part for message in request.messages for part in message.parts]
    pictures = sum(len(part.picture.data) for part in parts if isinstance(part, PicturePart) and part.picture)
    words = sum(len(part.text.encode()) for part in parts if isinstance(part, TextPart))
    return REQUEST_BYTES + pictures * 4 // 3 + words * 5 // 4


async def _until_missing(plan: Awaitable[object]) -> None:
    try:
        await plan
    except _NotYet:
        return


def _run_now(step: Awaitable[None]) -> None:
    """Runs a coroutine that never waits: a collector's planner gets its answers at once or stops."""
    iterator = step.__await__()
    try:
        next(iterator)
    except StopIteration:
        return
    raise UserError(
        "This planner waits for something besides its model, so it cannot be run with --batch; leave that out."
    )
