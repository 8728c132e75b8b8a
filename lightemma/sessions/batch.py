"""Runs through a provider's batch endpoint: hours instead of minutes, at about half the price.

The planner runs with a caller that answers from the response cache only and collects the requests that are not there. The
requests are submitted as a batch, and its answers are stored in the cache. Then the planner runs again and comes one stage
further: three waves for a three-stage planner, any number for another. When no answer is missing, the run is recorded like
any other. Open batches are noted in the run's folder, so that the same command can fetch them days later.
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
#: A batch is filled to this share of the provider's limit in bytes; and bytes of a request in addition to text and pictures.
FILL = 0.9
REQUEST_BYTES = 2_000
POLL_S = 30.0
#: A call that failed in this many batches counts as failed.
TRIES = 3

log = logging.getLogger(__name__)


class _OpenBatch(msgspec.Struct):
    """A batch in progress at the provider: its id, the cache key of each of its calls, and the role of its model."""

    id: str
    keys: dict[str, str]
    role: str = MAIN


class _State(msgspec.Struct):
    """batches.json: open batches (``out``), and the errors of every failed call, oldest first."""

    out: list[_OpenBatch] = []
    failures: dict[str, list[str]] = {}


class _NotYet(BaseException):
    """The answer is not there yet: ends the frame for this wave. No Exception, so that a planner does not catch it."""


class BatchCollector:
    """A ``Call`` that answers from the cache and collects the requests that are missing there.

    Args:
        backend: receives the batches.
        cache: holds the answers.
        failures: calls that failed for good, by key.
        role: of the model.
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
        """Returns the answer if it is in the cache; otherwise collects the request and ends the frame."""
        config, role = self.backend.config, self._role
        key = call_key(config, self._options, request)
        stored = self._cache.get(key)
        if stored is not None:
            return CallResult(stored, latency_s=None, attempts=0, cached=True, role=role, model=config.name)
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
        cache: stores the answers.
        folder: the run's folder, with batches.json.
        cancellation: ends the waiting (the batches stay open, and the same command fetches them).
        on_event: called with a sentence about every event.
        poll_s: seconds between two requests for a batch's state.

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
        """Runs wave after wave until every call is answered or has failed for good.

        Returns:
            The callers by role, which have all answers, to record the run with.

        Raises:
            UserError: if the provider does not accept a batch.
            Cancelled: if the run is ending; open batches stay open.
        """
        wave = 0
        while True:
            for batch in list(self._state.out):
                await self._collect(batch)
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
            self._on_event(f"wave {wave}: {submitted} calls submitted in {len(self._state.out)} batches")

    async def _missing(
        self,
        frames: Iterable[Frame],
        planner: Planner,
        policy: PicturePolicy,
        collectors: Mapping[str, BatchCollector],
    ) -> AsyncIterator[tuple[str, str, Request]]:
        """The missing calls (role, key, request), one frame at a time: a wave's pictures are never all in memory."""
        pictures, seen = pictures_needed(planner.needs(), self._backends), set[str]()
        for frame in frames:
            await _until_missing(planner, frame, load_view(frame, pictures, policy), collectors)
            for role, collector in collectors.items():
                for key, request in collector.wanted.items():
                    if key not in seen:  # two frames may send the same request
                        seen.add(key)
                        yield role, key, request
                collector.wanted.clear()

    async def _submit(self, role: str, requests: Mapping[str, Request]) -> None:
        self._cancellation.check()
        backend = self._backends[role]
        keys = {f"call-{index}": key for index, key in enumerate(requests)}
        try:
            batch_id = await backend.submit_batch({short: requests[key] for short, key in keys.items()})
        except CallError as error:
            raise UserError(
                f"{backend.config.provider} did not accept a batch of {len(requests)} calls for "
                f"'{backend.config.name}' ({error.kind}: {error.message}); run without `batch`, or try again later.",
                "batch",
            ) from error
        # Saved before anything else: a submitted batch has to be paid for.
        self._state.out.append(_OpenBatch(batch_id, keys, role))
        self._save()

    async def _collect(self, batch: _OpenBatch) -> None:
        backend = self._backends.get(batch.role)
        while backend is not None:
            try:
                status = await backend.batch_status(batch.id)
            except CallError as error:
                if error.kind in ("model_not_found", "bad_request"):
                    self._on_event(
                        f"batch {batch.id} no longer exists ({error.message}); its calls are submitted again"
                    )
                    break
                log.warning("the state of batch %s is unknown (%s); trying again", batch.id, error.message)
                await self._cancellation.sleep(self._poll_s)
                continue
            if status.done:
                await self._store_answers(batch, backend)
                break
            self._on_event(f"batch {batch.id}: {status.state}, {status.finished} of {status.total}")
            await self._cancellation.sleep(self._poll_s)
        self._state.out.remove(batch)
        self._save()

    async def _store_answers(self, batch: _OpenBatch, backend: BatchBackend) -> None:
        answers = await backend.fetch_batch(batch.id)
        for short, key in batch.keys.items():
            answer = answers.get(short, CallError("server_error", "the batch has no answer for this call"))
            if isinstance(answer, Completion):
                # In a batch, seconds per call have no meaning.
                self._cache.put(key, backend.config.name, replace(answer, latency_s=None))
            else:
                self._state.failures.setdefault(key, []).append(f"{answer.kind}: {answer.message}")

    async def _parts(
        self, calls: AsyncIterator[tuple[str, str, Request]]
    ) -> AsyncIterator[tuple[str, dict[str, Request]]]:
        """Splits a wave into batches within the providers' limits, with at most one per model in memory."""
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
                "submit the calls again."
            ) from error

    def _save(self) -> None:
        write_whole(self._path, msgspec.json.encode(self._state))


def _size(request: Request) -> int:
    """Bytes of a request as sent: pictures in base64, text with room for escapes."""
    parts = [part for message in request.messages for part in message.parts]
    pictures = sum(len(part.picture.data) for part in parts if isinstance(part, PicturePart) and part.picture)
    text = sum(len(part.text.encode()) for part in parts if isinstance(part, TextPart))
    return REQUEST_BYTES + pictures * 4 // 3 + text * 5 // 4


async def _until_missing(planner: Planner, frame: Frame, view: View, collectors: Mapping[str, BatchCollector]) -> None:
    """Plans a frame up to its first calls without an answer. The planner's own errors are recorded later, when the run is."""
    try:
        await planner.plan(frame, view, collectors)
    except _NotYet:
        return
    except UserError:
        raise
    except Exception as error:
        log.debug("the planner failed on %s (%s)", frame.sample_token, error)
