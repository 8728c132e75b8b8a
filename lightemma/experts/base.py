"""The contract of an expert: subclass ``Expert``, give it a card and write ``look``."""

from __future__ import annotations

import io
import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np

from lightemma.agents import Surroundings
from lightemma.camera import sized
from lightemma.frame import Camera, FloatArray, Frame, Picture, PixelArray
from lightemma.observed_facts import ObservedFacts

#: Where an expert computes: in this process, at an HTTP address, or a model of the transformers library in a local folder.
Endpoint = Literal["local", "http", "hf"]
#: What arguments and results are made of.
Kind = Literal["picture", "boxes", "numbers", "words"]
KINDS: tuple[str, ...] = get_args(Kind)

_SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_INPUT = re.compile(r"([a-z]+_)*(picture|boxes|numbers|words)\??")
_LONGEST_DESCRIPTION = 400
_LONGEST_LICENCE = 80


@dataclass(frozen=True, slots=True)
class Card:
    """What is known of an expert before it is asked.

    Attributes:
        id: name of the expert: small letters, digits and hyphens.
        task: what it does, such as ``object-detection``; several experts may do the same task.
        description: one or two sentences; the controlling model reads them.
        inputs: names of its arguments. The last word of a name is its kind: ``picture``, ``boxes``, ``earlier_boxes``,
            ``numbers``, ``words``. A question mark at the end makes it optional.
        outputs: kinds of what it finds; every expert also gives words.
        endpoint: ``local``, ``http`` or ``hf``.
        code_licence: SPDX name of the licence of its code.
        weights_licence: of its weights; empty where it has none.
        rank: place among the experts of the same task; 1 is asked first.
        cost: seconds of one processor core for one call, roughly.
        usual: argument -> what it is given in the default plan: ``picture``, ``earlier-picture``, the name of a task, or
            ``task@earlier`` for that task on the earlier picture.
        timeout_s: seconds after which a call counts as failed.
        accelerator: name of the device that it needs for itself, such as ``cuda:0``; empty for processors.
        camera: whether it needs to know how the camera looks at the road.
        privileged: whether it is given the truth; such an expert is a control, not a tool.

    Raises:
        ValueError: if a value is not one of these.
    """

    id: str
    task: str
    description: str
    inputs: tuple[str, ...]
    outputs: tuple[Kind, ...]
    endpoint: Endpoint = "local"
    code_licence: str = "unknown"
    weights_licence: str = ""
    rank: int = 10
    cost: float = 0.01
    usual: Mapping[str, str] = field(default_factory=dict)
    timeout_s: float = 10.0
    accelerator: str = ""
    camera: bool = False
    privileged: bool = False

    def __post_init__(self) -> None:
        """Checks the values."""
        wrong = _wrong_card(self)
        if wrong:
            raise ValueError(f"Card of {self.id!r}: {wrong}")

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the arguments that must be given."""
        return tuple(name for name in self.inputs if not name.endswith("?"))

    @property
    def arguments(self) -> Mapping[str, Kind]:
        """Name of each argument -> its kind."""
        return {name.rstrip("?"): kind_of(name) for name in self.inputs}


def kind_of(argument: str) -> Kind:
    """The kind of an argument, by the last word of its name."""
    kind = argument.rstrip("?").rpartition("_")[2]
    return next(one for one in get_args(Kind) if one == kind)


@dataclass(frozen=True, slots=True)
class Box:
    """Something in the picture.

    Attributes:
        label: what it is, such as ``car``, ``person``, ``traffic light``.
        score: 0 to 1, how sure the expert is.
        left: pixels of the picture as it was shown; the centre of the upper left pixel is (0, 0).
        top: the same.
        right: the same.
        bottom: the same.
    """

    label: str
    score: float
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Found:
    """What an expert found.

    Attributes:
        words: one or two sentences; they enter the driving context.
        boxes: in the picture.
        numbers: name with unit -> value, such as ``lead_distance_m``.
        picture: a part or a changed version of the picture, for later tasks.
    """

    words: str
    boxes: tuple[Box, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)
    picture: Picture | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What an expert is asked.

    Attributes:
        frame: history, camera and names; its future and its command are taken out.
        pictures: argument -> picture.
        boxes: argument -> boxes of the tasks that it names.
        numbers: argument -> numbers of these.
        words: argument -> text.
        truth: the recorded surroundings, for privileged experts only.
        facts: what a world says can be observed, for privileged experts only.
    """

    frame: Frame
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    boxes: Mapping[str, tuple[Box, ...]] = field(default_factory=dict)
    numbers: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    truth: Surroundings | None = None
    facts: ObservedFacts | None = None

    def pixels(self, argument: str = "picture") -> PixelArray:
        """(height, width, 3) red, green, blue of a picture.

        Raises:
            KeyError: if there is no such argument.
        """
        from PIL import Image

        with Image.open(io.BytesIO(self.pictures[argument].data), formats=("JPEG", "PNG")) as opened:
            return np.asarray(opened.convert("RGB"))

    def camera(self, argument: str = "picture") -> Camera:
        """The camera as it sees the picture in its size.

        Raises:
            NotKnown: if the data do not describe it.
        """
        if self.frame.camera is None:
            raise NotKnown("the data do not say how the camera looks at the road")
        picture = self.pictures.get(argument)
        return self.frame.camera if picture is None else sized(self.frame.camera, picture.size)


class NotKnown(ValueError):  # noqa: N818 -- the name says what it is
    """An expert cannot answer, since the data do not say what it needs: its task is skipped, not failed."""


class Expert(ABC):
    """A tool: a card, and a function from a question to what was found.

    ``look`` runs in a thread of its own and must not change what it is given. Whatever it raises costs only its task;
    ``NotKnown`` says that the data lack what it needs.
    An expert is made once per run, without arguments; weights are loaded at the first question.

    Attributes:
        card: what is known of it.
    """

    card: Card

    def absent(self) -> str:
        """Why it cannot be used here, as a clause with the cure (``opencv is not installed; …``); empty if it can."""
        return ""

    @abstractmethod
    def look(self, question: Question) -> Found:
        """Answers one question."""


def ground_points(pixels: FloatArray, camera: Camera) -> FloatArray:
    """Where the rays of pixels meet level ground.

    Args:
        pixels: (n, 2) column and row.
        camera: with intrinsics for the picture.

    Returns:
        (n, 2) metres, ego frame; NaN for rays that do not go down to the road.
    """
    from lightemma.camera import rotation_matrix

    inverse = np.linalg.inv(camera.intrinsic)
    rays = np.column_stack([pixels, np.ones(len(pixels))]) @ inverse.T
    # The rotation turns camera axes into the ego frame.
    world = rays @ rotation_matrix(camera.rotation).T
    with np.errstate(divide="ignore", invalid="ignore"):
        along = np.where(world[:, 2] < 0, -camera.translation[2] / world[:, 2], np.nan)
    points: FloatArray = camera.translation[:2] + along[:, None] * world[:, :2]
    return points


def _wrong_card(card: Card) -> str:
    """What is wrong with a card, as a clause; empty if nothing is."""
    for name in ("id", "task"):
        if not isinstance(getattr(card, name), str) or not _SLUG.fullmatch(getattr(card, name)):
            return f"{name} is {getattr(card, name)!r}; give small letters, digits and hyphens"
    if not isinstance(card.description, str) or not 0 < len(card.description.strip()) <= _LONGEST_DESCRIPTION:
        return f"description must have 1 to {_LONGEST_DESCRIPTION} characters"
    if not isinstance(card.inputs, tuple) or not all(isinstance(x, str) and _INPUT.fullmatch(x) for x in card.inputs):
        return f"inputs are {card.inputs!r}; give a tuple of names that end in {', '.join(KINDS)}"
    if len(set(card.arguments)) < len(card.inputs):
        return "an input is named twice"
    if not isinstance(card.outputs, tuple) or not card.outputs or not set(card.outputs) <= set(KINDS):
        return f"outputs are {card.outputs!r}; give a tuple of {', '.join(KINDS)}"
    if card.endpoint not in get_args(Endpoint):
        return f"endpoint is {card.endpoint!r}; give one of {', '.join(get_args(Endpoint))}"
    for name in ("code_licence", "weights_licence"):
        if not isinstance(getattr(card, name), str) or len(getattr(card, name)) > _LONGEST_LICENCE:
            return f"{name} must be a name of at most {_LONGEST_LICENCE} characters"
    if not isinstance(card.rank, int) or card.rank < 1:
        return f"rank is {card.rank!r}; give a whole number from 1 on"
    for name in ("cost", "timeout_s"):
        value = getattr(card, name)
        if not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
            return f"{name} is {value!r}; give seconds"
    unknown = set(card.usual) - set(card.arguments)
    return f"usual names {sorted(unknown)[0]!r}, which is no input" if unknown else ""
