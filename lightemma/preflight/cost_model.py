"""Estimates the seconds, memory and GPU-hours of a model on given cards with a roofline model; see docs/scaling.md.

The roofline (Williams, Waterman and Patterson 2009): reading the prompt is limited by arithmetic, writing the answer by memory
bandwidth, because every step reads the working weights once for the whole batch, and each call's keys and values. The shares
of the peak that are reached in practice are the model's only free numbers; they are stated below.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

#: Shares of the peak that are reached: of the arithmetic when reading a prompt, of the bandwidth in a step of writing.
PREFILL_SHARE = 0.45
DECODE_SHARE = 0.70
#: Seconds per layer of a step of writing, apart from bandwidth: launching kernels and sampling, with an engine's graphs …
ENGINE_STEP_S = 5e-5
#: … and with plain Python calls, during which the card waits (the published runs with transformers on H100s: 0.6 to
#: 1.1 ms a layer); this factor more where each layer is a mixture of experts.
EAGER_STEP_S = 8e-4
EAGER_EXPERTS = 2.5
#: Seconds of preparing a picture and its call, when calls are made one at a time.
EAGER_CALL_S = 0.15
#: Share of the speed that each doubling of tensor parallelism loses to communication between cards.
PARALLEL_LOSS = 0.10
#: Share of a card's memory for weights and calls; the rest is for the engine.
USABLE_MEMORY = 0.90
#: The true value is assumed to be between the estimate divided by this and multiplied by this.
FACTOR = 2.0


@dataclass(frozen=True, slots=True)
class Card:
    """One GPU.

    Attributes:
        name: of the product.
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
    """The properties of a model that decide its cost.

    Attributes:
        parameters: all weights, 1e9.
        working: weights used for each token, 1e9; fewer than all in a mixture of experts.
        layers: of the language model.
        kv_values: numbers kept per token and layer, keys and values together.
        bytes_per_weight: 2 for 16-bit numbers.
        cross_tokens: tokens of a picture that are kept apart from the text (cross-attention) and not counted as input, averaged
            over all layers: Llama 3.2 keeps 6,404 in every fifth layer.
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
    """The tokens of one call.

    Attributes:
        read: input tokens.
        cached: those at the beginning that an earlier call of the frame began with too: an engine's prefix cache holds them.
        written: output tokens.
    """

    read: int
    written: int
    cached: int = 0


@dataclass(frozen=True, slots=True)
class Serving:
    """How a model is served.

    Attributes:
        card: the kind of card.
        cards: in one replica, over which every layer is split.
        concurrency: concurrent calls in a replica.
        engine: with an engine such as vLLM; else plain Python calls.
    """

    card: Card
    cards: int = 1
    concurrency: int = 1
    engine: bool = True


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a frame costs on one replica.

    Attributes:
        gpu_s: card-seconds per frame.
        latency_s: seconds from a frame's first call to its last answer, at that concurrency.
        prefill_s: seconds per frame that a replica reads.
        decode_s: seconds per frame that a replica writes, shared by all calls of a step.
        weights_gb: memory of the weights, over all cards of a replica.
        calls_gb: memory of the keys and values of all concurrent calls.
        concurrency: concurrent calls; fewer than wanted where memory is short.
        cards: in a replica.
    """

    gpu_s: float
    latency_s: float
    prefill_s: float
    decode_s: float
    weights_gb: float
    calls_gb: float
    concurrency: int
    cards: int

    @property
    def memory_gb(self) -> float:
        """All memory of a replica that a frame's work needs."""
        return self.weights_gb + self.calls_gb

    def gpu_hours(self, frames: int) -> float:
        """Card-hours of ``frames`` frames."""
        return frames * self.gpu_s / 3600

    def wall_hours(self, frames: int, cards: int) -> float:
        """Hours from the first frame to the last on ``cards`` cards, without loading.

        The last frames of a run leave cards idle, so no run is shorter than one frame.

        Args:
            frames: to be driven.
            cards: all cards; those that do not make up a whole replica stay idle.
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
        serving: how the model is served.

    Returns:
        The prediction, or None if the weights do not fit the cards.
    """
    card, cards = serving.card, serving.cards
    room_gb = USABLE_MEMORY * card.memory_gb * cards - architecture.weights_gb
    longest = max(call.read + call.written for call in calls)
    each_gb = (longest + architecture.cross_tokens) * architecture.kv_bytes / 1e9
    if room_gb < each_gb:
        return None
    concurrency = max(1, min(serving.concurrency, int(room_gb / each_gb)))
    # Without an engine the layers are spread over the cards one after the other, and one card works at a time.
    speedup = cards * (1.0 - PARALLEL_LOSS) ** math.log2(cards) if serving.engine else 1.0
    # Two operations per working weight and token.
    per_token = 2e9 * architecture.working / (card.tflops * 1e12 * PREFILL_SHARE * speedup)
    # An engine does not read again what an earlier call of the frame began with.
    prefill = sum(per_token * (call.read - (call.cached if serving.engine else 0)) for call in calls)
    decode = 0.0
    for call in calls:
        step = _step(architecture, call, concurrency, card.bandwidth_gbs * DECODE_SHARE * speedup, serving.engine)
        # In a batch, arithmetic may limit a step.
        decode += call.written * max(step, concurrency * per_token) / concurrency
    overhead = 0.0 if serving.engine else EAGER_CALL_S * len(calls)
    replica_s = prefill + decode + overhead
    return Prediction(
        gpu_s=replica_s * cards,
        # All concurrent calls share the reading and the steps.
        latency_s=replica_s * concurrency,
        prefill_s=prefill,
        decode_s=decode,
        weights_gb=architecture.weights_gb,
        calls_gb=concurrency * each_gb,
        concurrency=concurrency,
        cards=cards,
    )


def _step(architecture: Architecture, call: CallTokens, concurrency: int, bandwidth_gbs: float, engine: bool) -> float:
    """Seconds of one step of writing, which gives each of the concurrent calls one token."""
    kept = (call.read + call.written / 2 + architecture.cross_tokens) * architecture.kv_bytes / 1e9
    # With many concurrent calls, nearly every expert is used in each step.
    share = architecture.working / architecture.parameters
    touched = architecture.parameters * (1.0 - (1.0 - share) ** concurrency)
    moved_gb = touched * architecture.bytes_per_weight + concurrency * kept
    moving = moved_gb / bandwidth_gbs
    if engine:
        return moving + architecture.layers * ENGINE_STEP_S
    return max(moving, architecture.layers * EAGER_STEP_S * (EAGER_EXPERTS if share < 1.0 else 1.0))
