"""Fills ``{{name}}`` places in a template. What is filled in is data: it is never searched for places again."""

from __future__ import annotations

import re
from collections.abc import Mapping

_PLACE = re.compile(r"\{\{\s*([a-z_]+)\s*\}\}")


def places(template: str) -> set[str]:
    """Names of the places in a template."""
    return set(_PLACE.findall(template))


def fill(template: str, values: Mapping[str, str]) -> str:
    """The template with every place replaced, in one pass.

    Raises:
        KeyError: if a place has no value.
    """
    return _PLACE.sub(lambda match: values[match.group(1)], template)


def fold(text: str) -> str:
    """Text with every run of white space made one space: how prompts are compared with archives that wrapped them."""
    return " ".join(text.split())
