"""What the made-up models say: a function of the request alone."""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass, replace
from typing import Any, Literal

from tests.fake_providers.asked import Asked

Finish = Literal["stop", "length", "refused", "content_filter", "prompt_blocked"]

_ROADS = ("a straight two-lane road", "a wide junction", "a narrow street", "a slight bend", "a roundabout")
_THINGS = ("no traffic ahead", "a van ahead", "a cyclist on the right", "a red light", "two parked cars")
_INTENTS = ("Keep the speed and the lane.", "Slow down for what is ahead.", "Speed up gently.", "Turn left slowly.")
_MALFORMATIONS = ("missing_commas", "five_pairs", "square_brackets", "prose", "torn")

_ASKS_FOR_PAIRS = re.compile(r"six pairs|\[\(|list of .*(pairs|tuples)", re.IGNORECASE)
_ASKS_FOR_JSON = re.compile(r"json object", re.IGNORECASE)
#: Tokens of thinking, where the request asks the model to think.
THINKING_TOKENS = 64


@dataclass(frozen=True)
class Answer:
    """An answer before it is put in a wire format.

    Attributes:
        text: the text, without thinking.
        finish: why it ended.
        input: all tokens sent.
        cached: those of them that were read from the cache.
        written: those of them that were written to the cache.
        output: tokens of the text.
        thinking: tokens of thinking, in addition to ``output``.
        counted: whether the answer says its tokens at all.
        more: further answers to the same request; the tokens sent are counted once.
    """

    text: str
    finish: Finish = "stop"
    input: int = 0
    cached: int = 0
    written: int = 0
    output: int = 0
    thinking: int = 0
    counted: bool = True
    more: tuple[Answer, ...] = ()

    @property
    def all_output(self) -> int:
        """Tokens of the texts of all answers."""
        return self.output + sum(one.output for one in self.more)

    @property
    def all_thinking(self) -> int:
        """Tokens of thinking of all answers."""
        return self.thinking + sum(one.thinking for one in self.more)


def answer_to(asked: Asked, malformed_rate: float = 0.0, text: str | None = None) -> Answer:
    """The model's answer, with as many further ones as were asked for.

    Args:
        asked: the request.
        malformed_rate: share of plans that come in a wrong form; which ones is a matter of the request.
        text: the text to answer instead of the model's own.
    """
    first, *more = (_answer(asked, malformed_rate, text, number) for number in range(asked.samples))
    return replace(first, more=tuple(more))


def _answer(asked: Asked, malformed_rate: float, text: str | None, number: int) -> Answer:
    """One of the answers to a request.

    Args:
        asked: the request.
        malformed_rate: share of plans that come in a wrong form; which ones is a matter of the request.
        text: the text to answer instead of the model's own.
        number: which of them, from 0.
    """
    thinking = THINKING_TOKENS if asked.thinks else 0
    if text is None:
        text = _words(asked, malformed_rate, number)
    answer = Answer(text, input=asked.input_tokens, output=_tokens(text), thinking=thinking)
    left = asked.max_tokens - thinking
    return answer if answer.output <= left else cut(answer, max(left, 0))


def cut(answer: Answer, tokens: int | None = None) -> Answer:
    """The answer cut at a token limit; at its half if none is given."""
    tokens = answer.output // 2 if tokens is None else tokens
    return replace(answer, text=answer.text[: 4 * tokens], output=tokens, finish="length")


def silent(answer: Answer, finish: Finish) -> Answer:
    """The answer without its text."""
    return replace(answer, text="", output=0, finish=finish)


def _tokens(text: str) -> int:
    return (len(text) + 3) // 4


def _words(asked: Asked, malformed_rate: float, number: int) -> str:
    chance = random.Random(asked.digest + (f" {number}" if number else ""))
    malformed = chance.random() < malformed_rate
    plan = _plan(chance)
    if asked.regex is not None:
        # A constrained model cannot leave its form; this one supports lists, lists after a sentence, and small numbers.
        forms = (_list(plan), f"{chance.choice(_INTENTS)}\n{_list(plan)}", str(chance.randint(1, 9)))
        return next((form for form in forms if re.fullmatch(asked.regex, form)), "1")
    if asked.schema is not None:
        return json.dumps(_instance(asked.schema, chance))
    if _ASKS_FOR_JSON.search(asked.text):
        whole = json.dumps({"actions": [{"speed": speed, "curvature": curvature} for speed, curvature in plan]})
        return whole[:-3] if malformed else whole
    if _ASKS_FOR_PAIRS.search(asked.text):
        return _malformed(plan, chance.choice(_MALFORMATIONS)) if malformed else _list(plan)
    if "what" in asked.text.lower() and "see" in asked.text.lower():
        return f"The picture shows {chance.choice(_ROADS)} with {chance.choice(_THINGS)} ({asked.digest[:8]})."
    return f"{chance.choice(_INTENTS)} ({asked.digest[:8]})"


def _plan(chance: random.Random) -> list[tuple[float, float]]:
    """A drive that a car could follow: speeds and curvatures that change slowly."""
    speed, curvature = chance.uniform(2.0, 12.0), chance.uniform(-0.02, 0.02)
    plan = []
    for _ in range(6):
        plan.append((round(speed, 2), round(curvature, 4)))
        speed = max(0.0, speed + chance.uniform(-0.5, 0.5))
        curvature += chance.uniform(-0.002, 0.002)
    return plan


def _list(plan: list[tuple[float, float]]) -> str:
    return "[" + ", ".join(f"({speed}, {curvature})" for speed, curvature in plan) + "]"


def _malformed(plan: list[tuple[float, float]], how: str) -> str:
    if how == "missing_commas":
        return _list(plan).replace("), (", ") (")
    if how == "five_pairs":
        return _list(plan[:5])
    if how == "square_brackets":
        return json.dumps(plan)
    if how == "prose":
        return f"The car should do this: {_list(plan)}."
    return _list(plan)[:-9]


def _instance(schema: dict[str, Any], chance: random.Random) -> Any:
    """Something that fits a JSON schema of objects, arrays and plain values."""
    kind = schema.get("type")
    if kind == "object":
        return {name: _instance(inner, chance) for name, inner in schema.get("properties", {}).items()}
    if kind == "array":
        stated = re.search(r"minItems: (\d+)", schema.get("description", ""))
        count = schema.get("minItems") or (int(stated.group(1)) if stated else 1)
        return [_instance(schema.get("items", {}), chance) for _ in range(count)]
    if kind == "number":
        return round(chance.uniform(0.0, 0.02 if "1/m" in schema.get("description", "") else 10.0), 4)
    if "enum" in schema:
        return chance.choice(schema["enum"])
    if kind == "integer":
        return chance.randrange(10)
    if kind == "boolean":
        return chance.random() < 0.5
    return "yes"
