"""A recipe: how a student is trained, as a user writes it in a YAML."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from lightemma.config_files import find_config, load_config, reason_of
from lightemma.errors import UserError

StageName = Literal["sft", "dpo", "grpo", "on-policy"]
STAGES: tuple[StageName, ...] = ("sft", "dpo", "grpo", "on-policy")


class _Settings(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class StageSettings(_Settings):
    """What every stage has."""

    steps: int = Field(default=1000, ge=1, description="updates of the weights")
    learning_rate: float = Field(default=1e-5, gt=0, description="highest learning rate")
    batch: int = Field(default=8, ge=1, description="rows of one update on one device")
    accumulate: int = Field(default=1, ge=1, description="batches whose gradients are summed before an update")
    warmup: float = Field(default=0.03, ge=0, le=1, description="share of the steps in which the learning rate rises")
    schedule: Literal["cosine", "linear", "constant_with_warmup"] = Field(
        default="cosine", description="how the learning rate falls"
    )


class DpoSettings(StageSettings):
    """Direct preference optimisation (Rafailov et al., 2023), with the likelihood of the chosen answers beside it."""

    learning_rate: float = Field(default=1e-6, gt=0, description="highest learning rate")
    beta: float = Field(default=0.1, gt=0, description="how strongly the student is held to the one it started from")
    likelihood: float = Field(
        default=1.0,
        ge=0,
        description="weight of the chosen answers' likelihood, the regulariser of STEVE-2; 0 leaves it out",
    )


class GrpoSettings(StageSettings):
    """Group relative policy optimisation (Shao et al., 2024) with a reward that is computed, not learnt."""

    learning_rate: float = Field(default=1e-6, gt=0, description="highest learning rate")
    answers: int = Field(default=4, ge=2, description="answers that are drawn for each question and compared")
    temperature: float = Field(default=1.0, gt=0, description="at which they are drawn")
    beta: float = Field(default=0.0, ge=0, description="weight of the distance to the student that it started from")


class OnPolicySettings(StageSettings):
    """On-policy distillation: the student answers, and a teacher with the same tokens says how likely it finds each token."""

    learning_rate: float = Field(default=1e-6, gt=0, description="highest learning rate")
    teacher: str | None = Field(
        default=None, description="folder or hub id of the teacher, with the student's tokenizer"
    )
    temperature: float = Field(default=1.0, gt=0, description="at which the student answers")


class LoraSettings(_Settings):
    """Low-rank adapters in place of all weights (Hu et al., 2022)."""

    rank: int = Field(default=16, ge=1)
    alpha: int = Field(default=32, ge=1)
    dropout: float = Field(default=0.05, ge=0, lt=1)
    targets: str | list[str] = Field(default="all-linear", description="names of the layers that are adapted")


class ValidationSettings(_Settings):
    """How the best student is found: by its answers, never by its loss."""

    frames: int = Field(default=64, ge=1, description="frames of the validation part that it is asked about")
    every: int = Field(default=100, ge=1, description="steps between two validations")


class DaggerSettings(_Settings):
    """Where the student drives between two trainings."""

    scenarios: list[str] = Field(default=["all"], description="scenarios that are driven")
    seeds: str = Field(default="10", description="seeds that are learnt from; those of other parts are left out")
    validation_seeds: str = Field(default="8,18", description="seeds on which each round's student is scored")
    first_beta: float = Field(
        default=0.5, ge=0, le=1, description="share of decisions that the expert steers in round 1"
    )
    decay: float = Field(default=0.0, ge=0, le=1, description="what of this share is left in each further round")
    size: str = Field(default="320x180", description="width and height of the pictures")
    renderer: str = Field(default="auto", description="auto, panda3d or painter")
    disturb: bool = Field(default=True, description="the car starts beside its place, turned, too fast or too slow")
    steps: int = Field(default=500, ge=1, description="updates of each round's training")
    workers: int | None = Field(default=None, ge=0, description="processes of the worlds; chosen if left out")


class Recipe(_Settings):
    """How a student is trained."""

    model: str = Field(description="folder or hub id of the model that it starts from; any image-text-to-text model")
    revision: str | None = Field(default=None, description="pinned revision of the weights")
    stages: list[StageName] = Field(default=["sft", "dpo"], min_length=1, description="in this order")
    seed: int = Field(default=0, ge=0, description="of the order of the rows and of everything random")
    device: Literal["auto", "cpu"] = Field(default="auto", description="cpu leaves GPUs alone")
    dtype: Literal["float32", "bfloat16"] = Field(default="float32", description="number format of the weights")
    max_pixels: int | None = Field(default=None, ge=1, description="pictures are scaled down to this many pixels")
    max_answer_tokens: int = Field(default=160, ge=8, description="longest answer")
    gradient_checkpointing: bool = Field(default=False, description="less memory, more time")
    checkpoint_every: int = Field(default=200, ge=1, description="steps between two checkpoints to resume from")
    lora: LoraSettings | None = Field(default=None, description="adapters; all weights are trained if left out")
    validation: ValidationSettings = ValidationSettings()
    sft: StageSettings = StageSettings()
    dpo: DpoSettings = DpoSettings()
    grpo: GrpoSettings = GrpoSettings()
    on_policy: OnPolicySettings = OnPolicySettings()
    dagger: DaggerSettings = DaggerSettings()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if len(set(self.stages)) < len(self.stages):
            raise ValueError("`stages` names one twice; each is trained once")
        if "on-policy" in self.stages and self.on_policy.teacher is None:
            raise ValueError("the stage on-policy needs `on_policy.teacher`, a model with the student's tokenizer")
        return self

    def of(self, stage: StageName) -> StageSettings:
        """The settings of a stage."""
        return {"sft": self.sft, "dpo": self.dpo, "grpo": self.grpo, "on-policy": self.on_policy}[stage]


def read_recipe(name: str) -> Recipe:
    """A recipe: a name in configs/distill, or the path of such a YAML. A relative folder of the model is one beside it.

    Raises:
        UserError: if there is none, or a value is wrong.
    """
    path = find_config("distill", name)
    recipe = load_config(path, Recipe)
    if recipe.model.startswith("."):
        return recipe.model_copy(update={"model": str((path.parent / recipe.model).resolve())})
    return recipe


def changed(recipe: Recipe, stages: str | None = None, model: str | None = None) -> Recipe:
    """A recipe with other stages or another model to start from, checked.

    Args:
        recipe: as it is.
        stages: names separated by commas; None leaves them.
        model: folder or hub id; None leaves it.

    Raises:
        UserError: if these are wrong.
    """
    values = recipe.model_dump()
    if stages is not None:
        values["stages"] = [name.strip() for name in stages.split(",") if name.strip()]
    if model is not None:
        values["model"] = model
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        first = dict(error.errors()[0])
        raise UserError(
            f"The recipe is wrong at {first['input']!r}: {reason_of(first)}; stages are {', '.join(STAGES)}."
        ) from error


def model_place(model: str) -> str:
    """A model's folder as an absolute path, or its hub id.

    Raises:
        UserError: if it names a folder that is not there.
    """
    place = Path(model).expanduser()
    if place.is_dir():
        return str(place.resolve())
    if model.startswith((".", "/", "~")) or model.count("/") > 1:
        raise UserError(
            f"There is no model folder '{model}'; name one that `save_pretrained` or a download wrote, or a hub id."
        )
    return model
