"""Published data next to the project, which tests read in place and which most checkouts do not have."""

from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[1].parent / "shared"
PUBLISHED = SHARED / "published"
TEST_POSES = SHARED / "nuscenes-test-poses"


def needs_shared(*paths: Path) -> pytest.MarkDecorator:
    """Skips where one of ``paths`` is absent, and says which."""
    absent = [f"../{path.relative_to(SHARED.parent)}" for path in paths if not path.exists()]
    return pytest.mark.skipif(bool(absent), reason=f"{', '.join(absent)} is not next to the project")
