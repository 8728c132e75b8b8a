"""What a study will ask and cost, reckoned before the first call. An estimate: nothing is sent, no picture is decoded.

Text is counted by its length, pictures by each provider's rule, answers by what the published runs answered. See
docs/costs.md for where each rule comes from and how far it is off the recorded runs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lightemma.backends.base import Backend, CallError, Completion, Request
from lightemma.backends.config import ModelConfig
from lightemma.calls.prices import ResolvedPrice, cost, resolve_price
from lightemma.config_files import find_config, load_config
from lightemma.data.pictures import PicturePolicy
from lightemma.frame import Frame
from lightemma.prompts.sets import PromptSet
from lightemma.run_folder.records import STAGES, Stage, Usage, is_call_error
from lightemma.run_folder.store import read_outcomes
from lightemma.sessions.job import DEFAULT_PLANNER, Job, Study

#: Tokens of an answer, about the mean of the published runs; thinking comes on top.
TYPICAL_ANSWERS: dict[Stage, int] = {"scene": 110, "intent": 130, "action": 60}

#: Of English text with some decimals; the published GPT-4o run has 4.1.
CHARACTERS_PER_TOKEN = 4.0

#: Of Claude's newer tokenizer: about 30 % more tokens for the same text.
CHARACTERS_PER_TOKEN_NEW_CLAUDE = 3.1

#: Of nuScenes' pictures; taken where there is none to look at.
DEFAULT_SIZE = (1600, 900)

#: Prompts are filled with the histories of this many frames, spread over all.
_SAMPLED_FRAMES = 20

Size = tuple[int, int]


@dataclass(frozen=True, slots=True)
class PictureTokens:
    """What one picture counts as.

    Attributes:
        tokens: input tokens.
        rule: how that is reckoned, in words.
    """

    tokens: int
    rule: str


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
    per_token = characters_per_token(config.model)
    picture = pictures * picture_tokens(config.model, size).tokens
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


def picture_tokens(model: str, size: Size) -> PictureTokens:
    """What a picture counts as, by the model's id.

    Args:
        model: the provider's id, such as ``gpt-4o-2024-11-20`` or ``Qwen/Qwen2.5-VL-7B-Instruct``.
        size: width and height in pixels, as sent.
    """
    name = model.lower().rpartition("/")[2]
    for pattern, rule, count in _RULES:
        if re.match(pattern, name):
            return PictureTokens(count(*size), rule)
    return PictureTokens(min(1600, math.ceil(size[0] * size[1] / 750)), "a guess: 750 pixels a token, 1,600 at most")


def characters_per_token(model: str) -> float:
    """How many characters of a prompt make one token."""
    name = model.lower().rpartition("/")[2]
    return CHARACTERS_PER_TOKEN_NEW_CLAUDE if re.match(_NEW_CLAUDE, name) else CHARACTERS_PER_TOKEN


def asks_nobody(config: ModelConfig) -> bool:
    """Whether a model is none: a recording or a script."""
    return config.provider in {"replay", "scripted"}


def offline_backend(spec: str) -> Backend:
    """A stand-in for the model behind a ``--model`` value, which needs no key, package, server or picture.

    Raises:
        UserError: if there is no such YAML, or it is wrong.
    """
    return _Unasked(config_of(spec))


def config_of(spec: str) -> ModelConfig:
    """The settings behind a ``--model`` value, without making its backend.

    Raises:
        UserError: if there is no such YAML, or it is wrong.
    """
    kind, _, place = spec.partition(":")
    if kind == "replay":
        name = _as_name(Path(place).name.removesuffix(".zip"))
        return ModelConfig(name=name, provider="replay", model=name)
    if place and not spec.endswith((".yaml", ".yml")):
        name = _as_name(place.rpartition(".")[2])
        return ModelConfig(name=name, provider=spec, model=name)
    return load_config(find_config("models", spec), ModelConfig)


class _Unasked(Backend):
    """Knows a model's settings and nothing else."""

    reads_pictures = False

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
        picture_rule=picture_tokens(config.model, size).rule,
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


def _as_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", text).strip("-") or "model"


def _fit(width: float, height: float, longest: float) -> tuple[float, float]:
    scale = min(1.0, longest / max(width, height))
    return width * scale, height * scale


def _grid(width: float, height: float, cell: int) -> int:
    # A hair less than a whole cell is float noise, not another cell.
    return math.ceil(round(width / cell, 6)) * math.ceil(round(height / cell, 6))


def _tiles(base: int, tile: int) -> Callable[[int, int], int]:
    """OpenAI's tiles: fit into 2048 x 2048, shortest side to 768, then 512-pixel tiles."""

    def count(width: int, height: int) -> int:
        wide, high = _fit(width, height, 2048)
        scale = min(1.0, 768 / min(wide, high))
        return base + tile * _grid(wide * scale, high * scale, 512)

    return count


def _patches(cell: int, most: int, factor: float = 1.0, longest: int | None = None) -> Callable[[int, int], int]:
    """Square patches, at most so many, each worth ``factor`` tokens, after the longest side was cut down."""

    def count(width: int, height: int) -> int:
        wide, high = _fit(width, height, longest) if longest else (float(width), float(height))
        return round(factor * min(most, _grid(wide, high, cell)))

    return count


def _qwen(cell: int) -> Callable[[int, int], int]:
    """Qwen-VL: each side to the nearest multiple of a cell."""

    def count(width: int, height: int) -> int:
        return max(1, round(width / cell)) * max(1, round(height / cell))

    return count


def _deepseek(width: int, height: int) -> int:
    """DeepSeek-VL2: a 384-pixel overview and up to nine 384-pixel tiles of 14 x 14 tokens, one more at each row's end.

    Of all grids the one that keeps most of the picture is taken, and of equals the one with the least to spare.
    """
    tile, side = 384, 14
    grids = [(across, down) for across in range(1, 10) for down in range(1, 10) if across * down <= 9]

    def kept(grid: tuple[int, int]) -> tuple[float, float]:
        room_wide, room_high = grid[0] * tile, grid[1] * tile
        scale = min(room_wide / width, room_high / height)
        pixels = min(int(width * scale) * int(height * scale), width * height)
        return pixels, pixels - room_wide * room_high

    across, down = max(grids, key=kept)
    return side * (side + 1) + 1 + down * side * (across * side + 1)


_NEW_CLAUDE = r"claude-(opus-4-[78]|[a-z]+-([5-9]|\d\d))"

#: Pattern of a model's id, the rule in words, the count. The first that fits holds.
_RULES: tuple[tuple[str, str, Callable[[int, int], int]], ...] = (
    (r"gpt-4o-mini", "OpenAI's tiles: 2,833 and 5,667 for each 512-pixel tile", _tiles(2833, 5667)),
    (r"gpt-(4\.1-mini|5-mini|5\.4-mini)", "OpenAI's 32-pixel patches, 1,536 at most, x 1.62", _patches(32, 1536, 1.62)),
    (r"gpt-(4\.1-nano|5-nano|5\.4-nano)", "OpenAI's 32-pixel patches, 1,536 at most, x 2.46", _patches(32, 1536, 2.46)),
    (r"gpt-4(o|\.1|\.5)", "OpenAI's tiles: 85 and 170 for each 512-pixel tile", _tiles(85, 170)),
    (r"gpt-5(\.[1-3])?(-|$)", "OpenAI's tiles: 70 and 140 for each 512-pixel tile", _tiles(70, 140)),
    (r"gpt-([5-9]|\d\d)", "32-pixel patches, 10,000 at most, x 1.2, as measured", _patches(32, 10_000, 1.2)),
    (
        _NEW_CLAUDE,
        "Anthropic's 28-pixel patches, longest side cut to 2,000, as measured",
        _patches(28, 5000, 1.0, 2000),
    ),
    (
        r"claude",
        "Anthropic's 28-pixel patches, longest side cut to 1,568, 1,568 at most",
        _patches(28, 1568, 1.0, 1568),
    ),
    (r"gemini-2\.5", "258, as Google counted in the published run", lambda _w, _h: 258),
    (r"gemini-[12]", "258 for each 768-pixel tile, as Google documents", lambda w, h: 258 * _grid(w, h, 768)),
    (r"gemini", "1,120, the most at Google's default resolution", lambda _w, _h: 1120),
    (r"qwen2(\.5)?-vl", "(width / 28) x (height / 28)", _qwen(28)),
    (r"qwen3", "(width / 32) x (height / 32)", _qwen(32)),
    (r"deepseek-vl2", "DeepSeek-VL2's 384-pixel tiles of 14 x 15 tokens and an overview", _deepseek),
    (r"llama-3\.2", "one token: its content comes in by cross-attention", lambda _w, _h: 1),
)
