"""The prompt style: how a planner asks its model. The default is three separate prompts with one picture each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class PromptStyle:
    """How a planner asks its model. A style other than the default makes a different run with its own name.

    Attributes:
        dialogue: the stages are turns of one conversation, which begins with the pictures.
        pictures: number of pictures sent: the frame's own and those of the key frames before it.
        guided: the action answer is constrained to its form while the model writes it.
    """

    dialogue: bool = False
    pictures: int = 1
    guided: bool = False

    @property
    def suffix(self) -> tuple[str, ...]:
        """Parts of run names; empty for the default."""
        return (
            *(("dialogue",) if self.dialogue else ()),
            *((f"{self.pictures}-frames",) if self.pictures != 1 else ()),
            *(("guided",) if self.guided else ()),
        )

    def settings(self) -> dict[str, Any]:
        """The style as settings in the manifest; empty for the default."""
        return {
            **({"dialogue": True} if self.dialogue else {}),
            **({"frames": self.pictures} if self.pictures != 1 else {}),
            **({"answer": "guided"} if self.guided else {}),
        }
