"""A benchmark's YAML: what is driven, by which planners, and how. Each key declares its command-line option."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from lightemma.data.source_kinds import data_help
from lightemma.planners.prompt_style import Cameras, PromptStyle
from lightemma.prompts.inputs import HISTORY_S, check_history
from lightemma.protocol import LIGHTEMMA, Convention, Integration, Tier

if TYPE_CHECKING:
    from lightemma.data.pictures import PicturePolicy

#: The loop a key is for: ``open`` drives recorded frames, ``closed`` a world.
Loop = Literal["open", "closed"]
BOTH: tuple[Loop, ...] = ("open", "closed")

#: Headings of the help, in this order.
WHAT = "What is driven"
WHO = "Who drives"
HOW = "How models are asked"
RUNNING = "How it runs"
COLLECTING = "Collecting training data"
PANELS = (WHAT, WHO, HOW, RUNNING, COLLECTING)


@dataclass(frozen=True, slots=True)
class Option:
    """The command-line option of a benchmark's key.

    Attributes:
        name: of the option, without its dashes; the key's own name if empty.
        panel: the heading under which the help lists it.
        loops: the loops whose commands have it.
        off: name of the option that switches a flag off, without its dashes; if neither is given, the file decides.
        aliases: older names; accepted, but not listed in the help.
        off_aliases: older names of ``off``.
        help: text of the help, where it differs from the key's description.
    """

    name: str = ""
    panel: str = RUNNING
    loops: tuple[Loop, ...] = BOTH
    off: str = ""
    aliases: tuple[str, ...] = ()
    off_aliases: tuple[str, ...] = ()
    help: str = ""


class PictureSettings(BaseModel):
    """The pictures of recorded frames that a planner gets."""

    model_config = ConfigDict(extra="forbid")

    count: Annotated[int, Option("pictures", HOW, aliases=("frames",))] = Field(
        default=1,
        ge=1,
        le=LIGHTEMMA.history_positions,
        description="pictures per frame: its own and those before it; a value other than 1 makes a run with its own name",
    )
    max_side: Annotated[int | None, Option("max-side", HOW, ("open",))] = Field(
        default=None,
        ge=1,
        description="longest side of a picture as sent, in pixels; the file is sent unchanged if left out",
    )
    jpeg_quality: Annotated[int, Option("jpeg-quality", HOW, ("open",))] = Field(
        default=90, ge=1, le=95, description="JPEG quality of pictures that are resized or converted"
    )

    def policy(self) -> PicturePolicy:
        """The settings for loading pictures."""
        from lightemma.data.pictures import PicturePolicy  # Pillow is needed for driving, not for --help

        return PicturePolicy(self.max_side, self.jpeg_quality)


class InputSettings(BaseModel):
    """What a planner that takes a style shows its model, and how many answers it asks for; what differs names the run."""

    model_config = ConfigDict(extra="forbid")

    history: Annotated[int, Option("", HOW)] = Field(
        default=HISTORY_S, description="seconds of the car's own motion in the prompts: 0, 1 or 3"
    )
    command: Annotated[bool, Option("command", HOW, off="no-command")] = Field(
        default=False,
        description="the prompts say where the drive goes next: left, right, straight or follow, and in how many metres; of "
        "recorded frames this is made from the future (without metres, and never follow), of a world from its route",
    )
    cameras: Annotated[Cameras, Option("", HOW, ("open",))] = Field(
        default="front", description="cameras whose pictures are sent: front, front3 or all6, where the data has them"
    )
    few_shot: Annotated[int, Option("", HOW, ("open",))] = Field(
        default=0,
        ge=0,
        le=16,
        description="examples from other scenes, with what their drivers did, that are shown first",
    )
    few_shot_seed: Annotated[int, Option("", HOW, ("open",))] = Field(
        default=0, ge=0, description="seed by which the examples are drawn"
    )
    samples: Annotated[int, Option("", HOW)] = Field(
        default=1, ge=1, le=64, description="answers asked for in place of one; the plan is the one in their middle"
    )
    temperature: Annotated[float | None, Option("", HOW)] = Field(
        default=None, ge=0, le=2, description="temperature of the samples; the model's own if left out"
    )

    @field_validator("history")
    @classmethod
    def _known_history(cls, value: int) -> int:
        return check_history(value)

    @model_validator(mode="after")
    def _for_samples(self) -> Self:
        if self.temperature is not None and self.samples == 1:
            raise ValueError("`temperature` is for samples; give `samples`, or leave it out")
        return self


class GridCell(InputSettings):
    """One more run of every planner that this concerns: the benchmark's inputs and options with these in their place."""

    pictures: int | None = Field(
        default=None,
        ge=1,
        le=LIGHTEMMA.history_positions,
        description="pictures per frame, its own and those before it",
    )
    planner_options: dict[str, Any] = Field(
        default={}, description="options of the planners; those of the benchmark that are not named here stay"
    )


@dataclass(frozen=True, slots=True)
class Cell:
    """How a benchmark's planners are run once.

    Attributes:
        style: how they ask.
        options: of the planners.
        own: names of the options that are those of the cell.
        plain: whether the style is the benchmark's own.
    """

    style: PromptStyle
    options: Mapping[str, Any]
    own: tuple[str, ...] = ()
    plain: bool = True

    def same(self, other: Cell) -> bool:
        """Whether both make the same runs."""
        return self.style == other.style and self.options == other.options


class WorldSettings(BaseModel):
    """The world that a closed loop drives in, and the rules of the loop."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Option("world", WHAT, ("closed",))] = Field(
        default="city", description="world by name, NAME:ARGUMENT, or package.module:Class"
    )
    scenarios: Annotated[list[str], Option("", WHAT, ("closed",))] = Field(
        default=["all"], description="names of scenarios (`lightemma simulate scenarios`), or all"
    )
    seeds: Annotated[int | str | list[int], Option("", WHAT, ("closed",))] = Field(
        default=3, description="number of seeds, such as 3 (0, 1 and 2), or a list, such as 1,5,9"
    )
    hidden_suite: Annotated[str | None, Option("hidden-suite", WHAT, ("closed",))] = Field(
        default=None,
        description="file with a secret text of 16 characters or more: the reserved seeds (1000 and up) then stand for "
        "episodes that cannot be guessed, and a number of seeds means the first of these",
    )
    conditions: Annotated[list[str], Option("", WHAT, ("closed",))] = Field(
        default=["day"],
        description="light and weather: day, dusk, rain, fog, dusk-rain, dusk-fog, or all",
    )
    left_hand: Annotated[bool, Option("left-hand", WHAT, ("closed",))] = Field(
        default=False, description="traffic keeps to the left"
    )
    replan: Annotated[int, Option("", RUNNING, ("closed",))] = Field(
        default=1, description="actions of a plan that are driven before the next picture and plan, 1 to 6"
    )
    real_time: Annotated[bool, Option("real-time", RUNNING, ("closed",))] = Field(
        default=False, description="the world continues while the planner computes"
    )
    car_limits: Annotated[
        bool,
        Option(
            "car-limits", RUNNING, ("closed",), off="no-car-limits", aliases=("limits",), off_aliases=("no-limits",)
        ),
    ] = Field(default=True, description="whether the car has physical limits")
    blind_twin: Annotated[bool, Option("blind-twin", WHO, ("closed",))] = Field(
        default=False,
        description="every planner that is given pictures drives once more with grey ones, which shows what of its score needs "
        "eyes",
    )
    blind_ceiling: Annotated[bool | None, Option("blind-ceiling", WHO, ("closed",), off="no-blind-ceiling")] = Field(
        default=None,
        description="the best of many drivers that see nothing is a row of the table; only where a planner is given pictures, "
        "if left out",
    )
    two_stage: Annotated[bool, Option("two-stage", RUNNING, ("closed",))] = Field(
        default=False,
        description="drive single plans from chosen starts in place of whole episodes: a sixth of the calls, and another score",
    )
    renderer: Annotated[str, Option("", WHAT, ("closed",))] = Field(
        default="auto", description="renderer of the pictures: auto, panda3d or painter"
    )
    size: Annotated[str, Option("", WHAT, ("closed",))] = Field(
        default="800x450", description="width and height of the pictures in pixels"
    )
    draw: Annotated[bool | None, Option("draw", WHAT, ("closed",), off="no-draw", off_aliases=("no-pictures",))] = (
        Field(default=None, description="whether pictures are drawn; only for planners that need them if left out")
    )
    driver: Annotated[str, Option("", COLLECTING, ("closed",))] = Field(
        default="planner",
        description="who steers: planner, or mixture:BETA, where the expert takes the planner's place with the probability "
        "BETA, drawn for each decision",
    )
    disturb: Annotated[bool, Option("", COLLECTING, ("closed",))] = Field(
        default=False, description="the car starts beside its place, turned, too fast or too slow"
    )
    early_end: Annotated[bool, Option("early-end", COLLECTING, ("closed",), off="no-early-end")] = Field(
        default=True, description="collisions and leaving the road or route end an episode"
    )
    record_facts: Annotated[bool, Option("record-facts", COLLECTING, ("closed",), aliases=("record-label",))] = Field(
        default=False,
        description="store what is seen at every visited state, in facts.jsonl, beside the expert's label",
    )


class ReportSettings(BaseModel):
    """The report that ``lightemma study`` writes about the finished runs."""

    model_config = ConfigDict(extra="forbid")

    title: str | None = Field(default=None, description="title of the page; made from the data's name if left out")
    convention: Convention = Field(default="lightemma", description="L2 convention of differences and strata")
    also: list[str] = Field(default=[], description="finished runs, or published archives, that are compared too")
    figures: bool = Field(default=True, description="whether figures are drawn as files next to the tables")


class Benchmark(BaseModel):
    """What is driven (recorded ``data`` or a ``world``), by which planners, and how.

    Keys that carry an ``Option`` are options of the commands that drive, see ``cli/options.py``.
    """

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str | None, Option()] = Field(
        default=None, description="name of the run; only for a benchmark with a single run"
    )
    data: Annotated[str | None, Option("", WHAT, ("open",))] = Field(
        default=None, description=data_help("recorded frames").removesuffix(".")
    )
    reader: Annotated[Literal["tables", "devkit"], Option("", WHAT, ("open",))] = Field(
        default="tables", description="reader of nuScenes tables: tables or devkit"
    )
    scenes: Annotated[list[str] | None, Option("", WHAT, ("open",))] = Field(
        default=None, description="names of scenes; all if left out"
    )
    stride: Annotated[int, Option("", WHAT, ("open",))] = Field(
        default=1, ge=1, description="every n-th frame of each scene"
    )
    limit: Annotated[int | None, Option("", WHAT, ("open",))] = Field(
        default=None, ge=1, description="at most this many frames in all"
    )
    world: WorldSettings | None = Field(
        default=None, description="the world of a closed loop; its name alone is enough"
    )
    planners: Annotated[list[str], Option("planner", WHO)] = Field(
        default=["chain-of-thought"],
        min_length=1,
        description="names of planners (`lightemma planners`), or package.module:Class",
    )
    planner_options: Annotated[dict[str, Any], Option("planner-option", WHO)] = Field(
        default={}, description="options of the planners (`lightemma planners` lists them); each takes its own"
    )
    models: Annotated[
        list[str],
        Option(
            "model",
            WHO,
            help="name in configs/models, a YAML, replay:ARCHIVE|RUN, or package.module:Class; a planner with several models "
            "takes ROLE=MODEL for each of its roles",
        ),
    ] = Field(
        default=[],
        description="for planners that need a model; a planner with several models takes ROLE=MODEL for each of its roles",
    )
    prompts: Annotated[str, Option("", HOW)] = Field(
        default="three-stage", description="prompt set (`lightemma prompts`), or a folder with one"
    )
    dialogue: Annotated[bool, Option("dialogue", HOW)] = Field(
        default=False, description="ask the stages as turns of one conversation; makes a run with its own name"
    )
    answer: Annotated[Literal["free", "guided"], Option("", HOW)] = Field(
        default="free",
        description="form of the action answer: free, or guided (constrained to its form; makes a run with its own name)",
    )
    parser: Annotated[Tier, Option("", HOW)] = Field(
        default="strict", description="how answers are read: strict, tolerant or first-numbers"
    )
    pictures: PictureSettings = PictureSettings()
    inputs: InputSettings = InputSettings()
    grid: list[GridCell] = Field(
        default=[],
        description="further inputs or options, one run of each planner that has them for each; every one is paired with the "
        "run over plain inputs",
    )
    integration: Annotated[Integration, Option("", HOW, ("open",))] = Field(
        default="euler", description="how actions become points: euler (as published) or arc"
    )
    until_decided: Annotated[float | None, Option("until-decided", RUNNING, ("open",))] = Field(
        default=None,
        gt=0,
        description="drive scenes in a random order, and stop once it is known whether the run is better or worse than "
        "constant-action, or no more than this many metres of l2_avg apart",
    )
    concurrency: Annotated[int | None, Option()] = Field(
        default=None, ge=1, description="concurrent calls; adapts to the provider if left out"
    )
    report: ReportSettings = ReportSettings()

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, values: Any) -> Any:
        """``world: city``, ``pictures: 4``, and ``frames: 4``, which as in files of version 0.1."""
        if not isinstance(values, dict):
            return values
        values = dict(values)
        if isinstance(values.get("world"), str):
            values["world"] = {"name": values["world"]}
        if isinstance(values.get("pictures"), int):
            values["pictures"] = {"count": values["pictures"]}
        if "frames" in values and "count" not in (values.get("pictures") or {}):
            pictures = values.get("pictures")
            given = pictures.model_dump(exclude_unset=True) if isinstance(pictures, PictureSettings) else pictures
            values["pictures"] = {**(given or {}), "count": values.pop("frames")}
        return values

    @model_validator(mode="after")
    def _one_of_both(self) -> Benchmark:
        if self.data is not None and self.world is not None:
            raise ValueError("it names recorded data and a world; remove one of them")
        return self

    @model_validator(mode="after")
    def _whole_scenes(self) -> Benchmark:
        if self.until_decided is not None and self.limit is not None:
            raise ValueError("`until_decided` drives whole scenes and ends by itself; leave `limit` out")
        return self

    @property
    def loop(self) -> Loop:
        """``open`` for recorded frames, ``closed`` for a world."""
        return "open" if self.world is None else "closed"

    @property
    def style(self) -> PromptStyle:
        """The prompt style."""
        return self._styled(self.inputs, self.pictures.count)

    @property
    def cells(self) -> list[Cell]:
        """The plain cell first, then those of the grid, each once."""
        made = [Cell(self.style, self.planner_options)]
        for cell in self.grid:
            given = cell.model_dump(exclude_unset=True)
            pictures = given.pop("pictures", None) or self.pictures.count
            own = given.pop("planner_options", {})
            style = self._styled(self.inputs.model_copy(update=given), pictures)
            made.append(Cell(style, {**self.planner_options, **own}, tuple(own), style == self.style))
        return [one for place, one in enumerate(made) if not any(one.same(other) for other in made[:place])]

    def _styled(self, inputs: InputSettings, pictures: int) -> PromptStyle:
        return PromptStyle(
            self.dialogue,
            pictures,
            self.answer == "guided",
            inputs.history,
            inputs.command,
            inputs.cameras,
            inputs.few_shot,
            inputs.few_shot_seed,
            inputs.samples,
            inputs.temperature,
        )
