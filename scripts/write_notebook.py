"""Runs the example notebook's cells and writes them with what they show: docs/example.ipynb. Needs no Jupyter."""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import script_input

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

#: Kind and text of every cell.
CELLS: tuple[tuple[str, str], ...] = (
    (
        "markdown",
        "# Runs in a notebook\n\n"
        "Two formulas and the tiny driver over every fourth frame of the demo, made on the command line:\n\n"
        "    lightemma run --data demo --stride 4 --planner constant-action,damped-acceleration\n"
        "    lightemma run --data demo --stride 4 --model tiny-driver",
    ),
    ("code", 'import lightemma\n\nrun = lightemma.load_run("results/tiny-driver")\nrun'),
    ("markdown", "One row per frame: errors, outcome, manoeuvre, current action, tokens, seconds."),
    (
        "code",
        'worst = run.frames.sort_values("l2_avg_lightemma", ascending=False).head(3)\n'
        'worst[["scene", "frame_index", "manoeuvre", "speed", "l2_avg_lightemma"]].round(2)',
    ),
    ("markdown", "One row per call: prompts and answers."),
    ("code", "print(run.texts.query(\"stage == 'intent'\").response.iloc[0])"),
    (
        "markdown",
        "A comparison: the answer, the table for a paper, and every table of `lightemma compare` as a DataFrame.",
    ),
    (
        "code",
        'tables = lightemma.compare(["results/tiny-driver", "results/constant-action", "results/damped-acceleration"])\ntables',
    ),
    (
        "code",
        'stratum = tables.strata[tables.strata.stratum.str.startswith("course:")]\n'
        'stratum.pivot(index="stratum", columns="run", values="l2_avg").round(2)',
    ),
    ("markdown", "The same as files, and as the report page."),
    ("code", 'tables.write("tables")\nprint(tables.report("report.html").page.name)'),
)


def executed(cells: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """The notebook, its code run in the current folder."""
    names: dict[str, Any] = {}
    made = []
    count = 0
    for number, (kind, source) in enumerate(cells):
        cell: dict[str, Any] = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": _lines(source)}
        if kind == "code":
            count += 1
            cell |= {"execution_count": count, "outputs": _outputs(source, names, count)}
        made.append(cell)
    language = {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"}
    metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": language,
    }
    return {"cells": made, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _outputs(source: str, names: dict[str, Any], count: int) -> list[dict[str, Any]]:
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(tree, "cell", "exec"), names)
        value = eval(compile(ast.Expression(last.value), "cell", "eval"), names) if isinstance(last, ast.Expr) else None
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        outputs.append({"output_type": "stream", "name": "stdout", "text": _lines(printed.getvalue())})
    if value is not None:
        data = {"text/plain": _lines(repr(value))}
        html = getattr(value, "_repr_html_", None)
        if html is not None:
            data["text/html"] = _lines(html())
        outputs.append({"output_type": "execute_result", "execution_count": count, "metadata": {}, "data": data})
    return outputs


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def main() -> None:
    """Makes the runs in a folder of their own, and writes the notebook."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=script_input.new_file, default=ROOT / "docs" / "example.ipynb")
    out = parser.parse_args().out.resolve()
    from tests.shared_data import command_line

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        command_line("run", "--data", "demo", "--stride", "4", "--planner", "constant-action,damped-acceleration")
        command_line("run", "--data", "demo", "--stride", "4", "--model", "tiny-driver")
        made = executed(CELLS)
        os.chdir(ROOT)
    out.write_text(json.dumps(made, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    script_input.ends(main)
