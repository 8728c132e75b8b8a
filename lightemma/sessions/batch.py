"""Runs through a provider's batch endpoint: hours instead of minutes, at about half the price.

A planner is driven with a caller that only looks into the response cache and notes what is not there. What was noted is
handed over as one batch; its answers go into the cache; then the planner is driven again, gets one stage further, and so on:
three waves for a three-stage planner, any number for another. When nothing is missing the run is recorded like any other.
Batches that are out are written down in the run's folder, so that days later the same command picks them up.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
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
from lightemma.calls.cancellation import Cancellation
from lightemma.data.pictures import PicturePolicy
from lightemma.errors import UserError
from lightemma.files import write_whole
from lightemma.frame import Frame
from lightemma.planners.base import Planner, View
from lightemma.run_folder.records import MAIN
from lightemma.sessions.views import load_view, pictures_needed

FILE = "batches.json"
#: Share of what a provider takes in bytes that a batch is filled to, and bytes of a request besides its words and pictures.
FILL = 0.9
REQUEST_BYTES = 2_000
POLL_S = 30.0
#: A call that failed in this many batches counts as failed.
TRIES = 3

log = logging.getLogger(__name__)


class _Out(msgspec.Struct):
    """A batch that is out at the provider: its id, which of our calls each key stands for, and whose model is asked."""

    id: str
    keys: dict[str, str]
    role: str = MAIN


class _State(msgspec.Struct):
    """batches.json: what is out, and how often a call has failed and why it did last."""

    out: list[_Out] = []
    failures: dict[str, list[str]] = {}


class _NotYet(BaseException):
    """A call whose answer is still to come; ends the frame for this wave, whatever errors the planner handles itself."""


class BatchCollector:
    """A ``Call`` that answers from the cache and notes what is missing.

    Args:
        backend: who will be asked.
        cache: where answers are.
        failures: calls that failed for good, by key.
        role: which of the planner's models it is.
    """

    def __init__(
        self, backend: BatchBackend, cache: ResponseCache, failures: dict[str, list[str]], role: str = MAIN
    ) -> None:
        self.backend = backend
        self._role = role
        self.wanted: dict[str, Request] = {}
        self._cache = cache
        self._failures = failures
        self._options = backend.options.model_dump(mode="json")

    async def __call__(self, request: Request) -> CallResult:
        """The answer if it is there, else notes the request and ends the frame."""
        config, role = self.backend.config, self._role
        key = call_key(config, self._options, request)
        kept = self._cache.get(key)
        if kept is not None:
            return CallResult(kept, latency_s=None, attempts=0, cached=True, role=role, model=config.name)
        failed = self._failures.get(key, [])
        if len(failed) >= TRIES:
            kind, _, message = failed[-1].partition(": ")
            return CallResult(None, kind, message, attempts=len(failed), role=role, model=config.name)
        self.wanted[key] = request
        raise _NotYet


class BatchRun:
    """The waves of one run.

    Args:
        backends: providers with a batch endpoint, by role of the planner's models.
        cache: takes the answers.
        folder: the run's folder; keeps batches.json.
        cancellation: ends the waiting (the batches stay out, and the same command picks them up).
        on_event: is given a sentence whenever something happens.
        poll_s: seconds between two looks at a batch.

    Raises:
        UserError: if the folder's batches.json is broken.
    """

    def __init__(
        self,
        backends: Mapping[str, BatchBackend],
        cache: ResponseCache,
        folder: Path,
        cancellation: Cancellation,
        on_event: Callable[[str], None],
        poll_s: float = POLL_S,
    ) -> None:
        self._backends = backends
        self._cache = cache
        self._path = folder / FILE
        self._cancellation = cancellation
        self._on_event = on_event
        self._poll_s = poll_s
        self._state = self._load()

    async def answer(
        self, frames: Callable[[], Iterable[Frame]], planner: Planner, policy: PicturePolicy
    ) -> dict[str, BatchCollector]:
        """Drives wave after wave until every call is answered or has failed for good.

        Returns:
            By role the callers that have all answers, to record the run with.

        Raises:
            UserError: if the provider does not take the batches.
            Cancelled: if the run is to end; what is out stays out.
        """
        wave = 0
        while True:
            for out in list(self._state.out):
                await self._collect(out)
            collectors = {
                role: BatchCollector(backend, self._cache, self._state.failures, role)
                for role, backend in self._backends.items()
            }
            submitted = 0
            async for role, part in self._parts(self._missing(frames(), planner, policy, collectors)):
                submitted += len(part)
                await self._submit(role, part)
            if not submitted:
                return collectors
            wave += 1
            self._on_event(f"wave {wave}: {submitted} calls handed over in {len(self._state.out)} batches")

    async def _missing(
        self,
        frames: Iterable[Frame],
        planner: Planner,
        policy: PicturePolicy,
        collectors: Mapping[str, BatchCollector],
    ) -> AsyncIterator[tuple[str, str, Request]]:
        """The calls that stand next (role, key, request), one frame at a time: a wave's pictures are never all in memory."""
        pictures, seen = pictures_needed(planner.needs(), self._backends), set[str]()
        for frame in frames:
            await _until_missing(planner, frame, load_view(frame, pictures, policy), collectors)
            for role, collector in collectors.items():
                for key, request in collector.wanted.items():
                    if key not in seen:  # two frames may ask the very same
                        seen.add(key)
                        yield role, key, request
                collector.wanted.clear()

    async def _submit(self, role: str, requests: Mapping[str, Request]) -> None:
        self._cancellation.check()
        backend = self._backends[role]
        keys = {f"call-{index}": key for index, key in enumerate(requests)}
        try:
            batch = await backend.submit_batch({short: requests[key] for short, key in keys.items()})
        except CallError as error:
            raise UserError(
                f"{backend.config.provider} did not take a batch of {len(requests)} calls for "
                f"'{backend.config.name}' ({error.kind}: {error.message}); run without `batch`, or try again later.",
                "batch",
            ) from error
        # Written down before anything else is done: a batch that is out has been paid for.
        self._state.out.append(_Out(batch, keys, role))
        self._save()

    async def _collect(self, out: _Out) -> None:
        backend = self._backends.get(out.role)
        while backend is not None:
            try:
                status = await backend.batch_status(out.id)
            except CallError as error:
                if error.kind in ("model_not_found", "bad_request"):
                    self._on_event(
                        f"batch {out.id} is not known any more ({error.message}); its calls are handed over again"
                    )
                    break
                log.warning("no word of batch %s (%s); asking again", out.id, error.message)
                await self._cancellation.sleep(self._poll_s)
                continue
            if status.done:
                await self._keep(out, backend)
                break
            self._on_event(f"batch {out.id}: {status.state}, {status.finished} of {status.total}")
            await self._cancellation.sleep(self._poll_s)
        self._state.out.remove(out)
        self._save()

    async def _keep(self, out: _Out, backend: BatchBackend) -> None:
        answers = await backend.fetch_batch(out.id)
        for short, key in out.keys.items():
            answer = answers.get(short, CallError("server_error", "the batch brought no answer for this call"))
            if isinstance(answer, Completion):
                # A batch has no meaningful seconds per call.
                self._cache.put(key, backend.config.name, replace(answer, latency_s=None))
            else:
                self._state.failures.setdefault(key, []).append(f"{answer.kind}: {answer.message}")

    async def _parts(
        self, calls: AsyncIterator[tuple[str, str, Request]]
    ) -> AsyncIterator[tuple[str, dict[str, Request]]]:
        """Cuts a wave into batches that the providers take, without holding more than one of each model in memory."""
        parts: dict[str, dict[str, Request]] = {role: {} for role in self._backends}
        sizes = dict.fromkeys(parts, 0)
        async for role, key, request in calls:
            backend, more = self._backends[role], _size(request)
            full = len(parts[role]) >= backend.max_batch_requests
            if parts[role] and (full or sizes[role] + more > FILL * backend.max_batch_bytes):
                yield role, parts[role]
                parts[role], sizes[role] = {}, 0
            parts[role][key] = request
            sizes[role] += more
        for role, part in parts.items():
            if part:
                yield role, part

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
        write_whole(self._path, msgspec.json.encode(self._state))


def _size(request: Request) -> int:
    """Bytes of a request on the wire: pictures go as base64, and text may take escapes."""
    parts = [part for message in request.messages for part in message.parts]
    pictures = sum(len(part.picture.data) for part in parts if isinstance(part, PicturePart) and part.picture)
    words = sum(len(part.text.encode()) for part in parts if isinstance(part, TextPart))
    return REQUEST_BYTES + pictures * 4 // 3 + words * 5 // 4


async def _until_missing(planner: Planner, frame: Frame, view: View, collectors: Mapping[str, BatchCollector]) -> None:
    """Plans a frame up to its first calls without an answer. An error of the planner's own is met again when it is recorded."""
    try:
        await planner.plan(frame, view, collectors)
    except _NotYet:
        return
    except UserError:
        raise
    except Exception as error:
        log.debug("the planner failed on %s (%s)", frame.sample_token, error)
