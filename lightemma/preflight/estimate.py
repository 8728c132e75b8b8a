"""What a study will ask and cost, reckoned before the first call. An estimate: nothing is sent, no picture is decoded.

Text is counted by its length, pictures by each provider's rule, answers by what the published runs answered. See
docs/costs.md for where each rule comes from and how far it is off the recorded runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lightemma.backends.base import Backend, CallError, Completion, Request
from lightemma.backends.config import ModelConfig
from lightemma.backends.facts import Facts
from lightemma.backends.registry import characters_per_token, config_of, facts_of, picture_tokens
from lightemma.backends.token_rules import CHARACTERS_PER_TOKEN, Size
from lightemma.calls.prices import ResolvedPrice, cost, resolve_price
from lightemma.data.pictures import PicturePolicy
from lightemma.frame import Frame
from lightemma.prompts.sets import PromptSet
from lightemma.run_folder.records import STAGES, Stage, Usage, is_call_error
from lightemma.run_folder.store import read_outcomes
from lightemma.sessions.job import DEFAULT_PLANNER, Job, Study

#: Tokens of an answer, about the mean of the published runs; thinking comes on top.
TYPICAL_ANSWERS: dict[Stage, int] = {"scene": 110, "intent": 130, "action": 60}

#: Of nuScenes' pictures; taken where there is none to look at.
DEFAULT_SIZE = (1600, 900)

#: Prompts are filled with the histories of this many frames, spread over all.
_SAMPLED_FRAMES = 20


@dataclass(frozen=True, slots=True)
class CallEstimate:
    """The mean call of one stage.

    Attributes:
        stage: scene, intent or action.
        text: input tokens of the prompt.
        picture: input tokens of the picture.
        output: tokens of a typical answer, without thinking.
        shared_prefix_tokens: input tokens with which an earlier call of the frame began too; a provider or server may
            have them cached.
    """

    stage: Stage
    text: int
    picture: int
    output: int
    shared_prefix_tokens: int = 0

    @property
    def input(self) -> int:
        """All input tokens."""
        return self.text + self.picture


@dataclass(frozen=True, slots=True)
class RunEstimate:
    """What one run will ask.

    Attributes:
        run: its name.
        config: its model.
        frames: frames it covers.
        left: those of them still to be driven.
        calls: the calls of one frame.
        picture_rule: how pictures are counted.
        price: online, or None if unknown.
        batch_price: by the provider's batch API, or None if unknown or not offered.
        remark: what is unusual, or an empty string.
    """

    run: str
    config: ModelConfig
    frames: int
    left: int
    calls: tuple[CallEstimate, ...]
    picture_rule: str
    price: ResolvedPrice | None
    batch_price: ResolvedPrice | None
    remark: str = ""

    @property
    def calls_left(self) -> int:
        """Calls to be made."""
        return self.left * len(self.calls)

    @property
    def input_tokens(self) -> int:
        """Input tokens to be sent."""
        return self.left * sum(call.input for call in self.calls)

    @property
    def output_tokens(self) -> int:
        """Output tokens to be expected, without thinking."""
        return self.left * sum(call.output for call in self.calls)

    @property
    def usd(self) -> float | None:
        """Dollars online."""
        return self._dollars(self.price)

    @property
    def usd_batch(self) -> float | None:
        """Dollars by batch."""
        return self._dollars(self.batch_price)

    @property
    def usd_longest(self) -> float | None:
        """Dollars online if every answer, thinking included, ran to ``max_output_tokens``."""
        return self._dollars(self.price, self.config.max_output_tokens)

    def _dollars(self, price: ResolvedPrice | None, output: int | None = None) -> float | None:
        if asks_nobody(self.config):
            return 0.0
        if price is None:
            return None
        frame = sum(
            cost(price, Usage(input=call.input, output=call.output if output is None else output))
            for call in self.calls
        )
        return self.left * frame


def estimate_study(study: Study, at: datetime) -> list[RunEstimate]:
    """Reckons every run of a study that asks a model.

    Args:
        study: opened with ``offline_backend``, so that neither key nor server is needed.
        at: the day whose prices hold.
    """
    asking = [job for job in study.jobs if job.backend is not None]
    finished = {job.name: read_outcomes(study.results / job.name) for job in asking}
    left = dict.fromkeys(finished, 0)
    every = math.ceil(study.frame_count / _SAMPLED_FRAMES)
    sample: list[Frame] = []
    for number, frame in enumerate(study.frames()):
        if number % every == 0:
            sample.append(frame)
        for name, outcomes in finished.items():
            left[name] += is_call_error(outcomes.get(frame.sample_token, "call:"))
    size = picture_size(sample[0], study.benchmark.pictures.policy())
    pictures = study.benchmark.frames
    return [_estimate(job, study.frame_count, left[job.name], sample, size, at, pictures) for job in asking]


def estimate_calls(
    config: ModelConfig, prompts: PromptSet, frames: Sequence[Frame], size: Size, pictures: int = 1
) -> tuple[CallEstimate, ...]:
    """The mean calls of a frame, one per stage, with answers of typical length fed on.

    Args:
        config: the model.
        prompts: the wording; if its stages are turns of a dialogue, each sends all that was said before.
        frames: their histories fill the prompts, so a few are enough; not empty.
        size: width and height of a picture as sent.
        pictures: with each frame.
    """
    per_token = characters_per_token(config.model, config.provider)
    picture = pictures * picture_tokens(config.model, size, config.provider).tokens
    answers = {stage: "x" * round(tokens * CHARACTERS_PER_TOKEN) for stage, tokens in TYPICAL_ANSWERS.items()}
    calls: list[CallEstimate] = []
    for stage in STAGES:
        length = sum(len(prompts.prompt(stage, frame, answers)) for frame in frames) / len(frames)
        text, shared = round(length / per_token), picture if calls else 0
        if prompts.in_dialogue and calls:
            shared = calls[-1].input + calls[-1].output
            text += shared - picture
        calls.append(CallEstimate(stage, text, picture, round(len(answers[stage]) / per_token), shared))
    return tuple(calls)


def picture_size(frame: Frame, policy: PicturePolicy) -> Size:
    """Width and height of a frame's picture as it will be sent, from the picture's header.

    Args:
        frame: any; all pictures of a data set have one size.
        policy: what it is scaled down to.
    """
    width, height = _size_on_disk(frame.image_path) or (frame.camera and frame.camera.size) or DEFAULT_SIZE
    if policy.max_side is not None and max(width, height) > policy.max_side:
        scale = policy.max_side / max(width, height)
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
    return width, height


def asks_nobody(config: ModelConfig) -> bool:
    """Whether a model is none: a recording or a script."""
    return not facts_of(config.provider).asks_model


def offline_backend(spec: str) -> Backend:
    """A stand-in for the model behind a ``--model`` value, which needs no key, package, server or picture.

    Raises:
        UserError: if there is no such YAML, or it is wrong.
    """
    return _Unasked(config_of(spec))


class _Unasked(Backend):
    """Knows a model's settings and nothing else."""

    facts = Facts(reads_pictures=False)

    def __init__(self, config: ModelConfig) -> None:
        self.config = config
        # The backend's own options are not looked at: its package may not be installed.
        self.options = Backend.Options()

    async def generate(self, request: Request) -> Completion:
        raise CallError("not_recorded", "an estimate asks nobody")


def _estimate(
    job: Job, frames: int, left: int, sample: Sequence[Frame], size: Size, at: datetime, pictures: int
) -> RunEstimate:
    if job.backend is None or job.prompts is None:
        raise ValueError(f"the run '{job.name}' asks no model")
    config = job.backend.config
    usual = job.planner.name == DEFAULT_PLANNER
    return RunEstimate(
        run=job.name,
        config=config,
        frames=frames,
        left=left,
        calls=estimate_calls(config, job.prompts, sample, size, pictures),
        picture_rule=picture_tokens(config.model, size, config.provider).rule,
        price=resolve_price(config, at),
        batch_price=resolve_price(config, at, batch=True),
        remark="" if usual else f"{job.planner.name} is reckoned like {DEFAULT_PLANNER}, with three calls a frame",
    )


def _size_on_disk(path: Path | None) -> Size | None:
    if path is None or not path.is_file():
        return None
    from PIL import Image

    try:
        with Image.open(path) as picture:  # reads the header only
            return picture.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
