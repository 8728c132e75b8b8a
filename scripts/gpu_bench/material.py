"""What is driven: a nuScenes folder of real pictures, and a model's folder without weights."""

from __future__ import annotations

import io
import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from gpu_bench.passes import TEXTS, Bench
from made_up_scenes import write_scenes
from random_qwen import SHAPES

from lightemma.prompts.sets import load_prompts

#: Longer side of the smaller pictures: 464 tokens in place of 1,824.
SMALL_SIDE = 800
SPECIALS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>",
)  # fmt: skip
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for c in m['content'] %}"
    "{% if c['type'] == 'image' or c['type'] == 'image_url' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ c['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write_frames(bench: Bench, originals: list[Path]) -> int:
    """A nuScenes folder whose pictures are real ones, each shifted and lightened differently; returns their mean bytes."""
    import numpy as np
    from PIL import Image

    for folder in ("data", f"data{SMALL_SIDE}"):
        write_scenes(bench.work / folder, -(-bench.frames // 26), 40)
    sources = [np.asarray(Image.open(path).convert("RGB")) for path in originals]
    places = sorted((bench.work / "data/samples/CAM_FRONT").glob("*.jpg"))

    def write(number: int) -> int:
        pixels = np.roll(sources[number % len(sources)], 17 * number % 1600, axis=1)
        lighter = np.clip(pixels.astype(np.int16) + number % 29 - 14, 0, 255).astype(np.uint8)
        encoded = io.BytesIO()
        picture = Image.fromarray(lighter)
        picture.save(encoded, "JPEG", quality=90)
        places[number].write_bytes(encoded.getvalue())
        picture.thumbnail((SMALL_SIDE, SMALL_SIDE), Image.Resampling.BICUBIC)
        picture.save(bench.work / f"data{SMALL_SIDE}" / places[number].relative_to(bench.work / "data"), quality=90)
        return len(encoded.getvalue())

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        sizes = list(pool.map(write, range(len(places))))
    return round(sum(sizes) / len(sizes))


def write_model(bench: Bench) -> None:
    """The model's folder without weights: its config, and a tokenizer of our own with as many entries."""
    import transformers
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    folder, shape = bench.work / "model", SHAPES[bench.shape]
    tokens = tokenizer(shape.vocabulary)
    tokens.chat_template = TEMPLATE
    number = tokens.convert_tokens_to_ids
    config = transformers.Qwen2_5_VLConfig(
        text_config=shape.text_config(tokens.eos_token_id, tokens.pad_token_id),
        vision_config=shape.vision,
        image_token_id=number("<|image_pad|>"),
        video_token_id=number("<|video_pad|>"),
        vision_start_token_id=number("<|vision_start|>"),
        vision_end_token_id=number("<|vision_end|>"),
        pad_token_id=tokens.pad_token_id,
        eos_token_id=tokens.eos_token_id,
        tie_word_embeddings=False,
        architectures=["Qwen2_5_VLForConditionalGeneration"],
        dtype="bfloat16",
    )
    config.save_pretrained(folder)
    tokens.save_pretrained(folder)
    limits = {"shortest_edge": 56 * 56, "longest_edge": 28 * 28 * 16_384}
    Qwen2VLImageProcessorPil(patch_size=14, size=limits).save_pretrained(folder)


def tokenizer(size: int) -> Any:
    """A byte-level BPE that learned the prompts, filled up to ``size`` entries with words of capital letters.

    Every entry but the few special ones is reached by merges, so that any answer is about as many tokens when read again.
    """
    from itertools import product
    from string import ascii_uppercase as capitals

    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    texts = [*load_prompts("three-stage").templates.values(), *TEXTS.values()]
    learner.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=min(2_000, size - 100),
            special_tokens=list(SPECIALS),
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    learned = json.loads(learner.to_str())["model"]
    vocabulary: dict[str, int] = learned["vocab"]
    merges = [tuple(merge) for merge in learned["merges"]]
    for letters in (1, 2, 3, 4):
        for word in product(capitals, repeat=letters):
            if len(vocabulary) >= size:
                break
            left, right = "Ġ" + "".join(word[:-1]), word[-1]
            if left + right not in vocabulary:
                vocabulary[left + right] = len(vocabulary)
                merges.append((left, right))
    core = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        model_max_length=32_768,
        model_input_names=["input_ids", "attention_mask"],
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        additional_special_tokens=[name for name in SPECIALS if name not in ("<|im_end|>", "<|endoftext|>")],
    )
