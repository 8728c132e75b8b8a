"""The stored judgments of a model as a reader: what `lightemma judge` asked is read here, and nothing is asked."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lightemma.errors import UserError
from lightemma.evaluation.reasoning.reader import Reader
from lightemma.evaluation.reasoning.readings import IntentReading, SceneReading
from lightemma.run_folder.judgments import checked_labels, digest, read_judgments

INTENT, SCENE = "intent", "scene"


class JudgeReader(Reader):
    """Reads texts as a model judged them; texts that it has not judged have no reading.

    Args:
        model: the judge's name.
        folders: runs whose files of judgments are read.

    Raises:
        UserError: if no run has judgments by this model.
    """

    def __init__(self, model: str, folders: Iterable[Path]) -> None:
        self.name = f"judge:{model}"
        self._labels: dict[tuple[str, str], dict[str, Any]] = {}
        for folder in folders:
            for one in read_judgments(folder, model):
                labels = checked_labels(one.stage, one.labels)
                if labels is not None:
                    self._labels[one.stage, one.text_sha256] = labels
        if not self._labels:
            raise UserError(
                f"No run here has judgments by '{model}'; make them with `lightemma judge RUN... --model {model}`, or leave "
                "--judge out."
            )

    def read_intent(self, text: str) -> IntentReading | None:
        """What the judge said a statement advises; it marks no sentence."""
        labels = self._labels.get((INTENT, digest(text)))
        if labels is None:
            return None
        return IntentReading(labels["longitudinal"], labels["lateral"], labels["stated_speed"])

    def read_scene(self, text: str) -> SceneReading | None:
        """What the judge said a description claims."""
        labels = self._labels.get((SCENE, digest(text)))
        return None if labels is None else SceneReading(claims=labels)
