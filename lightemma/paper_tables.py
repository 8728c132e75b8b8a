"""A table as a paper prints it: few columns with headings for people, the best in bold, marks explained; LaTeX and Markdown."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lightemma.errors import UserError
from lightemma.files import write_whole
from lightemma.table_files import latex_text, markdown_text

#: The files, without their suffix.
PAPER = "paper"
#: Where the best number is.
ARROWS = {"low": "↓", "high": "↑"}
#: Longer names are broken at their hyphens in LaTeX.
LONGEST_NAME = 20
#: The marks, and how LaTeX sets them.
MARKS = {"*": r"$^{*}$", "†": r"$^{\dagger}$", "‡": r"$^{\ddagger}$", "§": r"$^{\S}$"}
#: Where a long name may be broken, beside its hyphens.
_BREAKS = re.compile(r"(\\_|[+/.:@])(?=.)")


@dataclass(frozen=True, slots=True)
class PaperColumn:
    """A column.

    Attributes:
        heading: for people.
        unit: printed under it in LaTeX and behind it in Markdown.
        best: whether the lowest or the highest number is the best; empty where no number is.
    """

    heading: str
    unit: str = ""
    best: Literal["", "low", "high"] = ""

    @property
    def whole(self) -> str:
        """Heading, unit, and an arrow to where the best is."""
        unit = f"({self.unit})" if self.unit else ""
        return " ".join(filter(None, (self.heading, unit, ARROWS.get(self.best, ""))))

    @property
    def under(self) -> str:
        """What LaTeX prints under the heading: unit and arrow."""
        return " ".join(filter(None, (self.unit, ARROWS.get(self.best, ""))))


@dataclass(frozen=True, slots=True)
class PaperCell:
    """A cell.

    Attributes:
        text: as printed.
        value: what decides which is the best; NaN for cells that take no part.
        marks: of ``MARKS``, printed behind the text.
    """

    text: str
    value: float = math.nan
    marks: str = ""


@dataclass(frozen=True, slots=True)
class PaperRow:
    """A row.

    Attributes:
        cells: one per column.
        ranked: whether its numbers may be the best of their columns.
    """

    cells: Sequence[PaperCell]
    ranked: bool = True


@dataclass(frozen=True, slots=True)
class PaperTable:
    """A table.

    Attributes:
        caption: what the numbers are: data, units, convention, intervals.
        label: of LaTeX's ``\\label``.
        columns: in order; the first one has names, the others numbers.
        groups: rows between rules.
        marks: mark to what it says; those that no cell has are not printed.
        bold: whether the best are set in bold.
    """

    caption: str
    label: str
    columns: Sequence[PaperColumn]
    groups: Sequence[Sequence[PaperRow]]
    marks: dict[str, str]
    bold: bool = True

    @property
    def explained(self) -> list[tuple[str, str]]:
        """The marks that cells have, with what they say."""
        used = {mark for rows in self.groups for row in rows for cell in row.cells for mark in cell.marks}
        return [(mark, words) for mark, words in self.marks.items() if mark in used]

    def best(self) -> list[set[str]]:
        """For each column the texts that are set in bold: what is printed alike is equally good."""
        found: list[set[str]] = []
        for place, column in enumerate(self.columns):
            cells = [row.cells[place] for rows in self.groups for row in rows if row.ranked]
            known = [cell for cell in cells if not math.isnan(cell.value)]
            choose = {"low": min, "high": max}.get(column.best)
            if choose is None or not self.bold or len(known) < 2:
                found.append(set())
            else:
                top = choose(known, key=lambda cell: cell.value)
                found.append({cell.text for cell in known if number_of(cell.text) == number_of(top.text)})
        return found


def number_of(text: str) -> str:
    """The number that a cell begins with, as printed."""
    return text.partition(" ")[0]


def decimal(value: float, digits: int = 2, *, sign: bool = False) -> str:
    """A number of a cell; a dash where it is unknown; never a zero with a minus."""
    if math.isnan(value):
        return "–"
    text = f"{value:{'+' if sign else ''}.{digits}f}"
    return text.lstrip("+-") if float(text) == 0 else text


def with_interval(
    value: float, low: float, high: float, digits: int = 2, *, sign: bool = False, alone: str = ""
) -> str:
    """A number and its interval in one cell; ``alone`` says why there is no interval."""
    if math.isnan(value):
        return "–"
    if math.isnan(low) or math.isnan(high):
        return f"{decimal(value, digits, sign=sign)}{f' [{alone}]' if alone else ''}"
    ends = f"{decimal(low, digits, sign=sign)}, {decimal(high, digits, sign=sign)}"
    return f"{decimal(value, digits, sign=sign)} [{ends}]"


def write_paper(table: PaperTable, folder: Path) -> list[Path]:
    """Writes ``paper.md`` and ``paper.tex``.

    Returns:
        The files written.

    Raises:
        UserError: if they cannot be written.
    """
    texts = {".md": paper_markdown(table), ".tex": paper_latex(table)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for suffix, text in texts.items():
            write_whole(folder / f"{PAPER}{suffix}", text.encode())
    except OSError as error:
        raise UserError(
            f"The tables cannot be written to '{folder}' ({error.strerror}); give another --out."
        ) from error
    return [folder / f"{PAPER}{suffix}" for suffix in texts]


def paper_markdown(table: PaperTable) -> str:
    """The table for Markdown: caption, rows, marks."""

    def cell(cell: PaperCell, best: bool) -> str:
        text = markdown_text(cell.text)
        marks = "".join(rf"\{mark}" if mark == "*" else mark for mark in cell.marks)
        return (f"**{text}**" if best else text) + marks

    best = table.best()
    lines = [markdown_text(table.caption), ""]
    lines += ["| " + " | ".join(markdown_text(column.whole) for column in table.columns) + " |"]
    lines += ["|---|" + "---:|" * (len(table.columns) - 1)]
    for row in (row for rows in table.groups for row in rows):
        cells = (cell(one, row.ranked and one.text in top) for one, top in zip(row.cells, best, strict=True))
        lines.append("| " + " | ".join(cells) + " |")
    if table.explained:
        lines += [
            "",
            " ".join(f"{rf'{chr(92)}*' if m == '*' else m} {markdown_text(words)}" for m, words in table.explained),
        ]
    return "\n".join(lines) + "\n"


def paper_latex(table: PaperTable) -> str:
    """The table for LaTeX: a ``table`` with caption and label that needs the package booktabs only."""
    best = table.best()
    lines = [
        r"% \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{latex_text(table.caption)}}}",
        rf"\label{{{table.label}}}",
        r"\vspace{3pt}",
        r"\footnotesize",
        r"\setlength{\tabcolsep}{3pt}",
        rf"\begin{{tabular}}{{@{{}}l{'r' * (len(table.columns) - 1)}@{{}}}}",
        r"\toprule",
        " & ".join(latex_text(column.heading) for column in table.columns) + r" \\",
        " & ".join(latex_text(column.under) for column in table.columns) + r" \\",
    ]
    for rows in table.groups:
        if rows:
            lines.append(r"\midrule")
            lines += (" & ".join(_latex_cells(row, best)) + r" \\" for row in rows)
    lines += [r"\bottomrule", r"\end{tabular}"]
    if table.explained:
        words = " ".join(f"{MARKS[mark]}~{latex_text(words)}" for mark, words in table.explained)
        lines.append(rf"\par\smallskip\parbox{{\linewidth}}{{\scriptsize {words}}}")
    return "\n".join([*lines, r"\end{table}"]) + "\n"


def _latex_cells(row: PaperRow, best: Sequence[set[str]]) -> Iterator[str]:
    for place, (cell, top) in enumerate(zip(row.cells, best, strict=True)):
        text, marks = latex_text(cell.text), "".join(MARKS[mark] for mark in cell.marks)
        if place == 0:
            broken = _BREAKS.sub(r"\1\\allowbreak{}", text)
            long = len(cell.text) > LONGEST_NAME
            yield rf"\parbox[t]{{0.22\linewidth}}{{\raggedright {broken}{marks}\strut}}" if long else text + marks
            continue
        text = re.sub(r"-(?=\d)", "$-$", text)
        yield (rf"\textbf{{{text}}}" if row.ranked and cell.text in top else text) + marks
