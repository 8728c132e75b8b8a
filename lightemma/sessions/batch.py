"""Runs through a provider's batch endpoint: hours instead of minutes, at about half the price.

A planner is driven with a caller that only looks into the response cache and notes what is not there. What was noted is
handed over as one batch; its answers go into the cache; then the planner is driven again, gets one stage further, and so on:
three waves for a three-stage planner, any number for another. When nothing is missing the run is recorded like any other.
Batches that are out are written down in the run's folder, so that days later the same command picks them up. A batch is written
down before it is handed over, so that one whose id was lost on the way is looked for at the provider instead of paid for again.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from lightemma.backends.base import BatchBackend, BatchUnknownYet, CallError, Completion, PicturePart, Request, TextPart
from lightemma.backends.plugin_faults import check_fields, checked_answer
from lightemma.calls.cache import ResponseCache
from lightemma.calls.cancellation import Cancellation
from lightemma.calls.identity import Asked
from lightemma.calls.storable import storable
from lightemma.errors import UserError
from lightemma.failures import failure_kind
from lightemma.frame import Frame
from lightemma.planners.base import Planner
from lightemma.sessions.batch_collector import TRIES, BatchCollector, until_missing, when_free
from lightemma.sessions.batches_file import FILE, OpenBatch, load_batches, save_batches
from lightemma.sessions.views import Views

#: Share of what a provider takes in bytes that a batch is filled to, and bytes of a request besides its words and pictures.
FILL = 0.9
REQUEST_BYTES = 2_000
POLL_S = 30.0
#: A provider that says so many times in a row that it knows no such batch, or refuses the key, is believed.
CONFIRMED = 3
#: Looks in a row without any word of a batch before the waiting ends.
MOST_SILENT = 240
#: Tries in a row to fetch the results of a batch that has ended.
MOST_FETCHES = 20
#: No provider takes longer for a batch; the waiting ends then, seconds.
LONGEST_S = 7 * 24 * 3600.0
#: Failures after which a provider may have taken a batch all the same.
_UNSURE = frozenset({"timeout", "connection", "server_error", "invalid_response", "overloaded"})

log = logging.getLogger(__name__)


class BatchRun:
    """The waves of one run.

    Args:
        backends: providers with a batch endpoint, by role of the planner's models.
        cache: takes the answers.
        folder: the run's folder; keeps batches.json.
        cancellation: ends the waiting (the batches stay out, and the same command picks them up).
        on_event: is given a sentence whenever something happens.
        poll_s: seconds between two looks at a batch.
        clock: seconds since 1970.

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
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._fetched: set[str] = set()
        self._claimed: set[str] = set()
        self._said = False
        self._stopped: dict[str, Completion] = {}
        self._backends = backends
        self._cache = cache
        self._path = folder / FILE
        self._cancellation = cancellation
        self._on_event = on_event
        self._poll_s = poll_s
        self._state = load_batches(self._path)

    async def answer(
        self, frames: Callable[[], Iterable[Frame]], planner: Planner, views: Views
    ) -> dict[str, BatchCollector]:
        """Drives wave after wave until every call is answered or has failed for good.

        Returns:
            By role the callers that have all answers, to record the run with.

        Raises:
            UserError: if the provider does not take the batches.
            Cancelled: if the run is to end; what is out stays out.
        """
        wave = 0
        for out in self._state.out:  # the claims of a session that was killed before they were noted
            for asked in out.asked.values():
                self._cache.claim(asked)
            self._cache.note(out.asked.values(), self._path, out.label)
        while True:
            for out in list(self._state.out):
                await self._collect(out)
            collectors = {
                role: BatchCollector(
                    backend, self._cache, self._state.failures, role, self._fetched, self._claimed, self._stopped
                )
                for role, backend in self._backends.items()
            }
            submitted = 0
            async for role, part in self._parts(self._missing(frames(), planner, views, collectors)):
                submitted += len(part)
                await self._submit(role, part)
            elsewhere = sum(collector.elsewhere for collector in collectors.values())
            if not submitted and not elsewhere:
                return collectors
            if submitted:
                wave += 1
                self._on_event(f"wave {wave}: {submitted} calls submitted in {len(self._state.out)} batches")
            else:
                self._on_event(f"another run has asked {elsewhere} of the same calls; their answers are waited for")
                self._say_whose(collectors.values())
                await self._cancellation.sleep(self._poll_s)

    def _say_whose(self, collectors: Iterable[BatchCollector]) -> None:
        """Says once whose answers are waited for."""
        holders = [self._cache.words(one.holder) for one in collectors if one.holder is not None]
        if holders and not self._said:
            self._said = True
            log.warning("%s has asked the same calls; their answers are waited for.", holders[0])

    async def _missing(
        self,
        frames: Iterable[Frame],
        planner: Planner,
        views: Views,
        collectors: Mapping[str, BatchCollector],
    ) -> AsyncIterator[tuple[str, Asked, Request]]:
        """The calls that stand next (role, call, request), one frame at a time: a wave's pictures are never all in memory."""
        seen = set[str]()
        for frame in frames:
            try:
                view = views.of(frame)
            except UserError as error:
                log.debug("%s is left out of the wave (%s)", frame.sample_token, error)  # it is recorded as failed
                continue
            await until_missing(planner, frame, view, collectors)
            for role, collector in collectors.items():
                for key, (asked, request) in collector.wanted.items():
                    if key not in seen:  # two frames may ask the very same
                        seen.add(key)
                        yield role, asked, request
                collector.wanted.clear()

    async def _submit(self, role: str, calls: Sequence[tuple[Asked, Request]]) -> None:
        self._cancellation.check()
        backend = self._backends[role]
        label = f"lightemma-{secrets.token_hex(6)}-{len(calls)}"
        asked = {f"{label}-{index}": one for index, (one, _) in enumerate(calls)}
        requests = dict(zip(asked, (request for _, request in calls), strict=True))
        keys = {short: one.key for short, one in asked.items()}
        # Written down before it is handed over: a batch that is out has been paid for, whatever happens to this process.
        out = OpenBatch("", keys, role, label, self._clock(), asked)
        self._state.out.append(out)
        self._save()
        self._cache.note(asked.values(), self._path, label)
        try:
            out.id = await backend.submit_batch(requests)
        except CallError as error:
            if error.kind in _UNSURE and await self._found(out, backend):
                return
            self._forget(out)
            raise UserError(
                f"{backend.config.provider} did not accept a batch of {len(calls)} calls for "
                f"'{backend.config.name}' ({error.kind}: {error.message}); run without `batch`, or try again later.",
                "batch",
            ) from error
        self._save()

    async def _found(self, out: OpenBatch, backend: BatchBackend) -> bool:
        """Looks for a batch whose id was lost, and writes it down.

        Raises:
            UserError: if the provider does not say whether it has it.
        """
        if not backend.finds_batches:
            self._on_event(
                f"whether {backend.config.provider} took the batch {out.label} is unknown, and it offers no way to find out"
            )
            return False
        words, misses = "", 0
        for _ in range(CONFIRMED + 2):
            try:
                found = await self._looked_for(out, backend)
            except CallError as error:
                words = error.message
            else:
                if found is not None:
                    out.id = found
                    self._save()
                    self._on_event(f"batch {found} was found again at {backend.config.provider}")
                    return True
                misses += 1
                if misses == 2:  # a list may lag behind
                    return False
            await self._cancellation.sleep(self._poll_s)
        raise UserError(
            f"{backend.config.provider} does not say whether it took the batch {out.label} ({words}); the same command asks "
            "again."
        )

    async def _looked_for(self, out: OpenBatch, backend: BatchBackend) -> str | None:
        """The id of a batch whose id was lost, or None; waits while batches that it may be are in progress.

        Raises:
            CallError: if the provider cannot say.
            Cancelled: if the run is to end; what is out stays out.
        """
        told = False
        while True:
            try:
                return await backend.find_batch(out.label)
            except BatchUnknownYet as unknown:
                if out.submitted and self._clock() - out.submitted > LONGEST_S:
                    return None
                sentence = f"which batch {out.label} is shows later ({unknown}); that is waited for"
                if not told:
                    log.warning("%s: %s.", backend.config.name, sentence)
                told = True
                self._on_event(sentence)
                await self._cancellation.sleep(self._poll_s)

    def _forget(self, out: OpenBatch) -> None:
        """Strikes a batch out; its claims end with that, if they did not before."""
        self._state.out.remove(out)
        self._save()
        for asked in out.asked.values():
            self._claimed.discard(asked.claim)
            self._cache.release(asked, out.label)

    async def _collect(self, out: OpenBatch) -> None:
        """Waits for a batch and keeps its answers.

        Raises:
            UserError: if the provider refuses to say how far it is, or it never ends; it stays written down.
        """
        backend = self._backends.get(out.role)
        if backend is None or not (out.id or await self._found(out, backend)):
            self._forget(out)
            return
        failures = dict.fromkeys(("gone", "refused", "silent", "torn"), 0)
        while True:
            done = False
            try:
                status = await backend.batch_status(out.id)
                done = status.done
                if done:
                    answers = await backend.fetch_batch(out.id)
                    failures["torn"] += 1
                    if set(out.keys) <= set(answers) or failures["torn"] >= CONFIRMED:
                        await self._keep(out, backend, answers)
                        return
                    self._on_event(f"batch {out.id}: some answers are missing; it is fetched again")
                else:
                    self._on_event(f"batch {out.id}: {status.state}, {status.finished} of {status.total}")
                    failures.update(gone=0, refused=0, silent=0)
            except CallError as error:
                if self._is_gone(out, backend, error, failures, done=done):
                    return
            if out.submitted and self._clock() - out.submitted > LONGEST_S:
                raise UserError(
                    f"Batch {out.id} of '{backend.config.name}' has not ended in {LONGEST_S / 86400:.0f} days; end it at "
                    f"{backend.config.provider}, or remove it from '{self._path}' to hand its calls over again."
                )
            await self._cancellation.sleep(self._poll_s)

    def _is_gone(
        self, out: OpenBatch, backend: BatchBackend, error: CallError, failures: dict[str, int], *, done: bool
    ) -> bool:
        """What a failed look at a batch means: True if its calls are to be handed over again.

        Raises:
            UserError: if looking again is of no use.
        """
        config = backend.config
        if error.kind in ("model_not_found", "bad_request"):
            failures["gone"] += 1
            if failures["gone"] < CONFIRMED:
                return False
            self._forget(out)
            if done:
                raise UserError(
                    f"{config.provider} gives no results of batch {out.id} of '{config.name}' ({error.message}); the same "
                    "command hands its calls over again."
                )
            self._on_event(f"batch {out.id} no longer exists ({error.message}); its calls are submitted again")
            return True
        refused = failure_kind(error.kind).fatal
        failures["refused" if refused else "silent"] += 1
        if failures["refused"] >= CONFIRMED or failures["silent"] >= (MOST_FETCHES if done else MOST_SILENT):
            raise UserError(
                f"{config.provider} does not say how batch {out.id} of '{config.name}' goes ({error.kind}: {error.message}); "
                f"correct that, and give the same command again: the batch stays written down in '{self._path}'."
            )
        log.warning("the state of batch %s is unknown (%s); trying again", out.id, error.message)
        return False

    async def _keep(self, out: OpenBatch, backend: BatchBackend, answers: Mapping[str, Completion | CallError]) -> None:
        for short, key in out.keys.items():
            missing = CallError("server_error", "the batch has no answer for this call")
            answer = _checked(backend, answers.get(short, missing))
            asked = out.asked.get(short)
            if isinstance(answer, Completion) and not answer.is_answer:
                self._stopped[key] = answer
                # The same question would meet the same filter, hours later.
                self._state.failures[key] = [f"{answer.finish_reason}: {answer.text}"] * TRIES
            elif isinstance(answer, Completion):
                # A batch has no meaningful seconds per call.
                kept = replace(answer, latency_s=None)
                if asked is None:
                    await when_free(lambda key=key, kept=kept: self._cache.put_old(key, backend.config.name, kept))  # type: ignore[misc]
                else:
                    self._cache.put(asked, kept)
                self._fetched.add(key)
            else:
                self._state.failures.setdefault(key, []).append(f"{answer.kind}: {answer.message}")
        self._forget(out)

    async def _parts(
        self, calls: AsyncIterator[tuple[str, Asked, Request]]
    ) -> AsyncIterator[tuple[str, list[tuple[Asked, Request]]]]:
        """Cuts a wave into batches that the providers take, without holding more than one of each model in memory."""
        parts: dict[str, list[tuple[Asked, Request]]] = {role: [] for role in self._backends}
        sizes = dict.fromkeys(parts, 0)
        async for role, asked, request in calls:
            backend, more = self._backends[role], _size(request)
            full = len(parts[role]) >= backend.max_batch_requests
            if parts[role] and (full or sizes[role] + more > FILL * backend.max_batch_bytes):
                yield role, parts[role]
                parts[role], sizes[role] = [], 0
            parts[role].append((asked, request))
            sizes[role] += more
        for role, part in parts.items():
            if part:
                yield role, part

    def _save(self) -> None:
        save_batches(self._path, self._state)


def _checked(backend: BatchBackend, answer: object) -> Completion | CallError:
    """One answer of a batch if it can be kept, else its failure: one that cannot costs the others nothing."""
    if isinstance(answer, CallError):
        return answer
    try:
        completion = checked_answer(backend, answer)
        check_fields(backend, completion)
        return storable(completion, backend.config.max_output_tokens)
    except CallError as error:
        return error
    except TypeError as error:
        return CallError("backend_error", str(error))


def _size(request: Request) -> int:
    """Bytes of a request on the wire: pictures go as base64, and text may take escapes."""
    parts = [part for message in request.messages for part in message.parts]
    pictures = sum(len(part.picture.data) for part in parts if isinstance(part, PicturePart) and part.picture)
    words = sum(len(part.text.encode()) for part in parts if isinstance(part, TextPart))
    return REQUEST_BYTES + pictures * 4 // 3 + words * 5 // 4
