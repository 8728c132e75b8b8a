"""The readers against people: agreement and Cohen's kappa by field and by run, over labelled statements of published answers.

The statements themselves are not in the repository; they are found in the published archives by run, scene and frame, and
checked by their digest. ``--write`` stores the result where the tables find it, ``--show`` prints what is read differently.
The exit status is 1 where a mark is missed: 95 % of a run for the speed, 90 % for every other field.
"""

from __future__ import annotations

import argparse
import csv
import sys
from importlib import resources
from pathlib import Path

import script_input

from lightemma.data.published import PublishedArchive
from lightemma.evaluation.reasoning.agreement import (
    ALL,
    FIELDS,
    RELIABLE,
    Agreement,
    LabelledStatement,
    agreements,
    read_as_labels,
    read_labels,
    same_value,
)  # fmt: skip
from lightemma.evaluation.reasoning.reader_choice import find_reader
from lightemma.run_folder.judgments import digest

MARKS = {"longitudinal": 0.95}
HOME = resources.files("lightemma.evaluation.reasoning")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "folder", type=script_input.archives, help="the folder with the archives, one .zip for each model"
    )
    parser.add_argument(
        "--labels", type=script_input.file, action="append", help="label files; the shipped ones if left out"
    )
    parser.add_argument("--reader", default="rules", help="a reader's name, or module:Class")
    parser.add_argument("--show", help="print the statements of this field that are read differently")
    parser.add_argument("--write", action="store_true", help="store the agreement for the tables")
    given = parser.parse_args()
    paths = given.labels or sorted(Path(str(HOME)).glob("labels*.csv"))
    statements = []
    for path in paths:
        with path.open(encoding="utf-8", newline="") as file:
            statements += read_labels(file)
    if not statements:
        parser.error("argument --labels: there are no labels")
    texts = _texts(given.folder, {statement.run for statement in statements})
    reader = find_reader(given.reader)
    found, missing = [], 0
    for statement in statements:
        text = texts.get((statement.run, statement.scene, statement.frame_index, statement.stage))
        if text is None or digest(text) != statement.text_sha256:
            missing += 1
            continue
        values = read_as_labels(reader, statement.stage, text)
        if values is not None:
            found.append((statement, values))
            _show(given.show, statement, values, text)
    print(f"{len(found)} statements read, {missing} not found in the archives\n")
    result = agreements(found)
    missed = _print(result)
    if given.write:
        _write(result)
    sys.exit(1 if missed or missing else 0)


def _texts(folder: Path, runs: set[str]) -> dict[tuple[str, str, int, str], str]:
    texts = {}
    for run in sorted(runs):
        for scene, frame in PublishedArchive(folder / f"{run}.zip").frames():
            for stage in ("scene", "intent"):
                texts[run, scene, frame.frame_index, stage] = frame.answer(stage)
    return texts


def _show(field: str | None, statement: LabelledStatement, values: dict[str, str], text: str) -> None:
    if field in values and not same_value(field, statement.labels[field], values[field]):
        print(f"{statement.run} {statement.scene} #{statement.frame_index}: a person {statement.labels[field]!r}, "
              f"the reader {values[field]!r}\n  {text}\n")  # fmt: skip


def _print(result: list[Agreement]) -> list[Agreement]:
    by_run: dict[str, dict[str, Agreement]] = {}
    for one in result:
        by_run.setdefault(one.run, {})[one.field] = one
    for name, show in (
        ("agreement, %", lambda one: f"{100 * one.agreement:.1f}"),
        ("kappa", lambda one: f"{one.kappa:.2f}"),
    ):
        print(f"{name:20}" + "".join(f"{field:>14}" for field in FIELDS))
        for run, fields in by_run.items():
            print(f"{run:20}" + "".join(f"{show(fields[field]) if field in fields else '-':>14}" for field in FIELDS))
        print()
    missed = [one for one in result if one.run != ALL and one.agreement < MARKS.get(one.field, RELIABLE)]
    for one in missed:
        mark = MARKS.get(one.field, RELIABLE)
        print(f"below its mark of {mark:.0%}: {one.field} of {one.run}, {one.agreement:.1%} of {one.statements}")
    return missed


def _write(result: list[Agreement]) -> None:
    with (Path(str(HOME)) / "agreement.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["run", "field", "statements", "agreement", "kappa"])
        for one in result:
            kappa = "" if one.kappa != one.kappa else f"{one.kappa:.4f}"
            writer.writerow([one.run, one.field, one.statements, f"{one.agreement:.4f}", kappa])


if __name__ == "__main__":
    script_input.ends(main)
