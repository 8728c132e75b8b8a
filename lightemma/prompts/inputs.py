"""What prompts say of the inputs that a run may change: how far back the motion is shown, and a navigation command.

The wording of a set stays as it is for the protocol's inputs. For others, the paragraph that shows the motion is replaced by
one of those below: it is ``{{motion}}``, or the very words of the shipped sets.
"""

from __future__ import annotations

from lightemma.errors import UserError
from lightemma.prompts.template import places

#: Seconds of motion that the protocol shows.
HISTORY_S = 3

_VALUES = """
- speed in m/s: {{speeds}}
- curvature of its path in 1/m (positive bends left, negative bends right, zero is straight): {{curvatures}}"""
_SHOWN = "How the car has moved over the past {span}, one value every half second, oldest first, the last one is now:"

#: Seconds of motion -> the paragraph that shows it.
MOTION = {
    3: _SHOWN.format(span="three seconds") + _VALUES,
    1: _SHOWN.format(span="second") + _VALUES,
    0: "How the car has moved so far is not known, nor how fast it is. The curvature of a path is in 1/m (positive bends "
    "left, negative bends right, zero is straight).",
}


def check_history(seconds: int) -> int:
    """The seconds, if prompts can show so many of the car's own motion.

    Raises:
        ValueError: if they cannot.
    """
    if seconds not in MOTION:
        raise ValueError(f"it is one of {', '.join(map(str, sorted(MOTION)))}")
    return seconds


#: Every command there is, and how prompts say it.
COMMANDS = {"left": "left", "right": "right", "straight": "straight on", "follow": "follow the road"}
#: The paragraph that says it, after the motion.
COMMAND = "Where the route goes next (a navigation command): {{command}}."


def said_command(command: str, metres: float | None = None) -> str:
    """A command as prompts say it, such as ``left``, ``left in 23 m`` or ``left here``.

    Args:
        command: where the drive goes next.
        metres: to where that begins; None where this is unknown, as it is for recordings.
    """
    words = COMMANDS.get(command, command)
    if metres is None:
        return words
    return f"{words} in {metres:.0f} m" if metres >= 0.5 else f"{words} here"


def with_inputs(template: str, history_s: int, *, command: bool, where: str) -> str:
    """A template for other inputs.

    Args:
        template: text with places.
        history_s: seconds of motion that are shown.
        command: whether the template is to say where the drive goes next.
        where: which template it is, for messages.

    Raises:
        UserError: if its wording cannot be changed so.
    """
    found = places(template)
    if "command" in found and not command:
        raise UserError(f"The {where} has the place {{{{command}}}}; give `command`, or take another set.", "command")
    whole = "{{motion}}" if "motion" in found else MOTION[HISTORY_S]
    if whole in template:
        said = MOTION[history_s]
        if command and "command" not in found:
            said += f"\n\n{COMMAND}"
        return template.replace(whole, said)
    shows = bool(found & {"speeds", "curvatures"})
    if shows and history_s != HISTORY_S:
        raise UserError(
            f"The {where} shows the motion in words of its own, so `history` cannot be changed; write {{{{motion}}}} in place "
            "of that paragraph.",
            "history",
        )
    if shows and command and "command" not in found:
        raise UserError(
            f"The {where} has no place for a command; write {{{{command}}}} where it belongs, or leave `command` out.",
            "command",
        )
    return template
