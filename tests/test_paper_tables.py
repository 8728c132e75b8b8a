"""The table for a paper: what is bold, marked and in which order, and that a real LaTeX sets it."""

from __future__ import annotations

import math
import shutil
import subprocess
from pathlib import Path

import pytest

from lightemma.evaluation.comparison import Comparison, compare_runs
from lightemma.evaluation.tables.files import INDEX, first_sentence, write_tables
from lightemma.paper_tables import (
    PaperCell,
    PaperColumn,
    PaperRow,
    PaperTable,
    decimal,
    paper_latex,
    paper_markdown,
    with_interval,
)
from lightemma.run_folder.inputs import RECORDED_FUTURE, InputsEntry
from lightemma.table_files import latex_text, rounded
from tests.evaluation.made_runs import drives, made_run

NASTY = r"a_b & 50% #1 $x {y} ~z ^w | \end <b> `q` *[2] ?` -- 中文 Ω"
ODD_NAMES = [
    NASTY,
    "naïve-Ångström-œuvre-Żółć-Čapek",
    "[1]",
    "*",
    "-0.5",
    "a" * 60,
    "x_" * 30,
    "\u202eevil\x1b[0m",
    "👩\u200d🚗",
]


def comparison(scenes: int = 9) -> Comparison:
    """Models whose every plan is off by as much as the mean is; one fails often, and one was told the future."""
    frames = drives({f"s-{n}": [5.0, 6.0 + n / 10] for n in range(scenes)})
    good = [5.0 + 0.9 * (1.0 + n // 2 / 10) * (n % 2) for n in range(len(frames))]
    failing = [speed if n % 4 else None for n, speed in enumerate(good)]
    told = InputsEntry(command=RECORDED_FUTURE)
    return compare_runs(
        [
            made_run("worse", frames, [9.0] * len(frames)),
            made_run("good", frames, good),
            made_run("often-without", frames, failing),
            made_run("told", frames, good, inputs=told),
        ],
        resamples=50,
    )


def rows_of(table: PaperTable) -> list[list[str]]:
    lines = paper_markdown(table).splitlines()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines if line.startswith("| ")]


def test_runs_are_sorted_the_best_is_bold_and_marks_are_explained():
    table = comparison().paper()
    head, *rows = rows_of(table)
    assert 6 <= len(head) <= 8
    assert all(" " in name or name == "Run" for name in head), "headings are words with units"
    assert not any("_" in name for name in head)
    names = [row[0] for row in rows]
    assert names.index("good") < names.index("constant-action‡") < names.index("worse")
    assert names[-1] == "recorded actions"
    by_name = {row[0].rstrip("†‡§"): row for row in rows}
    assert by_name["good"][5].startswith("**")
    # Scored on fewer frames, or measured by the future: as good, and never bold.
    for name in ("often-without", "told", "recorded actions"):
        assert "**" not in "".join(by_name[name])
    assert by_name["often-without"][1] == f"{100 * 5 / 18:.1f}"
    # One cell holds difference, interval and mark.
    assert by_name["worse"][7].count("[") == 1
    assert by_name["worse"][7].endswith(r"]\*")
    assert [mark for mark, _ in table.explained] == ["*", "†", "‡", "§"]
    text = paper_latex(table)
    assert text.count(r"\dagger") == 2, "at the run, and explained"
    assert [text.count(rf"\{rule}rule") for rule in ("top", "mid", "bottom")] == [1, 3, 1]
    assert r"\caption{" in text
    assert r"\label{tab:lightemma-l2}" in text
    assert "9 scenes" in table.caption
    assert "convention lightemma" in table.caption


def test_no_best_is_marked_over_few_scenes():
    table = comparison(7).paper()
    assert "**" not in paper_markdown(table)
    assert r"\textbf" not in paper_latex(table)
    assert "fewer than 8 scenes" in table.caption


def test_what_is_printed_alike_is_equally_good():
    def row(value: float, *, ranked: bool = True) -> PaperRow:
        return PaperRow([PaperCell("x"), PaperCell(decimal(value), value)], ranked)

    rows = [row(1.001), row(1.004), row(1.01), row(0.5, ranked=False), row(math.nan)]
    table = PaperTable("c", "l", [PaperColumn("a"), PaperColumn("b", "m", "low")], [rows], {})
    cells = [cells[1] for cells in rows_of(table)[1:]]
    assert cells == ["**1.00**", "**1.00**", "1.01", "0.50", "–"]


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (decimal(-0.001, sign=True), "0.00"),
        (decimal(0.126, sign=True), "+0.13"),
        (with_interval(-0.5, -1.0, 0.001, sign=True), "-0.50 [-1.00, 0.00]"),
        (with_interval(1.0, math.nan, math.nan, alone="one scene"), "1.00 [one scene]"),
        (with_interval(math.nan, 0.0, 1.0), "–"),
        (rounded(3e-9, "p_value"), "<0.0001"),
        (rounded(0.0, "skill_p_holm"), "<0.0001"),
        (rounded(0.0001, "p_holm"), "0.0001"),
        (rounded(0.0, "l2_avg"), "0.0000"),
    ],
)
def test_numbers(shown, text):
    assert shown == text


@pytest.mark.parametrize("name", ODD_NAMES)
def test_latex_is_ascii_whatever_the_name(name):
    assert latex_text(name).isascii()


def test_letters_with_accents_are_kept_and_others_named():
    assert latex_text("Żółć í") == r"\.{Z}\'{o}\l{}\'{c} \'{\i{}}"
    assert latex_text("中") == "{U+4E2D}"
    assert latex_text("ﬁ ２%") == r"fi 2\%"


def test_the_index_has_one_line_per_table(tmp_path):
    written = write_tables(comparison(), tmp_path)
    lines = (tmp_path / INDEX).read_text().splitlines()[2:]
    names = [line.split(" | ")[0].strip("| ") for line in lines]
    assert sorted(names) == sorted({path.stem for path in written} - {"tables"})
    assert all(len(line.split(" | ")) == 4 and line.rstrip(" |")[-1] in ".?" for line in lines)
    counts = [int(line.split(" | ")[1]) for line in lines]
    assert 0 in counts
    assert all(counts[: counts.index(0)])
    assert not any(counts[counts.index(0) :])


def test_a_first_sentence_is_plain():
    assert (
        first_sentence("How `a` ends; see [b](b.md), version 0.2 too. And more.")
        == "How a ends; see b, version 0.2 too."
    )
    assert first_sentence("Does it see? Yes.\n\nMore.") == "Does it see?"
    assert first_sentence("no end") == "no end"


def whole(inputs: list[str]) -> str:
    body = "\n".join(rf"\input{{{name}}}\clearpage" for name in inputs)
    return "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n" + body + "\n\\end{document}\n"


def compiled(folder: Path, inputs: list[str]) -> str:
    """The log of LaTeX, which must end well."""
    latex = shutil.which("pdflatex")
    if latex is None:
        pytest.skip("no pdflatex is installed (Debian: texlive-latex-base, texlive-latex-recommended)")
    (folder / "all.tex").write_text(whole(inputs))
    done = subprocess.run(
        [latex, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "all.tex"],
        cwd=folder, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    assert (folder / "all.pdf").stat().st_size > 1000
    return done.stdout


@pytest.mark.slow  # runs LaTeX, which few machines have
def test_latex_sets_every_table_with_any_name(tmp_path):
    frames = drives({f"s-{n}": [5.0, 6.0] for n in range(9)})
    runs = [made_run(name, frames, [5.0 + place / 5] * len(frames)) for place, name in enumerate(ODD_NAMES)]
    written = write_tables(compare_runs(runs, resamples=20), tmp_path)
    compiled(tmp_path, [path.name for path in written if path.suffix == ".tex"])


@pytest.mark.slow  # runs LaTeX, which few machines have
def test_a_paper_table_fits_the_page(tmp_path):
    write_tables(comparison(), tmp_path)
    log = compiled(tmp_path, ["paper.tex"])
    assert "Overfull" not in log
