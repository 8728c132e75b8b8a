"""What these scripts may be asked for: anything else is one sentence and exit status 2, before any work is done."""

from __future__ import annotations

import argparse
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

#: Pixels of a side that a picture can be drawn with.
_SIDES = (16, 8192)


def ends(main: Callable[[], int | None]) -> None:
    """Runs a script, and ends it with its status, if it has one.

    What its user can put right is a sentence, as on lightemma's command line.
    """
    try:
        status = main()
    except subprocess.CalledProcessError as error:
        # What was started has said why, here or in what was kept of it; a wrong argument stays one.
        kept = error.stderr.decode(errors="replace") if isinstance(error.stderr, bytes) else error.stderr or ""
        if kept:
            sys.stderr.write(kept[-3000:])
        status = 2 if error.returncode == 2 else 1
    except OSError as error:
        if error.filename is None:
            raise
        status = _said(f"'{error.filename}' cannot be used ({error.strerror}).")
    except KeyboardInterrupt:
        status = 130
    except Exception as error:
        # Of whichever version of lightemma the script has loaded, if any.
        errors = sys.modules.get("lightemma.errors")
        if errors is None or not isinstance(error, errors.UserError):
            raise
        status = _said(str(error).replace("`", ""))
    if status is not None:  # a script without a status of its own just ends
        sys.exit(status)


def _said(sentence: str) -> int:
    print(f"{Path(sys.argv[0]).name}: error: {sentence}", file=sys.stderr)
    return 2


def count(text: str) -> int:
    """A whole number, 1 or more."""
    return _whole(text, 1)


def amount(text: str) -> int:
    """A whole number, 0 or more."""
    return _whole(text, 0)


def counts(text: str) -> list[int]:
    """Whole numbers of 1 or more, with commas."""
    return [count(one) for one in text.split(",")]


def seeds(text: str) -> list[int]:
    """Whole numbers of 0 or more, with commas."""
    return [amount(one) for one in text.split(",")]


def _whole(text: str, least: int) -> int:
    # Longer digits than these are nobody's count, and Python refuses to read thousands of them.
    if not (text.strip().isascii() and text.strip().isdecimal() and len(text) <= 18 and int(text) >= least):
        raise argparse.ArgumentTypeError(f"'{text}' is no whole number of {least} or more")
    return int(text)


def positive(text: str) -> float:
    """A number above 0, and finite."""
    return _number(text, math.inf)


def share(text: str) -> float:
    """A number above 0, 1 at the most."""
    return _number(text, 1.0)


def _number(text: str, most: float) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (0 < number <= most and math.isfinite(number)):
        raise argparse.ArgumentTypeError(
            f"'{text}' is no number above 0" + ("" if most == math.inf else f" of {most:g} or less")
        )
    return number


def percent(text: str) -> int:
    """A whole number from 1 to 100, such as a JPEG's quality."""
    number = count(text)
    if number > 100:
        raise argparse.ArgumentTypeError(f"'{text}' is more than 100")
    return number


def size(text: str) -> str:
    """Width and height of pictures in pixels, such as 800x450."""
    sides = text.lower().split("x")
    least, most = _SIDES
    if len(sides) != 2 or not all(
        side.isascii() and side.isdecimal() and len(side) < 6 and least <= int(side) <= most for side in sides
    ):
        raise argparse.ArgumentTypeError(
            f"'{text}' is no size of pictures; give width and height from {least} to {most} pixels, such as 800x450"
        )
    return "x".join(sides)


def part(text: str) -> tuple[int, int]:
    """Which of how many parts: 0/4 is the first of four."""
    which, _, of = text.partition("/")
    found = amount(which), count(of)
    if found[0] >= found[1]:
        raise argparse.ArgumentTypeError(f"'{text}' is no part; the first of four is 0/4, the last is 3/4")
    return found


def some_of(*known: str) -> Callable[[str], list[str]]:
    """Makes the kind of names with commas, each one of those that are known."""

    def names(text: str) -> list[str]:
        given = [name.strip() for name in text.split(",")]
        for name in given:
            if name not in known:
                raise argparse.ArgumentTypeError(f"'{name}' is none of {', '.join(known)}")
        return given

    return names


def file(text: str) -> Path:
    """A file that is there."""
    path = Path(text).expanduser()
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"there is no file '{text}'")
    return path


def folder(text: str) -> Path:
    """A folder that is there."""
    path = Path(text).expanduser()
    if not path.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder '{text}'")
    return path


def pictures(text: str) -> Path:
    """A folder with JPEGs."""
    path = folder(text)
    if not any(path.glob("*.jpg")):
        raise argparse.ArgumentTypeError(f"there is no *.jpg in '{text}'")
    return path


def archives(text: str) -> Path:
    """A folder with archives (.zip)."""
    path = folder(text)
    if not any(path.glob("*.zip")):
        raise argparse.ArgumentTypeError(f"there is no *.zip in '{text}'")
    return path


def new_file(text: str) -> Path:
    """Where a file is to be written."""
    path = _place(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"'{text}' is a folder; name a file")
    return path


def new_folder(text: str) -> Path:
    """A folder to write into; it need not be there yet."""
    path = _place(text)
    if path.exists() and not path.is_dir():
        raise argparse.ArgumentTypeError(f"'{text}' is a file; name a folder")
    return path


def _place(text: str) -> Path:
    path = Path(text).expanduser()
    above = next((parent for parent in path.absolute().parents if parent.exists()), None)
    if not text.strip() or above is None or not above.is_dir():
        raise argparse.ArgumentTypeError(f"nothing can be written at '{text}'")
    return path


def checkout(text: str) -> Path:
    """A folder with another version of lightemma.

    A folder without one would leave the present version to be imported, which would then be compared with itself.
    """
    path = Path(text).expanduser().resolve()
    if not (path / "lightemma/__init__.py").is_file():
        raise argparse.ArgumentTypeError(f"'{text}' is no checkout of lightemma: it has no lightemma/__init__.py")
    return path
