"""One browser for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.browser.chromium import BINARIES, Chromium, find_chromium


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    binary = find_chromium()
    if binary is None:
        pytest.skip(
            f"no browser: none of {', '.join(BINARIES)} is there; apt-get install chromium (Debian), "
            "brew install --cask google-chrome (macOS)"
        )
    with Chromium(binary) as browser:
        yield browser
