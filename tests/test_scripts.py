"""What the scripts are asked for is looked at before they work: a wrong argument is a sentence and exit status 2."""

from __future__ import annotations

import argparse
import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
import script_input

from lightemma.errors import UserError

ROOT = Path(__file__).resolve().parents[1]
#: Those with a command line.
SCRIPTS = {
    path.name: ast.parse(text)
    for path in sorted((ROOT / "scripts").glob("*.py"))
    if "ArgumentParser(" in (text := path.read_text(encoding="utf-8"))
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_number_and_path_that_a_script_takes_is_checked(name):
    kinds = [
        keyword.value
        for node in ast.walk(SCRIPTS[name])
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add_argument"
        for keyword in node.keywords
        if keyword.arg == "type"
    ]
    unchecked = [ast.unparse(kind) for kind in kinds if not ast.unparse(kind).startswith("script_input.")]
    assert unchecked == [], "take one of scripts/script_input.py: int, float and Path take what a script cannot use"


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_ends_by_the_shared_way(name):
    last = SCRIPTS[name].body[-1]
    calls = [ast.unparse(node) for node in ast.walk(last) if isinstance(node, ast.Call)]
    assert "script_input.ends(main)" in calls


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (script_input.count, ["1", "25000"], ["0", "-1", "x", "", "1.5", "nan", "1e9", "9" * 30, "²", "٣"]),
        (script_input.amount, ["0", "7"], ["-1", "x", ""]),
        (script_input.counts, ["1", "1,8"], ["1,", "0,1", "a"]),
        (script_input.seeds, ["0", "900,901"], ["", "-1", "1,,2"]),
        (script_input.positive, ["0.5", "1e3"], ["0", "-2", "nan", "inf", "x", ""]),
        (script_input.share, ["1", "0.1"], ["0", "1.1", "nan"]),
        (script_input.percent, ["1", "100"], ["0", "101", "-5"]),
        (
            script_input.size,
            ["800x450", "1600X900"],
            ["0x0", "800", "axb", "800x", "-8x450", "99999999x1", "1x1", "8x4x2"],
        ),
        (script_input.part, ["0/1", "3/4"], ["4/4", "0", "0/0", "a/b", "-1/2"]),
        (script_input.some_of("one", "two"), ["one", "two, one"], ["three", "", "one,"]),
    ],
)
def test_kinds_of_words(kind, good, bad):
    for text in good:
        kind(text)
    for text in bad:
        with pytest.raises(argparse.ArgumentTypeError):
            kind(text)


def test_kinds_of_places(tmp_path):
    file, pictures = tmp_path / "a.jpg", tmp_path / "empty"
    file.write_bytes(b"")
    pictures.mkdir()
    wrong = {
        script_input.file: [tmp_path, tmp_path / "gone"],
        script_input.folder: [file, tmp_path / "gone"],
        script_input.pictures: [file, pictures, tmp_path / "gone"],
        script_input.archives: [file, tmp_path],
        script_input.checkout: [file, tmp_path, tmp_path / "gone"],
        script_input.new_file: [tmp_path, file / "inside", ""],
        script_input.new_folder: [file, file / "inside" / "deeper", ""],
    }
    for kind, places in wrong.items():
        for place in places:
            with pytest.raises(argparse.ArgumentTypeError):
                kind(str(place))
    assert script_input.pictures(str(tmp_path)) == script_input.new_folder(str(tmp_path)) == tmp_path
    assert script_input.new_file(str(file)) == script_input.file(str(file)) == file
    assert script_input.new_folder(str(tmp_path / "new" / "deep")) == tmp_path / "new" / "deep"
    assert script_input.checkout(str(ROOT)) == ROOT


def refuse() -> None:
    raise UserError("There is no `scenario` 'x'.", "scenario")


def full() -> None:
    raise OSError(28, "No space left on device", "/here/frames.jsonl")


def start(status: int) -> None:
    subprocess.run([sys.executable, "-c", f"import sys; sys.stderr.write('why'); sys.exit({status})"], check=True)


def broken() -> None:
    raise ZeroDivisionError


def test_what_a_user_can_put_right_is_a_sentence_and_a_fault_of_the_script_is_not(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["scripts/some.py"])
    for main, status, said in (
        (refuse, 2, "some.py: error: There is no scenario 'x'.\n"),
        (full, 2, "some.py: error: '/here/frames.jsonl' cannot be used (No space left on device).\n"),
        (lambda: start(2), 2, ""),
        (lambda: start(7), 1, ""),
        (lambda: 0, 0, ""),
        (lambda: 3, 3, ""),
    ):
        with pytest.raises(SystemExit) as ended:
            script_input.ends(main)
        assert (ended.value.code, capsys.readouterr().err) == (status, said)
    script_input.ends(lambda: None)
    with pytest.raises(ZeroDivisionError):
        script_input.ends(broken)


@pytest.mark.parametrize(
    "command",
    [
        "bench_growth.py --frames 0 0",
        "bench_growth.py --frames 10 10",
        "bench_growth.py --folder {file}",
        "bench_compare.py {folder} --rounds -1",
        "bench_compare.py {folder} --against {folder}",
        "bench_decisions.py --size 0x0",
        "bench_pool.py --only nothing-of-this-name",
        "bench_report.py --runs {folder}",
        "made_up_scenes.py {file}/inside",
        "bench_world.py --seconds nan",
    ],
)
def test_a_wrong_argument_is_no_traceback(tmp_path, command):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    script, *rest = command.format(file=tmp_path / "file", folder=tmp_path / "folder").split()
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / script), *rest],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=300,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.rstrip().splitlines()[-1].startswith(f"{script}: error: ")
