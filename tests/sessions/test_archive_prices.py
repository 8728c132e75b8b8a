"""Every model of LightEMMA's published archives has a price, or a reason why not."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from lightemma.calls.prices import recorded_price, table_version
from lightemma.run_folder.store import read_manifest
from lightemma.sessions.archive_prices import archive_price
from lightemma.sessions.importing import import_archive
from tests.conftest import write_archive

DAY = datetime(2026, 11, 27, tzinfo=UTC)


@pytest.mark.parametrize(
    ("short", "sold"),
    [
        ("claude-3.7", "claude-3-7-sonnet-latest"),
        ("Claude-3.5", "claude-3-5-sonnet-latest"),
        ("gemini-2.5", "gemini-2.5-pro"),
        ("gemini-2.0", "gemini-2.0-flash"),
        ("gemini-2.5-pro", "gemini-2.5-pro"),
        ("gpt-4.1", "gpt-4.1"),
        ("gpt-4o", "gpt-4o"),
    ],
)
def test_short_names_cost_what_the_models_cost_that_were_asked(short, sold):
    found = archive_price(short, DAY)
    assert found.price is not None
    assert found.price == recorded_price(sold, DAY)
    assert found.source == table_version()


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        *((name, "own machine") for name in ("qwen2.5-7b", "qwen2.5-72b", "deepseek-vl2-16b", "llama-3.2-90b")),
        *((name, "no maker") for name in ("claude", "gpt-5000-of-ours", "tiny-vlm", "")),
    ],
)
def test_a_model_without_a_price_has_a_reason(model, reason):
    found = archive_price(model, DAY)
    assert found.price is None
    assert reason in found.source
    assert f"'{model}'" in found.source


def test_the_reason_is_in_the_manifest(tmp_path):
    manifest = read_manifest(import_archive(write_archive(tmp_path / "tiny"), tmp_path / "results"))
    assert manifest.model is not None
    assert manifest.model.price is None
    assert manifest.price_table == "none: no maker's list has 'tiny-vlm'"
