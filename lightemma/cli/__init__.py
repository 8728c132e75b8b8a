"""The command line: one file per command. Commands import what they need only when they run, so that --help is quick."""

from __future__ import annotations

import logging
import sys
from typing import Any

from lightemma.errors import UserError

#: Exit status after Ctrl-C, as in shells.
INTERRUPTED = 130


def main() -> None:
    """Runs the command line: exit status 0 done, 1 some frames failed, 2 wrong use, 130 interrupted."""
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    if debug:
        arguments.remove("--debug")
    logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING, format="%(levelname)s: %(message)s")
    from typer import Abort

    from lightemma.cli.app import app
    from lightemma.cli.options import in_options

    try:
        # In its standalone mode typer hides interrupts and prints errors over several lines.
        status = app(arguments, prog_name="lightemma", standalone_mode=False)
    except UserError as error:
        if debug:
            raise
        _print_error(f"Error: {in_options(str(error), error.parameters)}")
        sys.exit(2)
    except (KeyboardInterrupt, Abort):
        status = INTERRUPTED
    except BrokenPipeError:
        sys.exit(0)
    except Exception as error:
        if debug:
            raise
        if hasattr(
            error, "format_message"
        ):  # wrong use, as found by typer; the class has no public name in all versions
            _print_error(_wrong_use(error))
            sys.exit(2)
        _print_error(f"Error: {type(error).__name__}: {error}. This is a fault in lightemma; --debug shows where.")
        sys.exit(70)
    if status == INTERRUPTED:
        _print_error("Interrupted. Finished work is kept; give the same command again to resume.")
    sys.exit(status or 0)


def _wrong_use(error: Any) -> str:
    message: str = error.format_message()
    if not message or "\n" in message:
        return message  # a command without arguments: its help
    command = error.ctx.command_path if getattr(error, "ctx", None) else "lightemma"
    return f"Error: {message.rstrip('.')}; see `{command} --help`."


def _print_error(sentence: str) -> None:
    print(sentence, file=sys.stderr)
