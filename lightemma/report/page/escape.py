"""JSON that is safe inside a page: nothing in it can end the script element or start another."""

from __future__ import annotations

from typing import Any

import msgspec

#: These occur in JSON inside strings only, where an escape means the same.
_UNSAFE = (
    (b"<", rb"\u003c"),
    (b">", rb"\u003e"),
    (b"&", rb"\u0026"),
    ("\u2028".encode(), rb"\u2028"),
    ("\u2029".encode(), rb"\u2029"),
)


def page_json(value: Any) -> bytes:
    """``value`` as JSON in UTF-8 without ``<``, ``>``, ``&`` and the two line ends that only scripts know; NaN becomes null."""
    text = msgspec.json.encode(value)
    for sign, escaped in _UNSAFE:
        text = text.replace(sign, escaped)
    return text
