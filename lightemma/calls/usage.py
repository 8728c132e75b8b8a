"""Token counts that cannot be are not believed."""

from __future__ import annotations

import math
from dataclasses import replace

from lightemma.backends.base import Completion, Request
from lightemma.backends.config import ModelConfig
from lightemma.calls.budget import CHARACTERS_PER_TOKEN, most_input_tokens
from lightemma.run_folder.records import Usage

#: A count this many times what the call can have is no count …
FAR_BEYOND = 20
#: … from this many tokens on: short texts in rare scripts take more tokens than their letters suggest.
_SMALL = 200_000


def believable(usage: Usage, request: Request, config: ModelConfig) -> bool:
    """Whether a provider's counts can be those of a call.

    Args:
        usage: the counts.
        request: what was asked.
        config: of whom.
    """
    counts = (usage.input, usage.cached_input, usage.output, usage.reasoning, usage.cache_write)
    if min(counts) < 0 or usage.input + usage.output == 0:
        return False
    if usage.cached_input + usage.cache_write > usage.input or usage.reasoning > usage.output:
        return False
    if usage.input > _SMALL and usage.input > FAR_BEYOND * most_input_tokens(request):
        return False
    return usage.output <= max(FAR_BEYOND * config.max_output_tokens * request.samples, _SMALL)


def estimated(request: Request, text: str, config: ModelConfig) -> Usage:
    """Counts in place of those that cannot be: rather too many than too few, and marked as an estimate."""
    made = min(max(math.ceil(len(text) / CHARACTERS_PER_TOKEN), 1), config.max_output_tokens * request.samples)
    return Usage(input=most_input_tokens(request), output=made, source="estimate")


def with_believable_usage(completion: Completion, request: Request, config: ModelConfig) -> tuple[Completion, bool]:
    """An answer with counts that can be.

    Returns:
        The answer, and whether the provider's counts stand.
    """
    usage = completion.usage
    # What a recording says is taken over as it is, like its answers.
    if usage is None or usage.source == "recorded" or believable(usage, request, config):
        return completion, True
    text = completion.text + "".join(one.text for one in completion.more)
    return replace(completion, usage=estimated(request, text, config)), False
