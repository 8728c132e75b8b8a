"""The student of the study: a stock FastVLM of a million random weights, with a token for each number."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from lightemma.distillation.form import StudentForm
from lightemma.frame import EgoHistory, Frame, Pose
from lightemma.kinematics import driven_back

#: Width and height of its pictures, and how many tokens each is.
SIZE = (96, 64)
STRIDE = 32
TOKENS = (SIZE[0] // STRIDE) * (SIZE[1] // STRIDE)
#: What it is asked: so short that a small student has little to read.
QUESTION = "speeds {{speeds}} curvatures {{curvatures}} plan:"
NUMBER = r"-?\d+\.\d+"
SPECIAL = ("<pad>", "<s>", "</s>", "<image>", "<unk>")
TEMPLATE = (
    "{% for m in messages %}{% if m['role'] == 'user' %}{% for c in m['content'] %}{% if c['type'] == 'image' %}<image>"
    "{% else %}{{ c['text'] }}{% endif %}{% endfor %}\n{% else %}{% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for c in m['content'] %}{{ c['text'] }}{% endfor %}{% endif %}</s>{% endif %}{% endfor %}"
)


def prompts(folder: Path) -> Path:
    """Writes the prompt set with the short question."""
    folder.mkdir(parents=True, exist_ok=True)
    for stage in ("scene", "intent", "action", "single-call-direct"):
        (folder / f"{stage}.txt").write_text(QUESTION if stage == "single-call-direct" else "unused")
    return folder


def tokenizer(form: StudentForm) -> Any:
    """A token for each number: 1 and above with one digit after the point, below with three. Digit by digit, a small student
    needs many times as many rows until its numbers mean anything."""
    import transformers
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

    history = np.tile([5.0, 0.01], (6, 1))
    frame = Frame("s", 0, "t", 0, "", None, None, Pose(0, 0, 0), EgoHistory(driven_back(history), history), None)
    texts = ["".join(part or "" for part in form.question(frame)) + "\n", form.answer(history)]
    between = dict.fromkeys(piece for text in texts for piece in re.split(NUMBER, text) if piece)
    numbers = [f"{place / 1000:.3f}" for place in range(-500, 1000)] + [f"{place / 10:.1f}" for place in range(0, 400)]
    words = [*SPECIAL, *between, *dict.fromkeys(numbers)]
    core = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="<unk>"))
    core.normalizer = normalizers.Replace(Regex(r"(?<=[1-9]\.\d|[1-9]\d\.\d)\d+"), "")
    core.pre_tokenizer = pre_tokenizers.Split(Regex(NUMBER), "isolated")
    core.decoder = decoders.Fuse()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>",
        additional_special_tokens=["<image>"], model_max_length=2048,
    )  # fmt: skip


def fresh(folder: Path, form: StudentForm, seed: int, width: int = 128) -> Path:
    """Writes a student of random weights.

    Args:
        folder: where to.
        form: of the student.
        seed: of its weights.
        width: of its language model; its teacher by likelihoods is wider.
    """
    import torch
    import transformers
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    tokens = tokenizer(form)
    image = tokens.convert_tokens_to_ids("<image>")
    # Without batch normalisation: the student that a stage compares with must see as the one in training does.
    vision = transformers.ConvNextConfig(
        hidden_sizes=[24, 48, 96, 128], depths=[1, 1, 2, 1], image_size=SIZE[0], layer_scale_init_value=0.1
    )
    vision.hidden_size = vision.hidden_sizes[-1]
    text = transformers.LlamaConfig(
        vocab_size=len(tokens), hidden_size=width, intermediate_size=5 * width // 2, num_hidden_layers=3, num_attention_heads=4,
        max_position_embeddings=512, bos_token_id=tokens.bos_token_id, eos_token_id=tokens.eos_token_id,
        pad_token_id=tokens.pad_token_id, tie_word_embeddings=True,
    )  # fmt: skip
    torch.manual_seed(seed)
    model = transformers.FastVlmForConditionalGeneration(
        transformers.FastVlmConfig(
            vision_config=vision, text_config=text, image_token_index=image, image_token_id=image, image_seq_length=TOKENS,
            tie_word_embeddings=True,
        )
    )  # fmt: skip
    processor = transformers.LlavaProcessor(
        image_processor=CLIPImageProcessorPil(size={"height": SIZE[1], "width": SIZE[0]}, do_center_crop=False),
        tokenizer=tokens,
        patch_size=STRIDE,
        vision_feature_select_strategy="full",
        num_additional_image_tokens=0,
        chat_template=TEMPLATE,
    )
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
