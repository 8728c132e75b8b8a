"""The command line: one file per command. Commands import what they need when they run, so that --help is quick."""

from __future__ import annotations

import logging
import sys
from typing import Any

from lightemma.errors import UserError

#: Exit status after Ctrl-C, as shells have it.
INTERRUPTED = 130


def main() -> None:
    """Runs the command line: exit status 0 done, 1 finished with failed frames, 2 wrong use."""
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    if debug:
        arguments.remove("--debug")
    logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING, format="%(levelname)s: %(message)s")
    from typer import Abort

    from lightemma.cli.app import app
    from lightemma.cli.options import in_options

    try:
        # Left to itself typer swallows the interrupt and words its own errors over several lines.
        status = app(arguments, prog_name="lightemma", standalone_mode=False)
    except UserError as error:
        if debug:
            raise
        _say(f"Error: {in_options(str(error), error.parameters)}")
        sys.exit(2)
    except (KeyboardInterrupt, Abort):
        status = INTERRUPTED
    except BrokenPipeError:
        sys.exit(0)
    except Exception as error:
        if debug:
            raise
        if hasattr(error, "format_message"):  # typer's wrong use; the class has no public name in all its versions
            _say(_wrong_use(error))
            sys.exit(2)
        _say(f"Error: {type(error).__name__}: {error}. This is a fault in lightemma; --debug shows where.")
        sys.exit(70)
    if status == INTERRUPTED:
        _say("Interrupted. What is done is kept; give the same command again to resume.")
    sys.exit(status or 0)


def _wrong_use(error: Any) -> str:
    words: str = error.format_message()
    if not words or "\n" in words:
        return words  # a command without arguments: its help
    command = error.ctx.command_path if getattr(error, "ctx", None) else "lightemma"
    return f"Error: {words.rstrip('.')}; see `{command} --help`."


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)
