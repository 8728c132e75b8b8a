"""Runs the commands that pages show (```console blocks) in a folder; --write puts what they print under them.

YAML blocks whose first line names a file (# my-server.yaml) are written to it first.
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import script_input

DOCS = Path(__file__).resolve().parents[1] / "docs"
#: Pages whose console blocks are run.
PAGES = ("first-hour.md",)
#: A longer output is cut in the middle.
LONGEST = 24
_BLOCK = re.compile(r"```(console|yaml)\n(.*?)```", re.DOTALL)


def run_page(text: str, run: Callable[[list[str]], str], folder: Path) -> str:
    """A page with what its commands print.

    Args:
        text: the page.
        run: runs a command, such as ``["lightemma", "doctor"]``, and gives what it printed.
        folder: where the files of YAML blocks go.
    """

    def block(found: re.Match[str]) -> str:
        kind, body = found.groups()
        if kind == "yaml":
            name = re.match(r"# (\S+\.yaml)\n", body)
            if name:
                (folder / name[1]).write_text(body, encoding="utf-8")
            return found.group()
        lines = []
        for line in body.splitlines():
            if line.startswith("$ "):
                lines += [line, *shortened(run(shlex.split(line[2:])))]
        return "```console\n" + "\n".join(lines) + "\n```"

    return _BLOCK.sub(block, text)


def shortened(output: str) -> list[str]:
    """The lines of an output; of a long one its beginning and its end."""
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    return lines if len(lines) <= LONGEST else [*lines[: LONGEST - 7], "…", *lines[-6:]]


def main() -> None:
    """Reads the command line, runs the pages' commands, and writes the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write the outputs into the pages")
    parser.add_argument("--server", help="where my-server.yaml finds its server, if not at localhost:8000")
    options = parser.parse_args()
    for name in PAGES:
        page = DOCS / name
        with tempfile.TemporaryDirectory() as folder:

            def run(arguments: list[str], where: str = folder) -> str:
                if options.server:
                    for path in Path(where).glob("*.yaml"):
                        path.write_text(path.read_text().replace("http://localhost:8000/v1", options.server))
                done = subprocess.run(
                    [sys.executable, "-m", *arguments], cwd=where, capture_output=True, text=True, check=False
                )
                print(f"{done.returncode}: {shlex.join(arguments)}", file=sys.stderr)
                if done.returncode:
                    sys.exit(done.stderr)
                return done.stdout

            text = run_page(page.read_text(encoding="utf-8"), run, Path(folder))
        if options.write:
            page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    script_input.ends(main)
