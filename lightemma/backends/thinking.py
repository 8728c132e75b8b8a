"""An answer without the thinking in it: a call whose text is all thinking has failed, whatever numbers it holds."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lightemma.backends.base import CallError, Completion
from lightemma.thinking import part

REASONING_ONLY = (
    "the answer is empty while there is reasoning: the server took the answer for reasoning (look at its reasoning parser), or "
    "the model never came to an answer (give it more max_output_tokens, or a smaller budget for thinking)"
)


@dataclass
class Habit:
    """What a server's earlier answers showed.

    Attributes:
        begins_inside: its chat template begins the thinking, so that answers hold only the end of it.
    """

    begins_inside: bool = False


def without_thinking(
    completion: Completion,
    *,
    begun: bool = False,
    thought: bool = False,
    strip: bool = True,
    habit: Habit | None = None,
) -> Completion:
    """The completion with its thinking moved from the text to ``reasoning``.

    Args:
        completion: as the model wrote it; what is refused, filtered or a recorded failure is left as it is.
        begun: whether the chat template had begun the thinking.
        thought: whether there was thinking that was not sent.
        strip: whether thinking is taken out of the text.
        habit: of the server; an answer of one that begins inside thinking and was cut before any end of it is all thinking.

    Raises:
        CallError: ``reasoning_only`` if nothing but thinking came, and not because of the token limit.
    """
    if not completion.is_answer:
        return completion
    if strip:
        cut_inside = habit is not None and habit.begins_inside and completion.finish_reason == "length"
        parted = part(completion.text, begun=begun or cut_inside)
        if habit is not None and parted.begun_before:
            habit.begins_inside = True
        reasoning = "\n\n".join(one for one in (completion.reasoning, parted.thinking) if one)
        if parted.answer != completion.text or reasoning != completion.reasoning:
            completion = replace(completion, text=parted.answer, reasoning=reasoning)
    empty = not completion.text.strip() and completion.finish_reason != "length"
    if empty and (completion.reasoning or thought):
        raise CallError("reasoning_only", REASONING_ONLY)
    return completion
