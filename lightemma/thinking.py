"""Parts what a model thinks from what it answers, and takes away the signs of its chat template.

Thinking is marked in a way of its own in each family of models: in tags (``<think>``, ``<seed:think>``, ``[THINK]``,
``◁think▷``), between control tokens (``<|START_THINKING|>``, ``<unused94>``), or as a channel of its own (``<|channel|>``). It
may stand anywhere, several times, without its end where the answer was cut, and without its beginning where the chat template
wrote that. What is left is the answer; nothing that thinking quotes is part of it. Text without such signs is left as it is.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from functools import lru_cache

_NAMES = (
    "think(?:ing)?|thoughts?|thought_process|rethink|reason|reasoning|reflect|reflection|analysis|scratchpad|monologue|"
    "chain_of_thought|cot(?:_[a-z_]+)?|deliberation|思考|思考过程|推理|推理过程|思维链"
)
#: Names that may stand before and behind, as in ``seed:think`` and ``longcat_think``.
_NAME = rf"(?:[a-z0-9]{{1,20}}[:_-])?(?:{_NAMES})"
_TAG = rf"(?:\\?<|&lt;|＜)\s{{0,2}}\\?(?P<tag>/?[ ]{{0,2}}{_NAME})(?:\s[^<>\n]{{0,80}})?\\?(?:>|&gt;|＞)"
_TRIANGLE = rf"◁(?P<triangle>/?{_NAME})▷"
_SQUARE = r"(?-i:\[(?P<square>/?(?:THINK|THINKING|THOUGHT|REASONING|think|thinking))\])"
_PIPE = r"<[|｜](?P<pipe>/?[a-z0-9_▁:-]{0,20}(?:think|thought|reasoning|cot_|inner_)[a-z0-9_▁:-]{0,20})[|｜]>"
_UNUSED = r"<unused(?P<unused>9[45])>(?:(?<=94>)thought\b)?"
_GEMMA = r"(?P<gemma><\|channel>(?:\s*thought\b)?|<channel\|>)"
_MARK = re.compile("|".join((_TAG, _TRIANGLE, _SQUARE, _PIPE, _UNUSED, _GEMMA)), re.IGNORECASE)
_CLOSES = re.compile(r"^/|(?:^|[_▁])(?:end|close|stop|suffix)(?:[_▁]|$)|^95$|^<channel\|>$", re.IGNORECASE)
_OPENS_OR_CLOSES = re.compile(
    r"^/|(?:^|[_▁])(?:begin|start|end|close|stop|prefix|suffix|of)(?=[_▁]|$)|[_▁]", re.IGNORECASE
)

#: Channels of OpenAI's open models, as tokens and as what is left where these were taken away.
_CHANNEL = re.compile(
    r"(?:<\|start\|>\s*[\w.]*\s*)?<\|channel\|>\s*(?P<name>\w+)[^<]{0,120}(?:<\|constrain\|>[^<]{0,40})?(?:<\|message\|>)?"
)
_CHANNEL_ENDS = re.compile(r"<\|(?:end|return|call|start)\|>.*", re.DOTALL)
_BARE_CHANNELS = re.compile(
    r"\s*analysis(?=[A-Z\"'(\[])(?P<thinking>.*?)(?:assistantfinal(?P<answer>.*)|\Z)", re.DOTALL
)
#: IBM's models announce both parts in words.
_ANNOUNCED = re.compile(
    r"\s*Here(?:'s| is) (?:my|the) thought process:(?P<thinking>.*?)(?:Here(?:'s| is) (?:my|the) response:(?P<answer>.*)|\Z)",
    re.DOTALL,
)

_ANSWER_NAMES = "answer|response|output|final|final_answer|conclusion|solution"
_ANSWER_TOKEN = rf"[_▁](?:of[_▁])?(?:{_ANSWER_NAMES})[|｜]>"
_ANSWER_OPEN = rf"(?:<|&lt;)(?P<plain>{_ANSWER_NAMES})(?:>|&gt;)|◁answer▷|<[|｜](?:start|begin){_ANSWER_TOKEN}"
_ANSWER_CLOSE = rf"(?:<|&lt;)/(?:{_ANSWER_NAMES})(?:>|&gt;)|◁/answer▷|<[|｜]end{_ANSWER_TOKEN}"
_ANSWER_MARK = re.compile(rf"(?P<open>{_ANSWER_OPEN})|{_ANSWER_CLOSE}", re.IGNORECASE)
_BOX = re.compile(r"<\|(?:begin|end)_of_box\|>")
_BOXED_ALONE = re.compile(
    r"\s*(?:\$\$?|\\\(|\\\[)?\s*\\boxed\s*\{(?P<inside>.*)\}\s*(?:\$\$?|\\\)|\\\])?\s*", re.DOTALL
)

#: Tokens that end an answer: what a server sends behind them is a turn that the model made up.
_END = re.compile(
    r"<[|｜](?:im_end|endoftext|end[_▁]of[_▁](?:text|turn|sentence|message|turn_token)|endofturn|eot_id|eom_id|eot|eom|end|"
    r"return|eos|end_text|role_end|user|observation)[|｜]>|<(?:(?:[a-z]{1,12}:)?eos|end_of_turn|end_of_utterance|turn\||eod)>|\[EOS\]|"
    r"</s>(?=\s*(?:<|\[INST\]|\Z))",
    re.IGNORECASE,
)
_TRAILING = re.compile(
    r"<[|｜](?![\w▁]*(?:box|ref|quad|point|vision|image)[_▁])[\w▁:/]{1,40}[|｜]>\Z|<pad>\Z|\[/INST\]\Z", re.IGNORECASE
)
_LEADING = re.compile(
    r"\s*(?:<s>(?![^<]{0,200}</s>[ \t]*\w)|<bos>|\[/INST\]|<\|begin_of_text\|>|<\|im_start\|>(?:assistant)?|"
    r"<\|start_header_id\|>assistant<\|end_header_id\|>|<start_of_turn>(?:model)?|<\|assistant\|>|<\|turn>(?:model)?|<\|CHATBOT_TOKEN\|>|"
    r"<\|START_OF_TURN_TOKEN\|>)+\s*"
)

#: One of these signs, or one of these beginnings, is in all that is looked for.
_SIGNS = re.compile(r"[◁｜\[\\<&]")
_BEGINNINGS = re.compile(r"\s*(?:analysis|Here)")
#: Most texts hold none of these, and are not looked at further.
_ANY = re.compile(r"[◁｜\[\\]|<[|/a-zA-Z]|&lt;|^\s*(?:analysis|Here(?:'s| is) (?:my|the) thought)")
#: An answer is parted by its backend and by the caller; longer ones anew each time, so that few bytes are kept.
_LONGEST_KEPT = 20_000
#: How deep blocks of other names inside a block are followed.
_NESTED = 20
#: Words up to this length, without a digit, that lead into thinking ("Okay.") are a part of it.
_LEAD_IN = 60


@dataclass(frozen=True, slots=True)
class Parted:
    """A model's text in its two parts.

    Attributes:
        answer: what is left without thinking and signs.
        thinking: what the model thought, without signs.
        unended: thinking began and never ended.
        begun_before: thinking ended that never began: the chat template had begun it.
    """

    answer: str
    thinking: str = ""
    unended: bool = False
    begun_before: bool = False


def part(text: str, *, begun: bool = False) -> Parted:
    """Parts a model's text; takes time in proportion to its length.

    Args:
        text: as the model wrote it.
        begun: whether the chat template had begun the thinking, so that text without any sign of its end is all thinking.
    """
    found = Parted(text)
    if _may_hold_signs(text):
        found = (_parted if len(text) <= _LONGEST_KEPT else _parted.__wrapped__)(text)
    if begun and not found.begun_before and not (found.thinking and found.answer.strip()):
        return Parted("", _joined([found.thinking, found.answer]), unended=True)
    return found


def _may_hold_signs(text: str) -> bool:
    # In the words of most answers there is not one such sign, which shows in a tenth of the time.
    return bool(_SIGNS.search(text) or _BEGINNINGS.match(text)) and _ANY.search(text) is not None


def leaves_open(prompt: str) -> bool:
    """Whether a prompt ends with the beginning of thinking, so that the answer begins inside it."""
    prompt = prompt.rstrip()
    marks = list(_MARK.finditer(prompt, max(0, len(prompt) - 200)))
    return bool(marks) and marks[-1].end() == len(prompt) and not _is_end(marks[-1])


def is_sign(token: str) -> bool:
    """Whether a token of a vocabulary marks thinking or an answer: it must be left in the text until that is parted."""
    whole = (_MARK.fullmatch(token), _ANSWER_MARK.fullmatch(token), _BOX.fullmatch(token))
    return any(whole) or token in ("<|channel|>", "<|message|>", "<|start|>", "<|constrain|>")


@lru_cache(maxsize=16)
def _parted(text: str) -> Parted:
    told = _told_apart(text)
    if told is not None:
        thinking, rest, unended = told
        answer, aside = _unwrapped(_without_ends(rest), thought=True)
        return Parted(answer.strip(), _joined([*thinking, aside]), unended)
    thinking, rest, unended, begun_before = _blocks(text)
    signs = bool(thinking) or rest != text or begun_before
    plain = _without_ends(rest)
    answer, aside = _unwrapped(plain, thought=signs)
    if not signs and answer == text:
        return Parted(text)
    return Parted(answer.strip(), _joined([*thinking, aside]), unended, begun_before)


def _told_apart(text: str) -> tuple[list[str], str, bool] | None:
    """Thinking, answer, and whether the answer is missing, of texts that name both parts; None for others."""
    if "<|channel|>" in text:
        marks = list(_CHANNEL.finditer(text))
        if marks:
            pieces = [text[: marks[0].start()]]
            final = None
            for mark, after in zip(marks, [*marks[1:], None], strict=True):
                said = text[mark.end() : after.start() if after else len(text)]
                if mark["name"] == "final":
                    if final is not None:
                        pieces.append(final)
                    final = _CHANNEL_ENDS.sub("", said)
                else:
                    pieces.append(_CHANNEL_ENDS.sub("", said))
            return pieces, final or "", final is None
    for form in (_BARE_CHANNELS, _ANNOUNCED):
        found = form.fullmatch(text)
        if found:
            return [found["thinking"]], found["answer"] or "", found["answer"] is None
    return None


def _blocks(text: str) -> tuple[list[str], str, bool, bool]:
    """Blocks of thinking, the text without them, whether the last one never ended, and whether the first never began."""
    marks = list(_MARK.finditer(text))
    thinking: list[str] = []
    kept: list[str] = []
    last_ends = {_family(mark): place for place, mark in enumerate(marks) if _is_end(mark)}
    place, number, unended, begun_before = 0, 0, False, False
    while number < len(marks):
        mark = marks[number]
        before = text[place : mark.start()]
        if _is_end(mark):
            # Its beginning was the chat template's: all that stands before it is thinking.
            thinking += [*kept, before]
            kept, place, number, begun_before = [], mark.end(), number + 1, True
            continue
        if not thinking and not any(kept) and _leads_in(before):
            thinking.append(before)
        else:
            kept.append(before)
        ending = _end_of(marks, number, last_ends)
        if ending is None:
            said, rest = _rescued(text[mark.end() :])
            thinking.append(_MARK.sub("", said))
            kept.append(rest)
            place, number, unended = len(text), len(marks), not rest
            continue
        thinking.append(_MARK.sub("", text[mark.end() : marks[ending].start()]))
        place, number = marks[ending].end(), ending + 1
    kept.append(text[place:])
    return thinking, "".join(kept), unended, begun_before


def _is_end(mark: re.Match[str]) -> bool:
    return _CLOSES.search(mark[mark.lastgroup or 0]) is not None


def _family(mark: re.Match[str]) -> str:
    """The same for the beginning and the end of a block."""
    group = mark.lastgroup or ""
    return (
        f"{group} {_OPENS_OR_CLOSES.sub('', mark[group]).strip().lower()}"
        if group not in ("unused", "gemma")
        else group
    )


def _end_of(marks: list[re.Match[str]], number: int, last_ends: dict[str, int]) -> int | None:
    """The mark that ends the block begun by another: of the same name, or else of any that ends no block inside it."""
    family = _family(marks[number])
    named = last_ends.get(family, -1) > number
    inside: deque[str] = deque(maxlen=_NESTED)
    for place in range(number + 1, len(marks)):
        name = _family(marks[place])
        if not _is_end(marks[place]):
            inside.append(name)
        elif named:
            if name == family:
                return place
        elif name in inside:
            while inside.pop() != name:
                pass
        else:
            return place
    return None


def _rescued(said: str) -> tuple[str, str]:
    """Thinking that never ended, and the whole answer in tags at its very end, if there is one."""
    marks = list(_ANSWER_MARK.finditer(said))
    if len(marks) < 2 or marks[-1]["open"] or not marks[-2]["open"] or _without_ends(said[marks[-1].end() :]).strip():
        return said, ""
    return said[: marks[-2].start()], said[marks[-2].start() :]


def _leads_in(words: str) -> bool:
    return len(words.strip()) <= _LEAD_IN and not any(character.isdigit() for character in words)


def _without_ends(text: str) -> str:
    """The text up to the first token that ends it, and without a template's tokens at its beginning and end."""
    head = _LEADING.match(text)
    start = head.end() if head else 0
    place = start
    while (found := _END.search(text, place)) is not None:
        if text[start : found.start()].strip():
            return text[start : found.start()].rstrip()
        place = start = found.end()
    end = len(text)
    while True:
        stripped = len(text[max(start, end - 50) : end].rstrip()) + max(start, end - 50)
        tail = _TRAILING.search(text, max(start, stripped - 50), stripped)
        if tail is None:
            return text[start:end]
        end = tail.start()


def _unwrapped(text: str, *, thought: bool) -> tuple[str, str]:
    """The answer without the tags or the box around it, and what stands outside of these.

    Args:
        text: without thinking.
        thought: whether there was thinking; other tags than ``<answer>`` are then signs of a template.
    """
    outside = ""
    marks = list(_ANSWER_MARK.finditer(text))
    if marks and (
        thought or _is_alone(text, marks) or any((mark["plain"] or "").lower() == "answer" for mark in marks)
    ):
        text, outside = _inside(text, marks)
    boxes = list(_BOX.finditer(text))
    if boxes:
        text = _BOX.sub("", text)
    boxed = _BOXED_ALONE.fullmatch(text) if "\\boxed" in text else None
    if boxed and _balanced(boxed["inside"]):
        text = boxed["inside"]
    return text, outside


def _inside(text: str, marks: list[re.Match[str]]) -> tuple[str, str]:
    """What the last tags with something between them hold, and all else."""
    for number in reversed(range(len(marks))):
        if not marks[number]["open"]:
            continue
        end = marks[number + 1].start() if number + 1 < len(marks) else len(text)
        inside = text[marks[number].end() : end]
        if inside.strip():
            return inside, _joined(
                [_ANSWER_MARK.sub("", text[: marks[number].start()]), _ANSWER_MARK.sub("", text[end:])]
            )
    return _ANSWER_MARK.sub("", text), ""


def _is_alone(text: str, marks: list[re.Match[str]]) -> bool:
    return not text[: marks[0].start()].strip() and not text[marks[-1].end() :].strip() and bool(marks[0]["open"])


def _balanced(text: str) -> bool:
    depth = 0
    for character in text:
        depth += (character == "{") - (character == "}")
        if depth < 0:
            return False
    return depth == 0


def _joined(pieces: list[str]) -> str:
    return "\n\n".join(piece.strip() for piece in pieces if piece.strip())
