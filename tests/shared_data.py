"""Published data next to the project, which tests read in place and which most checkouts do not have."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[1].parent / "shared"
PUBLISHED = SHARED / "published"
TEST_POSES = SHARED / "nuscenes-test-poses"
#: The published runs that tests find imported, see the fixture ``published_results``.
IMPORTED = ("gpt-4o", "gpt-4.1")


def needs_shared(*paths: Path) -> pytest.MarkDecorator:
    """Skips where one of ``paths`` is absent, and says which."""
    absent = [f"../{path.relative_to(SHARED.parent)}" for path in paths if not path.exists()]
    return pytest.mark.skipif(bool(absent), reason=f"{', '.join(absent)} is not next to the project")


def command_line(*arguments: object) -> str:
    """The command line in this process; what it printed. For fixtures; tests have the fixture ``cli``."""
    from lightemma.cli import main

    out, err = io.StringIO(), io.StringIO()
    status: object = 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["lightemma", *map(str, arguments)])
        try:
            main()
        except SystemExit as end:
            status = end.code or 0
    assert status == 0, err.getvalue()
    return out.getvalue()
