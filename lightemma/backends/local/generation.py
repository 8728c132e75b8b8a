"""Answers batches with one generate() call each; a batch that does not fit into the memory is halved."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lightemma.backends.local.batching import Answer, BatchLimits, Ticket
from lightemma.backends.local.inputs import PreparedCall, collate, shortened
from lightemma.backends.local.loading import LoadedModel, transformers_package
from lightemma.backends.local.memory import free_memory, is_out_of_memory
from lightemma.backends.local.pictures import VisionReuse
from lightemma.backends.local.sampling import Endings, GumbelNoise, RepetitionPenalty, row_seed
from lightemma.thinking import is_sign

if TYPE_CHECKING:
    import torch

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How answers are drawn.

    Attributes:
        max_output_tokens: longest answer.
        seed: None draws differently each time.
    """

    max_output_tokens: int
    seed: int | None


@dataclass(frozen=True, slots=True)
class BatchWork:
    """The work of one batch.

    Attributes:
        calls: answered together.
        width: tokens of the longest input in ``input_ids``, to which the others were padded.
        input_tokens: of all calls, padding left out.
        output_tokens: of all calls, padding left out.
        seconds: of the device, from putting the batch together to the last token.
        places: tokens that could have been written: rows times steps, those of rows that had ended included.
        steps: of the model after the first token, whatever the number of rows.
    """

    calls: int
    width: int
    input_tokens: int
    output_tokens: int
    seconds: float
    places: int = 0
    steps: int = 0


class BatchRunner:
    """Answers batches of tickets with a loaded model.

    Args:
        loaded: the model.
        sampling: how answers are drawn.
        limits: of batches; reduced for the rest of the run when one did not fit into the memory.
        cached_pictures: how many sets of encoded pictures are kept; 0 for none.

    Attributes:
        work: of every batch, in order.
        vision: the reuse of encoded pictures, or None.
        penalty: the model's repetition penalty; 1 for none.
        ends: tokens that end an answer.
        padding: the token that fills shorter inputs up.
    """

    def __init__(self, loaded: LoadedModel, sampling: Sampling, limits: BatchLimits, cached_pictures: int) -> None:
        self.work: list[BatchWork] = []
        self.vision = VisionReuse(loaded.model, cached_pictures) if cached_pictures else None
        self._model = loaded.model
        self._tokenizer = getattr(loaded.processor, "tokenizer", loaded.processor)
        special = list(getattr(self._tokenizer, "all_special_ids", None) or ())
        names = self._tokenizer.convert_ids_to_tokens(special) if special else []
        self._signs = frozenset(token for token, name in zip(special, names, strict=True) if is_sign(str(name)))
        self._hidden = frozenset(special) - self._signs
        self._sampling = sampling
        self._limits = limits
        self.penalty, self.ends = _settle(loaded.model.generation_config)
        padding = loaded.model.generation_config.pad_token_id
        if padding is None:
            padding = self._tokenizer.pad_token_id
        if padding is None:
            padding = min(self.ends, default=0)
        self.padding = int(padding)
        self._model.generation_config.pad_token_id = self.padding

    def __call__(self, tickets: Sequence[Ticket]) -> None:
        """Answers the tickets; those whose call fails get a ``server_error``."""
        failure = None
        short_of_memory = False
        try:
            answers = self._answers(tickets)
        except Exception as error:
            failure, short_of_memory = shortened(error), is_out_of_memory(error)
        # Outside the except clause, which would keep the failed batch's tensors in memory.
        if failure is None:
            for ticket, answer in zip(tickets, answers, strict=True):
                ticket.answer(answer)
            return
        if short_of_memory:
            if self.vision:
                self.vision.clear()
            free_memory()
        if len(tickets) == 1:
            _LOG.warning("a call failed: %s", failure)
            tickets[0].fail("server_error", self._sentence(tickets[0].call, failure, short_of_memory))
            return
        if short_of_memory:
            self._limits.halve([ticket.call for ticket in tickets])
        _LOG.warning("a batch of %d calls failed and is halved: %s", len(tickets), failure)
        half = (len(tickets) + 1) // 2
        self(tickets[:half])
        self(tickets[half:])

    def _answers(self, tickets: Sequence[Ticket]) -> list[Answer]:
        calls = [ticket.call for ticket in tickets]
        started = time.perf_counter()
        output = self._with_pictures(calls, lambda inputs: self._generate(inputs, tickets))
        width = max(call.length for call in calls)
        rows = output[:, width:].tolist()
        seconds = time.perf_counter() - started
        answers = [
            self.answer(row, seconds / len(rows), self.limit(ticket)) for row, ticket in zip(rows, tickets, strict=True)
        ]
        done = BatchWork(
            len(calls),
            width,
            sum(call.tokens for call in calls),
            sum(answer.tokens for answer in answers),
            seconds,
            output[:, width:].numel(),
            output.shape[1] - width - 1,
        )
        self.work.append(done)
        _LOG.debug("%s", done)
        return answers

    def _generate(self, inputs: dict[str, Any], tickets: Sequence[Ticket]) -> torch.Tensor:
        transformers = transformers_package()
        limits = [self.limit(ticket) for ticket in tickets]
        steps: list[Any] = []
        if self.penalty != 1.0:
            steps.append(RepetitionPenalty(self.penalty, inputs["attention_mask"]))
        temperatures = [ticket.temperature or 0.0 for ticket in tickets]
        if any(temperatures):
            seeds = [self.seed(ticket) for ticket in tickets]
            steps.append(GumbelNoise(temperatures, seeds, inputs["input_ids"].device))
        output: torch.Tensor = self._model.generate(
            **inputs,
            max_new_tokens=max(limits),
            logits_processor=transformers.LogitsProcessorList(steps),
            stopping_criteria=transformers.StoppingCriteriaList(
                [Endings(tickets, limits, inputs["input_ids"].shape[1])]
            ),
        )
        return output

    def limit(self, ticket: Ticket) -> int:
        """Tokens of the longest answer to a call."""
        return self._sampling.max_output_tokens if ticket.limit is None else ticket.limit

    def scores(self, call: PreparedCall, tokens: int) -> list[torch.Tensor]:
        """Scores of an answer's first tokens, (1, vocabulary) each, as ``generate`` sees them before any step of ours."""
        output = self._with_pictures(
            [call],
            lambda inputs: self._model.generate(
                **inputs, max_new_tokens=tokens, output_logits=True, return_dict_in_generate=True
            ),
        )
        return list(output.logits)

    def _with_pictures(self, calls: Sequence[PreparedCall], ask: Callable[[dict[str, Any]], Any]) -> Any:
        """Asks the model about a batch of calls, their pictures encoded once."""
        import torch

        inputs = {name: self.placed(value) for name, value in collate(calls, self.padding).items()}
        if hasattr(getattr(self._model, "model", None), "rope_deltas"):
            # Qwen keeps the last batch's picture positions, which a batch without pictures would wrongly use.
            self._model.model.rope_deltas = None
        with torch.inference_mode():
            if not self.vision:
                return ask(inputs)
            with self.vision.of(calls):
                return ask(inputs)

    def seed(self, ticket: Ticket) -> int:
        """Of a call's random stream."""
        if self._sampling.seed is None:
            return secrets.randbits(48)
        call = ticket.call
        return row_seed(self._sampling.seed, call.inputs["input_ids"][0].tolist(), call.pictures, ticket.sample)

    def placed(self, tensor: torch.Tensor) -> torch.Tensor:
        """On the model's device; pixels in the model's number format."""
        dtype = self._model.dtype if tensor.is_floating_point() else None
        return tensor.to(device=self._model.device, dtype=dtype)

    def answer(self, row: list[int], seconds: float, limit: int | None = None) -> Answer:
        """An answer by its tokens; what follows its end, or its limit, is left out."""
        row = row[:limit]
        end = next((place for place, token in enumerate(row) if token in self.ends), None)
        tokens = row if end is None else row[: end + 1]
        plain = not self._signs.intersection(tokens)
        # Signs of thinking must stay until that is parted from the answer; in some families they are special tokens.
        shown = tokens if plain else [token for token in tokens if token not in self._hidden]
        text = self._tokenizer.decode(shown, skip_special_tokens=plain, clean_up_tokenization_spaces=False)
        return Answer(text, len(tokens), end is not None, seconds)

    def _sentence(self, call: PreparedCall, failure: str, short_of_memory: bool) -> str:
        if not short_of_memory:
            return f"the model failed on the call: {failure}"
        return (
            f"the memory of {self._model.device} is too small for a single call of {call.tokens} tokens; lower "
            f"max_output_tokens or max_pixels, or take a smaller model or dtype ({failure})"
        )


def _settle(settings: Any) -> tuple[float, frozenset[int]]:
    """Makes a model's generation settings greedy; its own sampling settings are ignored.

    Returns:
        The model's repetition penalty, which is applied row by row, and the tokens that end an answer.
    """
    penalty = float(settings.repetition_penalty or 1.0)
    settings.repetition_penalty = None
    settings.do_sample = False
    settings.num_beams = 1
    for name in ("temperature", "top_p", "top_k", "min_p", "typical_p", "epsilon_cutoff", "eta_cutoff", "max_length"):
        setattr(settings, name, None)
    ends = settings.eos_token_id
    if ends is None:
        return penalty, frozenset()
    return penalty, frozenset(ends if isinstance(ends, list) else [ends])
