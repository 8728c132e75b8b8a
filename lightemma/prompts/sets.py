"""Loads prompt sets: shipped ones by name, a user's own by folder."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lightemma.bounded_yaml import MAX_BYTES, load_yaml
from lightemma.errors import UserError, near_names
from lightemma.files import read_text, write_whole
from lightemma.frame import FloatArray, Frame
from lightemma.plugins import Offered, load_object, offered
from lightemma.prompts.answer_forms import ACTION_REGEX, ACTION_SCHEMA, REGEXES, SCHEMAS
from lightemma.prompts.inputs import HISTORY_S, said_command, with_inputs
from lightemma.prompts.template import fill, places
from lightemma.run_folder.records import STAGES, Stage

#: Packages name their prompt sets under this group of entry points.
ENTRY_POINTS = "lightemma.prompts"

__all__ = [
    "ACTION_REGEX",
    "ACTION_SCHEMA",
    "PromptSet",
    "PromptSettings",
    "load_prompts",
    "prompt_sets",
    "save_prompts",
]

SHIPPED = Path(__file__).parent
#: The wording where the user chose none.
DEFAULT_PROMPTS = "three-stage"
SETTINGS_FILE = "prompt-set.yaml"

#: What each stage's template may speak of. The scene stage sees the picture alone: motion would colour its description.
ALLOWED_PLACES: dict[Stage, frozenset[str]] = {
    "scene": frozenset(),
    "intent": frozenset({"scene", "speeds", "curvatures"}),
    "action": frozenset({"scene", "intent", "speeds", "curvatures"}),
}

#: Later turns of a dialogue: earlier answers are in the conversation already, so no place repeats them.
DIALOGUE_PLACES: dict[Stage, frozenset[str]] = {
    stage: frozenset({"speeds", "curvatures"}) for stage in STAGES if stage != STAGES[0]
}

#: Places of what may be given beside the history; a run over recorded prompts knows nothing of them.
INPUT_PLACES = frozenset({"motion", "command"})

#: The places that the history fills, and what they say where a probe has taken the history away.
_MOTION = ("speeds", "curvatures")
UNKNOWN_HISTORY = "unknown"

#: The wording of planners with a single prompt, one file each; its places, beside those of the inputs.
SINGLE_PLACES: dict[Stage, frozenset[str]] = {
    "single-call": frozenset({"speeds", "curvatures"}),
    "single-call-direct": frozenset({"speeds", "curvatures"}),
    "waypoints": frozenset({"speeds", "curvatures"}),
    "choose": frozenset({"speeds", "curvatures", "candidates"}),
}

#: The wording of the questions that control tools, one file each, with its places.
TOOL_PLACES: dict[Stage, frozenset[str]] = {
    "tools-plan": frozenset({"situation", "tasks", "resources", "most"}),
    "tools-repair": frozenset({"complaint"}),
    "tools-choose": frozenset({"candidates"}),
}

#: Replaces an earlier answer in a dialogue, where a set has no wording of its own for it.
_SAID_BEFORE = {"scene": "(as you described it above)", "intent": "(as you said above)"}


class PromptSettings(BaseModel):
    """What prompt-set.yaml may say."""

    model_config = ConfigDict(extra="forbid")

    description: str = Field(default="", description="one line, shown by `lightemma prompts list`")
    answer: Literal["list", "json"] = Field(default="list", description="form of the action stage's answer")


@dataclass(frozen=True, slots=True)
class PromptSet:
    """Three templates and the form of answer they ask for.

    Attributes:
        name: the set's name in manifests and tables.
        templates: text per stage, with ``{{scene}}``, ``{{intent}}``, ``{{speeds}}``, ``{{curvatures}}`` places.
        settings: description and form of answer.
        dialogue: text of the later stages as turns of a conversation, where the set has such wording.
        in_dialogue: whether ``templates`` are turns of one conversation.
        single: text of planners with a single prompt, where the set has it.
        answer: form of the answer, where it is not that of the settings.
        history_s: seconds of motion that the prompts show.
        tools: text of the questions that control tools, where the set has it.
    """

    name: str
    templates: dict[Stage, str]
    settings: PromptSettings
    dialogue: dict[Stage, str] = field(default_factory=dict)
    in_dialogue: bool = False
    single: dict[Stage, str] = field(default_factory=dict)
    answer: str = ""
    history_s: int = HISTORY_S
    tools: dict[Stage, str] = field(default_factory=dict)

    @property
    def answer_form(self) -> str:
        """The form of answer, for manifests: ``list``, ``json``, or what a planner with a single prompt asks for."""
        return self.answer or self.settings.answer

    @property
    def sha256(self) -> str:
        """Digest of the templates and the form of answer: two sets with the same digest ask the same."""
        digest = hashlib.sha256(self.settings.answer.encode())
        for stage in STAGES:
            if stage in self.templates:
                digest.update(b"\0" + self.templates[stage].encode())
        if self.in_dialogue:
            digest.update(b"\0dialogue")
        return digest.hexdigest()

    @property
    def response_schema(self) -> dict[str, Any] | None:
        """The JSON schema of the action stage's answer, if the set asks for JSON."""
        return SCHEMAS.get(self.answer_form)

    @property
    def response_regex(self) -> str | None:
        """The regular expression of the action stage's answer, if the set asks for a list."""
        return REGEXES.get(self.answer_form)

    def with_inputs(self, history_s: int = HISTORY_S, *, command: bool = False) -> PromptSet:
        """The set for other inputs than the protocol's; itself for these, unless it has ``{{motion}}``.

        Args:
            history_s: seconds of motion that are shown.
            command: whether the prompts say where the drive goes next.

        Raises:
            UserError: if the set's wording cannot be changed so.
        """

        def changed(templates: dict[Stage, str]) -> dict[Stage, str]:
            return {
                stage: with_inputs(text, history_s, command=command, where=f"{stage} of the prompt set '{self.name}'")
                for stage, text in templates.items()
            }

        return replace(
            self,
            templates=changed(self.templates),
            dialogue=changed(self.dialogue),
            single=changed(self.single),
            history_s=history_s,
        )

    def as_dialogue(self) -> PromptSet:
        """The set with its stages worded as turns of one conversation, under the same name and another digest.

        Where the set has no such wording, its templates are taken with a reference in place of each earlier answer.
        """
        spoken = {
            stage: self.dialogue.get(stage) or fill(text, _SAID_BEFORE, partly=True)
            for stage, text in self.templates.items()
        }
        return replace(self, templates=spoken, dialogue={}, in_dialogue=True)

    def alone(self, name: Stage, answer: str) -> PromptSet:
        """The set with the single prompt of a planner in place of its stages; the shipped wording where it has none.

        Args:
            name: of the template.
            answer: form of the answer that it asks for.
        """
        text = self.single.get(name)
        if text is None:
            shipped = "three-stage-json" if self.settings.answer == "json" else DEFAULT_PROMPTS
            text = load_prompts(shipped).single[name]
        return replace(self, templates={STAGES[-1]: text}, dialogue={}, single={}, answer=answer)

    def tool_prompt(self, name: Stage, values: Mapping[str, str]) -> str:
        """A question that controls tools; in the shipped wording where the set has none of its own.

        Args:
            name: of the template.
            values: what is filled in.
        """
        return fill(self.tool_wording[name], values)

    @property
    def tool_wording(self) -> dict[Stage, str]:
        """The templates of the questions that control tools, by name."""
        return {**(load_prompts(DEFAULT_PROMPTS).tools if len(self.tools) < len(TOOL_PLACES) else {}), **self.tools}

    def prompt(self, stage: Stage, frame: Frame, answers: Mapping[str, str]) -> str:
        """The text for one stage of one frame.

        Args:
            stage: which stage.
            frame: gives the history, and the command.
            answers: what the earlier stages answered, and what else has a place.
        """
        return self.filled(stage, self.values(frame), answers)

    def filled(self, stage: Stage, values: Mapping[str, str], answers: Mapping[str, str]) -> str:
        """The same with ``values`` of the frame that were made before."""
        return fill(self.templates[stage], {**values, **answers})

    def values(self, frame: Frame) -> dict[str, str]:
        """What is filled in of a frame itself: its motion, as far back as the prompts show it, and its command."""
        history = frame.history
        shown = history_values(history.actions[-2 * self.history_s :] if self.history_s else NO_MOTION)
        if not history.known:
            shown = {place: UNKNOWN_HISTORY if place in _MOTION else text for place, text in shown.items()}
        return shown if frame.command is None else {**shown, "command": said_command(frame.command, frame.command_m)}


#: A history that is not shown.
NO_MOTION: FloatArray = np.zeros((0, 2))


def history_values(actions: FloatArray) -> dict[str, str]:
    """Speeds and curvatures of (n, 2) actions as they are written in prompts: lists of plain decimals."""
    speeds, curvatures = actions.T.tolist()
    return dict(zip(_MOTION, (str(speeds), str(curvatures)), strict=True))


def shipped_names() -> list[str]:
    """Names of the prompt sets that come with the package."""
    return sorted(folder.name for folder in SHIPPED.iterdir() if (folder / "scene.txt").is_file())


def prompt_sets() -> dict[str, Offered]:
    """Every prompt set by name: ours, and those that installed packages offer as ``lightemma.prompts``."""
    return offered(ENTRY_POINTS, {name: str(SHIPPED / name) for name in shipped_names()})


def load_prompts(name: str) -> PromptSet:
    """A set by name, or the set in a folder.

    Raises:
        UserError: if there is no such set, a template is missing, or one has a place that its stage cannot fill.
    """
    if name in shipped_names():
        return _load_folder(SHIPPED / name, name)
    known, folder = prompt_sets(), Path(name)
    if name in known:
        return _load_folder(_offered_folder(name, known[name].place), name)
    if folder.is_dir():
        return _load_folder(folder, folder.resolve().name)
    raise UserError(f"There is no prompt set '{name}', neither by name nor as a folder; {near_names(name, known)}")


def _offered_folder(name: str, place: str) -> Path:
    """The folder behind an entry point: a package that is one, or ``package.module:FOLDER``, a path."""
    found = load_object(place, "prompt set")
    if isinstance(found, str | Path):
        return Path(found)
    if isinstance(found, ModuleType) and found.__file__ is not None:
        return Path(found.__file__).parent
    if isinstance(found, ModuleType):  # a package without __init__.py
        return Path(next(iter(found.__path__)))
    raise UserError(
        f"The prompt set '{name}' ({place}) is a {type(found).__name__}; its entry point must name a folder's path, or a "
        "package whose folder holds the templates."
    )


def _load_folder(folder: Path, name: str) -> PromptSet:
    missing = [f"{stage}.txt" for stage in STAGES if not (folder / f"{stage}.txt").is_file()]
    if missing:
        raise UserError(
            f"Prompt set '{folder}' lacks {', '.join(missing)}; a set is scene.txt, intent.txt and action.txt."
        )
    templates = {
        stage: _load_template(
            folder / f"{stage}.txt",
            f"{stage} stage",
            ALLOWED_PLACES[stage] | (INPUT_PLACES if stage != STAGES[0] else frozenset()),
        )
        for stage in STAGES
    }
    dialogue = {
        stage: _load_template(path, f"{stage} turn of a dialogue", allowed | INPUT_PLACES)
        for stage, allowed in DIALOGUE_PLACES.items()
        if (path := folder / _dialogue_file(stage)).is_file()
    }
    single = {
        one: _load_template(path, f"single prompt '{one}'", allowed | INPUT_PLACES)
        for one, allowed in SINGLE_PLACES.items()
        if (path := folder / f"{one}.txt").is_file()
    }
    tools = {
        one: _load_template(path, f"question '{one}'", allowed)
        for one, allowed in TOOL_PLACES.items()
        if (path := folder / f"{one}.txt").is_file()
    }
    return PromptSet(name, templates, _load_settings(folder / SETTINGS_FILE), dialogue, single=single, tools=tools)


def _dialogue_file(stage: Stage) -> str:
    return f"{stage}-dialogue.txt"


def _load_template(path: Path, stage: str, allowed: frozenset[str]) -> str:
    try:
        text = read_text(path, MAX_BYTES).rstrip("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"'{path}' cannot be read as UTF-8 text ({error}).") from error
    unknown = sorted(places(text) - allowed)
    if unknown:
        given = ", ".join(f"{{{{{place}}}}}" for place in sorted(allowed)) or "no places at all"
        raise UserError(f"'{path}' has the place {{{{{unknown[0]}}}}}, but the {stage} is given {given}.")
    return text


def _load_settings(path: Path) -> PromptSettings:
    if not path.exists():
        return PromptSettings()
    try:
        return PromptSettings.model_validate(load_yaml(read_text(path, MAX_BYTES)) or {})
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else None
        wrong = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first else " ".join(str(error).split())
        raise UserError(
            f"'{path}' is not valid ({wrong}); it may have 'description' and 'answer: list|json'."
        ) from error


def save_prompts(prompts: PromptSet, folder: Path) -> None:
    """Writes a set as a folder that ``load_prompts`` reads.

    Raises:
        UserError: if the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for stage in STAGES:
            write_whole(folder / f"{stage}.txt", f"{prompts.templates[stage]}\n".encode())
        for stage, text in prompts.dialogue.items():
            write_whole(folder / _dialogue_file(stage), f"{text}\n".encode())
        for one, text in {**prompts.single, **prompts.tools}.items():
            write_whole(folder / f"{one}.txt", f"{text}\n".encode())
        settings = yaml.safe_dump(prompts.settings.model_dump(), sort_keys=False, allow_unicode=True)
        write_whole(folder / SETTINGS_FILE, settings.encode())
    except OSError as error:
        raise UserError(
            f"The folder '{folder}' cannot be written ({error.strerror}); give another one with --out."
        ) from error
