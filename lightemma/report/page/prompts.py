"""Keeps prompts once: a prompt is mostly a template into which earlier answers and the motion were filled."""

from __future__ import annotations

from collections.abc import Sequence

#: With more wordings, or characters of wordings, than this, prompts do not count as templates.
MOST_TEMPLATES = 200
MOST_TEMPLATE_CHARACTERS = 400_000
#: Characters of other prompts that are kept whole; further ones are left out.
MOST_WHOLE_CHARACTERS = 1_000_000
#: A shorter filling may occur anywhere by chance, and the wording would then differ from frame to frame.
LEAST_FILLING = 12

#: Put around the number of what is filled in; a prompt that holds this mark itself never counts as a template.
_MARK = "\x00"


class PromptTemplates:
    """The wordings met so far.

    Attributes:
        templates: each a list of text (str) and of places (int) in turn; the int is the number of what is filled in
            there.
        left_out: how many prompts were neither a template nor kept whole.
    """

    def __init__(self) -> None:
        self.templates: list[list[str | int]] = []
        self.left_out = 0
        self._known: dict[str, int] = {}
        self._room = MOST_TEMPLATE_CHARACTERS
        self._room_whole = MOST_WHOLE_CHARACTERS

    def add(self, prompt: str, fillings: Sequence[str | None]) -> int | str | None:
        """A template's number, or the prompt itself, or None if it is left out.

        ``fillings`` put into the template give exactly the prompt back.

        Args:
            prompt: the text as sent.
            fillings: what may have been filled in, the earliest first; places are numbered so. None is passed over.
        """
        if _MARK not in prompt:
            marked = _mark(prompt, fillings)
            number = self._known.get(marked)
            if number is None and len(self.templates) < MOST_TEMPLATES and len(marked) <= self._room:
                self._room -= len(marked)
                self._known[marked] = number = len(self.templates)
                pieces = enumerate(marked.split(_MARK))
                self.templates.append([int(piece) if index % 2 else piece for index, piece in pieces])
            if number is not None:
                return number
        if len(prompt) <= self._room_whole:
            self._room_whole -= len(prompt)
            return prompt
        self.left_out += 1
        return None


def _mark(prompt: str, fillings: Sequence[str | None]) -> str:
    """The prompt with each filling replaced by its number between marks."""
    # The last first: a later answer may quote what was filled in earlier.
    for number, filling in reversed(list(enumerate(fillings))):
        if filling and len(filling) >= LEAST_FILLING and filling in prompt and _MARK not in filling:
            pieces = prompt.split(_MARK)
            pieces[::2] = [piece.replace(filling, f"{_MARK}{number}{_MARK}") for piece in pieces[::2]]
            prompt = _MARK.join(pieces)
    return prompt
