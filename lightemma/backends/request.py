"""What a model is asked: a request of messages, each of texts and pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from lightemma.backends.config import ModelConfig
from lightemma.frame import Picture
from lightemma.run_folder.records import Stage


@dataclass(frozen=True, slots=True)
class TextPart:
    """A piece of text in a message."""

    text: str


@dataclass(frozen=True, slots=True)
class PicturePart:
    """A picture in a message; None means that the backend reads no pictures, so none was loaded."""

    picture: Picture | None


@dataclass(frozen=True, slots=True)
class Message:
    """One turn: who speaks, and the parts in order."""

    role: Literal["system", "user", "assistant"]
    parts: tuple[TextPart | PicturePart, ...]

    @property
    def text(self) -> str:
        """The text parts, joined."""
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))


@dataclass(frozen=True, slots=True)
class Request:
    """One call to a model.

    Attributes:
        messages: the conversation; the last turn is the user's.
        sample_token: the frame the call belongs to; the harness fills it in.
        stage: a name for the call, which several calls of a frame may have.
        response_schema: JSON schema that the answer must follow, where the backend can enforce it.
        response_regex: regular expression that the whole answer must match; a backend that cannot enforce it refuses the
            call.
        place: how many calls of the frame were made before this one; the harness fills it in.
        samples: how many answers are wanted. A backend gives as many of them as one call of its provider brings, and one at
            least.
        sample: how many answers to these messages were asked for before: the same words with another number are another
            call, with an answer of its own.
        temperature: of this call, in place of the model's own; None leaves that.
    """

    messages: tuple[Message, ...]
    sample_token: str
    stage: Stage
    response_schema: dict[str, Any] | None = None
    response_regex: str | None = None
    place: int = 0
    samples: int = 1
    sample: int = 0
    temperature: float | None = None

    def temperature_of(self, config: ModelConfig) -> float | None:
        """The temperature of the call to a model; None leaves the provider's default."""
        return config.temperature if self.temperature is None else self.temperature

    def seed_of(self, config: ModelConfig) -> int | None:
        """The seed of the call to a model: answers to the same words are drawn by seeds one after the other."""
        return None if config.seed is None else config.seed + self.sample
