"""What reads a text: the rules, a plug-in of the user's own, or the stored judgments of a model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from lightemma.evaluation.reasoning.readings import IntentReading, SceneReading


class Reader(ABC):
    """Turns a text into a reading. Readers are pure: the same text gives the same reading.

    A reader of your own is a subclass in a module on the PYTHONPATH, named by ``--reader module:Class`` or offered by the
    entry points ``lightemma.readers``.

    Attributes:
        name: small letters, digits and hyphens; printed beside the numbers.
    """

    name: ClassVar[str]

    @abstractmethod
    def read_intent(self, text: str) -> IntentReading | None:
        """What a statement of the stage ``intent`` says should be done; None where this reader has no reading of it."""

    @abstractmethod
    def read_scene(self, text: str) -> SceneReading | None:
        """What a description of the stage ``scene`` claims; None where this reader has no reading of it."""
