"""What is left of an Atari game that a small world is to learn: its pictures, its frames of an action, its actions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lightemma.closed_loop.spec import parse_size
from lightemma.errors import UserError

#: Pixels of a screen.
SCREEN = (160, 210)


@dataclass(frozen=True, slots=True)
class Cut:
    """What is left of a game; as published if nothing is said (Alonso et al., 2024).

    Attributes:
        size: width and height of its pictures.
        skip: frames of one action.
        actions: names of those that may be done, as ale-py has them; empty leaves all that do something in the game.
        box: left, upper, right and lower edge of what is shown of the screen, in its pixels; None shows all.
    """

    size: tuple[int, int] = (64, 64)
    skip: int = 4
    actions: tuple[str, ...] = ()
    box: tuple[int, int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Reduced:
    """A game that was tried with a small world.

    Attributes:
        cut: what is left of it.
        script: actions which, done in turn and blind, are what a look at the game suggests; a rival.
        stray: share of the script's actions that are any other instead.
    """

    cut: Cut
    script: tuple[str, ...] = ()
    stray: float = 0.0


REDUCED: Mapping[str, Reduced] = {
    # A step of 12 frames is one pull of the arms; the box holds the building and the last line of points above it. Blind
    # climbing ends under the first gap of the building if it never moves aside.
    "CrazyClimber": Reduced(
        Cut((32, 32), 12, ("UP", "DOWN", "LEFT", "RIGHT"), (36, 32, 124, 208)), ("UP", "DOWN"), stray=0.15
    ),
}


def cut_of(game: str, size: str = "", skip: int = 0, actions: str = "", box: str = "") -> Cut:
    """The cut of a game as a user writes it; what is left out is that of ``REDUCED``, or as published.

    Args:
        game: its name.
        size: such as ``32x32``.
        skip: frames of an action; 0 leaves it out.
        actions: such as ``UP,DOWN``; ``all`` for all.
        box: such as ``36,32,124,208``.

    Raises:
        UserError: if one has another form.
    """
    cut = REDUCED[game].cut if game in REDUCED else Cut()
    if size:
        cut = replace(cut, size=parse_size(size))
    if skip:
        cut = replace(cut, skip=skip)
    if actions:
        names = () if actions == "all" else tuple(one.strip().upper() for one in actions.split(",") if one.strip())
        if actions != "all" and not names:
            raise UserError(
                f"`actions` is '{actions}'; give names with commas between, such as UP,DOWN, or all.", "actions"
            )
        cut = replace(cut, actions=names)
    if box:
        cut = replace(cut, box=_box(box))
    return cut


#: Pixels of a side at most; the screen has 210.
LARGEST = 256


def check_network(cut: Cut, past: int, divides: int, condition: int) -> None:
    """Says no to what a network cannot be built for.

    Args:
        cut: gives the size of the pictures.
        past: past pictures.
        divides: both sides must be multiples of this.
        condition: numbers that are shared by the past actions.

    Raises:
        UserError: if it cannot.
    """
    if any(side < divides or side % divides or side > LARGEST for side in cut.size):
        raise UserError(
            f"`size` is {cut.size[0]}x{cut.size[1]}; both sides must be multiples of {divides} for this network, up to "
            f"{LARGEST}.",
            "size",
        )
    if condition % past:
        raise UserError(f"`past` is {past}; give 1, 2, 4 or 8 past pictures.", "past")


def _box(text: str) -> tuple[int, int, int, int]:
    parts = [one.strip() for one in text.split(",")]
    if len(parts) == 4 and all(one.isascii() and one.isdecimal() and len(one) < 4 for one in parts):
        left, upper, right, lower = (int(one) for one in parts)
        if left < right <= SCREEN[0] and upper < lower <= SCREEN[1]:
            return left, upper, right, lower
    raise UserError(
        f"`box` is '{text}'; give the left, upper, right and lower edge within {SCREEN[0]} x {SCREEN[1]} pixels, such as "
        "36,32,124,208.",
        "box",
    )
