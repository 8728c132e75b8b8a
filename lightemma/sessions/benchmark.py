"""A benchmark's YAML: data, planners, prompts and models in one file make one reproducible study."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from lightemma.data.pictures import PicturePolicy
from lightemma.parsing import Tier
from lightemma.planners.prompt_style import PromptStyle
from lightemma.protocol import LIGHTEMMA, Convention, Integration


class PictureSettings(BaseModel):
    """How pictures are sent."""

    model_config = ConfigDict(extra="forbid")

    max_side: int | None = Field(default=None, ge=1, description="longest side in pixels; null sends the file as it is")
    jpeg_quality: int = Field(default=90, ge=1, le=95, description="of pictures that are encoded again")

    def policy(self) -> PicturePolicy:
        """The same for the loader."""
        return PicturePolicy(self.max_side, self.jpeg_quality)


class ReportSettings(BaseModel):
    """What ``lightemma study`` makes of the finished runs."""

    model_config = ConfigDict(extra="forbid")

    title: str | None = Field(default=None, description="of the page; made from the data's name if left out")
    convention: Convention = Field(default="lightemma", description="L2 convention of differences and strata")
    also: list[str] = Field(default=[], description="finished runs, or published archives, to be compared along")
    figures: bool = Field(default=True, description="whether figures are drawn as files beside the tables")


class Benchmark(BaseModel):
    """What is driven, by whom, and how. Every key is also an option of ``lightemma run``."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = Field(default=None, description="name of the run; only where there is a single one")
    data: str = Field(description="nuscenes:ROOT@VERSION, published:ARCHIVE or demo")
    reader: Literal["tables", "devkit"] = Field(default="tables", description="who reads nuScenes tables")
    planners: list[str] = Field(
        default=["chain-of-thought"], min_length=1, description="names, or package.module:Class"
    )
    planner_options: dict[str, Any] = Field(
        default={}, description="of the planners, as `lightemma planners` lists them; each takes its own"
    )
    models: list[str] = Field(
        default=[],
        description="for the planners that ask one; a planner with several models takes ROLE=MODEL for each of its roles",
    )
    prompts: str = Field(default="three-stage", description="a shipped prompt set, or a folder")
    dialogue: bool = Field(default=False, description="the stages as turns of one conversation; a run of its own kind")
    frames: int = Field(
        default=1,
        ge=1,
        le=LIGHTEMMA.history_positions,
        description="pictures sent, the newest key frames; a run of its own kind",
    )
    answer: Literal["free", "guided"] = Field(
        default="free", description="guided holds the action answer to its form; a run of its own kind"
    )
    parser: Tier = Field(default="strict", description="how answers are read")
    integration: Integration = Field(default="euler", description="how actions become points")
    scenes: list[str] | None = Field(default=None, description="names; all if left out")
    stride: int = Field(default=1, ge=1, description="every n-th frame of each scene")
    limit: int | None = Field(default=None, ge=1, description="that many frames in all")
    concurrency: int | None = Field(
        default=None, ge=1, description="frames side by side; the model's own limit if left out"
    )
    pictures: PictureSettings = PictureSettings()
    report: ReportSettings = ReportSettings()

    @property
    def style(self) -> PromptStyle:
        """How models are asked."""
        return PromptStyle(self.dialogue, self.frames, self.answer == "guided")
