"""Where the tiny driver's weights are."""

from __future__ import annotations

from pathlib import Path
from typing import Final

#: The weights that come with the package.
SHIPPED: Final = Path(__file__).parent / "weights"
