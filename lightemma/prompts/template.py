"""Fills ``{{name}}`` places in a template. What is filled in is data: it is never searched for places again."""

from __future__ import annotations

import re
from collections.abc import Mapping

_PLACE = re.compile(r"\{\{\s*([a-z_]+)\s*\}\}")


def places(template: str) -> set[str]:
    """Names of the places in a template."""
    return set(_PLACE.findall(template))


def fill(template: str, values: Mapping[str, str], *, partly: bool = False) -> str:
    """The template with every place replaced, in one pass.

    Args:
        template: text with places.
        values: the text for each place.
        partly: leave places without a value as they are.

    Raises:
        KeyError: if a place has no value, unless ``partly``.
    """
    if partly:
        return _PLACE.sub(lambda match: values.get(match.group(1), match.group()), template)
    return _PLACE.sub(lambda match: values[match.group(1)], template)


def fold(text: str) -> str:
    """Text with every run of white space made one space: how prompts are compared with archives that wrapped them."""
    return " ".join(text.split())
