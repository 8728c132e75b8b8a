"""What a run records of the memory that its models took."""

from __future__ import annotations

import importlib.util
import sys
import types

import numpy as np
import pytest
import yaml

from lightemma.backends.tiny.engine import SHIPPED
from lightemma.peak_memory import gpu_peak, process_peak, start_counting
from lightemma.run_folder.manifest import MemoryEntry
from lightemma.run_folder.store import read_manifest
from lightemma.sessions.benchmark import Benchmark
from lightemma.sessions.frames_of_source import open_runs

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


@pytest.mark.parametrize(("model", "measured"), [("tiny-driver", True), ("scripted", False)])
def test_a_run_records_it_only_where_its_model_is_in_the_process(tmp_path, model, measured):
    if measured and not ((SHIPPED / "model.safetensors").is_file() and importlib.util.find_spec("onnxruntime")):
        pytest.skip("the tiny driver needs its weights and onnxruntime")
    if not measured:
        answers = {"action": ["[(5, 0), (5, 0), (5, 0), (5, 0), (5, 0), (5, 0)]"]}
        values = {"name": "s", "provider": "scripted", "model": "m", "options": {"answers": answers, "repeat": True}}
        (tmp_path / "s.yaml").write_text(yaml.safe_dump(values))
    named = model if measured else str(tmp_path / "s.yaml")
    benchmark = Benchmark(data="demo", models=[named], planners=["single-call"], limit=1)
    session = open_runs(benchmark, tmp_path / "results")
    session.run()
    (place,) = (tmp_path / "results").rglob("manifest.json")
    memory = read_manifest(place.parent).memory
    assert (memory is not None) == measured
    assert memory is None or memory.process_bytes > 20_000_000
