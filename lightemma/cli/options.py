"""The options that several commands share. Options of a benchmark are made from the fields that declare them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import typer

from lightemma.cli.benchmark_keys import benchmark_keys, put_at
from lightemma.config_files import reason_of
from lightemma.errors import UserError
from lightemma.sessions.benchmark import RUNNING, Benchmark, Loop

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


def with_benchmark(*loops: Loop) -> Callable[[F], F]:
    """Gives a command the options of a benchmark, in place of its parameter ``given``.

    Args:
        *loops: loops of the command; keys of other loops are left out.
    """

    def decorate(command: F) -> F:
        parameters = [one for key in benchmark_keys() if set(key.option.loops) & set(loops) for one in key.parameters()]
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
    for key in benchmark_keys():
        value = key.given(given)
        if value is not None:
            put_at(values, key.path, value)
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
        named = [key.name for key in benchmark_keys() if place[: len(key.path)] == key.path]
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


#: Parameter of the library -> option, where their names differ.
_OPTIONS = {"results": "out", **{key.path[-1]: key.name for key in benchmark_keys()}, "pictures": "pictures"}


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
