"""A command whose help groups its options under headings."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand


class GroupedCommand(TyperCommand):
    """Writes the options of each ``rich_help_panel`` under that heading, in plain text; other options come last."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Adds arguments and options to the help."""
        groups: dict[str, list[tuple[str, str]]] = {"Arguments": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is None:
                continue
            other = "Arguments" if parameter.param_type_name == "argument" else "Options"
            groups.setdefault(getattr(parameter, "rich_help_panel", None) or other, []).append(record)
        last = groups.pop("Options", [])
        for heading, records in {**groups, "Options": last}.items():
            if records:
                with formatter.section(heading):
                    formatter.write_dl(records)
