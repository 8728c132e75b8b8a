"""The facts of lightemma's own providers, apart from their classes: lists, prices and estimates then import none of these.

A provider outside lightemma writes its facts in its class, as ``docs/adding-a-model.md`` shows; one of lightemma's own may
do so too. Where the token rules come from is in ``docs/costs.md``.
"""

from __future__ import annotations

import re
from dataclasses import replace

from lightemma.backends.facts import Facts
from lightemma.backends.token_rules import OPEN_WEIGHTS, grid, patches, picture_rule, tiles

OPENAI = Facts(
    title="OpenAI's models",
    packages=("openai",),
    extra="openai",
    key_variable="OPENAI_API_KEY",
    key_place="on OpenAI's platform pages, under API keys",
    address="https://api.openai.com/v1",
    takes_urls=True,
    several_answers=128,
    holds_weights=False,
    price_list="openai",
    batch_share=0.5,
    picture_tokens=picture_rule(
        (r"gpt-4o-mini", "OpenAI's tiles: 2,833 and 5,667 for each 512-pixel tile", tiles(2833, 5667)),
        (
            r"gpt-(4\.1-mini|5-mini|5\.4-mini)",
            "OpenAI's 32-pixel patches, 1,536 at most, x 1.62",
            patches(32, 1536, 1.62),
        ),
        (
            r"gpt-(4\.1-nano|5-nano|5\.4-nano)",
            "OpenAI's 32-pixel patches, 1,536 at most, x 2.46",
            patches(32, 1536, 2.46),
        ),
        (r"gpt-4(o|\.1|\.5)", "OpenAI's tiles: 85 and 170 for each 512-pixel tile", tiles(85, 170)),
        (r"gpt-5(\.[1-3])?(-|$)", "OpenAI's tiles: 70 and 140 for each 512-pixel tile", tiles(70, 140)),
        (r"gpt-([5-9]|\d\d)", "32-pixel patches, 10,000 at most, x 1.2, as measured", patches(32, 10_000, 1.2)),
    ),
)

#: Of Anthropic, with the newer tokenizer: about 30 % more tokens for the same text, and another way of counting pictures.
_NEW_MODELS = r"claude-(opus-4-[78]|[a-z]+-([5-9]|\d\d))"
_NEW_TOKENIZER = 3.1

ANTHROPIC = Facts(
    title="Anthropic's models",
    packages=("anthropic",),
    extra="anthropic",
    key_variable="ANTHROPIC_API_KEY",
    key_place="in Anthropic's console, under API keys",
    address="https://api.anthropic.com",
    holds_weights=False,
    price_list="anthropic",
    batch_share=0.5,
    picture_tokens=picture_rule(
        (
            _NEW_MODELS,
            "Anthropic's 28-pixel patches, longest side cut to 2,000, as measured",
            patches(28, 5000, 1.0, 2000),
        ),
        (
            r"claude",
            "Anthropic's 28-pixel patches, longest side cut to 1,568, 1,568 at most",
            patches(28, 1568, 1.0, 1568),
        ),
    ),
    characters_per_token=lambda model: _NEW_TOKENIZER if re.match(_NEW_MODELS, model) else None,
)

GOOGLE = Facts(
    title="Google's models",
    packages=("google-genai",),
    extra="google",
    key_variable="GEMINI_API_KEY",
    key_place="in Google AI Studio, under API keys",
    address="https://generativelanguage.googleapis.com",
    several_answers=8,
    holds_weights=False,
    price_list="google",
    batch_share=0.5,
    picture_tokens=picture_rule(
        (r"gemini-2\.5", "258, as Google counted in the published run", lambda _w, _h: 258),
        (r"gemini-[12]", "258 for each 768-pixel tile, as Google documents", lambda w, h: 258 * grid(w, h, 768)),
        (r"gemini", "1,120, the most at Google's default resolution", lambda _w, _h: 1120),
    ),
)

OPENAI_COMPATIBLE = Facts(
    title="OpenAI-compatible servers",
    packages=("openai",),
    extra="openai",
    takes_urls=True,
    several_answers=128,  # the most that OpenAI's interface takes as ``n``
    holds_weights=False,
    any_server=True,
    picture_tokens=OPEN_WEIGHTS,
)
ENDPOINTS = replace(OPENAI_COMPATIBLE, title="several servers of one model", any_server=False, addresses_option="urls")
#: Of all engines that are started here; each has a title of its own.
SERVED = replace(OPENAI_COMPATIBLE, title="", any_server=False, holds_weights=True, starts_server=True)
VLLM = replace(SERVED, title="open weights on a vLLM server started here", engine="vllm")
SGLANG = replace(SERVED, title="open weights on an SGLang server started here", engine="sglang")
TRANSFORMERS_SERVE = replace(
    SERVED, title="open weights on transformers serve, started here", engine="transformers", several_answers=1
)

TRANSFORMERS = Facts(
    title="open weights inside this process",
    packages=("torch", "transformers", "accelerate"),
    also_recorded=("tokenizers", "torchvision"),
    extra="local",
    several_answers=64,
    holds_weights=True,
    batch_option="max_batch",
    picture_tokens=OPEN_WEIGHTS,
)


def _tiny_tokens(_width: int, _height: int) -> int:
    from lightemma.backends.tiny.reading import IMAGES

    return IMAGES


TINY_DRIVER = Facts(
    title="the model that comes with lightemma",
    packages=("onnxruntime",),
    extra="tiny",
    holds_weights=True,
    picture_tokens=picture_rule((r"tiny-driver", "12 tokens: 4 x 3 places of 256 x 144 pixels", _tiny_tokens)),
)
SCRIPTED = Facts(title="answers from a list", asks_model=False, reads_pictures=False, cacheable=False)
REPLAY = Facts(title="recordings", asks_model=False, reads_pictures=False, cacheable=False)
