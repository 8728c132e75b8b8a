"""Texts that the page searches: what runs answered, packed into files next to the page, and which wordings asked for it."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

#: Characters of texts in one part; a part is read as a whole.
PART_CHARACTERS = 2_000_000
#: Between the texts of two frames. It is not searched for, and is replaced where a model wrote it.
BETWEEN = "\x00"

ANSWERS, PROMPTS = "answers", "prompts"


@dataclass
class _Rows:
    """Texts of a run that no part has yet, from a place of the order of frames on."""

    first: int = 0
    texts: list[str] = field(default_factory=list)
    characters: int = 0


@dataclass
class SearchTexts:
    """Gathers the texts of runs, frame by frame in the order of scenes, and hands them on in packed parts.

    Attributes:
        write: takes a part's number and its bytes (gzip of UTF-8, a frame's text after the other with NUL between), and
            returns the name of its file.
        parts: what was handed on: file, run's number, place of the first frame, and kind.
        wordings: the sets of templates that were asked with.
        asked: run number -> of each frame, in the order of scenes, the number of its wordings' set.
    """

    write: Callable[[int, bytes], str]
    parts: list[dict[str, Any]] = field(default_factory=list)
    wordings: dict[tuple[int, ...], int] = field(default_factory=dict)
    asked: dict[int, list[int]] = field(default_factory=dict)
    _rows: dict[tuple[int, str], _Rows] = field(default_factory=dict)

    def add(self, run: int, stages: Sequence[dict[str, Any]]) -> None:
        """Adds the next frame of a run.

        Args:
            run: its number.
            stages: as the page has them: ``response`` and ``prompt``, a template's number or a text; none for a frame
                without an answer.
        """
        numbers = tuple(sorted({stage["prompt"] for stage in stages if isinstance(stage["prompt"], int)}))
        # More sets than a number of 16 bits has are searched as the last of them.
        number = self.wordings.setdefault(numbers, min(len(self.wordings), 65_535))
        self.asked.setdefault(run, []).append(number)
        self._put(run, ANSWERS, [stage["response"] for stage in stages])
        self._put(run, PROMPTS, [stage["prompt"] for stage in stages])

    def finish(self) -> dict[str, Any]:
        """Hands on what is left; what the page must know of the parts."""
        for (run, kind), rows in self._rows.items():
            self._hand_on(run, kind, rows)
        return {
            "parts": self.parts,
            "wordings": [list(numbers) for numbers in self.wordings],
            "asked": {
                run: base64.b64encode(np.array(numbers, dtype="<u2").tobytes()).decode()
                for run, numbers in self.asked.items()
            },
        }

    def _put(self, run: int, kind: str, texts: Sequence[Any]) -> None:
        rows = self._rows.setdefault((run, kind), _Rows())
        text = "\n".join(one for one in texts if isinstance(one, str)).replace(BETWEEN, "\ufffd")
        rows.texts.append(text)
        rows.characters += len(text)
        if rows.characters > PART_CHARACTERS:
            self._hand_on(run, kind, rows)

    def _hand_on(self, run: int, kind: str, rows: _Rows) -> None:
        if rows.characters:
            packed = gzip.compress(BETWEEN.join(rows.texts).encode("utf-8", "replace"), compresslevel=4, mtime=0)
            name = self.write(len(self.parts), packed)
            self.parts.append({"file": name, "run": run, "first": rows.first, "kind": kind})
        rows.first += len(rows.texts)
        rows.texts, rows.characters = [], 0
