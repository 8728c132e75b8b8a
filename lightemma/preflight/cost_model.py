"""Seconds, memory and GPU-hours of a model on given cards, from first principles. An estimate; see docs/scaling.md.

The roofline (Williams, Waterman and Patterson 2009): reading the prompt is bound by arithmetic, writing the answer by memory
bandwidth, because every step reads the working weights once for the whole batch, and each call's keys and values. To these
bounds come shares of the peak that are really reached; they are the model's only free numbers, and stated below.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

#: Share of the peak arithmetic that reading a prompt reaches, and of the bandwidth that a step of writing reaches.
PREFILL_SHARE = 0.45
DECODE_SHARE = 0.70
#: Seconds of a step of writing that no bandwidth shortens, per layer: launching kernels and sampling, with an engine's graphs …
ENGINE_STEP_S = 5e-5
#: … and with one Python call after another, during which the card waits (the published runs with transformers on H100s: 0.6 to
#: 1.1 ms a layer); so many times more where each layer is a mixture of experts.
EAGER_STEP_S = 8e-4
EAGER_EXPERTS = 2.5
#: Seconds of preparing a picture and its call that nothing overlaps with, one at a time.
EAGER_CALL_S = 0.15
#: Share that each doubling of tensor parallelism loses to talking between cards.
PARALLEL_LOSS = 0.10
#: Of a card's memory, what weights and calls may take; the rest is the engine's.
USABLE_MEMORY = 0.90
#: The truth is taken to lie between the estimate divided and multiplied by this.
FACTOR = 2.0


@dataclass(frozen=True, slots=True)
class Card:
    """One GPU.

    Attributes:
        name: as it is sold.
        memory_gb: 1e9 bytes.
        bandwidth_gbs: 1e9 bytes a second.
        tflops: 1e12 operations a second in 16-bit numbers, dense.
    """

    name: str
    memory_gb: float
    bandwidth_gbs: float
    tflops: float


#: From the makers' data sheets (dense 16-bit tensor throughput, not the figure for sparse matrices).
CARDS: dict[str, Card] = {
    card.name.lower(): card
    for card in (
        Card("H200", 141, 4800, 989),
        Card("H100", 80, 3350, 989),
        Card("A100", 80, 2039, 312),
        Card("A100-40", 40, 1555, 312),
        Card("L40S", 48, 864, 362),
        Card("A6000", 48, 768, 155),
        Card("L4", 24, 300, 121),
        Card("4090", 24, 1008, 165),
        Card("3090", 24, 936, 71),
    )
}


@dataclass(frozen=True, slots=True)
class Architecture:
    """What of a model decides its cost.

    Attributes:
        parameters: all weights, 1e9.
        working: weights that work on each token, 1e9; fewer than all in a mixture of experts.
        layers: of the language model.
        kv_values: numbers kept per token and layer, keys and values together.
        bytes_per_weight: 2 for 16-bit numbers.
        cross_tokens: tokens of a picture that are kept beside the text (cross-attention) and not counted as input, as if they
            were kept in all layers: Llama 3.2 keeps 6,404 in every fifth.
    """

    parameters: float
    working: float
    layers: int
    kv_values: int
    bytes_per_weight: float = 2.0
    cross_tokens: int = 0

    @property
    def weights_gb(self) -> float:
        """Memory of the weights, 1e9 bytes."""
        return self.parameters * self.bytes_per_weight

    @property
    def kv_bytes(self) -> float:
        """Bytes kept per token, in 16-bit numbers."""
        return 2.0 * self.layers * self.kv_values


#: Beginning of a model's id -> architecture, from the published config.json: parameters, layers, and key-value heads x head
#: size x 2. DeepSeek-VL2 keeps a compressed vector (512 + 64) instead.
ARCHITECTURES: tuple[tuple[str, Architecture], ...] = (
    ("qwen2.5-vl-3b", Architecture(3.75, 3.75, 36, 2 * 2 * 128)),
    ("qwen2.5-vl-7b", Architecture(8.29, 8.29, 28, 2 * 4 * 128)),
    ("qwen2-vl-7b", Architecture(8.29, 8.29, 28, 2 * 4 * 128)),
    ("qwen2.5-vl-32b", Architecture(33.5, 33.5, 64, 2 * 8 * 128)),
    ("qwen2.5-vl-72b", Architecture(73.4, 73.4, 80, 2 * 8 * 128)),
    ("qwen3-vl-8b", Architecture(8.77, 8.77, 36, 2 * 8 * 128)),
    ("qwen3-vl-30b-a3b", Architecture(31.1, 3.3, 48, 2 * 4 * 128)),
    ("llama-3.2-11b-vision", Architecture(10.7, 10.7, 40, 2 * 8 * 128, cross_tokens=1281)),
    ("llama-3.2-90b-vision", Architecture(88.6, 88.6, 100, 2 * 8 * 128, cross_tokens=1281)),
    ("deepseek-vl2-tiny", Architecture(3.37, 1.0, 12, 576)),
    ("deepseek-vl2-small", Architecture(16.1, 2.8, 27, 576)),
    ("deepseek-vl2", Architecture(27.5, 4.5, 30, 576)),
)


@dataclass(frozen=True, slots=True)
class CallTokens:
    """One call.

    Attributes:
        read: input tokens.
        cached: those of them with which an earlier call of the frame began too, which an engine's prefix cache has already.
        written: output tokens.
    """

    read: int
    written: int
    cached: int = 0


@dataclass(frozen=True, slots=True)
class Serving:
    """How a model is served.

    Attributes:
        card: of which kind.
        cards: in one replica, over which every layer is split.
        at_once: calls answered side by side in a replica.
        engine: with an engine such as vLLM; else one Python call after another.
    """

    card: Card
    cards: int = 1
    at_once: int = 1
    engine: bool = True


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a frame costs on one replica.

    Attributes:
        gpu_s: card-seconds per frame.
        latency_s: seconds from a frame's first call to its last answer, under that load.
        prefill_s: seconds per frame that a replica reads.
        decode_s: seconds per frame that a replica writes, shared by all calls of a step.
        weights_gb: memory of the weights, over all cards of a replica.
        calls_gb: memory of the keys and values of all calls at once.
        at_once: calls answered side by side; less than asked where memory is short.
        cards: in a replica.
    """

    gpu_s: float
    latency_s: float
    prefill_s: float
    decode_s: float
    weights_gb: float
    calls_gb: float
    at_once: int
    cards: int

    @property
    def memory_gb(self) -> float:
        """All memory of a replica that a frame's work needs."""
        return self.weights_gb + self.calls_gb

    def gpu_hours(self, frames: int) -> float:
        """Card-hours of so many frames."""
        return frames * self.gpu_s / 3600

    def wall_hours(self, frames: int, cards: int) -> float:
        """Hours from the first frame to the last on so many cards; loading left out.

        The last frames of a run leave cards idle, so no run is shorter than one frame.

        Args:
            frames: to be driven.
            cards: there; those that do not make up a whole replica stay idle.
        """
        replicas = max(1, cards // self.cards)
        return max(frames * self.gpu_s / self.cards / replicas, self.latency_s if frames else 0.0) / 3600


def architecture_of(model: str) -> Architecture | None:
    """The architecture behind a provider's id of an open model, or None if it is not known here."""
    name = model.lower().rpartition("/")[2]
    fitting = [(pattern, found) for pattern, found in ARCHITECTURES if name.startswith(pattern)]
    return max(fitting, key=lambda pair: len(pair[0]))[1] if fitting else None


def predict(architecture: Architecture, calls: Sequence[CallTokens], serving: Serving) -> Prediction | None:
    """What one frame costs.

    Args:
        architecture: of the model.
        calls: of a frame, made one after the other.
        serving: how.

    Returns:
        The prediction, or None if the weights do not fit the cards.
    """
    card, cards = serving.card, serving.cards
    room_gb = USABLE_MEMORY * card.memory_gb * cards - architecture.weights_gb
    longest = max(call.read + call.written for call in calls)
    each_gb = (longest + architecture.cross_tokens) * architecture.kv_bytes / 1e9
    if room_gb < each_gb:
        return None
    at_once = max(1, min(serving.at_once, int(room_gb / each_gb)))
    # Without an engine the layers lie on the cards one after the other, and one card works at a time.
    speedup = cards * (1.0 - PARALLEL_LOSS) ** math.log2(cards) if serving.engine else 1.0
    # Two operations per working weight and token.
    per_token = 2e9 * architecture.working / (card.tflops * 1e12 * PREFILL_SHARE * speedup)
    # What an earlier call of the frame has had read already, an engine keeps.
    prefill = sum(per_token * (call.read - (call.cached if serving.engine else 0)) for call in calls)
    decode = 0.0
    for call in calls:
        step = _step(architecture, call, at_once, card.bandwidth_gbs * DECODE_SHARE * speedup, serving.engine)
        # In a batch, the arithmetic may be what bounds a step.
        decode += call.written * max(step, at_once * per_token) / at_once
    overhead = 0.0 if serving.engine else EAGER_CALL_S * len(calls)
    replica_s = prefill + decode + overhead
    return Prediction(
        gpu_s=replica_s * cards,
        # All calls at once share the reading and the steps.
        latency_s=replica_s * at_once,
        prefill_s=prefill,
        decode_s=decode,
        weights_gb=architecture.weights_gb,
        calls_gb=at_once * each_gb,
        at_once=at_once,
        cards=cards,
    )


def _step(architecture: Architecture, call: CallTokens, at_once: int, bandwidth_gbs: float, engine: bool) -> float:
    """Seconds of one step of writing, which gives each of the calls at once one token."""
    kept = (call.read + call.written / 2 + architecture.cross_tokens) * architecture.kv_bytes / 1e9
    # With many calls at once, nearly every expert works in each step.
    share = architecture.working / architecture.parameters
    touched = architecture.parameters * (1.0 - (1.0 - share) ** at_once)
    moved_gb = touched * architecture.bytes_per_weight + at_once * kept
    moving = moved_gb / bandwidth_gbs
    if engine:
        return moving + architecture.layers * ENGINE_STEP_S
    return max(moving, architecture.layers * EAGER_STEP_S * (EAGER_EXPERTS if share < 1.0 else 1.0))
