"""The options that say what to drive, shared by the commands that take a benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from lightemma.evaluation.comparison import Choices
    from lightemma.sessions.benchmark import Benchmark

Config = Annotated[
    str | None, typer.Argument(help="A benchmark: a name in configs/benchmarks, or the path of such a YAML.")
]
Data = Annotated[str | None, typer.Option(help="nuscenes:ROOT@VERSION, published:ARCHIVE or demo.", show_default=False)]
Models = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="A name in configs/models, a YAML, replay:ARCHIVE|RUN, or package.module:Class; several with commas. A planner "
        "with several models takes ROLE=MODEL for each of its roles.",
    ),
]
Planners = Annotated[
    str | None,
    typer.Option(
        "--planner",
        help="chain-of-thought (the default), constant-action, damped-acceleration, …; several with commas.",
    ),
]
PlannerOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--planner-option",
        help="KEY=VALUE, an option of a planner (`lightemma planners` lists them); may be given several times.",
        show_default=False,
    ),
]
Prompts = Annotated[str | None, typer.Option(help="A shipped prompt set, or a folder with one.")]
Dialogue = Annotated[
    bool | None,
    typer.Option(
        "--dialogue", help="Ask the stages as turns of one conversation: a run of its own kind.", show_default=False
    ),
]
Frames = Annotated[
    int | None, typer.Option(help="Send so many pictures, the newest key frames: a run of its own kind.")
]
Answer = Annotated[
    str | None,
    typer.Option(help="free (the default), or guided: the action answer is held to its form, a run of its own kind."),
]
Parser = Annotated[str | None, typer.Option(help="strict (the default), tolerant or first-numbers.")]
Scenes = Annotated[str | None, typer.Option(help="Scene names, with commas; all if left out.")]
Stride = Annotated[int | None, typer.Option(help="Every n-th frame of each scene.")]
Limit = Annotated[int | None, typer.Option(help="That many frames in all.")]
Concurrency = Annotated[int | None, typer.Option(help="Calls at once; adapts to the provider if left out.")]
MaxSide = Annotated[int | None, typer.Option(help="Longest side of a picture as sent, in pixels.")]
Integration = Annotated[str | None, typer.Option(help="euler (the default, as published) or arc.")]
Reader = Annotated[str | None, typer.Option(help="tables (the default) or devkit, for nuScenes data.")]
Out = Annotated[Path, typer.Option(help="Folder of runs.")]
Name = Annotated[str | None, typer.Option(help="Name of the run.")]
MaxCost = Annotated[
    float | None, typer.Option(help="Dollars that all runs together may cost; they end cleanly before.")
]
Executor = Annotated[
    str,
    typer.Option(
        help="Where models answer: local (this process), ray (all of this machine), ray:auto or ray:HOST:PORT (a cluster)."
    ),
]
Replicas = Annotated[
    int | None,
    typer.Option(help="With ray: replicas of each model at the most; as many as fit if left out.", show_default=False),
]
GpusPerReplica = Annotated[
    float | None,
    typer.Option(
        help="With ray: GPUs of each replica, a fraction allowed; by the model's YAML if left out.", show_default=False
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show nothing while running.")]

# Of the commands that compare finished runs.
Runs = Annotated[list[Path], typer.Argument(help="Run folders, or folders of runs.")]
Behind = Annotated[
    str | None,
    typer.Option(
        "--data",
        help="The data behind the runs, for pictures, annotations and maps; as noted when they were driven if left out.",
        show_default=False,
    ),
]
ConventionOption = Annotated[
    str, typer.Option("--convention", help="L2 convention: lightemma, endpoint or cumulative.")
]
ReadBy = Annotated[
    str | None,
    typer.Option("--parser", help="Read the stored answers by strict, tolerant or first-numbers; as run if left out."),
]
SharedFrames = Annotated[
    bool, typer.Option("--shared-frames", help="Cut all runs to the frames they share, instead of refusing.")
]
Resamples = Annotated[int, typer.Option(help="Bootstrap draws of scenes.", min=100)]
Seed = Annotated[int, typer.Option(help="Seed of the draws.")]
MoreTables = Annotated[
    list[str] | None,
    typer.Option(
        "--table", help="A table of your own, package.module:Class; may be given several times.", show_default=False
    ),
]


def choices(
    convention: str, *, shared_frames: bool, resamples: int, seed: int, tables: list[str] | None = None
) -> Choices:
    """How finished runs are compared, from the options above.

    Raises:
        UserError: if there is no such convention, or one of the tables cannot be used.
    """
    from lightemma.evaluation.metrics.displacement import check_convention
    from lightemma.evaluation.tables.plugin_tables import outside_tables

    outside_tables(tables or ())  # what is wrong with them is said before anything is read or driven
    return {
        "convention": check_convention(convention),
        "shared_only": shared_frames,
        "resamples": resamples,
        "seed": seed,
        "tables": tables or (),
    }


def benchmark_of(config: str | None, **given: Any) -> Benchmark:
    """The benchmark of a YAML with the command line's options laid over it; options left out are None.

    Raises:
        UserError: if a value is wrong, or nothing says what to drive.
    """
    from pydantic import ValidationError

    from lightemma.config_files import find_config, load_config
    from lightemma.errors import UserError
    from lightemma.sessions.benchmark import Benchmark

    for key, names in (("models", "model"), ("planners", "planner"), ("scenes", "scenes")):
        given[key] = _split(given.pop(names))
    given["planner_options"] = planner_options(given.pop("planner_option", None))
    side = given.pop("max_side")
    given["pictures"] = None if side is None else {"max_side": side}
    values: dict[str, Any] = {}
    if config is not None:
        values = load_config(find_config("benchmarks", config), Benchmark).model_dump(exclude_unset=True)
    values |= {key: value for key, value in given.items() if value is not None}
    if "data" not in values:
        raise UserError("Nothing says what to drive; give a benchmark YAML, or --data (try `--data demo`).")
    try:
        return Benchmark.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = str(first["loc"][0])
        option = {"planners": "planner", "models": "model", "pictures": "max-side"}.get(key, key)
        what = f"{first['msg'][0].lower()}{first['msg'][1:]}"
        raise UserError(f"--{option} is wrong: {what} (it is {first['input']!r}).") from error


def planner_options(values: list[str] | None) -> dict[str, Any] | None:
    """Planner options from ``KEY=VALUE``; a value that begins with a bracket is a list or mapping, all else text.

    Raises:
        UserError: if a value has no key, or is a broken list.
    """
    from lightemma.errors import UserError

    if values is None:
        return None
    found: dict[str, Any] = {}
    for value in values:
        key, mark, text = value.partition("=")
        if not mark or not key.strip():
            raise UserError(f"--planner-option is '{value}'; give KEY=VALUE, such as time_constant_s=3.")
        found[key.strip()] = _structured(text.strip()) if text.strip()[:1] in ("[", "{") else text.strip()
    return found


def _structured(text: str) -> Any:
    import yaml

    from lightemma.errors import UserError

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UserError(f"--planner-option has the value '{text}', which is not a list or mapping.") from error


def _split(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]
