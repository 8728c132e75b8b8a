"""The keys of a benchmark that have a command-line option, made from the fields that declare them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, get_origin

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from lightemma.errors import UserError
from lightemma.sessions.benchmark import PANELS, Benchmark, Option


@dataclass(frozen=True, slots=True)
class BenchmarkKey:
    """A key of a benchmark that has a command-line option.

    Attributes:
        path: of the key in the file.
        field: declaration of the key.
        option: its command-line option.
    """

    path: tuple[str, ...]
    field: FieldInfo
    option: Option

    @property
    def name(self) -> str:
        """The option's name, without dashes."""
        return self.option.name or self.path[-1].replace("_", "-")

    @property
    def parameter(self) -> str:
        """The name of the command's parameter."""
        return self.name.replace("-", "_")

    def parameters(self) -> Iterator[inspect.Parameter]:
        """The command's parameters: the option, and its older names, which are hidden in the help."""
        option, kind = self.option, self._kind()
        off = f"/--{option.off}" if option.off else ""
        metavar = "KEY=VALUE" if kind == list[str] | None else None
        more = {"help": self._help(), "rich_help_panel": option.panel, "metavar": metavar}
        yield _parameter(self.parameter, kind, [f"--{self.name}{off}"], **more)
        for alias, alias_off in _pairs(option):
            names = [f"--{alias}" + (f"/--{alias_off}" if alias_off else "") if alias else f"--{alias_off}"]
            yield _parameter(_alias(alias or alias_off), kind, names, hidden=True)

    def given(self, values: Mapping[str, Any]) -> Any:
        """The key's value as in a file; None if the command line does not give it."""
        value = values.get(self.parameter)
        for alias, alias_off in _pairs(self.option):
            other = values.get(_alias(alias or alias_off))
            if value is None and other is not None:
                value = other if alias else not other
        kind = str(self.field.annotation)
        if value is None or isinstance(value, bool | int | float):
            return value
        if kind.startswith("dict"):
            return dict(_setting(self.name, text) for text in value) or None
        return _split(value) if "list[str]" in kind else value

    def _kind(self) -> Any:
        kind = str(self.field.annotation)
        if kind.startswith("dict"):
            return list[str] | None
        for plain in (bool, int, float):
            if self.field.annotation in (plain, plain | None):
                return plain | None
        return str | None

    def _help(self) -> str:
        text = self.option.help or self.field.description or ""
        kind, default = str(self.field.annotation), self.field.default
        if "list[" in kind and "int" not in kind:
            text += "; separate several by commas"
            default = ",".join(map(str, default or ()))
        known = default not in (None, "") and not isinstance(default, bool | dict)
        shown = [f"default: {default}"] if known else []
        shown += [limits] if (limits := _limits(self.field)) else []
        return f"{text[:1].upper()}{text[1:]}." + (f" [{'; '.join(shown)}]" if shown else "")


def _limits(field: FieldInfo) -> str:
    """The range of a number, in words; an empty string without one."""
    found = {name: getattr(one, name) for one in field.metadata for name in ("ge", "gt", "le") if hasattr(one, name)}
    least, most = found.get("ge"), found.get("le")
    if least is not None and most is not None:
        return f"{least} to {most}"
    if "gt" in found:
        return f"above {found['gt']}"
    return f"{least} or more" if least is not None else f"at most {most}" if most is not None else ""


def benchmark_keys() -> list[BenchmarkKey]:
    """All of them, in the order of the help's panels."""
    return sorted(_keys_of(Benchmark, ()), key=lambda key: PANELS.index(key.option.panel))


def _keys_of(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[BenchmarkKey]:
    for name, field in model.model_fields.items():
        declared = [one for one in field.metadata if isinstance(one, Option)]
        if declared:
            yield BenchmarkKey((*path, name), field, declared[0])
            continue
        if get_origin(field.annotation) is list:
            continue  # several of them, as of a grid: only a file can say these
        for inner in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from _keys_of(inner, (*path, name))


def _parameter(name: str, kind: Any, options: list[str], **more: Any) -> inspect.Parameter:
    annotation = Annotated[kind, typer.Option(*options, show_default=False, **more)]
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _pairs(option: Option) -> list[tuple[str, str]]:
    """Older names of the option, and of the option that switches it off."""
    count = max(len(option.aliases), len(option.off_aliases))
    padded = [(*names, *[""] * (count - len(names))) for names in (option.aliases, option.off_aliases)]
    return list(zip(*padded, strict=True))


def _alias(name: str) -> str:
    return f"{name.replace('-', '_')}_"


def put_at(values: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Puts a value at a path of nested mappings; a mapping is joined with the one that is there."""
    for part in path[:-1]:
        values = values.setdefault(part, {})
    before = values.get(path[-1])
    values[path[-1]] = {**before, **value} if isinstance(before, dict) and isinstance(value, dict) else value


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _setting(option: str, given: str) -> tuple[str, Any]:
    """``KEY=VALUE``; a value that begins with a bracket is a list or mapping, any other is text.

    Raises:
        UserError: if there is no key, or a list is broken.
    """
    key, mark, text = (part.strip() for part in given.partition("="))
    if not mark or not key:
        raise UserError(f"--{option} is '{given}'; give KEY=VALUE, such as time_constant_s=3.")
    if not text.startswith(("[", "{")):
        return key, text
    import yaml

    from lightemma.bounded_yaml import load_yaml

    try:
        return key, load_yaml(text)
    except yaml.YAMLError as error:
        raise UserError(f"--{option} has the value '{text}', which is not a list or mapping.") from error
