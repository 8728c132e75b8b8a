"""The contract of a probe: subclass ``Probe`` and write one of ``change``, ``answer`` and ``reword``."""

from __future__ import annotations

import hashlib
from abc import ABC
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal

import numpy as np

from lightemma.frame import Frame
from lightemma.prompts.sets import PromptSet
from lightemma.run_folder.probe_entry import Law
from lightemma.run_folder.records import Stage

#: What a text says about speed; ``accelerate`` and ``decelerate`` have an opposite.
SpeedWord = str
#: Reads a text.
SpeedReader = Callable[[str], SpeedWord]
#: Probes that are named together on the command line.
Group = Literal["picture", "geometry", "history", "words", "prompts", "corruptions", "own"]


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored call of the untouched run.

    Attributes:
        prompt: the text as it was sent.
        answer: the text that was answered.
    """

    prompt: str
    answer: str


@dataclass(frozen=True)
class Untouched:
    """The untouched run that a probe changes.

    Attributes:
        frames: all its frames that are probed.
        answers: sample token -> stage -> stored call; failed calls are missing.
        speed_word: reads what a text says about speed.
    """

    frames: Sequence[Frame]
    answers: Mapping[str, Mapping[Stage, Stored]] = field(default_factory=dict)
    speed_word: SpeedReader = lambda text: "unclear"

    def text(self, frame: Frame, stage: Stage) -> str | None:
        """The stored answer to a stage of a frame; None without one."""
        stored = self.answers.get(frame.sample_token, {}).get(stage)
        return None if stored is None else stored.answer

    def elsewhere(self, frame: Frame, probe: str) -> Frame | None:
        """A frame of another scene, the same one whenever it is asked for.

        Args:
            frame: whose replacement is wanted.
            probe: name of the probe, so that two probes draw differently.

        Returns:
            None if all frames are of one scene.
        """
        rng, scenes = draws(probe, frame.sample_token), self._by_scene
        # Scenes first: a long scene is drawn no more often than a short one.
        others = [scene for scene in scenes if scene != frame.scene]
        if not others:
            return None
        chosen = scenes[others[int(rng.integers(len(others)))]]
        return chosen[int(rng.integers(len(chosen)))]

    @cached_property
    def _by_scene(self) -> dict[str, list[Frame]]:
        # In an order of their own: frames come as they were finished, and that is never the same twice.
        found: dict[str, list[Frame]] = {}
        for frame in sorted(self.frames, key=lambda frame: (frame.scene, frame.frame_index)):
            found.setdefault(frame.scene, []).append(frame)
        return found


@dataclass(frozen=True, slots=True)
class Probed:
    """A frame as a probe shows it.

    Attributes:
        frame: what the planner gets. Its ``future`` is the recorded future as seen from the changed frame.
        amount: by how much it was changed, for laws that compare with it: radians, metres, m/s, or the sign of words.
    """

    frame: Frame
    amount: float | None = None


class Probe(ABC):
    """One change to what a planner is given.

    A subclass has a name and a law, and writes one of the three methods. It keeps no state: the same frame is always
    changed in the same way (see :func:`draws`).

    Attributes:
        name: on the command line, in tables and in the names of runs: small letters, digits and hyphens.
        group: probes that the command line can name together; ``own`` for those of other packages.
        variants: what the probe is made for, such as strengths; ``("",)`` for a probe without. Folder-safe text.
        keeps: stages whose question does not change: their stored answers are used, and nothing is asked.
        replaces: stages whose answers the probe gives itself, by ``answer``.
        needs: what a frame must have, for the message where no frame has it.
        law: what a planner that sees, and does what it says, does.

    Args:
        variant: one of ``variants``.
    """

    name: ClassVar[str]
    group: ClassVar[Group] = "own"
    variants: ClassVar[tuple[str, ...]] = ("",)
    keeps: ClassVar[tuple[Stage, ...]] = ()
    replaces: ClassVar[tuple[Stage, ...]] = ()
    needs: ClassVar[str] = "frames that it can change"
    law: Law

    def __init__(self, variant: str = "") -> None:
        self.variant = variant

    @property
    def label(self) -> str:
        """Name and variant."""
        return f"{self.name}-{self.variant}" if self.variant else self.name

    def settings(self) -> dict[str, Any]:
        """What else decides the change, for the manifest."""
        return {}

    def change(self, frame: Frame, run: Untouched) -> Probed | None:
        """The frame as the planner gets it; None if the probe has no meaning for this frame.

        Args:
            frame: as recorded. A changed one is made with ``dataclasses.replace``.
            run: the untouched run.
        """
        return Probed(frame)

    def answer(self, stage: Stage, frame: Frame, run: Untouched) -> str | None:
        """The text in place of the model's answer to a stage of ``replaces``; None asks the model.

        Args:
            stage: which one.
            frame: as recorded.
            run: the untouched run.
        """
        return None

    def reword(self, prompts: PromptSet) -> PromptSet | None:
        """The prompt set that is asked with in place of the run's; None if there is no other wording of it."""
        return prompts


def draws(probe: str, token: str) -> np.random.Generator:
    """Random numbers that depend on the probe's name and the frame's token alone, on every machine.

    Args:
        probe: name.
        token: sample token.
    """
    digest = hashlib.sha256(f"{probe}\0{token}".encode(errors="replace")).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))
