"""What a model is shown before the words: examples from other scenes, earlier pictures, other cameras, and the frame's own."""

from __future__ import annotations

import json
from collections.abc import Callable

from lightemma.backends.base import Message, PicturePart, TextPart
from lightemma.frame import FloatArray, Frame
from lightemma.planners.base import CAMERAS, Example, View
from lightemma.planners.prompt_style import PromptStyle
from lightemma.prompts.inputs import COMMAND, MOTION
from lightemma.prompts.sets import PromptSet
from lightemma.prompts.template import fill

Part = TextPart | PicturePart

_EARLIER = "Front camera {seconds:.1f} s ago:\n"
_NOW = "Front camera now, the picture that is spoken of below:\n"
_OTHER = "{camera} camera now:\n"
_EXAMPLE = "An example from another drive, with what its driver then did as the answer.\n\n"


def picture_parts(frame: Frame, view: View, style: PromptStyle) -> list[Part]:
    """The frame's picture; several pictures are sent oldest first, those of other cameras next, each with a label before it.

    Args:
        frame: gives the times of earlier pictures.
        view: the pictures; empty for a model that reads none, which gets the same texts.
        style: how many pictures, and of which cameras.
    """
    others = CAMERAS[style.cameras]
    if style.pictures == 1 and not others:
        return [PicturePart(view.picture)]
    before = frame.earlier[-(style.pictures - 1) :] if style.pictures > 1 else ()
    shown = view.pictures[:-1] or (None,) * len(before)
    parts: list[Part] = []
    for earlier, picture in zip(before, shown, strict=True):
        seconds = (frame.timestamp - earlier.timestamp) / 1e6
        parts += [TextPart(_EARLIER.format(seconds=seconds)), PicturePart(picture)]
    for channel in others:
        name = channel.removeprefix("CAM_").replace("_", " ").capitalize()
        parts += [TextPart(_OTHER.format(camera=name)), PicturePart(view.others.get(channel))]
    return [*parts, TextPart(_NOW), PicturePart(view.picture)]


def example_turns(
    view: View, prompts: PromptSet, style: PromptStyle, answer: Callable[[Example], str], more: Callable[[Frame], str]
) -> tuple[Message, ...]:
    """The examples as turns before the question: picture and motion, then the recorded answer.

    Args:
        view: holds them.
        prompts: the wording, which says how far back the motion is shown.
        style: whether a command is shown.
        answer: what the recorded driver did, in the form that is asked for.
        more: what else the prompt shows of a frame; empty for nothing.
    """
    turns: list[Message] = []
    for example in view.examples:
        text = example_text(example.frame, style, prompts, more(example.frame))
        parts = (PicturePart(example.picture), TextPart(text))
        turns += [Message("user", parts), Message("assistant", (TextPart(answer(example)),))]
    return tuple(turns)


def example_text(frame: Frame, style: PromptStyle, prompts: PromptSet, added: str = "") -> str:
    """The words of one example.

    Args:
        frame: of the example.
        style: how much is shown.
        prompts: the wording.
        added: what else is shown of the frame.
    """
    said = MOTION[style.history_s] + (f"\n\n{COMMAND}" if style.command else "")
    text = fill(said, {"command": "straight on", **prompts.values(frame)})
    return _EXAMPLE + text + (f"\n\n{added}" if added else "")


def written_plan(pairs: FloatArray, form: str) -> str:
    """A plan as the prompts ask for it.

    Args:
        pairs: (6, 2) actions, or points.
        form: of the answer, as in ``PromptSet.answer_form``.
    """
    if not form.endswith("json"):
        return "[" + ", ".join(f"({first!r}, {second!r})" for first, second in pairs.tolist()) + "]"
    names, key = (("x", "y"), "points") if form.startswith("points") else (("speed", "curvature"), "actions")
    return json.dumps({key: [dict(zip(names, pair, strict=True)) for pair in pairs.tolist()]})
