"""The contract of a planner: subclass ``Planner`` and write ``plan``."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, ValidationError

from lightemma.backends.base import Call, Constraint
from lightemma.backends.config import ModelConfig
from lightemma.config_files import reason_of
from lightemma.errors import UserError
from lightemma.frame import FloatArray, Frame, Picture
from lightemma.parsing import Tier
from lightemma.planners.prompt_style import PromptStyle
from lightemma.prompts.sets import PromptSet
from lightemma.protocol import LIGHTEMMA
from lightemma.run_folder.records import MAIN, CallRecord

#: The planner's models by role; ``await calls["main"](request)`` sends a request.
Calls = Mapping[str, Call]

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
        looks: whether the planner itself looks at the pictures. Where only its models do, none are loaded for models that
            read none (replays and scripts). A planner without models that needs pictures always looks.

    Raises:
        ValueError: if a value is not one of these.
    """

    pictures: int = 0
    models: tuple[str, ...] = ()
    constraint: Constraint | None = None
    looks: bool = False

    def __post_init__(self) -> None:
        """Checks the values."""
        most = LIGHTEMMA.history_positions
        if not isinstance(self.pictures, int) or not 0 <= self.pictures <= most:
            raise ValueError(f"Needs(pictures={self.pictures!r}): give a whole number from 0 to {most}")
        names = self.models
        if not isinstance(names, tuple) or not all(isinstance(name, str) and _ROLE.fullmatch(name) for name in names):
            raise ValueError(f'Needs(models={names!r}): give a tuple of lower-case names, such as ("main",)')
        if len(set(names)) < len(names):
            raise ValueError(f"Needs(models={names!r}): a role is named twice")

    @property
    def main(self) -> str | None:
        """The role of the main model; None for a planner without models."""
        return self.models[0] if self.models else None


@dataclass(frozen=True, slots=True)
class View:
    """The front-camera pictures of a frame.

    Attributes:
        pictures: oldest first, the frame's own last; times of the earlier ones are those of the last entries of
            ``frame.earlier``. Fewer than needed at the beginning of a drive, and none for planners that need none, or whose
            models read none.
    """

    pictures: tuple[Picture, ...] = ()

    @property
    def picture(self) -> Picture | None:
        """The frame's own picture."""
        return self.pictures[-1] if self.pictures else None


@dataclass(frozen=True, slots=True)
class Plan:
    """A planner's result for one frame.

    Attributes:
        actions: (6, 2) float array, pairs of speed (m/s) and curvature (1/m), or None if there is no plan.
        outcome: ``ok`` with actions; without, ``format:<kind>`` (the answer breaks the format) or
            ``call:<kind>`` (it did not answer).
        calls: the calls made, in order; may be left out, since the harness records every call itself.
        answer: index of the call whose answer holds the actions' text, well-formed or not; ``compare --parser`` reads
            that answer again. None where the actions are not a model's text.
    """

    actions: FloatArray | None
    outcome: str
    calls: list[CallRecord] = field(default_factory=list)
    answer: int | None = None


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
    """

    stage: str
    characters: float
    pictures: int
    answer_tokens: int
    role: str = MAIN
    continues: bool = False


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
