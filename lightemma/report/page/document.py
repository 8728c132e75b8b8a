"""The page itself: one HTML file with its style, script and data inside, which loads nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from dataclasses import dataclass
from importlib import resources
from typing import Any

from lightemma.report.page.escape import page_json


@dataclass(frozen=True, slots=True)
class Layout:
    """What a page is made from, besides what all pages have (``page.html``).

    Attributes:
        brand: the page's kind, behind the program's name.
        body: the template of its sections.
        sections: those that its head leads to, and what they are called there, in order.
        scripts: the script's parts, in the order of the page.
    """

    brand: str
    body: str
    sections: dict[str, str]
    scripts: tuple[str, ...]

    @property
    def links(self) -> bytes:
        """The links of its head."""
        links = (f'      <a href="#{name}">{called}</a>\n' for name, called in self.sections.items())
        return "".join(links).encode()


#: The page of a comparison of runs over frames.
COMPARISON = Layout("report", "comparison.html", {
    "questions": "Questions", "comparison": "Comparison", "charts": "Charts", "strata": "Where they differ",
    "failures": "Failures", "frames": "Frames", "protocol": "Protocol",
}, (
    "core.js", "csv.js", "diff.js", "plot.js", "questions.js", "comparison.js", "charts.js", "strata.js", "failures.js",
    "index.js", "search.js", "browser.js", "views.js", "tools.js", "large.js", "play.js", "beside.js", "detail.js",
    "tables.js", "protocol.js", "address_bar.js", "address.js", "page.js",
))  # fmt: skip
#: The page of drives in a world.
DRIVES = Layout("closed loop", "drives.html", {
    "scores": "Scores", "scenarios": "Scenarios", "episodes": "Episodes", "watch": "Replay",
    "protocol": "Rules and tables",
}, (
    "core.js", "csv.js", "plot.js", "tables.js", "drives.js", "scenarios.js", "episodes.js", "replay.js", "address_bar.js",
    "drives_page.js",
))  # fmt: skip

#: What a page has besides where it is served while runs go on.
LIVE = ("live.js",)

_PLACE = re.compile(rb"\{\{(\w+)\}\}")


def document(
    title: str, data: dict[str, Any], scene_files: bool, layout: Layout = COMPARISON, *, live: bool = False
) -> bytes:
    """The page's bytes.

    Its content security policy lets nothing load but this very script and style (by their hashes), pictures inside the
    data, and, with ``scene_files``, scripts in the folder next to the page.

    Args:
        title: of the page.
        data: all the script works on.
        scene_files: whether frames are in files next to the page.
        layout: which page.
        live: whether ``lightemma view`` serves it: it may then ask the server that it is from how far its runs are, and
            nobody else. A page in a file may ask no server.
    """
    style = _template("page.css")
    script = (
        b"'use strict';\n(() => {\n"
        + b"\n".join(_template(name) for name in layout.scripts + (LIVE if live else ()))
        + b"})();\n"
    )
    sources = [_hash(script)] + (["'self'", "file:"] if scene_files else [])
    asked = "connect-src 'self'; " if live else ""
    policy = (
        f"default-src 'none'; script-src {' '.join(sources)}; style-src {_hash(style)}; img-src data:; {asked}"
        "base-uri 'none'; form-action 'none'"
    )
    values = {
        b"brand": layout.brand.encode(),
        b"first": next(iter(layout.sections)).encode(),
        b"sections": layout.links,
        b"body": _template(layout.body),
        b"title": html.escape(title).encode(),
        b"policy": html.escape(policy, quote=False).encode(),
        b"style": style,
        b"script": script,
        b"data": page_json(data),
    }
    # One pass: what is filled in is never searched for places.
    return _PLACE.sub(lambda place: values[place.group(1)], _template("page.html"))


def _template(name: str) -> bytes:
    text = resources.files("lightemma.report").joinpath("templates", name).read_text(encoding="utf-8")
    return text.replace("\r\n", "\n").encode()


def _hash(text: bytes) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'"
