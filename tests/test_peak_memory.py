"""What a run records of the memory that its models took."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest

from lightemma.peak_memory import gpu_peak, process_peak, start_counting
from lightemma.run_folder.manifest import MemoryEntry

BIG = 150_000_000


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="other systems count from the beginning of the process"
)
def test_a_peak_is_of_what_came_after_the_start():
    held = np.ones(BIG, np.uint8)
    start_counting()
    with_it = process_peak()
    del held
    start_counting()
    without = process_peak()
    assert with_it - without > BIG // 2
    again = np.ones(BIG, np.uint8)
    assert process_peak() - without > BIG // 2
    del again
    assert process_peak() - without > BIG // 2  # the peak stays


def test_a_gpu_is_asked_only_where_torch_has_begun_to_use_it(monkeypatch):
    cuda = types.SimpleNamespace(
        is_available=lambda: True,
        is_initialized=lambda: True,
        device_count=lambda: 2,
        max_memory_allocated=lambda device: 10 * (device + 1),
        reset_peak_memory_stats=lambda device: None,
    )
    monkeypatch.setitem(sys.modules, "torch", types.SimpleNamespace(cuda=cuda))
    assert gpu_peak() == 30
    cuda.is_initialized = lambda: False
    assert gpu_peak() is None
    monkeypatch.delitem(sys.modules, "torch")
    assert gpu_peak() is None
    assert "torch" not in sys.modules


def test_sessions_of_a_run_keep_the_larger_peak():
    assert MemoryEntry(5, None).with_more(MemoryEntry(3, 7)) == MemoryEntry(5, 7)
    assert MemoryEntry(None, None).with_more(None) == MemoryEntry()
