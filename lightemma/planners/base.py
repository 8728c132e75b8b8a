"""The contract of a planner: subclass ``Planner`` and write ``plan``."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from lightemma.agents import Surroundings
from lightemma.backends.base import Call, Constraint
from lightemma.backends.config import ModelConfig
from lightemma.config_files import reason_of
from lightemma.errors import UserError
from lightemma.frame import FloatArray, Frame, Picture
from lightemma.observed_facts import ObservedFacts
from lightemma.parsing import Tier
from lightemma.planners.prompt_style import Cameras, PromptStyle
from lightemma.prompts.sets import PromptSet
from lightemma.protocol import LIGHTEMMA
from lightemma.run_folder.inputs import RECORDED_FUTURE, InputsEntry
from lightemma.run_folder.records import MAIN, CallRecord
from lightemma.run_folder.tool_records import ToolsRecord

#: The planner's models by role; ``await calls["main"](request)`` sends a request.
Calls = Mapping[str, Call]

#: Whose pictures a frame has -> the channels beside the front camera.
CAMERAS: Mapping[Cameras, tuple[str, ...]] = {
    "front": (),
    "front3": ("CAM_FRONT_LEFT", "CAM_FRONT_RIGHT"),
    "all6": ("CAM_FRONT_LEFT", "CAM_FRONT_RIGHT", "CAM_BACK_LEFT", "CAM_BACK", "CAM_BACK_RIGHT"),
}

_ROLE = re.compile(r"[a-z][a-z0-9_-]*")
#: Longest text of an option's value in a run's name.
_LONGEST_VALUE = 24


@dataclass(frozen=True, slots=True)
class Needs:
    """The pictures and models that a planner needs.

    Attributes:
        pictures: 0 for none, 1 for the frame's own, k for it and the k - 1 key frames before it.
        models: roles of the models it asks, the main one first, such as ``("main",)`` or ``("main", "controller")``.
        constraint: what the main model's answers are constrained to, or None. A model that does not support it is refused
            before the first call.
        cameras: whose pictures of the frame: ``front``, ``front3`` (left, front, right) or ``all6``; data that have no other
            cameras are refused before the first call.
        examples: how many frames of other scenes, with what their drivers did, are shown as examples.
        examples_seed: by which they are drawn.
        command: whether it needs ``frame.command``. From a recording that leaks the future, and manifests say so.
        truth: whether it is given what only the recording or the world knows; such a planner is a control.
        looks: whether the planner itself looks at the pictures. Where only its models do, none are loaded for models that
            read none (replays and scripts). A planner without models that needs pictures always looks.

    Raises:
        ValueError: if a value is not one of these.
    """

    pictures: int = 0
    models: tuple[str, ...] = ()
    constraint: Constraint | None = None
    looks: bool = False
    cameras: Cameras = "front"
    examples: int = 0
    examples_seed: int = 0
    command: bool = False
    truth: bool = False

    def __post_init__(self) -> None:
        """Checks the values."""
        most = LIGHTEMMA.history_positions
        if not isinstance(self.pictures, int) or not 0 <= self.pictures <= most:
            raise ValueError(f"Needs(pictures={self.pictures!r}): give a whole number from 0 to {most}")
        names = self.models
        if not isinstance(names, tuple) or not all(isinstance(name, str) and _ROLE.fullmatch(name) for name in names):
            raise ValueError(f'Needs(models={names!r}): give a tuple of lower-case names, such as ("main",)')
        if self.cameras not in CAMERAS:
            raise ValueError(f"Needs(cameras={self.cameras!r}): give one of {', '.join(CAMERAS)}")
        if not isinstance(self.examples, int) or self.examples < 0:
            raise ValueError(f"Needs(examples={self.examples!r}): give a whole number from 0 on")
        if len(set(names)) < len(names):
            raise ValueError(f"Needs(models={names!r}): a role is named twice")

    @property
    def main(self) -> str | None:
        """The role of the main model; None for a planner without models."""
        return self.models[0] if self.models else None


@dataclass(frozen=True, slots=True)
class Example:
    """A frame of another scene, with what its driver did.

    Attributes:
        frame: history, command and names.
        picture: of the frame; None for models that read none.
        actions: (6, 2) the recorded drive as actions, rounded as histories are.
        trajectory: (6, 2) metres, the recorded drive.
    """

    frame: Frame
    picture: Picture | None
    actions: FloatArray
    trajectory: FloatArray


@dataclass(frozen=True, slots=True)
class View:
    """The pictures of a frame, and examples of other scenes.

    Attributes:
        pictures: oldest first, the frame's own last; times of the earlier ones are those of the last entries of
            ``frame.earlier``. Fewer than needed at the beginning of a drive, and none for planners that need none, or whose
            models read none.
        others: pictures of the other cameras by channel, such as ``CAM_BACK``.
        examples: as many as are needed.
        truth: who was around, as recorded, where the planner needs the truth and the data know it.
        facts: what a world says can be seen, where the planner needs the truth.
    """

    pictures: tuple[Picture, ...] = ()
    others: Mapping[str, Picture] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()
    truth: Surroundings | None = None
    facts: ObservedFacts | None = None

    @property
    def picture(self) -> Picture | None:
        """The frame's own picture."""
        return self.pictures[-1] if self.pictures else None


@dataclass(frozen=True, slots=True)
class Sample:
    """One of several plans that a model gave to the same question.

    Attributes:
        call: place of the call that brought it among the frame's calls.
        answer: which of that call's answers it is, from 0.
        outcome: ``ok``, ``format:<kind>`` or ``call:<kind>``.
        actions: (6, 2) pairs, or None.
        trajectory: (6, 2) points, where the model gave points.
    """

    call: int
    answer: int
    outcome: str
    actions: FloatArray | None = None
    trajectory: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A planner's result for one frame.

    A plan is six actions, and its trajectory is where they lead. A planner that plans points gives these as ``trajectory``,
    which is then scored in place of that, with the actions that lead along them (``kinematics.actions_through``) for all that
    needs actions: the closed loop, comfort, tables of speeds.

    Attributes:
        actions: (6, 2) float array, pairs of speed (m/s) and curvature (1/m), or None if there is no plan.
        outcome: ``ok`` with actions; without, ``format:<kind>`` (the answer breaks the format) or
            ``call:<kind>`` (it did not answer).
        calls: the calls made, in order; may be left out, since the harness records every call itself.
        answer: index of the call whose answer holds the actions' text, well-formed or not; ``compare --parser`` reads
            that answer again. None where the actions are not a model's text.
        trajectory: (6, 2) metres, ego frame, where the planner plans points; None: where the actions lead.
        samples: the plans that this one was chosen from, where the model gave several.
        candidates: the plans that the model chose from, (6, 2) actions each, where the harness drew them.
        chosen: place in ``candidates`` of the one that was chosen.
        latency_s: seconds that planning takes where this counts, in place of those that the harness measures.
        tools: which experts looked at the frame before, and what they found.
    """

    actions: FloatArray | None
    outcome: str
    calls: list[CallRecord] = field(default_factory=list)
    answer: int | None = None
    trajectory: FloatArray | None = None
    samples: tuple[Sample, ...] = ()
    candidates: tuple[FloatArray, ...] = ()
    chosen: int | None = None
    latency_s: float | None = None
    tools: ToolsRecord | None = None


@dataclass(frozen=True, slots=True)
class TypicalCall:
    """The average call of one stage, for estimates.

    Attributes:
        stage: its name.
        characters: of its text, without the earlier turns of a conversation.
        pictures: sent with it.
        answer_tokens: of a typical answer, thinking not included.
        role: of the model that is asked.
        continues: whether it is a further turn of a conversation, which is then sent again with all earlier turns.
        samples: answers asked for; a provider that gives several in one call reads the prompt once.
    """

    stage: str
    characters: float
    pictures: int
    answer_tokens: int
    role: str = MAIN
    continues: bool = False
    samples: int = 1


@dataclass(frozen=True, slots=True)
class PlannerSettings:
    """Everything that a planner is created with; a planner uses what applies to it.

    Attributes:
        prompts: the prompt set that the user chose, or None.
        parser: how answers are read (see ``parsing.parse_answer``).
        style: how models are asked; only for planners with ``takes_style``.
        models: role -> settings of the model.
        options: the planner's own options, as the user gave them.
    """

    prompts: PromptSet | None = None
    parser: Tier = "strict"
    style: PromptStyle = field(default_factory=PromptStyle)
    models: Mapping[str, ModelConfig] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


class Planner(ABC):
    """Turns a frame into a plan.

    Subclasses write ``plan``, and ``needs`` if they need pictures or models. An ``__init__`` of a subclass takes the same
    argument and passes it on: ``super().__init__(settings)``.

    Attributes:
        name: on the command line and in tables.
        takes_style: whether it uses ``settings.style`` (dialogue, several pictures, guided answers).
        options: its own options, checked.
        prompts: the prompt set, for the manifest; None for planners without a model.
    """

    name: ClassVar[str]
    takes_style: ClassVar[bool] = False

    class Options(BaseModel):
        """The planner's own settings: ``--planner-option KEY=VALUE``, or ``planner_options:`` in a benchmark's YAML."""

        model_config = ConfigDict(extra="forbid", frozen=True)

    options: Options
    prompts: PromptSet | None

    def __init__(self, settings: PlannerSettings = PlannerSettings()) -> None:
        self.prompts = settings.prompts
        try:
            self.options = self.Options.model_validate(dict(settings.options))
        except ValidationError as error:
            raise UserError(_wrong_option(self.name, self.Options, error), "planner_options") from error

    @property
    def suffix(self) -> tuple[str, ...]:
        """Parts of the run's name for options that differ from their defaults."""
        changed = self.options.model_dump(mode="json", exclude_defaults=True)
        return tuple(f"{key}-{_short(value)}" for key, value in changed.items())

    @property
    def kind(self) -> str:
        """Name and suffix: the planner's name in manifests and tables."""
        return "-".join((self.name, *self.suffix))

    def needs(self) -> Needs:
        """The pictures and models it needs; none by default. Always the same for one planner."""
        return Needs()

    @abstractmethod
    async def plan(self, frame: Frame, view: View, calls: Calls) -> Plan:
        """Plans the next three seconds of one frame.

        Several frames are planned concurrently, so run heavy computation in a thread:
        ``await asyncio.to_thread(self.network, picture)``. The harness times the frame, records every call, and counts an
        error as a frame without a plan.

        Args:
            frame: history, camera and names; ``frame.future`` is the ground truth and must not be used.
            view: the pictures it needs.
            calls: asks its models, by role.
        """

    def settings(self) -> dict[str, Any]:
        """The planner's options, for the manifest."""
        return self.options.model_dump(mode="json")

    def inputs(self) -> InputsEntry:
        """What it is told of a frame, for the manifest; from ``needs`` unless a subclass knows better."""
        needs = self.needs()
        return InputsEntry(
            history_s=LIGHTEMMA.history_actions * LIGHTEMMA.dt,
            pictures=needs.pictures,
            cameras=needs.cameras if needs.pictures else "",
            command=RECORDED_FUTURE if needs.command else "",
            few_shot=needs.examples,
            few_shot_seed=needs.examples_seed if needs.examples else None,
        )

    def typical_calls(self, frames: Sequence[Frame]) -> list[TypicalCall] | None:
        """The average calls of a frame, for estimates; None if unknown.

        Args:
            frames: a few frames to fill the prompts with.
        """
        return None


def _wrong_option(planner: str, options: type[BaseModel], error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "options"
    known = ", ".join(options.model_fields) or "none"
    if first["type"] == "extra_forbidden":
        return f"The planner '{planner}' has no option '{where}'; its options are: {known}."
    if first["type"] == "missing":
        return f"The planner '{planner}' needs its option '{where}'; give `planner_options` {where}=VALUE."
    what = reason_of(dict(first))
    return f"The planner '{planner}': option '{where}' is wrong: {what} (it is {first['input']!r}); its options are: {known}."


def _short(value: object) -> str:
    """An option's value as part of a folder's name."""
    return re.sub(r"[^A-Za-z0-9._]+", "-", str(value)).strip("-.")[-_LONGEST_VALUE:]
