"""Tables as files: CSV with everything at full precision, Markdown and LaTeX rounded for people."""

from __future__ import annotations

import csv
import math
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lightemma.errors import UserError
from lightemma.files import draft_of, write_whole
from lightemma.outside_text import cleaned, one_line

#: A smaller p is shown as smaller than this: no draw or formula shows that it is 0.
SMALLEST_P = 0.0001
#: The files of a table.
SUFFIXES = (".md", ".tex", ".csv")

_LATEX = str.maketrans(
    {
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "\\": r"\textbackslash{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "`": r"\textasciigrave{}",
        # Signs and letters that the fonts of every LaTeX have.
        "\u00a0": "~", "–": "--", "—": "---", "‘": "`", "’": "'", "“": "``", "”": "''", "…": r"\ldots{}", "·": r"$\cdot$",
        "×": r"$\times$", "±": r"$\pm$", "−": "$-$", "°": r"$^{\circ}$", "µ": r"$\mu$", "≤": r"$\leq$", "≥": r"$\geq$",
        "↓": r"$\downarrow$", "↑": r"$\uparrow$", "→": r"$\rightarrow$", "†": r"$\dagger$", "‡": r"$\ddagger$", "§": r"\S{}",
        "ß": r"\ss{}", "æ": r"\ae{}", "Æ": r"\AE{}", "œ": r"\oe{}", "Œ": r"\OE{}", "ø": r"\o{}", "Ø": r"\O{}",
        "ł": r"\l{}", "Ł": r"\L{}", "ı": r"\i{}",
    }
)  # fmt: skip
#: Accents of Unicode (combining) to those of LaTeX.
_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": ".", "\u0308": '"',
    "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0323": "d", "\u0327": "c", "\u0331": "b",
}  # fmt: skip
#: What makes a spreadsheet read a cell as a formula, also in full width and after blanks.
_FORMULA = re.compile(r"[ \u00a0\u3000]*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
#: Text that is a number and nothing else stays one.
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?%?")
#: Signs of Markdown and HTML that would do something: escapes, code, pipes, tags, entities, links and pictures.
_MARKDOWN = re.compile(
    r"[`|]|\\(?=[!-/:-@\[-`{-~]|$)|<(?=[A-Za-z/!?])|&(?=#|[A-Za-z]+\d*;)|\[(?=[^\[\]]*\][(\[:])|(?<=\])[(\[]|^[#>](?=[# ])"
)


def write_table(
    folder: Path,
    name: str,
    rows: Sequence[Mapping[str, Any]],
    note: str,
    *,
    columns: Sequence[str],
    page_columns: Sequence[str] | None = None,
    page_rows: Sequence[Mapping[str, Any]] | None = None,
) -> list[Path]:
    """Writes one table as ``<name>.csv`` (all columns and rows, full precision), ``.md`` and ``.tex`` (rounded).

    Args:
        folder: made if missing.
        name: of the files.
        rows: column -> cell.
        note: one line that says what the numbers are.
        columns: of the CSV, in order.
        page_columns: those of a wide table that fit on a page; all if None.
        page_rows: the rows that fit on a page; all if None.

    Returns:
        The files written.

    Raises:
        UserError: if they cannot be written.
    """
    page = [column for column in columns if page_columns is None or column in page_columns]
    short = rows if page_rows is None else page_rows
    texts = {".md": markdown(short, page, note), ".tex": latex(short, page, note)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for suffix, text in texts.items():
            write_whole(folder / f"{name}{suffix}", text.encode())
        with draft_of(folder / f"{name}.csv") as draft, draft.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns, lineterminator="\n")
            writer.writerow({column: exact(column) for column in columns})
            writer.writerows({column: exact(value) for column, value in row.items()} for row in rows)
    except OSError as error:
        raise UserError(
            f"The tables cannot be written to '{folder}' ({error.strerror}); give another --out."
        ) from error
    return [folder / f"{name}{suffix}" for suffix in SUFFIXES]


def markdown(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], note: str = "") -> str:
    """A Markdown table with an optional line above it."""
    lines = [markdown_text(note), ""] if note else []
    lines += [_pipe(markdown_text(name) for name in columns), _pipe("---" for _ in columns)]
    lines += [_pipe(markdown_text(rounded(row[name], name)) for name in columns) for row in rows]
    return "\n".join(lines) + "\n"


def latex(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], note: str = "") -> str:
    """A booktabs tabular."""
    kinds = "".join("l" if rows and isinstance(rows[0][name], str) else "r" for name in columns)
    body = [" & ".join(latex_text(rounded(row[name], name)) for name in columns) + r" \\" for row in rows]
    head = " & ".join(latex_text(name) for name in columns) + r" \\"
    lines = [
        f"% {one_line(note)}",
        rf"\begin{{tabular}}{{{kinds}}}",
        r"\toprule",
        head,
        r"\midrule",
        *body,
        r"\bottomrule",
    ]
    return "\n".join([*lines, r"\end{tabular}"]) + "\n"


def rounded(value: Any, column: str = "") -> str:
    """A value as people read it: four decimals for errors, one for token counts, two for seconds, empty for unknown.

    A p is never 0: what would be is smaller than 0.0001.
    """
    if value is None:
        return ""
    if not isinstance(value, float):
        return str(value)
    if math.isnan(value):
        return ""
    if column.endswith("_tokens"):
        return f"{value:.1f}"
    if column.startswith("latency"):
        return f"{value:.2f}"
    if column.endswith(("p_value", "p_holm")) and 0 <= value < SMALLEST_P:
        return f"<{SMALLEST_P:.4f}"
    return f"{value:.4f}"


def markdown_text(text: str) -> str:
    """Text in one line of which Markdown and HTML make nothing but text."""
    return _MARKDOWN.sub(lambda found: "\\" + found.group(), one_line(text))


def latex_text(text: str) -> str:
    """Text in one line of which LaTeX makes nothing but text, with ASCII alone.

    A bracket or star at its beginning stands in braces: after the ``\\\\`` of the row before it would be an argument. Letters
    with accents keep them; a character that the fonts of LaTeX lack is named, such as U+4E2D: pdflatex stops at it.
    """
    text = one_line(text)
    start = f"{{{text[0]}}}" if text[:1] in ("[", "*") else ""
    known = text[len(start) and 1 :].translate(_LATEX)
    return start + (known if known.isascii() else "".join(map(_latex_letter, unicodedata.normalize("NFC", known))))


def _latex_letter(letter: str) -> str:
    if letter.isascii():
        return letter
    parts = unicodedata.normalize("NFD", letter)
    base, accents = parts[0], parts[1:]
    if base.isascii() and base.isalpha() and len(accents) == 1 and accents[0] in _ACCENTS:
        # i and j lose their dot under an accent.
        under = rf"\{base}{{}}" if base in "ij" and accents[0] not in "\u0323\u0327\u0331" else base
        return rf"\{_ACCENTS[accents[0]]}{{{under}}}"
    plain = unicodedata.normalize("NFKC", letter)
    return plain.translate(_LATEX) if plain.isascii() else f"{{U+{ord(letter):04X}}}"


def exact(value: Any) -> Any:
    """A cell of a CSV: numbers at full precision, empty where unknown.

    Text that a spreadsheet would compute as a formula gets an apostrophe before it; text that is a number does not.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if not isinstance(value, str):
        return value
    text = cleaned(value)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def _pipe(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
