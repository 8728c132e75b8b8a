"""The options that several commands share. Options of a benchmark are made from the fields that declare them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_origin, get_type_hints

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from lightemma.config_files import reason_of
from lightemma.errors import UserError
from lightemma.sessions.benchmark import PANELS, RUNNING, Benchmark, Loop, Option

if TYPE_CHECKING:
    from lightemma.cli.live import Style
    from lightemma.evaluation.comparison import Choices
    from lightemma.sessions.run import Spending

F = TypeVar("F", bound=Callable[..., None])

#: Heading of the options that say where models answer.
WHERE = "Where models answer"
#: Headings of the options of commands that compare.
WHICH, SCORING, WORDS = "Which runs and frames", "How they are scored", "Who reads the models' words"

Config = Annotated[
    str | None, typer.Argument(help="A benchmark: a name in configs/benchmarks, or the path of such a YAML.")
]

#: The benchmark's options on a command line: parameter -> value; None for options that are not given.
Given = dict[str, Any]


@dataclass(frozen=True)
class SessionOptions:
    """How a command drives its runs; the same for all commands that drive."""

    out: Annotated[Path, typer.Option(help="Folder of runs.", rich_help_panel=RUNNING)] = Path("results")
    max_cost: Annotated[
        float | None,
        typer.Option(
            help="Dollars that all runs together may cost; they stop before that.",
            rich_help_panel=RUNNING,
            show_default=False,
        ),
    ] = None
    cache: Annotated[
        bool,
        typer.Option("--cache/--no-cache", help="Use stored answers, and store new ones.", rich_help_panel=RUNNING),
    ] = True
    batch: Annotated[
        bool,
        typer.Option(
            "--batch",
            help="Use the provider's batch endpoint: answers within hours, at a lower price.",
            rich_help_panel=RUNNING,
        ),
    ] = False
    executor: Annotated[
        str,
        typer.Option(
            help="local (this process), ray (all of this machine), ray:auto or ray:HOST:PORT (a cluster).",
            rich_help_panel=WHERE,
        ),
    ] = "local"
    replicas: Annotated[
        int | None,
        typer.Option(
            help="With ray: maximum replicas of each model; as many as fit if left out.",
            show_default=False,
            rich_help_panel=WHERE,
        ),
    ] = None
    gpus_per_replica: Annotated[
        float | None,
        typer.Option(
            help="With ray: GPUs of each replica, may be a fraction; as in the model's YAML if left out.",
            show_default=False,
            rich_help_panel=WHERE,
        ),
    ] = None
    quiet: Annotated[bool, typer.Option("--quiet", help="Show nothing while running.")] = False
    json_log: Annotated[bool, typer.Option("--json-log", help="Show progress as JSON lines on standard error.")] = False

    @property
    def spending(self) -> Spending:
        """How the runs may use their providers."""
        from lightemma.sessions.run import Spending

        return Spending(max_cost=self.max_cost, cache=self.cache, batch=self.batch)

    @property
    def style(self) -> Style:
        """How progress is shown."""
        from lightemma.cli.live import choose_style

        return choose_style(quiet=self.quiet, json_log=self.json_log)


# Of the commands that compare finished runs.
Runs = Annotated[list[Path], typer.Argument(help="Run folders, or folders of runs.")]
DataOption = Annotated[
    str | None,
    typer.Option(
        "--data",
        rich_help_panel=WHICH,
        help="Data of the runs, for pictures, annotations and maps; the data that were driven if left out.",
        show_default=False,
    ),
]
ConventionOption = Annotated[
    str, typer.Option("--convention", rich_help_panel=SCORING, help="L2 convention: lightemma, endpoint or cumulative.")
]
ParserOption = Annotated[
    str | None,
    typer.Option(
        "--parser",
        rich_help_panel=SCORING,
        help="How to read the stored answers: strict, tolerant or first-numbers; as run if left out.",
    ),
]
SharedFrames = Annotated[
    bool,
    typer.Option(
        "--shared-frames",
        rich_help_panel=WHICH,
        help="Compare only the frames that all runs share, instead of refusing.",
    ),
]
GroupOption = Annotated[
    str | None,
    typer.Option(
        "--group",
        rich_help_panel=WHICH,
        help="Which runs of a folder, where not all can be compared: a group's name or number (`lightemma runs` lists them); "
        "the largest if left out.",
        show_default=False,
    ),
]
Resamples = Annotated[
    int, typer.Option(help="Draws of scenes, for boot_low, boot_high and share_best.", min=100, rich_help_panel=SCORING)
]
Seed = Annotated[int, typer.Option(help="Seed of the draws.", rich_help_panel=SCORING)]
MoreTables = Annotated[
    list[str] | None,
    typer.Option(
        "--table",
        rich_help_panel=SCORING,
        help="A table of your own, package.module:Class; may be given several times.",
        show_default=False,
    ),
]

TeacherOption = Annotated[
    str | None,
    typer.Option(
        "--teacher",
        help="Run whose students the others are; if left out, as the students' own records say.",
        show_default=False,
    ),
]

ReaderOption = Annotated[
    str,
    typer.Option(
        "--reader",
        rich_help_panel=WORDS,
        help="What reads the models' words: rules, an installed package's, or package.module:Class.",
    ),
]
JudgeOption = Annotated[
    str | None,
    typer.Option(
        "--judge",
        rich_help_panel=WORDS,
        help="Read the words as this model judged them (`lightemma judge`), not by rules.",
        show_default=False,
    ),
]


def choices(
    convention: str,
    *,
    shared_frames: bool,
    resamples: int,
    seed: int,
    tables: list[str] | None = None,
    reader: str = "rules",
    judge: str | None = None,
    teacher: str | None = None,
) -> Choices:
    """How finished runs are compared, from the options above.

    Raises:
        UserError: if there is no such convention, or a table cannot be used.
    """
    from lightemma.evaluation.metrics.displacement import check_convention
    from lightemma.evaluation.reasoning.reader_choice import find_reader
    from lightemma.evaluation.tables.plugin_tables import outside_tables

    outside_tables(tables or ())  # errors in them are found before anything is read or driven
    if judge is not None and reader != "rules":
        raise UserError("--reader and --judge both say who reads the words; give one of them.")
    find_reader(reader)
    return {
        "convention": check_convention(convention),
        "shared_only": shared_frames,
        "resamples": resamples,
        "seed": seed,
        "tables": tables or (),
        "reader": reader,
        "judge": judge,
        "teacher": teacher,
    }


@dataclass(frozen=True, slots=True)
class _Key:
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


def with_benchmark(*loops: Loop) -> Callable[[F], F]:
    """Gives a command the options of a benchmark, in place of its parameter ``given``.

    Args:
        *loops: loops of the command; keys of other loops are left out.
    """

    def decorate(command: F) -> F:
        parameters = [one for key in _keys() if set(key.option.loops) & set(loops) for one in key.parameters()]
        return _expanded(command, "given", parameters, lambda values: values)

    return decorate


def with_session(*left_out: str) -> Callable[[F], F]:
    """Gives a command the options of ``SessionOptions``, in place of its parameter ``session``.

    Args:
        *left_out: fields that the command does not have.
    """

    def decorate(command: F) -> F:
        hints = get_type_hints(SessionOptions, include_extras=True)
        parameters = [
            inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=hints[one.name])
            for one in fields(SessionOptions)
            if one.name not in left_out
        ]
        return _expanded(command, "session", parameters, lambda values: SessionOptions(**values))

    return decorate


def benchmark_of(config: str | None, given: Given, loop: Loop) -> Benchmark:
    """The benchmark of a YAML, changed by the command line's options.

    Args:
        config: name or path of the YAML, or None.
        given: options on the command line.
        loop: that is driven if there is no YAML.

    Raises:
        UserError: if a value is wrong, or neither data nor a world is given.
    """
    from lightemma.config_files import find_config, load_config

    values: dict[str, Any] = {}
    if config is not None:
        values = load_config(find_config("benchmarks", config), Benchmark).model_dump(exclude_unset=True)
        if loop == "closed" and "data" in values:
            raise UserError(f"'{config}' drives recorded data; give it to `lightemma run`.")
    elif loop == "closed":
        values["world"] = {}
    return checked_benchmark(with_given(values, given))


def with_given(values: dict[str, Any], given: Given) -> dict[str, Any]:
    """The keys of a benchmark, changed by the command line's options."""
    for key in _keys():
        value = key.given(given)
        if value is not None:
            _put(values, key.path, value)
    return values


def checked_benchmark(values: Mapping[str, Any]) -> Benchmark:
    """The benchmark with these keys.

    Raises:
        UserError: if a value is wrong, or neither data nor a world is given.
    """
    from pydantic import ValidationError

    if "data" not in values and "world" not in values:
        raise UserError("Nothing says what to drive; give a benchmark YAML, or --data (try `--data demo`).")
    try:
        return Benchmark.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = tuple(str(part) for part in first["loc"])
        what = reason_of(dict(first))
        named = [key.name for key in _keys() if place[: len(key.path)] == key.path]
        if not named:
            raise UserError(f"The benchmark is wrong: {what}.", *re.findall(r"`(\w+)`", what)) from error
        raise UserError(f"--{named[0]} is wrong: {what} (it is {first['input']!r}).") from error


def in_options(sentence: str, parameters: Iterable[str]) -> str:
    """Replaces the library's parameters in a sentence by the command line's options.

    Args:
        sentence: of an error, for example, with parameters in backticks.
        parameters: their names.
    """
    for name in parameters:
        sentence = sentence.replace(f"`{name}`", f"--{_OPTIONS.get(name, name.replace('_', '-'))}")
    return sentence


def _keys() -> list[_Key]:
    return sorted(_keys_of(Benchmark, ()), key=lambda key: PANELS.index(key.option.panel))


def _keys_of(model: type[BaseModel], path: tuple[str, ...]) -> Iterator[_Key]:
    for name, field in model.model_fields.items():
        declared = [one for one in field.metadata if isinstance(one, Option)]
        if declared:
            yield _Key((*path, name), field, declared[0])
            continue
        if get_origin(field.annotation) is list:
            continue  # several of them, as of a grid: only a file can say these
        for inner in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from _keys_of(inner, (*path, name))


#: Parameter of the library -> option, where their names differ.
_OPTIONS = {"results": "out", **{key.path[-1]: key.name for key in _keys()}, "pictures": "pictures"}


def _expanded(command: F, name: str, parameters: list[inspect.Parameter], build: Callable[[dict[str, Any]], Any]) -> F:
    """Replaces a command's parameter ``name`` by ``parameters``, from whose values it is built."""
    signature = inspect.signature(command, eval_str=True)
    names = [parameter.name for parameter in parameters]

    def call(**values: Any) -> None:
        bundle = build({one: values.pop(one) for one in names})
        command(**values, **{name: bundle})

    listed: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        if parameter.name == name:
            listed += parameters
        else:
            listed.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))
    call.__name__, call.__doc__, call.__module__ = command.__name__, command.__doc__, command.__module__
    call.__signature__ = signature.replace(parameters=listed)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in listed}
    return call  # type: ignore[return-value]


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


def _put(values: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
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
