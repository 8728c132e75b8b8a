"""Qwen2.5-VL with random weights, in the real 7B's shape and in smaller ones: what speed depends on, without a download."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Shape:
    """Sizes of a Qwen2.5-VL.

    Attributes:
        label: what it is, for the line above figures.
        vocabulary: number of tokens.
        text: of its config, the part of the text.
        vision: of its config, the part of the pictures.
        max_pixels: of a picture; a larger one is made smaller.
    """

    label: str
    vocabulary: int
    text: dict[str, Any]
    vision: dict[str, Any]
    max_pixels: int = 28 * 28 * 16_384

    def text_config(self, end: int | None, pad: int | None) -> dict[str, Any]:
        """The part of the text, whole; ``end`` and ``pad`` are numbers of tokens."""
        return {
            "vocab_size": self.vocabulary,
            "max_position_embeddings": 32_768,
            "rms_norm_eps": 1e-6,
            "bos_token_id": None,
            "eos_token_id": end,
            "pad_token_id": pad,
            **self.text,
        }


def _text(
    hidden: int, inner: int, layers: int, heads: int, key_heads: int, sections: tuple[int, ...]
) -> dict[str, Any]:
    return {
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": key_heads,
        "rope_parameters": {"rope_type": "default", "mrope_section": list(sections), "rope_theta": 1e6},
    }


def _vision(depth: int, hidden: int, inner: int, heads: int, out: int, full: tuple[int, ...]) -> dict[str, Any]:
    return {
        "depth": depth,
        "hidden_size": hidden,
        "intermediate_size": inner,
        "num_heads": heads,
        "out_hidden_size": out,
        "patch_size": 14,
        "window_size": 112,
        "fullatt_block_indexes": list(full),
    }


SHAPES = {
    # As in the config.json of Qwen2.5-VL-7B-Instruct.
    "7b": Shape(
        "Qwen2.5-VL-7B's architecture with RANDOM weights",
        152_064,
        _text(3_584, 18_944, 28, 28, 4, (16, 24, 24)),
        _vision(32, 1_280, 3_420, 16, 3_584, (7, 15, 23, 31)),
    ),
    # Two of the text's layers and eight of the pictures': to try everything on a GPU in seconds.
    "thin": Shape(
        "a THIN Qwen2.5-VL-7B with RANDOM weights",
        152_064,
        _text(3_584, 18_944, 2, 28, 4, (16, 24, 24)),
        _vision(8, 1_280, 3_420, 16, 3_584, (3, 7)),
    ),
    "small": Shape(
        "a SMALL Qwen2.5-VL (0.1 billion) with RANDOM weights",
        8_192,
        _text(768, 3_072, 10, 6, 2, (16, 24, 24)),
        _vision(8, 320, 960, 4, 768, (3, 7)),
        28 * 28 * 300,
    ),
    "tiny": Shape(
        "a TINY Qwen2.5-VL with RANDOM weights",
        4_096,
        _text(128, 192, 2, 4, 2, (4, 6, 6)),
        _vision(2, 64, 96, 2, 128, (1,)),
    ),
}


def with_random_weights(config: Any, dtype: Any, gpu: bool) -> Any:
    """The model of a config, filled with noise where it will run.

    Args:
        config: a ``Qwen2_5_VLConfig``.
        dtype: of torch.
        gpu: whether it runs on the GPU.
    """
    import torch
    import transformers

    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.device("cuda" if gpu else "cpu"):
            model = transformers.Qwen2_5_VLForConditionalGeneration(config)
    finally:
        torch.set_default_dtype(before)
    model.eval()
    model.generation_config.pad_token_id = 0
    return model
