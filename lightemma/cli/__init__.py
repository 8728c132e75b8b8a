"""The command line: one file per command. Commands import what they need when they run, so that --help is quick."""

from __future__ import annotations

import logging
import sys

from lightemma.errors import UserError


def main() -> None:
    """Runs the command line: exit status 0 done, 1 finished with failed frames, 2 wrong use."""
    arguments = sys.argv[1:]
    debug = "--debug" in arguments
    if debug:
        arguments.remove("--debug")
    logging.basicConfig(level=logging.DEBUG if debug else logging.WARNING, format="%(levelname)s: %(message)s")
    from lightemma.cli.app import app

    try:
        app(arguments)
    except UserError as error:
        if debug:
            raise
        _say(f"Error: {error}")
        sys.exit(2)
    except KeyboardInterrupt:
        if debug:
            raise
        _say("Interrupted. What is done is kept; give the same command again to go on.")
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
    except Exception as error:
        if debug:
            raise
        _say(f"Error: {type(error).__name__}: {error}. This is a fault in lightemma; --debug shows where.")
        sys.exit(70)


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)
