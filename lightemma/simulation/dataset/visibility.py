"""nuScenes' bins of visibility."""

from __future__ import annotations

#: Upper ends of the bins, which are numbered from 1.
BINS = (0.4, 0.6, 0.8)


def visibility_token(share: float) -> str:
    """nuScenes' token of a share: ``1`` up to 40 %, ``2`` up to 60 %, ``3`` up to 80 %, ``4`` above."""
    return str(1 + sum(share > top for top in BINS))
