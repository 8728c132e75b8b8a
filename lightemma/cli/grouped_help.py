"""Help in plain text: options under headings, and the summaries of commands whole."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup

#: Of the whole program: -h as well as --help, and lines as long as a wide terminal reads well.
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


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


class WholeGroup(TyperGroup):
    """Lists commands under the ``rich_help_panel`` of each, with the first sentence of what each does, never cut."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Adds the commands to the help."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command = self.get_command(ctx, name)
            if command is None or command.hidden:
                continue
            heading = getattr(command, "rich_help_panel", None)
            groups.setdefault(heading if isinstance(heading, str) else "Commands", []).append((name, summary(command)))
        for heading, records in groups.items():
            with formatter.section(heading):
                formatter.write_dl(records)


def summary(command: Any) -> str:
    """The first sentence of a command's help."""
    text = " ".join((command.short_help or command.help or "").split("\n\n", 1)[0].split())
    return text.removesuffix(".")
