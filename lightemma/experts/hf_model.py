"""A model of the transformers library in a local folder as an expert: it detects, measures depth, or names what each pixel is.

A YAML with a card and ``folder`` describes it. Nothing is downloaded, and no code that comes with weights is run.
"""

from __future__ import annotations

import threading
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from lightemma.errors import UserError
from lightemma.experts.base import Card, Expert, Found, Kind, Question
from lightemma.experts.card_file import CardFile, not_valid, read_card_file
from lightemma.experts.detections import Detector

Does = Literal["detection", "depth", "segmentation"]

_INPUTS: dict[Does, tuple[str, ...]] = {
    "detection": ("picture",), "depth": ("picture", "boxes?"), "segmentation": ("picture",),
}  # fmt: skip
_OUTPUTS: dict[Does, tuple[Kind, ...]] = {
    "detection": ("boxes",), "depth": ("numbers",), "segmentation": ("numbers",),
}  # fmt: skip
_USUAL = {"picture": "picture", "boxes": "object-detection"}


class HfFile(CardFile):
    """What the YAML of such a model may say."""

    endpoint: Literal["hf"] = "hf"
    folder: str = Field(description="local folder with config.json, weights and preprocessor_config.json")
    does: Does = Field(description="detection, depth or segmentation")
    prompts: list[str] = Field(
        default=[],
        max_length=30,
        description="of a detector that is told in words what to look for, such as Grounding DINO",
    )
    device: str = Field(default="cpu", pattern=r"^(cpu|cuda|mps|xpu)(:\d+)?$")
    least_score: float = Field(default=0.4, ge=0, le=1)
    timeout_s: float = Field(default=60.0, gt=0, le=60)


class HfModel(Expert):
    """A model in a local folder; the first question loads it.

    Args:
        card: of the expert.
        settings: its YAML.
    """

    def __init__(self, card: Card, settings: HfFile) -> None:
        self.card = card
        self.settings = settings
        self._model: Any = None
        self._lock = threading.Lock()

    @classmethod
    def from_file(cls, path: str) -> HfModel:
        """The expert that a YAML describes; a detector is a ``Detector`` as well.

        Raises:
            UserError: if the file cannot be read, or describes none.
        """
        read = read_card_file(path, HfFile)
        folder = Path(read.folder).expanduser()
        # A folder that is not absolute is beside the file.
        folder = folder if folder.is_absolute() else Path(path).expanduser().parent / folder
        read = read.model_copy(update={"folder": str(folder)})
        inputs = _INPUTS[read.does]
        try:
            if read.prompts and read.does != "detection":
                raise ValueError("prompts are for detection")
            card = read.card(
                "hf",
                inputs=inputs,
                outputs=_OUTPUTS[read.does],
                usual={name.rstrip("?"): _USUAL[name.rstrip("?")] for name in inputs},
                accelerator="" if read.device == "cpu" else read.device,
            )
        except ValueError as error:
            raise not_valid(path, error) from error
        return (HfDetector if read.does == "detection" else cls)(card, read)

    def absent(self) -> str:
        """The packages and the folder."""
        missing = [name for name in ("torch", "transformers") if find_spec(name) is None]
        if missing:
            return f"{' and '.join(missing)} not installed; pip install 'lightemma[local]'"
        if not (Path(self.settings.folder) / "config.json").is_file():
            return f"the folder {self.settings.folder} has no config.json; download the model into it first"
        return ""

    def look(self, question: Question) -> Found:
        """What the model sees in the picture.

        Raises:
            UserError: if the folder holds no such model.
        """
        from lightemma.experts import hf_views

        with self._lock:  # one model, one picture at a time
            model = self.loaded()
            pixels = question.pixels()
            if self.settings.does == "depth":
                return hf_views.depth(model, pixels, question)
            return hf_views.segmentation(model, pixels, question)

    def loaded(self) -> Any:
        """The model with its processor; the lock must be held.

        Raises:
            UserError: if the folder holds no such model.
        """
        from lightemma.experts import hf_views

        if self._model is None:
            try:
                self._model = hf_views.load(
                    self.settings.folder, self.settings.does, self.settings.device, self.settings.prompts
                )
            except Exception as error:
                reason = " ".join(str(error).split())[:300]
                raise UserError(
                    f"The expert '{self.card.id}' cannot load a model of {self.settings.does} from {self.settings.folder} "
                    f"({type(error).__name__}: {reason})."
                ) from error
        return self._model


class HfDetector(HfModel, Detector):
    """A model that finds boxes."""

    def look(self, question: Question) -> Found:
        """The things of a picture, the surest first."""
        return Detector.look(self, question)

    def detect(self, pixels: Any) -> Any:
        """Boxes in pixels, the surest first.

        Args:
            pixels: (height, width, 3) red, green, blue.
        """
        from lightemma.experts import hf_views

        with self._lock:
            return hf_views.detection(self.loaded(), pixels, self.settings.least_score)
