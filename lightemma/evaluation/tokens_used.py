"""Tokens and dollars of each frame of a run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lightemma.frame import FloatArray
from lightemma.run_folder.costs import dollars
from lightemma.run_folder.manifest import Manifest
from lightemma.run_folder.records import FrameNumbers, FrameRecord, Usage


def tokens_used(records: Sequence[FrameNumbers | FrameRecord], role: str | None = None) -> FloatArray:
    """(n, 5) tokens of one role's calls, or of all: input, cached, output, reasoning, cache writes; NaN where unknown."""
    counted = [
        (row, used.input, used.cached_input, used.output, used.reasoning, used.cache_write)
        for row, record in enumerate(records)
        for call in record.calls
        if (used := call.usage) is not None and (role is None or call.role == role)
    ]
    found = np.full((len(records), 5), np.nan)
    if counted:
        rows, *columns = np.array(counted, dtype=np.float64).T
        known = rows.astype(np.int64)
        found[known] = 0.0
        for place, column in enumerate(columns):
            found[:, place] += np.bincount(known, column, len(records))
    return found


def dollars_used(manifest: Manifest, records: Sequence[FrameNumbers | FrameRecord], usage: FloatArray) -> FloatArray:
    """(n,) what the calls of each frame cost, each by its own model's price; ``usage`` is of all models."""
    if len(manifest.models) <= 1:
        return _cost(manifest.model.price if manifest.model else None, usage)
    total, made = np.zeros(len(records)), np.zeros(len(records), dtype=bool)
    for role, entry in manifest.models.items():
        asked = np.array([any(call.role == role for call in record.calls) for record in records], dtype=bool)
        total += np.where(asked, _cost(entry.price, tokens_used(records, role)), 0.0)
        made |= asked
    return np.where(made, total, np.nan)


def _cost(price: dict[str, float | None] | None, usage: FloatArray) -> FloatArray:
    if not price:
        return np.full(len(usage), np.nan)
    return np.array([_dollars_of(price, row) for row in usage], dtype=np.float64)


def _dollars_of(price: dict[str, float | None], counts: FloatArray) -> float:
    if np.isnan(counts[0]):
        return float("nan")
    inputs, cached, output, reasoning, written = (int(count) for count in counts)
    return dollars(price, Usage(inputs, cached, output, reasoning, cache_write=written))
