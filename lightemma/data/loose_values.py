"""Values as data sets of many origins write them: times with a fraction or as text, NaN in JSON, null for what is unknown."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import TypeVar

import msgspec

#: Microseconds below which a time with a fraction is none of microseconds since 1970 (it is April of that year): it is more
#: likely in seconds or milliseconds.
_LEAST_WITH_FRACTION = 10**13
#: Characters of a number that is written as text.
_LONGEST = 64
#: A string of JSON, which is left alone, or what JSON has no number for and many programs write, or a number with a large
#: exponent.
_NO_NUMBER = re.compile(
    rb'"[^"\\]*(?:\\.[^"\\]*)*"|[-+]?(?:nan|inf(?:inity)?)\b|-?\d+(?:\.\d+)?e\+?\d{3,}', re.IGNORECASE | re.DOTALL
)
_MAY_BE_NONE = re.compile(rb"nan|inf|e\+?\d{3}", re.IGNORECASE)

T = TypeVar("T")


def json_decoded(decoder: msgspec.json.Decoder[T], data: bytes | bytearray) -> T:
    """JSON in which NaN, Infinity and the like, which JSON does not have, and 1e999 count as null.

    Args:
        decoder: says what it must hold.
        data: the text, UTF-8.

    Raises:
        msgspec.DecodeError: if it is no JSON for another reason, or holds something else.
        UnicodeDecodeError, RecursionError: as ``msgspec`` does.
    """
    try:
        return decoder.decode(data)
    except msgspec.DecodeError as error:
        # Well-formed and of the wrong kind is another matter, but for numbers that are too large.
        wrong_kind = isinstance(error, msgspec.ValidationError) and "out of range" not in str(error)
        if wrong_kind or not _MAY_BE_NONE.search(data):
            raise
        return decoder.decode(_NO_NUMBER.sub(_null, bytes(data)))


def _null(found: re.Match[bytes]) -> bytes:
    return found[0] if found[0].startswith(b'"') else b"null"


def whole_microseconds(value: object) -> int:
    """A time as a whole number: 1531884156948944, 1531884156948944.0, 1.531884156948944e15, or one of these as text.

    Fractions of a microsecond are rounded, half to even.

    Raises:
        ValueError: saying what is wrong with it, as a clause that follows its name: ``is no number``.
    """
    number = _exact(value)
    if number is None:
        raise ValueError("is missing" if value is None or value == "" else "is no number")
    if not -(2**63) < number < 2**63:
        raise ValueError("is too large for a time")
    whole: int = round(number)
    if whole != number and -_LEAST_WITH_FRACTION < number < _LEAST_WITH_FRACTION:
        raise ValueError("has a fraction, so that it is not in microseconds")
    return whole


def _exact(value: object) -> int | float | Decimal | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if not isinstance(value, str) or len(value) > _LONGEST:
        return None
    try:
        number = Decimal(value.strip())
    except InvalidOperation:
        return None
    if not number.is_finite():
        return None
    # Bounded before it becomes a whole number: 1e999999999 has as many digits.
    return 10**30 if number.adjusted() > 30 else Decimal(0) if number.adjusted() < -30 else number


def numbers(value: object, count: int) -> tuple[float, ...] | None:
    """Some numbers, NaN where one is null or no number; None if ``value`` is no list of that length."""
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or len(value) != count:
        return None
    return tuple(_number(entry) for entry in value)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf


def pixels(value: object) -> int:
    """A width or height; 0 where it does not say a positive whole number: nothing needs it."""
    try:
        number = _exact(value)
    except ValueError:
        return 0
    return int(number) if number is not None and 0 < number < 2**31 and number == round(number) else 0


def is_true(value: object) -> bool:
    """Whether a flag is set: true, 1, 1.0 or "true"; null and everything else is not."""
    if isinstance(value, str):
        return value.strip().lower() in ("true", "1")
    return isinstance(value, bool | int | float) and value == 1


def text(value: object) -> str:
    """A text; empty where it is null or none."""
    return value if isinstance(value, str) else ""


def shown(value: object, most: int = 60) -> str:
    """A value for a message, in one line of ``most`` characters."""
    whole = repr(value)
    return whole if len(whole) <= most else whole[:most] + "…"
