"""Writes the reference of the site from the code: commands, YAML files, tables, what Python imports, error sentences.

The pages go into a folder that git ignores (`make docs` gives docs/reference), so they are never out of date.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import sys
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path
from typing import Any

import typer.main
from pydantic import BaseModel

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import script_input

import lightemma
from lightemma.backends.base import Backend, BatchBackend, CallError, Completion, PicturePart, Request
from lightemma.backends.config import Limits, ModelConfig, Price
from lightemma.backends.facts import Facts
from lightemma.closed_loop.world import World
from lightemma.closed_loop.world_factory import WorldFactory
from lightemma.data.base import FrameSource
from lightemma.evaluation.reasoning.reader import Reader
from lightemma.evaluation.tables.base import Table, description
from lightemma.evaluation.tables.files import first_sentence
from lightemma.experts.base import Card, Expert, Found
from lightemma.experts.hf_model import HfFile
from lightemma.experts.http_service import ServiceFile
from lightemma.experts.mcp_tool import McpFile
from lightemma.frame import Frame
from lightemma.planners.base import Needs, Plan, Planner
from lightemma.probes.base import Probe
from lightemma.prompts.sets import PromptSettings
from lightemma.sessions.benchmark import (
    Benchmark,
    GridCell,
    InputSettings,
    PictureSettings,
    ReportSettings,
    WorldSettings,
)
from lightemma.table_files import markdown_text
from scripts.write_table_docs import pages

PACKAGE = Path(lightemma.__file__).parent
#: Files that users write, and what each is for.
FILES: dict[str, tuple[type[BaseModel], ...]] = {
    "A benchmark: `lightemma run FILE`, `study FILE`, `drive FILE`, `estimate FILE`": (
        Benchmark,
        WorldSettings,
        PictureSettings,
        InputSettings,
        GridCell,
        ReportSettings,
    ),
    "A model: `--model FILE`": (ModelConfig, Limits, Price),
    "An expert: `--planner-option experts=[FILE]`": (HfFile, McpFile, ServiceFile),
    "A prompt set: `prompt-set.yaml` in its folder": (PromptSettings,),
}
#: What a notebook or an addition imports.
CLASSES: dict[str, tuple[Any, ...]] = {
    "In a notebook": (lightemma.load_run, lightemma.compare, lightemma.Run, lightemma.Tables),
    "A model": (Backend, BatchBackend, Facts, Request, PicturePart, Completion, CallError),
    "A planner": (Planner, Needs, Plan, Frame),
    "A probe": (Probe,),
    "An expert": (Expert, Card, Found),
    "A source of data": (FrameSource,),
    "A table": (Table,),
    "A reader of words": (Reader,),
    "A world": (World, WorldFactory),
}


def commands() -> Iterator[str]:
    """Every command's help, as a terminal of 100 columns shows it."""
    from lightemma.cli.app import made

    yield "# Commands"
    yield ""
    yield "What `lightemma COMMAND --help` prints. Errors are one sentence; `--debug` shows where they come from."
    yield from _command(typer.main.get_command(made()), "lightemma", None)


def _command(command: Any, name: str, parent: Any) -> Iterator[str]:
    with command.make_context(name, [], parent=parent, resilient_parsing=True) as context:
        context.terminal_width = context.max_content_width = 100
        yield ""
        yield f"## {context.command_path}"
        yield ""
        yield "```text"
        yield command.get_help(context)
        yield "```"
        for sub in getattr(command, "commands", {}):
            yield from _command(command.commands[sub], sub, context)


def yaml_files() -> Iterator[str]:
    """The keys of every file that users write."""
    yield "# YAML files"
    yield ""
    yield "A key that is not listed is refused with a sentence that names the nearest one."
    for heading, models in FILES.items():
        yield ""
        yield f"## {heading}"
        for model in models:
            yield ""
            yield f"### {model.__name__}"
            yield ""
            yield cleandoc(model.__doc__ or "").partition("\n\n")[0].replace("``", "`")
            yield ""
            yield "| key | kind | if left out | what |"
            yield "|---|---|---|---|"
            for name, field in model.model_fields.items():
                default = (
                    "must be given"
                    if field.is_required()
                    else _cell(repr(field.get_default(call_default_factory=True)))
                )
                kind = re.sub(r"(\w+\.)+", "", str(field.annotation).removeprefix("<class '").removesuffix("'>"))
                yield f"| `{field.alias or name}` | {_cell(kind)} | {default} | {_plain(field.description or '')} |"


def tables() -> Iterator[str]:
    """Every table and where its columns are explained."""
    yield "# Tables"
    yield ""
    yield "Each is written as CSV with all columns, and as Markdown and LaTeX with those that fit a page."
    yield ""
    yield "| table | what |"
    yield "|---|---|"
    for page, listed in pages().items():
        for table in listed:
            what = markdown_text(first_sentence(description(table)))
            yield f"| [{table.name}](../{page.name}#{table.name}) | {what} |"


def python() -> Iterator[str]:
    """What notebooks and additions import."""
    yield "# Python"
    for heading, things in CLASSES.items():
        yield ""
        yield f"## {heading}"
        for thing in things:
            yield ""
            yield f"### {thing.__name__}"
            yield ""
            yield "```python"
            yield f"from {'lightemma' if thing.__name__ in lightemma.__all__ else thing.__module__} import {thing.__name__}"
            yield "```"
            yield ""
            yield from _docstring(thing, "")
            if inspect.isclass(thing):
                for name, member in vars(thing).items():
                    if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
                        yield from _docstring(member, name)


def _docstring(thing: Any, name: str) -> Iterator[str]:
    function = thing.fget if isinstance(thing, property) else thing
    text = cleandoc(thing.__doc__ or "")
    if not text:
        return
    if name or inspect.isfunction(thing):
        shown = "" if isinstance(thing, property) else str(inspect.signature(function))
        yield f"**`{name or thing.__name__}{_short(shown)}`**"
        yield ""
    yield "```text"
    yield text
    yield "```"
    yield ""


def _short(signature: str) -> str:
    return re.sub(r"\blightemma(\.\w+)+\.(?=\w)", "", signature).replace("'", "")


def errors() -> Iterator[str]:
    """Every error sentence of the code, by the part that says it; what is filled in is shown as …"""
    yield "# Error sentences"
    yield ""
    yield "Every sentence with which a command is refused, from the code; `…` stands for what is filled in. The commonest are"
    yield "explained in [troubleshooting](../troubleshooting.md)."
    found: dict[str, list[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        sentences = [sentence for sentence in sentences_of(path) if " " in sentence.strip("… ")]
        if sentences:
            found.setdefault(path.relative_to(PACKAGE).parts[0].removesuffix(".py"), []).extend(sentences)
    for part, sentences in found.items():
        yield ""
        yield f"## {part}"
        yield ""
        yield from (f"- {_plain(sentence)}" for sentence in dict.fromkeys(sentences))


def sentences_of(path: Path) -> Iterator[str]:
    """The texts that a module gives to ``UserError``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "UserError" and node.args:
            yield text_of(node.args[0])


def text_of(node: ast.expr) -> str:
    """A text of the source with what is filled in as …"""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) for part in node.values)
    if isinstance(node, ast.BinOp):
        return text_of(node.left) + text_of(node.right)
    return "…"


def _plain(text: str) -> str:
    """Our own text in a cell: its code stays code."""
    return re.sub(r"<(?=\w)", r"\\<", text).replace("|", r"\|")


def _cell(text: str) -> str:
    return f"`{text}`".replace("|", r"\|")


#: File name to what it holds.
PAGES = {
    "commands.md": commands,
    "yaml.md": yaml_files,
    "tables.md": tables,
    "python.md": python,
    "errors.md": errors,
}


def main() -> None:
    """Reads the command line, and writes the pages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=script_input.new_folder, help="where the pages go")
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in PAGES.items():
        (folder / name).write_text("\n".join(lines()) + "\n", encoding="utf-8")


if __name__ == "__main__":
    script_input.ends(main)
