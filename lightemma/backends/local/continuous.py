"""Continuous batches: an answer that ends gives its place to the next call at once, and a frame's stages share what they read.

``transformers`` has continuous batching of its own (``generate_batch``), but it takes token ids alone: no pictures, and one
number per position, where Qwen's models count in three dimensions. So the loop is written here, over the model's forward.
"""

from __future__ import annotations

import inspect
import logging
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from lightemma.backends.local.batching import BatchLimits, Ticket
from lightemma.backends.local.fitting import DifferentError, different, obstacle, picture_token
from lightemma.backends.local.generation import BatchRunner, Sampling
from lightemma.backends.local.inputs import PreparedCall, collate, shortened
from lightemma.backends.local.loading import LoadedModel
from lightemma.backends.local.memory import free_memory, is_out_of_memory
from lightemma.backends.local.positions import collated_positions, next_positions
from lightemma.backends.local.readings import Readings
from lightemma.backends.local.rows import Cache, Row, as_model_cache, from_model_cache, side_by_side
from lightemma.backends.local.running import RunningBatch

if TYPE_CHECKING:
    import torch

_LOG = logging.getLogger(__name__)

#: New calls are read once so many places are free, as a share of all: each reading holds the others up.
_FREE_SHARE = 8
#: Takes waiting calls that fit beside those that are being answered, without waiting.
More = Callable[[Sequence[PreparedCall]], list[Ticket]]


class ContinuousRunner:
    """Answers calls in a batch whose rows come and go; whatever fails is left to a ``BatchRunner``.

    The first call is answered by ``generate`` too, two tokens of it, and its scores are compared; the first call that uses
    what an earlier stage read is read once more as a whole. Where they differ, that way of answering is not used.

    Args:
        loaded: the model.
        sampling: how answers are drawn.
        limits: of batches.
        batches: answers calls in static batches, and holds the reuse of pictures.
        reuse_prompts: whether a frame's stages share what they read.

    Attributes:
        active: whether this model can be answered so; if not, ``reason`` says why.
        readings: what was read of each frame.
    """

    def __init__(
        self, loaded: LoadedModel, sampling: Sampling, limits: BatchLimits, batches: BatchRunner, reuse_prompts: bool
    ) -> None:
        self._model = loaded.model
        self._limits = limits
        self._batches = batches
        self._sampling = sampling
        self._text_config = loaded.model.config.get_text_config(decoder=True)
        parameters = inspect.signature(loaded.model.forward).parameters
        self._cache_name = "cache" if "cache" in parameters else "past_key_values"
        self._last_only = {"logits_to_keep": 1} if "logits_to_keep" in parameters else {}
        self._picture_token = picture_token(loaded.model.config)
        self.reason = obstacle(loaded.model, parameters)
        self.active = not self.reason
        self.readings = Readings(limits.tokens if reuse_prompts and self._picture_token is not None else 0)
        self._reuses = reuse_prompts and self._picture_token is not None
        self._checked = False
        self._checked_reuse = False

    def __call__(self, tickets: Sequence[Ticket], more: More) -> None:
        """Answers the tickets, and others that ``more`` brings, until no row is left."""
        if not self.active:
            self._batches(tickets)
            return
        import torch

        batch = RunningBatch(list(tickets), self._batches.work)
        failure: Exception | None = None
        try:
            with torch.inference_mode():
                self._answer_all(batch, more)
        except Exception as error:
            failure = error
        if failure is not None:
            self._start_over(batch, failure)

    # --- the loop ----------------------------------------------------------------------------------------------------

    def _answer_all(self, batch: RunningBatch, more: More) -> None:
        while batch.rows or batch.waiting:
            self._let_in(batch, more)
            if batch.rows:
                self._step(batch)

    def _let_in(self, batch: RunningBatch, more: More) -> None:
        """Reads calls for which there are places, once there are enough of those."""
        rows = len(batch.rows)
        free = self._limits.calls - rows
        if rows and free < max(1, self._limits.calls // _FREE_SHARE) and not batch.waiting:
            return
        if free > len(batch.waiting):
            batch.waiting += more([row.ticket.call for row in batch.rows] + [each.call for each in batch.waiting])
        groups: dict[Any, list[tuple[Ticket, list[Any]]]] = {}
        while batch.waiting:
            ticket = batch.waiting[0]
            known = self._known(ticket.call)
            # What was read before is short, and a picture is long: together they would be mostly padding.
            group = groups.setdefault((bool(known), None if known else ticket.call.kind), [])
            group.append((ticket, known))
            batch.reading.append(batch.waiting.pop(0))
        for (from_known, _), group in groups.items():
            self._read(batch, group, from_known)
        batch.reading.clear()

    def _step(self, batch: RunningBatch) -> None:
        """One more token for every row; rows that end are answered and leave."""
        import torch

        started = time.perf_counter()
        cache, rows = batch.cache, batch.rows
        assert cache is not None
        device = cache.mask.device
        mask = torch.cat([cache.mask, cache.mask.new_ones((len(rows), 1))], dim=1)
        model_cache = as_model_cache(cache, self._text_config)
        logits = self._forward(
            model_cache,
            input_ids=torch.tensor([[row.written[-1]] for row in rows], device=device),
            attention_mask=mask,
            position_ids=next_positions(rows, device),
        )
        batch.cache = from_model_cache(model_cache, mask)
        batch.places += len(rows)
        batch.steps += 1
        self._write(rows, logits)
        for row in rows:
            row.seconds += (time.perf_counter() - started) / len(rows)
        self._leave(batch)

    def _write(self, rows: Sequence[Row], logits: torch.Tensor) -> None:
        """Chooses each row's next token from its scores, (rows, vocabulary)."""
        import torch

        scores = logits.float()
        for place, row in enumerate(rows):
            one = scores[place]
            if row.seen is not None:
                penalty = self._batches.penalty
                lowered = torch.where(one > 0, one / penalty, one * penalty)
                one = scores[place] = torch.where(row.seen, lowered, one)
            if row.noise is not None:
                stream, temperature = row.noise
                # As sampling.GumbelNoise does it.
                drawn = torch.empty_like(one).exponential_(generator=stream)
                scores[place] = one / temperature - drawn.log()
        for row, token in zip(rows, scores.argmax(-1).tolist(), strict=True):
            row.written.append(token)
            if row.seen is not None:
                row.seen[token] = True

    def _leave(self, batch: RunningBatch) -> None:
        """Answers rows that have ended, drops those whose caller no longer waits, and keeps what was read of frames."""
        staying = []
        for place, row in enumerate(batch.rows):
            ticket = row.ticket
            ended = row.written[-1] in self._batches.ends or len(row.written) >= self._batches.limit(ticket)
            if not ended and not ticket.abandoned:
                staying.append(place)
                continue
            if self._reuses and ticket.call.pictures and batch.cache is not None:
                self.readings.keep(ticket.call.pictures, row.prompt + row.written[:-1], batch.cache.of_row(place))
            batch.finish(row)
            ticket.answer(self._batches.answer(row.written, row.seconds))
        if len(staying) < len(batch.rows):
            batch.rows = [batch.rows[place] for place in staying]
            assert batch.cache is not None
            batch.cache = batch.cache.kept(staying) if staying else None

    # --- reading -----------------------------------------------------------------------------------------------------

    def _known(self, call: PreparedCall) -> list[Any]:
        """What was read of the prompt's beginning for an earlier stage of the frame."""
        if not self._reuses or not call.pictures:
            return []
        tokens = call.inputs["input_ids"][0].tolist()
        end = max((place + 1 for place, token in enumerate(tokens) if token == self._picture_token), default=0)
        return self.readings.find(call.pictures, tokens, end) if end else []

    def _read(self, batch: RunningBatch, group: list[tuple[Ticket, list[Any]]], from_known: bool) -> None:
        """Reads the prompts of some calls, writes each one's first token, and makes them rows."""
        started = time.perf_counter()
        tickets = [ticket for ticket, _ in group]
        calls = [ticket.call for ticket in tickets]
        positions = [self._positions(call) for call in calls]
        if from_known:
            cache, logits = self._read_rest(calls, [known for _, known in group], positions)
        else:
            cache, logits = self._read_whole(calls, positions)
        if not from_known and not self._checked:
            self._check(tickets[0], cache, logits, positions[0])
        if from_known and not self._checked_reuse:
            alone, whole = self._read_whole(calls[:1], positions[:1])
            if different(logits[:1], whole):
                self._reuses = False
                self.readings.clear()
                _LOG.warning("What a frame's stages have in common is read by each: shared, it gives other scores.")
                cache, logits = self._read_whole(calls, positions) if len(calls) > 1 else (alone, whole)
            self._checked_reuse = True
        rows = [self._row(ticket, position, logits) for ticket, position in zip(tickets, positions, strict=True)]
        self._write(rows, logits)
        for row in rows:
            row.seconds += (time.perf_counter() - started) / len(rows)
        batch.width = max(batch.width, cache.width)
        batch.rows += rows
        batch.cache = cache if batch.cache is None else batch.cache.joined(cache)
        batch.places += len(rows)
        for ticket in tickets:
            batch.reading.remove(ticket)
        self._leave(batch)

    def _read_whole(
        self, calls: Sequence[PreparedCall], positions: Sequence[torch.Tensor]
    ) -> tuple[Cache, torch.Tensor]:
        inputs = {name: self._batches.placed(value) for name, value in collate(calls, self._batches.padding).items()}
        width = inputs["input_ids"].shape[1]
        cache = as_model_cache(None, self._text_config)
        inputs["position_ids"] = collated_positions(
            positions, [call.length for call in calls], width, self._model.device
        )
        vision = self._batches.vision
        if vision:
            with vision.of(calls):
                logits = self._forward(cache, **inputs)
        else:
            logits = self._forward(cache, **inputs)
        return from_model_cache(cache, inputs["attention_mask"].long()), logits

    def _read_rest(
        self, calls: Sequence[PreparedCall], known: Sequence[list[Any]], positions: Sequence[torch.Tensor]
    ) -> tuple[Cache, torch.Tensor]:
        """Reads what follows the known beginnings."""
        import torch

        begun = side_by_side(known)
        lengths = [call.length - layers[0][0].shape[2] for call, layers in zip(calls, known, strict=True)]
        width = max(lengths)
        ids = torch.full((len(calls), width), self._batches.padding)
        mask = torch.zeros((len(calls), width), dtype=torch.long)
        for place, (call, length) in enumerate(zip(calls, lengths, strict=True)):
            ids[place, width - length :] = call.inputs["input_ids"][0, -length:]
            mask[place, width - length :] = 1
        device = begun.mask.device
        whole = torch.cat([begun.mask, mask.to(device)], dim=1)
        cache = as_model_cache(begun, self._text_config)
        logits = self._forward(
            cache,
            input_ids=ids.to(device),
            attention_mask=whole,
            position_ids=collated_positions(positions, lengths, width, device),
        )
        return from_model_cache(cache, whole), logits

    def _positions(self, call: PreparedCall) -> torch.Tensor:
        """The positions of a call's tokens as the model counts them, (…, 1, tokens)."""
        inputs = dict(call.inputs)
        ids = inputs["input_ids"]
        found: torch.Tensor = self._model._prepare_position_ids_for_generation(ids, inputs)
        if found.shape[-2] != 1:
            found = found[..., :1, :]
        return found

    def _row(self, ticket: Ticket, positions: torch.Tensor, logits: torch.Tensor) -> Row:
        import torch

        device = logits.device
        prompt = ticket.call.inputs["input_ids"][0].tolist()
        noise = seen = None
        if ticket.temperature:
            noise = torch.Generator(device).manual_seed(self._batches.seed(ticket)), ticket.temperature
        if self._batches.penalty != 1.0:
            seen = torch.zeros(logits.shape[-1], dtype=torch.bool, device=device)
            seen[torch.tensor(prompt, device=device)] = True
        return Row(ticket, prompt, [last + 1 for last in positions[..., -1].flatten().tolist()], noise, seen)

    def _forward(self, cache: Any, **inputs: Any) -> torch.Tensor:
        """Scores of the token after the last, (rows, vocabulary)."""
        output = self._model(**inputs, **{self._cache_name: cache}, use_cache=True, **self._last_only)
        logits: torch.Tensor = output.logits[:, -1]
        return logits

    # --- whether it works here ---------------------------------------------------------------------------------------

    def _check(self, ticket: Ticket, cache: Cache, logits: torch.Tensor, positions: torch.Tensor) -> None:
        """Compares the first two tokens' scores of a call with those of ``generate``.

        Raises:
            DifferentError: if they differ.
        """
        import torch

        self._checked = True
        theirs = self._batches.scores(ticket.call, 2)
        if different(logits[:1], theirs[0]):
            self._switch_off("the scores after reading differ from those of generate")
        first = cache.kept([0])
        token = theirs[0].argmax(-1, keepdim=True)
        mask = torch.cat([first.mask, first.mask.new_ones((1, 1))], dim=1)
        again = as_model_cache(first, self._text_config)
        ours = self._forward(
            again, input_ids=token, attention_mask=mask, position_ids=positions[..., -1:].to(token.device) + 1
        )
        if len(theirs) > 1 and different(ours, theirs[1]):
            self._switch_off("the scores after the first word differ from those of generate")

    def _switch_off(self, reason: str) -> None:
        self.active, self.reason = False, reason
        _LOG.warning("This model is answered in static batches: %s.", reason)
        raise DifferentError(reason)

    def _start_over(self, batch: RunningBatch, failure: Exception) -> None:
        """Answers what is left of a batch that failed, in static batches, which are halved where they fail."""
        left = [ticket for ticket in batch.left() if not ticket.abandoned]
        if is_out_of_memory(failure):
            self.readings.clear()
            if left:
                self._limits.halve([ticket.call for ticket in left])
        if not isinstance(failure, DifferentError):
            _LOG.warning("%d calls are begun again in static batches: %s", len(left), shortened(failure))
        batch.forget()
        failure.__traceback__ = None
        free_memory()
        ordered = sorted(left, key=lambda ticket: (repr(ticket.call.kind), -ticket.call.tokens))
        while ordered:
            group = [each for each in ordered if each.call.kind == ordered[0].call.kind]
            size = next(
                n for n in range(len(group), 0, -1) if n == 1 or self._limits.allow([t.call for t in group[:n]])
            )
            self._batches(group[:size])
            ordered = [each for each in ordered if each not in group[:size]]
