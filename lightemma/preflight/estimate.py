"""Estimates the calls and the cost of runs before the first call: nothing is sent, and no picture is decoded.

Text is counted by its length, pictures by each provider's rule, answers by the lengths in the published runs. See
docs/costs.md for the source of each rule and its error against recorded runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lightemma.backends.base import Backend, CallError, Completion, Request
from lightemma.backends.config import ModelConfig
from lightemma.backends.facts import Facts
from lightemma.backends.registry import answers_per_call, characters_per_token, config_of, facts_of, picture_tokens
from lightemma.backends.token_rules import CHARACTERS_PER_TOKEN, Size
from lightemma.calls.prices import ResolvedPrice, cost, resolve_price
from lightemma.data.commands import with_command
from lightemma.data.pictures import PicturePolicy, size_on_disk
from lightemma.frame import Frame
from lightemma.planners.base import TypicalCall
from lightemma.planners.chain_of_thought import stage_calls
from lightemma.prompts.sets import DEFAULT_PROMPTS, load_prompts
from lightemma.run_folder.records import Stage, Usage, is_call_error
from lightemma.run_folder.store import read_outcomes
from lightemma.sessions.frames_of_source import FramesOfSource
from lightemma.sessions.jobs import DEFAULT_PLANNER, Job
from lightemma.sessions.session import Session

#: Size of nuScenes' pictures; used where no picture is found.
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
        output: tokens of a typical answer, without thinking; of all answers where one call brings several.
        answers: answers that the call brings.
        shared_prefix_tokens: input tokens at the beginning that an earlier call of the frame began with too; a provider or
            server may have them cached.
    """

    stage: Stage
    text: int
    picture: int
    output: int
    shared_prefix_tokens: int = 0
    answers: int = 1

    @property
    def input(self) -> int:
        """All input tokens."""
        return self.text + self.picture


@dataclass(frozen=True, slots=True)
class RunEstimate:
    """The calls of one run to one model.

    Attributes:
        run: its name, with the model's role where it has several.
        config: the model.
        frames: all frames of the run.
        remaining_frames: those of them that are not finished.
        calls: the calls of one frame.
        picture_rule: how pictures are counted.
        price: online, or None if unknown.
        batch_price: by the provider's batch API, or None if unknown or not offered.
        remark: what is unusual, or an empty string.
    """

    run: str
    config: ModelConfig
    frames: int
    remaining_frames: int
    calls: tuple[CallEstimate, ...]
    picture_rule: str
    price: ResolvedPrice | None
    batch_price: ResolvedPrice | None
    remark: str = ""

    @property
    def remaining_calls(self) -> int:
        """Calls to be made."""
        return self.remaining_frames * len(self.calls)

    @property
    def input_tokens(self) -> int:
        """Input tokens to be sent."""
        return self.remaining_frames * sum(call.input for call in self.calls)

    @property
    def output_tokens(self) -> int:
        """Expected output tokens, without thinking."""
        return self.remaining_frames * sum(call.output for call in self.calls)

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
        if asks_no_model(self.config):
            return 0.0
        if price is None:
            return None
        frame = sum(
            cost(price, Usage(input=call.input, output=call.output if output is None else output * call.answers))
            for call in self.calls
        )
        return self.remaining_frames * frame


def estimate_runs(session: Session[FramesOfSource], at: datetime) -> list[RunEstimate]:
    """Estimates every run of a session that asks a model.

    Args:
        session: opened with ``offline_backend``, so that neither key nor server is needed.
        at: the day whose prices are used.
    """
    asking = [job for job in session.jobs if job.backends]
    finished = {job.name: read_outcomes(session.folder(job)) for job in asking}
    left = dict.fromkeys(finished, 0)
    every = math.ceil(session.work.size / _SAMPLED_FRAMES)
    sample: list[Frame] = []
    for number, frame in enumerate(session.work.frames()):
        if number % every == 0:
            sample.append(frame)
        for name, outcomes in finished.items():
            left[name] += is_call_error(outcomes.get(frame.sample_token, "call:"))
    size = picture_size(sample[0], session.work.benchmark.pictures.policy())
    return [one for job in asking for one in estimate_job(job, session.work.size, left[job.name], sample, size, at)]


def estimate_calls(config: ModelConfig, typical: Sequence[TypicalCall], size: Size) -> tuple[CallEstimate, ...]:
    """The mean calls of a frame in tokens.

    Args:
        config: the model.
        typical: what the planner says of the calls to it, in order; one that continues a conversation sends all
            earlier turns again.
        size: width and height of a picture as sent.
    """
    per_token = characters_per_token(config.model, config.provider)
    calls: list[CallEstimate] = []
    for one in typical:
        picture = one.pictures * picture_tokens(config.model, size, config.provider).tokens
        text, shared = round(one.characters / per_token), picture if calls else 0
        if one.continues and calls:
            shared = calls[-1].input + calls[-1].output
            text += shared - picture
        output = round(round(one.answer_tokens * CHARACTERS_PER_TOKEN) / per_token)
        for answers in _answers_by_call(one.samples, answers_per_call(config)):
            calls.append(CallEstimate(one.stage, text, picture, output * answers, shared, answers))
            shared = text + picture  # the same words again
    return tuple(calls)


def _answers_by_call(samples: int, most: int) -> list[int]:
    """How many answers each call brings."""
    whole, rest = divmod(samples, most)
    return [most] * whole + ([rest] if rest else [])


def picture_size(frame: Frame, policy: PicturePolicy) -> Size:
    """Width and height of a frame's picture as it will be sent, from the picture's header.

    Args:
        frame: any frame; all pictures of a data set have the same size.
        policy: the size that pictures are scaled down to.
    """
    width, height = size_on_disk(frame.image_path) or (frame.camera and frame.camera.size) or DEFAULT_SIZE
    if policy.max_side is not None and max(width, height) > policy.max_side:
        scale = policy.max_side / max(width, height)
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
    return width, height


def asks_no_model(config: ModelConfig) -> bool:
    """Whether a run asks no real model: a recording or a script answers."""
    return not facts_of(config.provider).asks_model


def offline_backend(spec: str) -> Backend:
    """A backend with the settings of a ``--model`` value that cannot answer, and needs no key, package, server or picture.

    Raises:
        UserError: if there is no such YAML, or it is wrong.
    """
    return _Unasked(config_of(spec))


class _Unasked(Backend):
    """Holds a model's settings and cannot answer."""

    facts = Facts(reads_pictures=False)

    def __init__(self, config: ModelConfig) -> None:
        self.config = config
        # The backend's own options are not checked: its package may not be installed.
        self.options = Backend.Options()

    async def generate(self, request: Request) -> Completion:
        raise CallError("not_recorded", "an estimate asks no model")


def estimate_job(
    job: Job, frames: int, left: int, sample: Sequence[Frame], size: Size, at: datetime
) -> list[RunEstimate]:
    """One estimate per model of a run.

    Args:
        job: planner and models.
        frames: all frames of the run.
        left: those of them that are not finished.
        sample: frames to fill the prompts with.
        size: width and height of a picture as sent.
        at: the day whose prices are used.
    """
    planner, roles = job.planner, list(job.backends)
    if planner.needs().command:
        sample = [with_command(frame) for frame in sample]
    typical = planner.typical_calls(sample)
    remark = ""
    if typical is None:
        prompts = job.prompts or load_prompts(DEFAULT_PROMPTS)
        pictures = planner.needs().pictures
        typical = [call for role in roles for call in stage_calls(prompts, sample, pictures, role)]
        remark = f"{planner.name} is estimated like {DEFAULT_PLANNER}, with three calls a frame"
        remark += " to each model" if len(roles) > 1 else ""
    found = []
    for role, backend in job.backends.items():
        config = backend.config
        calls = estimate_calls(config, [call for call in typical if call.role == role], size)
        found.append(
            RunEstimate(
                run=job.name if len(roles) == 1 else f"{job.name} ({role})",
                config=config,
                frames=frames,
                remaining_frames=left,
                calls=calls,
                picture_rule=picture_tokens(config.model, size, config.provider).rule,
                price=resolve_price(config, at),
                batch_price=resolve_price(config, at, batch=True),
                remark=remark,
            )
        )
    return found
