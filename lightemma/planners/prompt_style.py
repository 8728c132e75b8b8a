"""The prompt style: how a planner asks its model, and what it shows it. The default: three prompts with one picture each."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from lightemma.prompts.inputs import HISTORY_S

#: Which cameras' pictures are sent: the front one, the three that look ahead, or all six of nuScenes.
Cameras = Literal["front", "front3", "all6"]


@dataclass(frozen=True, slots=True)
class PromptStyle:
    """How a planner asks its model. A style other than the default makes a different run with its own name.

    Attributes:
        dialogue: the stages are turns of one conversation, which begins with the pictures.
        pictures: number of pictures sent: the frame's own and those of the key frames before it.
        guided: the action answer is constrained to its form while the model writes it.
        history_s: seconds of the car's own motion that the prompts show.
        command: the prompts say where the drive goes next.
        cameras: whose pictures of the frame are sent.
        few_shot: examples from other scenes that are shown first.
        few_shot_seed: by which they are drawn.
        samples: answers asked for in place of one; the plan is their medoid.
        temperature: of these; None leaves the model's own.
    """

    dialogue: bool = False
    pictures: int = 1
    guided: bool = False
    history_s: int = HISTORY_S
    command: bool = False
    cameras: Cameras = "front"
    few_shot: int = 0
    few_shot_seed: int = 0
    samples: int = 1
    temperature: float | None = None

    @property
    def suffix(self) -> tuple[str, ...]:
        """Parts of run names; empty for the default."""
        return (
            *(("dialogue",) if self.dialogue else ()),
            *((f"{self.pictures}-frames",) if self.pictures != 1 else ()),
            *(("guided",) if self.guided else ()),
            *((f"history-{self.history_s}",) if self.history_s != HISTORY_S else ()),
            *(("command",) if self.command else ()),
            *((self.cameras,) if self.cameras != "front" else ()),
            *((f"{self.few_shot}-shot",) if self.few_shot else ()),
            *((f"seed-{self.few_shot_seed}",) if self.few_shot_seed else ()),
            *((f"{self.samples}-samples",) if self.samples != 1 else ()),
            *((f"at-{self.temperature:g}",) if self.temperature is not None else ()),
        )

    def settings(self) -> dict[str, Any]:
        """The style as settings in the manifest; empty for the default."""
        named = {"pictures": "frames", "guided": "answer"}
        changed = {
            named.get(field.name, field.name): getattr(self, field.name)
            for field in fields(self)
            if getattr(self, field.name) != field.default
        }
        return changed | ({"answer": "guided"} if self.guided else {})
