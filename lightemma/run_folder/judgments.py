"""What a model as judge made of a run's texts: a file beside the run, one line a text."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec

from lightemma.errors import UserError
from lightemma.files import private_file, read_whole

_CLAIMS = ("claimed", "hedged", "denied", "absent")
#: Stage -> field -> the values it may have; a field without values is a number of m/s, or nothing.
FIELDS: Mapping[str, Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "intent": {
            "longitudinal": ("accelerate", "keep", "decelerate", "stay-stopped", "unclear"),
            "lateral": ("left", "right", "straight", "lane-change-left", "lane-change-right", "unclear"),
            "stated_speed": (),
        },
        "scene": dict.fromkeys(
            ("red_light", "green_light", "person", "lead_vehicle", "roadworks", "bad_weather"), _CLAIMS
        ),
    }
)
_NAME = re.compile(r"[^A-Za-z0-9._-]+")
#: A stated speed beyond this, m/s, is none.
_FASTEST = 1000.0
_DAMAGE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Judgment(msgspec.Struct, frozen=True):
    """One text as a model reads it.

    Attributes:
        stage: ``intent`` or ``scene``.
        text_sha256: of the text, see :func:`digest`.
        labels: field to value; a speed is a number or None.
        answered_as: the model as its provider names it.
    """

    stage: str
    text_sha256: str
    labels: dict[str, Any]
    answered_as: str | None = None


def digest(text: str) -> str:
    """SHA-256 of a text with every run of white space made one space."""
    return hashlib.sha256(" ".join(text.split()).encode("utf-8", "replace")).hexdigest()


def judgments_file(folder: Path, model: str) -> Path:
    """Where a run's judgments by a model are.

    Args:
        folder: the run.
        model: the model's name.
    """
    return folder / f"judgments-{_NAME.sub('-', model)}.jsonl"


def read_judgments(folder: Path, model: str) -> list[Judgment]:
    """A run's judgments by a model; a torn last line is dropped. Empty where there are none.

    Raises:
        UserError: if the file cannot be read or a line is damaged.
    """
    path = judgments_file(folder, model)
    try:
        data = read_whole(path)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UserError(f"'{path}' cannot be read ({error.strerror}).") from error
    decoder = msgspec.json.Decoder(Judgment)
    found = []
    for number, line in enumerate(data.split(b"\n")[:-1], start=1):
        try:
            found.append(decoder.decode(line))
        except _DAMAGE as error:
            raise UserError(
                f"Line {number} of '{path}' is damaged ({error}); delete that line, and judge again."
            ) from error
    return found


def append_judgment(folder: Path, model: str, judgment: Judgment) -> None:
    """Adds one line.

    Raises:
        UserError: if it cannot be written.
    """
    path = judgments_file(folder, model)
    try:
        private_file(path)
        with path.open("ab", buffering=0) as file:
            file.write(msgspec.json.encode(judgment) + b"\n")
    except OSError as error:
        raise UserError(
            f"'{path}' cannot be written ({error.strerror}); make room and give the same command again."
        ) from error


def checked_labels(stage: str, value: object) -> dict[str, Any] | None:
    """A judge's answer with the fields of a stage and nothing else, or None where it is not one.

    Model output is untrusted: values are compared with those that a field may have.
    """
    fields = FIELDS.get(stage)
    if fields is None or not isinstance(value, dict):
        return None
    labels: dict[str, Any] = {}
    for name, values in fields.items():
        given = value.get(name)
        if values:
            word = given.strip().lower().replace("_", "-") if isinstance(given, str) else None
            if word not in values:
                return None
            labels[name] = word
        else:
            number = float(given) if isinstance(given, int | float) and not isinstance(given, bool) else math.nan
            labels[name] = number if 0 <= number < _FASTEST else None
    return labels
