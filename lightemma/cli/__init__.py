"""The command line: one file per command. Commands import what they need only when they run, so that --help is quick."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

from lightemma.cli.output import SafeFormatter, harmless, print_error, print_traceback
from lightemma.errors import UserError
from lightemma.outside_text import one_line
from lightemma.redaction import remember_environment

#: Exit status after Ctrl-C, as in shells.
INTERRUPTED = 130
OUT_OF_MEMORY = (
    "There is too little memory for this; ask for less at a time (smaller pictures, batches or networks, fewer runs, fewer "
    "calls at once). Finished work is kept."
)


def main() -> None:
    """Runs the command line: exit status 0 done, 1 some frames failed, 2 wrong use, 130 interrupted."""
    try:
        _run()
    except KeyboardInterrupt:  # while it starts, or says how it ended
        _say_interrupted()
        sys.exit(INTERRUPTED)


def _run() -> None:
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    if debug:
        arguments.remove("--debug")
    handler = logging.StreamHandler()
    handler.setFormatter(SafeFormatter("%(levelname)s: %(message)s"))
    logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING, handlers=[handler])
    remember_environment(os.environ)
    from typer import Abort

    from lightemma.cli.app import made

    try:
        # In its standalone mode typer hides interrupts and prints errors over several lines.
        status = made(arguments[0] if arguments else None)(arguments, prog_name="lightemma", standalone_mode=False)
    except UserError as error:
        from lightemma.cli.options import in_options

        if debug:
            sys.excepthook = _hook(2, in_options(str(error), error.parameters))
            raise
        print_error(f"Error: {one_line(in_options(str(error), error.parameters))}")
        sys.exit(2)
    except (KeyboardInterrupt, Abort):
        status = INTERRUPTED
    except BrokenPipeError:
        sys.exit(0)
    except Exception as error:
        from lightemma.backends.local.memory import is_out_of_memory

        # wrong use, as found by typer; the class has no public name in all versions
        if hasattr(error, "format_message"):
            print_error(_wrong_use(error))
            sys.exit(2)
        if is_out_of_memory(error):
            if debug:
                raise
            print_error(f"Error: {OUT_OF_MEMORY}")
            sys.exit(2)
        sentence = f"{harmless(f'{type(error).__name__}: {error}')}. This is a fault in lightemma; --debug shows where."
        if debug:
            sys.excepthook = _hook(70, sentence)
            raise
        print_error(f"Error: {one_line(sentence)}")
        sys.exit(70)
    if status == INTERRUPTED:
        _say_interrupted()
    sys.exit(status or 0)


def _say_interrupted() -> None:
    print_error("Interrupted. Finished work is kept; give the same command again to resume.")


def _hook(status: int, sentence: str) -> Callable[[type[BaseException], BaseException, TracebackType | None], None]:
    """Prints an error that ends the program: where it comes from, then its sentence; without pictures and keys."""

    def hook(_kind: type[BaseException], error: BaseException, _traceback: TracebackType | None) -> None:
        print_traceback(error)
        print_error(f"Error: {one_line(sentence)}")
        sys.exit(status)

    return hook


def _wrong_use(error: Any) -> str:
    message: str = error.format_message()
    if not message or "\n" in message:
        # a command without arguments: its help
        return message if message.lstrip().startswith("Usage") else one_line(f"Error: {message}")
    command = error.ctx.command_path if getattr(error, "ctx", None) else "lightemma"
    return f"Error: {message.rstrip('.')}; see `{command} --help`."
