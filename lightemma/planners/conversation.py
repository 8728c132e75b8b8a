"""A conversation with a model: every turn is sent with all earlier ones; when the context is full the oldest are summarised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lightemma.backends.base import Call, CallResult, Message, PicturePart, Request, TextPart
from lightemma.backends.config import ModelConfig
from lightemma.planners.call_record import text_outcome
from lightemma.planners.samples import all_samples
from lightemma.run_folder.records import OK, Stage

Part = TextPart | PicturePart

#: The stage of a summary, which is recorded as a separate call with its tokens and seconds.
SUMMARY: Stage = "summary"

_REQUEST = (
    "Below is the beginning of a conversation. Summarise it in at most 100 words of plain text. Keep every fact, number and "
    "decision that later turns may need, and add nothing.\n\n"
)
_INTRODUCTION = "What was said so far, in short: "

#: Cautious: real texts have about four characters a token. Replaced by the ratio measured in the model's answers.
_CHARACTERS_PER_TOKEN = 3.0
#: Tokens of a 1600 x 900 picture, until the provider has counted one.
_PICTURE_TOKENS = 1_500
#: Tokens that a chat template adds to a message.
_MESSAGE_TOKENS = 8
#: Tokens of a summary, roughly.
_SUMMARY_TOKENS = 150
#: After a summary a conversation fills this share of the window, so that not every turn needs a new summary.
_FILLED = 0.75
#: Shorter answers are too short to measure characters per token.
_ENOUGH_TOKENS = 20


@dataclass(frozen=True, slots=True)
class Window:
    """The size of a model's context.

    Attributes:
        context_tokens: limit of input and output together.
        max_output_tokens: limit of an answer.
    """

    context_tokens: int
    max_output_tokens: int

    @property
    def input_tokens(self) -> int:
        """The longest input that leaves room for the longest answer."""
        return self.context_tokens - self.max_output_tokens


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call of a conversation and its result.

    Attributes:
        stage: purpose of the call.
        message: the turn that the call added.
        result: the answer, or the failure.
        again: results of the calls that brought further answers to the same turn.
    """

    stage: Stage
    message: Message
    result: CallResult
    again: tuple[CallResult, ...] = ()

    @property
    def outcome(self) -> str:
        """``ok`` for an answer with text, in any form."""
        return text_outcome(self.result)

    @property
    def text(self) -> str | None:
        """The answer, or None if the call failed."""
        return self.result.completion.text if self.result.completion else None


def window_of(config: ModelConfig) -> Window | None:
    """The context of a model, or None if its YAML does not say ``context_tokens``."""
    return None if config.context_tokens is None else Window(config.context_tokens, config.max_output_tokens)


class Conversation:
    """Turns with one model; each is sent with all earlier ones.

    When the next turn would not fit into the window, the model summarises the oldest turns, and the summary replaces them; of
    their pictures the newest are kept, as far as there is room. Tokens are those that the provider counted for the last turn,
    plus an estimate of what was added since.

    Args:
        call: sends a request to the model.
        sample_token: the frame the calls belong to.
        window: the model's context; None if unknown, and then nothing is summarised.
        system: the system message, sent with every turn.
        before: turns that come first, sent with every turn.
    """

    def __init__(
        self,
        call: Call,
        sample_token: str = "",
        window: Window | None = None,
        system: str | None = None,
        before: Sequence[Message] = (),
    ) -> None:
        self._call = call
        self._sample_token = sample_token
        self._window = window
        self._head = (*((Message("system", (TextPart(system),)),) if system else ()), *before)
        self._turns: list[Message] = []  # user and model alternate
        self._carried: tuple[Part, ...] = ()  # summary and pictures of the summarised turns; begins the next message
        self._counted: int | None = None  # tokens of all turns so far, as the provider counted them
        self._characters_per_token = _CHARACTERS_PER_TOKEN
        self._picture_tokens = float(_PICTURE_TOKENS)

    async def send(
        self,
        parts: Sequence[Part],
        stage: Stage,
        *,
        schema: dict[str, Any] | None = None,
        regex: str | None = None,
        samples: int = 1,
        temperature: float | None = None,
    ) -> list[Exchange]:
        """Sends a turn and adds it, with its answer, to the conversation.

        Args:
            parts: the turn, pictures and text in order.
            stage: purpose of the call.
            schema: JSON schema of the answer.
            regex: regular expression of the answer.
            samples: answers wanted; the conversation continues with the first.
            temperature: of the answers; None leaves the model's own.

        Returns:
            The calls made, in order: summaries if any were needed, then the answer. A summary that failed is the last.
        """
        calls: list[Exchange] = []
        while self._window and self._turns and self._tokens_with(parts) > self._window.input_tokens:
            summary = await self._summarise(parts, self._window)
            calls.append(summary)
            if summary.outcome != OK:
                return calls
        message = Message("user", (*self._carried, *parts))
        turns = (*self._head, *self._turns, message)
        request = Request(turns, self._sample_token, stage, schema, regex, samples=samples, temperature=temperature)
        result, *again = await all_samples(self._call, request)
        calls.append(Exchange(stage, message, result, tuple(again)))
        if result.completion is not None and result.completion.text.strip():
            self._turns += [message, Message("assistant", (TextPart(result.completion.text),))]
            self._carried = ()
            if self._window is not None:
                self._learn(turns, result)
        return calls

    def _tokens_with(self, parts: Sequence[Part]) -> float:
        """Estimated tokens of the next request."""
        earlier = (*self._head, *self._turns)
        before = float(self._counted) if self._counted is not None else sum(self._tokens(m.parts) for m in earlier)
        return before + self._tokens((*self._carried, *parts))

    def _tokens(self, parts: Sequence[Part]) -> float:
        text = sum(len(part.text) for part in parts if isinstance(part, TextPart))
        pictures = sum(isinstance(part, PicturePart) for part in parts)
        return _MESSAGE_TOKENS + text / self._characters_per_token + pictures * self._picture_tokens

    def _learn(self, sent: Sequence[Message], result: CallResult) -> None:
        """Takes over the provider's token counts, and measures tokens of pictures and characters per token with them."""
        completion = result.completion
        usage = completion.usage if completion else None
        if completion is None or usage is None or usage.source not in ("api", "tokenizer"):
            self._counted = None
            return
        written = max(0, usage.output - usage.reasoning)
        self._counted = usage.input + written
        if written >= _ENOUGH_TOKENS:
            self._characters_per_token = min(self._characters_per_token, max(1.0, len(completion.text) / written))
        pictures = sum(isinstance(part, PicturePart) for message in sent for part in message.parts)
        if pictures:
            text_tokens = sum(len(message.text) for message in sent) / self._characters_per_token
            self._picture_tokens = max(1.0, (usage.input - text_tokens) / pictures)

    async def _summarise(self, parts: Sequence[Part], window: Window) -> Exchange:
        """Has the model summarise as many of the oldest turns as needed to make room for the next one."""
        head = sum(self._tokens(message.parts) for message in self._head)
        upcoming = head + self._tokens(parts) + _SUMMARY_TOKENS
        room = _FILLED * window.input_tokens - upcoming
        # All turns fitted into the window, but together with the request for a summary they may not.
        most = max(200, int((window.input_tokens - 2 * _MESSAGE_TOKENS) * self._characters_per_token) - len(_REQUEST))
        count = 2
        while (
            count < len(self._turns)
            and sum(self._tokens(message.parts) for message in self._turns[count:]) > room
            and len(_transcript(self._turns[: count + 2])) <= most
        ):
            count += 2
        oldest, kept = self._turns[:count], self._turns[count:]
        message = Message("user", (TextPart(_REQUEST + _shortened(_transcript(oldest), most)),))
        exchange = Exchange(SUMMARY, message, await self._call(Request((message,), self._sample_token, SUMMARY)))
        if exchange.outcome != OK or exchange.text is None:
            return exchange
        filled = upcoming + sum(self._tokens(turn.parts) for turn in kept)
        pictures = self._newest_pictures(oldest, window.input_tokens - filled)
        carried = (*pictures, TextPart(f"{_INTRODUCTION}{exchange.text.strip()}\n\n"))
        if kept:
            kept[0] = Message("user", (*carried, *kept[0].parts))
        else:
            self._carried = carried
        self._turns, self._counted = kept, None
        return exchange

    def _newest_pictures(self, turns: Sequence[Message], room: float) -> list[Part]:
        """The newest pictures that fit, in their order, each with its label before it."""
        parts = [part for message in turns for part in message.parts]
        chosen: list[Part] = []
        for place in reversed(range(len(parts))):
            if not isinstance(parts[place], PicturePart):
                continue
            labelled = place > 0 and isinstance(parts[place - 1], TextPart) and _is_label(parts[place - 1])
            one = parts[place - labelled : place + 1]
            room -= self._tokens(one)
            if room < 0:
                break
            chosen = [*one, *chosen]
        return chosen


def _transcript(turns: Sequence[Message]) -> str:
    return "\n\n".join(f"{message.role.capitalize()}: {message.text}" for message in turns)


def _shortened(text: str, most: int) -> str:
    """A text of at most ``most`` characters: beginning and end if it is longer."""
    return text if len(text) <= most else f"{text[: most // 2 - 2]} … {text[-(most // 2 - 2) :]}"


def _is_label(part: Part) -> bool:
    """Whether a text is the label before a picture: one short line."""
    return isinstance(part, TextPart) and part.text.endswith(":\n") and "\n" not in part.text[:-1]
