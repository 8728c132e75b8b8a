"""nuscenes-devkit, which tests compare with; it lives in an environment of its own: make test-nuscenes."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TypeVar

import pytest

Test = TypeVar("Test")


def needs_devkit(test: Test) -> Test:
    """Marks a test, or a class of them, that needs the devkit or what comes with it, and skips it where that is absent."""
    absent = find_spec("nuscenes") is None
    return pytest.mark.nuscenes(
        pytest.mark.skipif(absent, reason="nuscenes-devkit is not installed: make test-nuscenes")(test)
    )
