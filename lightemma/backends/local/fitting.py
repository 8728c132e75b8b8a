"""Whether a model can be answered in continuous batches, by how it is built and by the scores it gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lightemma.backends.local.loading import transformers_package

if TYPE_CHECKING:
    import torch

#: Largest difference of scores, relative to their size, between this loop and ``generate``: as for pictures' features.
_LARGEST_DIFFERENCE = 0.05
#: Settings of generation that need steps which only ``generate`` has.
_OTHER_STEPS = (
    "no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "bad_words_ids", "min_length", "min_new_tokens",
    "forced_bos_token_id", "forced_eos_token_id", "exponential_decay_length_penalty", "suppress_tokens",
    "begin_suppress_tokens", "sequence_bias", "guidance_scale", "watermarking_config", "remove_invalid_values",
    "stop_strings", "token_healing",
)  # fmt: skip


class DifferentError(Exception):
    """The loop gives other scores than ``generate``."""


def obstacle(model: Any, parameters: Mapping[str, Any]) -> str:
    """Why a model cannot be answered in continuous batches; empty if nothing stands in the way.

    Args:
        model: of transformers.
        parameters: of its ``forward``.
    """
    settings, text = model.generation_config, model.config.get_text_config(decoder=True)
    needed = next((name for name in _OTHER_STEPS if getattr(settings, name, None)), None)
    if needed:
        return f"its generation settings have {needed}"
    if "position_ids" not in parameters or not hasattr(model, "_prepare_position_ids_for_generation"):
        return "its positions cannot be given"
    if getattr(model, "_is_stateful", False) or getattr(model.config, "is_encoder_decoder", False):
        return "its cache cannot be put together from rows"
    plain = transformers_package().cache_utils.DynamicLayer
    layers = transformers_package().DynamicCache(config=text).layers
    if any(type(layer) is not plain for layer in layers):
        return "its layers keep only a window of what they read, or a state"
    if getattr(text, "cross_attention_layers", None):
        return "it reads pictures apart from the text"
    return ""


def picture_token(config: Any) -> int | None:
    """The token that stands for a part of a picture."""
    for name in ("image_token_id", "image_token_index"):
        if isinstance(token := getattr(config, name, None), int):
            return token
    return None


def different(ours: torch.Tensor, theirs: torch.Tensor) -> bool:
    """Whether scores differ by more than rounding."""
    difference = (ours.float() - theirs.float()).norm()
    return not bool(difference <= _LARGEST_DIFFERENCE * theirs.float().norm())
