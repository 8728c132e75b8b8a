"""Tiny vision-language models of real architectures with random weights, saved as ``from_pretrained`` loads them.

Nothing is downloaded: the tokenizer is trained on a few sentences on the spot, and the weights are drawn with a spread
that makes greedy answers depend on the picture and on every word, and keeps the first two candidates of a step apart.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lightemma.frame import Picture

QWEN_SPECIALS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
OTHER_SPECIALS = (
    "<pad>", "<s>", "</s>", "<image>", "<fake_token_around_image>", "<end_of_utterance>", "<global-img>",
    "<|image|>", "<|begin_of_text|>", "<|python_tag|>", "<image_placeholder>",
    *(f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)),
)  # fmt: skip

QWEN_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ c['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
OTHER_TEMPLATE = (
    "{% for m in messages %}{{ m['role'] }}: "
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for c in m['content'] %}"
    "{% if c['type'] == 'image' %}IMAGE{% else %}{{ c['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<end_of_utterance>\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)
MLLAMA_TEMPLATE = "<|begin_of_text|>" + OTHER_TEMPLATE.replace("IMAGE", "<|image|>")

_SENTENCES = (
    "The road ahead is straight and dry; a car is stopped at the traffic light and a pedestrian crosses the street.",
    "Describe the scene: lane markings, traffic lights, vehicles, pedestrians and anything that may change the plan.",
    "The speed is 5.321 m/s and the curvature 0.012; give six pairs such as [(4.2, 0.01), (4.1, -0.02), (3.9, 0.0)].",
    "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 keep left, turn right, slow down, speed up, hold the lane, stop.",
)

_HIDDEN = 64


def tokenizer(specials: tuple[str, ...], texts: tuple[str, ...], **names: Any) -> Any:
    """A byte-level BPE trained on the spot."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=2_000 if texts else 600,
        special_tokens=list(specials),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    core.train_from_iterator((*_SENTENCES, *texts), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=core, model_max_length=8192, model_input_names=["input_ids", "attention_mask"], **names
    )


def picture(seed: int, width: int = 96, height: int = 64) -> Picture:
    """A made-up PNG: coarse coloured blocks, so that resizing does not average the differences away."""
    blocks = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    encoded = io.BytesIO()
    Image.fromarray(blocks).resize((width, height), Image.Resampling.NEAREST).save(encoded, "PNG")
    data = encoded.getvalue()
    return Picture(data, "image/png", (width, height), hashlib.sha256(data).hexdigest())


def save(architecture: str, folder: Path, seed: int = 0, texts: tuple[str, ...] = ()) -> Path:
    """Builds one architecture and saves model and processor.

    Args:
        architecture: ``qwen2_5_vl``, ``qwen3_vl``, ``mllama``, ``idefics3``, ``llava`` or ``deepseek_vl``.
        folder: where to.
        seed: of the weights.
        texts: further texts that the tokenizer learns; it then knows longer pieces of such texts.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model, parts = _BUILDERS[architecture](architecture, texts)
        spread(model)
    model.eval()
    model.save_pretrained(folder)
    for part in parts:
        part.save_pretrained(folder)
    return folder


def spread(model: Any) -> None:
    """Draws the weights anew, wider than models are initialised for training, gates open."""
    import torch

    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "gate" in name and weight.numel() <= 1:
                weight.fill_(1.0)
            elif "embed_tokens" in name:
                weight.normal_(0.0, 1.0)
            elif weight.ndim >= 2:
                fan_in = weight[0].numel()
                weight.normal_(0.0, 1.5 / fan_in**0.5)


def _text_config(tokens: Any, **more: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokens),
        "hidden_size": _HIDDEN,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        "bos_token_id": tokens.bos_token_id,
        "eos_token_id": tokens.eos_token_id,
        "pad_token_id": tokens.pad_token_id,
        **more,
    }


def _qwen(kind: str, texts: tuple[str, ...]) -> tuple[Any, list[Any]]:
    import transformers
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    tokens = tokenizer(QWEN_SPECIALS, texts, eos_token="<|im_end|>", pad_token="<|endoftext|>")
    tokens.chat_template = QWEN_TEMPLATE
    name = {"qwen2_5_vl": "Qwen2_5_VL", "qwen3_vl": "Qwen3VL"}[kind]
    vision: dict[str, Any] = {
        "depth": 2, "hidden_size": 32, "intermediate_size": 48, "num_heads": 2, "out_hidden_size": _HIDDEN,
    }  # fmt: skip
    text = _text_config(tokens, rope_parameters={"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 1e6})
    if kind == "qwen2_5_vl":
        vision |= {"patch_size": 14, "fullatt_block_indexes": [1], "window_size": 56}
    else:
        vision |= {"patch_size": 16, "deepstack_visual_indexes": [0], "num_position_embeddings": 64}
        text["head_dim"] = 16
    config = getattr(transformers, f"{name}Config")(
        text_config=text,
        vision_config=vision,
        image_token_id=tokens.convert_tokens_to_ids("<|image_pad|>"),
        video_token_id=tokens.convert_tokens_to_ids("<|video_pad|>"),
        vision_start_token_id=tokens.convert_tokens_to_ids("<|vision_start|>"),
        vision_end_token_id=tokens.convert_tokens_to_ids("<|vision_end|>"),
        pad_token_id=tokens.pad_token_id,
        eos_token_id=tokens.eos_token_id,
    )
    images = Qwen2VLImageProcessorPil(
        patch_size=vision["patch_size"], size={"shortest_edge": 32 * 32, "longest_edge": 128 * 128}
    )
    # The model's own processor cannot be made without torchvision (it wants a video part); its files can.
    return getattr(transformers, f"{name}ForConditionalGeneration")(config), [tokens, images]


def _idefics3(kind: str, texts: tuple[str, ...]) -> tuple[Any, list[Any]]:
    import transformers
    from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil

    tokens = _other_tokenizer(texts)
    vision = {
        "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 64,
        "patch_size": 16,
    }  # fmt: skip
    config = transformers.Idefics3Config(
        text_config={"model_type": "llama", **_text_config(tokens)},
        vision_config=vision,
        scale_factor=2,
        image_token_id=tokens.convert_tokens_to_ids("<image>"),
        pad_token_id=tokens.pad_token_id,
    )
    images = Idefics3ImageProcessorPil(
        size={"longest_edge": 128}, max_image_size={"longest_edge": 64}, do_image_splitting=True
    )
    processor = transformers.Idefics3Processor(
        image_processor=images,
        tokenizer=tokens,
        image_seq_len=4,
        chat_template=OTHER_TEMPLATE.replace("IMAGE", "<image>"),
    )
    return transformers.Idefics3ForConditionalGeneration(config), [processor]


def _llava(kind: str, texts: tuple[str, ...]) -> tuple[Any, list[Any]]:
    import transformers
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    tokens = _other_tokenizer(texts)
    vision = transformers.CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=2,
        image_size=56,
        patch_size=14,
    )
    config = transformers.LlavaConfig(
        text_config=transformers.LlamaConfig(**_text_config(tokens)),
        vision_config=vision,
        image_token_index=tokens.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-2,
    )
    processor = transformers.LlavaProcessor(
        image_processor=CLIPImageProcessorPil(size={"shortest_edge": 56}, crop_size={"height": 56, "width": 56}),
        tokenizer=tokens,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=OTHER_TEMPLATE.replace("IMAGE", "<image>"),
    )
    return transformers.LlavaForConditionalGeneration(config), [processor]


def _mllama(kind: str, texts: tuple[str, ...]) -> tuple[Any, list[Any]]:
    import transformers
    from transformers.models.mllama.configuration_mllama import MllamaTextConfig, MllamaVisionConfig
    from transformers.models.mllama.image_processing_pil_mllama import MllamaImageProcessorPil

    tokens = _other_tokenizer(texts, bos_token="<|begin_of_text|>")
    vision = MllamaVisionConfig(
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_global_layers=1,
        attention_heads=2,
        image_size=56,
        patch_size=14,
        max_num_tiles=4,
        vision_output_dim=96,
        intermediate_layers_indices=[0, 1],
        supported_aspect_ratios=[[1, 1], [1, 2], [1, 3], [1, 4], [2, 1], [2, 2], [3, 1], [4, 1]],
    )
    text = MllamaTextConfig(**_text_config(tokens, num_hidden_layers=3), cross_attention_layers=[1])
    config = transformers.MllamaConfig(
        vision_config=vision, text_config=text, image_token_index=tokens.convert_tokens_to_ids("<|image|>")
    )
    processor = transformers.MllamaProcessor(
        image_processor=MllamaImageProcessorPil(size={"height": 56, "width": 56}, max_image_tiles=4),
        tokenizer=tokens,
        chat_template=MLLAMA_TEMPLATE,
    )
    return transformers.MllamaForConditionalGeneration(config), [processor]


def _deepseek(kind: str, texts: tuple[str, ...]) -> tuple[Any, list[Any]]:
    import transformers
    from transformers.models.deepseek_vl.image_processing_pil_deepseek_vl import DeepseekVLImageProcessorPil

    tokens = _other_tokenizer(texts, extra_special_tokens={"image_token": "<image_placeholder>"})
    vision = transformers.SiglipVisionConfig(
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=56,
        patch_size=14,
    )
    config = transformers.DeepseekVLConfig(
        text_config=transformers.LlamaConfig(**_text_config(tokens)),
        vision_config=vision,
        image_token_id=tokens.convert_tokens_to_ids("<image_placeholder>"),
    )
    processor = transformers.DeepseekVLProcessor(
        image_processor=DeepseekVLImageProcessorPil(size={"height": 56, "width": 56}),
        tokenizer=tokens,
        num_image_tokens=16,
        chat_template=OTHER_TEMPLATE.replace("IMAGE", "<image_placeholder>"),
    )
    return transformers.DeepseekVLForConditionalGeneration(config), [processor]


def _other_tokenizer(texts: tuple[str, ...], **names: Any) -> Any:
    return tokenizer(
        OTHER_SPECIALS, texts, **{"bos_token": "<s>", "eos_token": "<end_of_utterance>", "pad_token": "<pad>", **names}
    )


_BUILDERS = {
    "qwen2_5_vl": _qwen,
    "qwen3_vl": _qwen,
    "mllama": _mllama,
    "idefics3": _idefics3,
    "llava": _llava,
    "deepseek_vl": _deepseek,
}
ARCHITECTURES = tuple(_BUILDERS)
