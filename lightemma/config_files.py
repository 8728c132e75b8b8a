"""Finds and checks the YAML files a user writes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from lightemma.bounded_yaml import MAX_BYTES, load_yaml
from lightemma.errors import UserError, near_names
from lightemma.files import read_text

M = TypeVar("M", bound=BaseModel)

log = logging.getLogger(__name__)
#: Files in place of shipped ones that were named once.
_named_aloud: set[Path] = set()

#: A user's own configs/ in the working directory have priority over those in the package.
_PACKAGE = Path(__file__).resolve().parent


def config_folders(kind: str) -> list[Path]:
    """Existing folders with configs of a kind (``models`` or ``benchmarks``), the user's own first."""
    places = (Path.cwd() / "configs" / kind, _PACKAGE / "configs" / kind, _PACKAGE.parent / "configs" / kind)
    return list(dict.fromkeys(place.resolve() for place in places if place.is_dir()))


def config_names(kind: str) -> dict[str, Path]:
    """Name -> file of every config of a kind."""
    found: dict[str, Path] = {}
    for folder in config_folders(kind):
        for path in sorted(folder.glob("*.yaml")):
            found.setdefault(path.stem, path)
    return found


def find_config(kind: str, name: str) -> Path:
    """The file of a config given by name or path.

    Raises:
        UserError: if there is none (near names are offered).
    """
    if name.endswith((".yaml", ".yml")) or "/" in name:
        path = Path(name).expanduser()
        if path.is_file():
            return path
        raise UserError(f"There is no file '{name}'; give the path of a YAML in configs/{kind} or its name.")
    known = config_names(kind)
    if name not in known:
        raise UserError(f"There is no {kind.removesuffix('s')} '{name}' in configs/{kind}; {near_names(name, known)}")
    if shadowed(kind, known[name]) is not None and known[name] not in _named_aloud:
        _named_aloud.add(known[name])
        log.warning("'%s' is read from %s, in place of lightemma's own file of that name", name, known[name])
    return known[name]


def shipped_names(kind: str) -> dict[str, Path]:
    """Name -> file of every config of a kind that comes with the package."""
    found: dict[str, Path] = {}
    for place in (_PACKAGE / "configs" / kind, _PACKAGE.parent / "configs" / kind):
        for path in sorted(place.glob("*.yaml")) if place.is_dir() else ():
            found.setdefault(path.stem, path)
    return found


def shadowed(kind: str, path: Path) -> Path | None:
    """The config of the package whose name a file of the working directory takes; None if it takes none, or is that file."""
    theirs = shipped_names(kind).get(path.stem)
    return None if theirs is None or path.resolve() == theirs.resolve() else theirs


def load_config(path: Path, model: type[M]) -> M:
    """Reads a YAML into ``model``.

    Raises:
        UserError: with the first wrong key, its line and what is wrong with it.
    """
    try:
        text = read_text(path, MAX_BYTES)
        values = load_yaml(text)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"'{path}' cannot be read ({reason}).") from error
    except yaml.YAMLError as error:
        raise UserError(f"'{path}' is not valid YAML ({' '.join(str(error).split())}).") from error
    if not isinstance(values, dict):
        raise UserError(f"'{path}' must hold keys and values, such as `name: my-model`.")
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise UserError(_sentence(path, text, model, error)) from error


def _sentence(path: Path, text: str, model: type[BaseModel], error: ValidationError) -> str:
    # A misspelt key also leaves the right one missing; the misspelling is the helpful message.
    first = min(error.errors(), key=lambda wrong: wrong["type"] != "extra_forbidden")
    place = [str(part) for part in first["loc"]]
    line = _line_of(text, place)
    where = f"'{path}'{f', line {line}' if line else ''}"
    key = ".".join(place)
    if not place:  # keys that contradict each other
        return f"{where}: {first['msg'].removeprefix('Value error, ')}."
    if first["type"] == "extra_forbidden":
        return f"{where}: there is no key '{key}'; {near_names(place[-1], _keys(model, place[:-1]))}"
    if first["type"] == "missing":
        return f"{where}: the key '{key}' is missing; add it."
    return f"{where}: '{key}' is wrong: {reason_of(dict(first), _description(model, place))}."


def reason_of(error: Mapping[str, Any], description: str = "") -> str:
    """What is wrong with a value, in words: a user need not read regular expressions.

    Args:
        error: one of pydantic's.
        description: of the key, which says what it holds.
    """
    if error["type"] == "string_pattern_mismatch":
        return f"it is not written as it must be{f' ({description})' if description else ''}"
    message = str(error["msg"]).removeprefix("Value error, ").rstrip(".")
    return f"{message[:1].lower()}{message[1:]}"


def _description(model: type[BaseModel], place: list[str]) -> str:
    owner = _model_at(model, place[:-1])
    field = owner.model_fields.get(place[-1]) if owner else None
    return (field.description or "") if field else ""


def _keys(model: type[BaseModel], place: list[str]) -> list[str]:
    """Keys that are allowed at a place."""
    found = _model_at(model, place)
    return list(found.model_fields) if found else []


def _model_at(model: type[BaseModel], place: list[str]) -> type[BaseModel] | None:
    for part in place:
        field = model.model_fields.get(part)
        inner = field.annotation if field else None
        candidates = [inner, *getattr(inner, "__args__", ())]
        nested = [kind for kind in candidates if isinstance(kind, type) and issubclass(kind, BaseModel)]
        if not nested:
            return None
        model = nested[0]
    return model


def _line_of(text: str, place: list[str]) -> int | None:
    """The line of the key at a place, if it can be found."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return None
    line: int | None = None
    for part in place:
        if not isinstance(node, yaml.MappingNode):
            break
        for key, value in node.value:
            if key.value == part:
                line, node = key.start_mark.line + 1, value
                break
        else:
            break
    return line
