"""A tiny Qwen2.5-VL with random weights that vLLM's CPU build takes as well as transformers: its heads are 32 wide."""

from __future__ import annotations

import json
from pathlib import Path

from tests.backends.tiny_models import QWEN_SPECIALS, QWEN_TEMPLATE, spread, tokenizer

HIDDEN = 128


def save(folder: Path, seed: int = 0, texts: tuple[str, ...] = (), most_pixels: int = 28 * 28 * 64) -> Path:
    """Saves model and processor as ``from_pretrained`` loads them, in transformers 5.19 (vLLM's) and later.

    Args:
        folder: where to.
        seed: of the weights.
        texts: further texts that the tokenizer learns; it then knows longer pieces of such texts.
        most_pixels: pictures are scaled down to this number of pixels; one token is 28 x 28.
    """
    import torch
    import transformers
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    tokens = tokenizer(QWEN_SPECIALS, texts, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    tokens.chat_template = QWEN_TEMPLATE
    number = tokens.convert_tokens_to_ids
    config = transformers.Qwen2_5_VLConfig(
        text_config={
            "vocab_size": len(tokens),
            "hidden_size": HIDDEN,
            "intermediate_size": 192,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 8192,
            # As Qwen's: vLLM takes it for the vision part too, where transformers always has 1e-6.
            "rms_norm_eps": 1e-6,
            "bos_token_id": None,
            "eos_token_id": tokens.eos_token_id,
            "pad_token_id": tokens.pad_token_id,
            "rope_parameters": {"rope_type": "default", "mrope_section": [4, 6, 6], "rope_theta": 1e6},
        },
        vision_config={
            "depth": 2,
            "hidden_size": 64,
            "intermediate_size": 96,
            "num_heads": 2,
            "out_hidden_size": HIDDEN,
            "patch_size": 14,
            "fullatt_block_indexes": [1],
            "window_size": 112,
        },
        image_token_id=number("<|image_pad|>"),
        video_token_id=number("<|video_pad|>"),
        vision_start_token_id=number("<|vision_start|>"),
        vision_end_token_id=number("<|vision_end|>"),
        pad_token_id=tokens.pad_token_id,
        eos_token_id=tokens.eos_token_id,
        tie_word_embeddings=False,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = transformers.Qwen2_5_VLForConditionalGeneration(config)
        spread(model)
    model.eval()
    model.save_pretrained(folder)
    tokens.save_pretrained(folder)
    Qwen2VLImageProcessorPil(
        patch_size=14, size={"shortest_edge": 28 * 28 * 4, "longest_edge": most_pixels}
    ).save_pretrained(folder)
    _readable_by_older(folder)
    return folder


def _readable_by_older(folder: Path) -> None:
    """Takes out what transformers 5.19 does not know: the vision part's rotary embedding by its newer name."""
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["vision_config"].pop("rope_parameters", None)
    path.write_text(json.dumps(config, indent=2), encoding="utf-8")
