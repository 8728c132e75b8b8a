"""How a planner asks its model, where it differs from three separate prompts with one picture each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Asking:
    """A way of asking. Each departure from the default makes a run of its own kind, with a name of its own.

    Attributes:
        dialogue: the stages are turns of one conversation, in which the pictures stand once, at its beginning.
        frames: pictures sent: the frame's own and the key frames before it.
        guided: the action answer is held to its form while the model writes it.
    """

    dialogue: bool = False
    frames: int = 1
    guided: bool = False

    @property
    def words(self) -> tuple[str, ...]:
        """What sets it apart, in the words of run names; empty for the default."""
        return (
            *(("dialogue",) if self.dialogue else ()),
            *((f"{self.frames}-frames",) if self.frames != 1 else ()),
            *(("guided",) if self.guided else ()),
        )

    def settings(self) -> dict[str, Any]:
        """The same for manifests; empty for the default."""
        return {
            **({"dialogue": True} if self.dialogue else {}),
            **({"frames": self.frames} if self.frames != 1 else {}),
            **({"answer": "guided"} if self.guided else {}),
        }
