"""How a planner asks its model, where it differs from three separate prompts with one picture each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class PromptStyle:
    """A way of asking. Each departure from the default makes another run, with its own name.

    Attributes:
        dialogue: the stages are turns of one conversation, in which the pictures stand once, at its beginning.
        pictures: how many are sent: the frame's own and the key frames before it.
        guided: the action answer must follow its form while the model writes it.
    """

    dialogue: bool = False
    pictures: int = 1
    guided: bool = False

    @property
    def suffix(self) -> tuple[str, ...]:
        """What sets it apart, as parts of run names; empty for the default."""
        return (
            *(("dialogue",) if self.dialogue else ()),
            *((f"{self.pictures}-frames",) if self.pictures != 1 else ()),
            *(("guided",) if self.guided else ()),
        )

    def settings(self) -> dict[str, Any]:
        """The same for manifests; empty for the default."""
        return {
            **({"dialogue": True} if self.dialogue else {}),
            **({"frames": self.pictures} if self.pictures != 1 else {}),
            **({"answer": "guided"} if self.guided else {}),
        }
