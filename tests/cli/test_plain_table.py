"""Tables of plain words are what rich would have written, byte for byte."""

from __future__ import annotations

import io
import random
import sys

import pytest

from lightemma.cli import show as shows
from lightemma.cli.plain_table import Layout, plain_table

WORDS = ["", "a", "gpt-4o", "0.25", "-", "1,234", "it [95 %] is", "ä é ß", "a" * 30]


class Screen(io.TextIOWrapper):
    def __init__(self, terminal: bool) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", newline="\n")
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def written(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode()  # type: ignore[attr-defined]


def printed(monkeypatch, terminal, rows, title, by_rich, **settings):
    screen = Screen(terminal)
    with monkeypatch.context() as change:
        change.setattr(sys, "stdout", screen)
        used = []
        if by_rich:
            change.setattr(shows, "plain_table", lambda *_: None)
        else:
            change.setattr(shows, "_show_by_rich", lambda *_: used.append(1))
        shows.show(rows, title, **settings)
        assert not used, "it is plain enough"
        return screen.written()


@pytest.fixture(autouse=True)
def usual_terminal(monkeypatch):
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "230")


@pytest.mark.parametrize("term", ["xterm-256color", "dumb", ""])
@pytest.mark.parametrize("terminal", [True, False])
def test_it_is_what_rich_writes(terminal, term, monkeypatch):
    monkeypatch.setenv("TERM", term)
    rng = random.Random(f"{terminal} {term}")
    for columns in (1, 2, 5):
        names = [f"column {'x' * rng.randrange(9)}{place}" for place in range(columns)]
        rows = [{name: rng.choice(WORDS) for name in names} for _ in range(rng.randrange(1, 6))]
        left = set(rng.sample(names, rng.randrange(columns + 1)))
        title = "Models." if columns < 3 else "Models; prices of today by a table."
        both = [
            printed(monkeypatch, terminal, rows, title, by_rich, text_columns=left, dropped=tuple(names[1:]))
            for by_rich in (True, False)
        ]
        assert both[0] == both[1]


@pytest.mark.parametrize(
    ("cells", "title", "width"),
    [
        ({"a": ["x"]}, "A title that is wider than the table itself.", None),
        ({"a": ["x" * 300]}, "T", None),
        ({"a": ["漢字"]}, "T", 100),
        ({"a": ["\N{AUTOMOBILE}"]}, "T", None),
        ({"a": ["e\u0301"]}, "T", None),
        ({"a": ["tab\there"]}, "T", None),
        ({}, "T", None),
    ],
)
def test_what_is_not_plain_is_left_to_rich(cells, title, width, monkeypatch):
    monkeypatch.setattr(sys, "stdout", Screen(False))
    widths = {name: max(map(len, [name, *column])) for name, column in cells.items()}
    assert plain_table(Layout(cells, widths, set()), title, width) is None
