"""lightemma planners: lists what can be named with --planner, what each needs, and its options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lightemma.cli.output import echo

if TYPE_CHECKING:
    from lightemma.planners.base import Planner


def planners(
    name: Annotated[str | None, typer.Argument(help="Show only this planner: a name, or package.module:Class.")] = None,
) -> None:
    """List the planners: where each comes from, what it needs, and its options (--planner-option KEY=VALUE)."""
    from lightemma.errors import UserError
    from lightemma.planners.registry import planner_class
    from lightemma.planners.registry import planners as every_planner

    known = every_planner()
    if name is not None:
        _show(name, known[name].package if name in known else "", planner_class(name))
        return
    for one, offered in known.items():
        try:
            cls = planner_class(one)
        except UserError as error:
            echo(f"{one}  (from {offered.package})\n    cannot be used: {error}")
            continue
        _show(one, offered.package, cls)
    echo("--planner also takes package.module:Class; `lightemma drive` has further ones, which know the world's state.")


def _show(name: str, package: str, cls: type[Planner]) -> None:
    of = f"  (from {package})" if package not in ("", "lightemma") else ""
    summary = (cls.__doc__ or "").strip().partition("\n")[0]
    echo(f"{name}{of}\n    {summary}\n    needs {_needs(name)}")
    for option, field in cls.Options.model_fields.items():
        kind = str(field.annotation).replace("typing.", "").removeprefix("<class '").removesuffix("'>")
        default = "required" if field.is_required() else f"default {field.get_default(call_default_factory=True)}"
        echo(f"    option {option}  ({kind}; {default})  {field.description or ''}")


def _needs(name: str) -> str:
    """What a planner with its default options needs, as text."""
    from lightemma.errors import UserError
    from lightemma.planners.registry import make_planner

    try:
        needs = make_planner(name).needs()
    except UserError as error:
        return f"unknown: {error}"
    pictures = {0: "no picture", 1: "the picture"}.get(needs.pictures, f"{needs.pictures} pictures")
    if not needs.models:
        return f"{pictures}, no model"
    models = "a model" if len(needs.models) == 1 else f"{len(needs.models)} models ({', '.join(needs.models)})"
    return f"{pictures}, {models}"
