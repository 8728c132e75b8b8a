"""Says when vLLM would answer the same weights faster: it supports the model, and a GPU is there."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path

#: Types of models (``model_type`` of a config) that transformers and vLLM 0.24 both know, by vLLM's list of architectures.
VLLM_TYPES = frozenset(
    {
        "aria", "aya_vision", "blip-2", "chameleon", "cohere2_vision", "ernie4_5_vl_moe", "exaone4_5", "fuyu", "gemma3",
        "gemma3n", "gemma4", "gemma4_unified", "glm4v", "glm4v_moe", "glm_ocr", "granite4_vision", "hunyuan_vl", "idefics3",
        "internvl", "lfm2_vl", "llama4", "llava", "llava_next", "llava_next_video", "llava_onevision", "mistral3", "molmo2",
        "paddleocr_vl", "paligemma", "qianfan_ocr", "qwen2_5_vl", "qwen2_vl", "qwen3_5", "qwen3_5_moe", "qwen3_vl",
        "qwen3_vl_moe", "shieldgemma2", "smolvlm", "step3p7",
    }
)  # fmt: skip


def vllm_offer(
    name: str,
    model_type: str,
    *,
    gpu: bool,
    environment: Path = Path(".vllm-venv"),
    importable: Callable[[str], object] = importlib.util.find_spec,
) -> str:
    """How to switch a model to vLLM, in one sentence; empty where that is of no use.

    Args:
        name: the model's, for the sentence.
        model_type: of its config.
        gpu: whether there is a GPU.
        environment: where vLLM's own environment usually is.
        importable: finds a package in this one.
    """
    if not gpu or model_type not in VLLM_TYPES:
        return ""
    there = environment.is_dir() or importable("vllm") is not None
    first = "" if there else " after `python scripts/make_vllm_env.py --gpu`"
    return (
        f"Model '{name}' runs in this process, but vLLM serves '{model_type}' too and answers several times as many frames per "
        f"second on this GPU: write `provider: vllm` in its YAML{first}, and of its options keep dtype only."
    )
