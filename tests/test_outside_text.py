"""Text of others on its ways out: terminal, CSV, Markdown, LaTeX."""

from __future__ import annotations

import csv
import io
import logging
import re
from pathlib import Path

import pytest
from rich.console import Console

from lightemma.cli.output import SafeFormatter, cell, echo, harmless
from lightemma.outside_text import cleaned, one_line
from lightemma.table_files import exact, latex, markdown, write_table

HOSTILE = {
    "colour": "a\x1b[31mb",
    "title": "a\x1b]0;owned\x07b",
    "link": "a\x1b]8;;http://x\x1b\\b",
    "c1": "a\x9b31mb",
    "bell": "a\x07b",
    "backspace": "a\x08\x08b",
    "return": "a\rb",
    "nul": "a\x00b",
    "delete": "a\x7fb",
    "bidi": "a\u202eb\u202c",
    "isolate": "a\u2066b\u2069",
    "mark": "a\u200fb",
    "arabic mark": "a\u061cb",
    "zero width": "a\u200bb",
    "order mark": "a\ufeffb",
    "line separator": "a\u2028b",
    "tag": "a\U000e0041b",
    "surrogate": "a\ud83db",
}
OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff\U000e0041]"
)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_nothing_that_a_terminal_obeys_is_left(text, capsys):
    assert not OBEYED.search(cleaned(text))
    assert cleaned(text).startswith("a\\u")
    echo(text)
    echo(text, err=True)
    said = capsys.readouterr()
    assert not OBEYED.search(said.out)
    assert not OBEYED.search(said.err)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_nor_in_a_table_of_the_terminal(text):
    stream = io.StringIO()
    Console(file=stream, force_terminal=False).print(cell(f"[red]{text}[/red]\n[bold]"))
    assert not OBEYED.search(stream.getvalue())
    assert "[red]a" in stream.getvalue()


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_nor_in_a_log(text):
    record = logging.LogRecord("x", logging.WARNING, "f", 1, "run %s", (text + "\nWARNING: forged",), None)
    said = SafeFormatter("%(levelname)s: %(message)s").format(record)
    assert not OBEYED.search(said)
    assert "\n" not in said


@pytest.mark.parametrize(
    "text", ["ordinary", "naïve 日本語 עברית عربي", "می\u200cخواهم", "👩\u200d🚗", "a\tb\nc", "50 % – ½ µ"]
)
def test_ordinary_text_stays(text):
    assert cleaned(text) == text


def test_a_line_cannot_be_forged():
    assert one_line("run\n\nError: all is lost\r\n\tend") == "run Error: all is lost end"


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1+1",
        "-1+cmd|' /C calc'!A0",
        "@SUM(A1)",
        "\t=1",
        "\n=1",
        " =1",
        "\uff1d1+1",
        "\uff0b1+1",
        "=HYPERLINK(1)",
        "-x",
    ],
)
def test_a_spreadsheet_computes_no_text(text, tmp_path):
    write_table(tmp_path, "t", [{"run": text, "value": -1.5}], "note", columns=["run", "value"])
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        row = list(csv.reader(file))[1]
    assert row == ["'" + text, "-1.5"]


@pytest.mark.parametrize("value", [-1.5, 3, True, "-1.5", "+3", "1e5", "-0.25%", "gpt-4o", "a=b", "", None])
def test_numbers_and_ordinary_text_are_left(value):
    assert exact(value) == ("" if value is None else value)


def test_the_name_of_a_column_is_text_too(tmp_path):
    write_table(tmp_path, "t", [{"=1+1": 1}], "note", columns=["=1+1"])
    assert (tmp_path / "t.csv").read_text().startswith("'=1+1\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", r"a\|b"),
        ("a\\|b", r"a\\\|b"),
        ("a\n| forged |", r"a \| forged \|"),
        ("`x`", r"\`x\`"),
        ("<img src=x>", r"\<img src=x>"),
        ("</td>", r"\</td>"),
        ("<!-- x", r"\<!-- x"),
        ("&lt;b&gt;", r"\&lt;b\&gt;"),
        ("![x](http://y)", r"!\[x]\(http://y)"),
        ("[x](javascript:y)", r"\[x]\(javascript:y)"),
        ("gpt-4o_mini [0.1, 0.2] p < 0.05 & more", "gpt-4o_mini [0.1, 0.2] p < 0.05 & more"),
    ],
)
def test_markdown_makes_nothing_of_it(text, shown):
    assert markdown([{"run": text}], ["run"]).splitlines()[-1] == f"| {shown} |"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a&b", r"a\&b"),
        ("100%", r"100\%"),
        ("$x$", r"\$x\$"),
        ("#1_a", r"\#1\_a"),
        ("{x}", r"\{x\}"),
        ("\\input{/etc/passwd}", r"\textbackslash{}input\{/etc/passwd\}"),
        ("a~b^^M", r"a\textasciitilde{}b\textasciicircum{}\textasciicircum{}M"),
        ("<a b>", r"\textless{}a b\textgreater{}"),
        ("a\n\\end{tabular}", r"a \textbackslash{}end\{tabular\}"),
        ("[5cm]", "{[}5cm]"),
        ("*x", "{*}x"),
    ],
)
def test_latex_makes_nothing_of_it(text, shown):
    assert latex([{"run": text}], ["run"]).splitlines()[-3] == rf"{shown} \\"


def test_a_note_stays_a_comment():
    assert latex([], ["run"], "by\n\\input{x}").splitlines()[0] == r"% by \input{x}"


def test_logs_and_tracebacks_show_no_picture():
    picture = "iVBORw0KGgo" + "A" * 5000
    assert harmless(f"body={picture}") == f"body=<{len(picture)} characters of base64>"
    assert "\\xff" not in harmless(f"data={bytes([255, 216, 0x27]) * 900!r}")


def test_every_command_prints_by_this_one_way():
    """No module of the command line but ``output`` writes to the terminal itself."""
    folder = Path(__file__).parents[1] / "lightemma" / "cli"
    direct = [
        f"{path.name}: {line.strip()}"
        for path in folder.glob("*.py")
        if path.name != "output.py"
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"\btyper\.(s?echo|secho)\(|(?<![\w.])print\(|markup import escape", line)
    ]
    assert direct == []
