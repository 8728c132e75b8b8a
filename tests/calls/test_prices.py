"""Prices: the YAML first, then genai-prices by day and by batch; and what a call costs by them."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal

import genai_prices
import pytest
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import StartDateConstraint, TieredPrices
from hypothesis import given, settings
from hypothesis import strategies as st

from lightemma.backends.config import ModelConfig, Price
from lightemma.calls.prices import ResolvedPrice, cost, resolve_price, table_version
from lightemma.run_folder.records import Usage

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
LISTED = [
    ("openai", "gpt-4o-2024-11-20"),
    ("openai", "gpt-4.1-2025-04-14"),
    ("openai", "gpt-5-2025-08-07"),
    ("openai", "gpt-6.1-sol"),
    ("anthropic", "claude-3-7-sonnet-20250219"),
    ("anthropic", "claude-sonnet-5-5"),
    ("google", "gemini-2.5-pro"),
    ("google", "gemini-3.8-flash"),
]


def config(provider: str = "openai", model: str = "gpt-4o-2024-11-20", **more) -> ModelConfig:
    return ModelConfig(name="it", provider=provider, model=model, **more)


def found(*args, **more) -> ResolvedPrice:
    price = resolve_price(*args, **more)
    assert price is not None
    return price


def test_a_known_price_with_its_table():
    price = found(config(), NOW)
    assert (price.input, price.output, price.cached_input, price.cache_write) == (2.5, 10.0, 1.25, 2.5)
    assert price.table == table_version() == f"genai-prices {genai_prices.__version__}"
    assert price.as_dict() == {"input": 2.5, "output": 10.0, "cached_input": 1.25, "cache_write": 2.5}


def test_the_yaml_overrides_the_table():
    own = Price(input=7.0, output=9.0)
    price = found(config(price=own), NOW)
    assert price == ResolvedPrice(7.0, 9.0, 7.0, 7.0, "YAML of it")
    whole = Price(input=7.0, output=9.0, cached_input=1.0, cache_write=8.0)
    assert found(config(price=whole), NOW) == ResolvedPrice(7.0, 9.0, 1.0, 8.0, "YAML of it")
    # Free is a price, and a local GPU may have one.
    assert found(config(price=Price(input=0, output=0)), NOW).input == 0.0
    assert found(config("transformers", "x/y", price=own), NOW).output == 9.0


def test_prices_depend_on_the_day():
    o3 = config(model="o3")
    assert found(o3, datetime(2025, 5, 1, tzinfo=UTC)).input == 10.0
    assert found(o3, datetime(2025, 7, 1, tzinfo=UTC)).input == 2.0
    assert found(o3, datetime(2025, 7, 1)).input == 2.0  # taken as UTC
    argon = config("google", "gemini-4-argon")
    assert found(argon, datetime(2026, 12, 1, tzinfo=UTC)).input == 2 * found(argon, NOW).input


def test_prices_by_length_are_those_of_short_calls():
    pro = found(config("google", "gemini-2.5-pro"), NOW)
    assert (pro.input, pro.output) == (1.25, 10.0)


@pytest.mark.parametrize(
    ("provider", "model", "url"),
    [
        ("openai", "gpt-of-tomorrow", None),
        ("transformers", "Qwen/Qwen2.5-VL-7B-Instruct", None),
        ("openai-compatible", "gpt-4o", "http://localhost:8000/v1"),
        ("openai-compatible", "gpt-4o", "http://127.0.0.1:8000/v1"),
        ("openai-compatible", "gpt-4o", "https://models.example.org/v1"),
        ("openai-compatible", "no-such-model", "https://openrouter.ai/api/v1"),
        ("openai-compatible", "gpt-4o", None),
        ("openai", "gpt-4o", "http://localhost:8000/v1"),
        ("scripted", "scripted", None),
        ("replay", "gpt-4o", None),
        ("my_package.models:Mine", "gpt-4o", None),
    ],
)
def test_no_price_where_no_table_knows_one(provider, model, url):
    for batch in (False, True):
        assert resolve_price(config(provider, model, base_url=url), NOW, batch=batch) is None


def test_compatible_services_are_recognised_by_their_address():
    router = config("openai-compatible", "qwen/qwen2.5-vl-72b-instruct", base_url="https://openrouter.ai/api/v1")
    assert found(router, NOW).output > 0
    assert resolve_price(router, NOW, batch=True) is None


@pytest.mark.parametrize(("provider", "model"), LISTED)
def test_batches_cost_half(provider, model):
    online = found(config(provider, model), NOW)
    batch = resolve_price(config(provider, model), NOW, batch=True)
    if model.startswith("claude-3-7"):
        assert batch is None  # switched off before batch rates were written down
        return
    assert batch is not None
    assert (batch.input, batch.output) == (online.input / 2, online.output / 2)
    assert batch.cached_input in (online.cached_input, online.cached_input / 2)


def test_batches_before_the_first_stated_rate_cost_the_first_stated_rate():
    early, late = datetime(2026, 1, 1, tzinfo=UTC), NOW
    assert found(config(), early, batch=True) == found(config(), late, batch=True)


def test_batches_by_a_yaml_price():
    own = Price(input=4.0, output=8.0, cached_input=3.0)
    assert found(config(price=own), NOW, batch=True) == ResolvedPrice(2.0, 4.0, 2.0, 2.0, "YAML of it")
    local = config("openai-compatible", base_url="http://localhost:1/v1", price=own)
    assert resolve_price(local, NOW, batch=True) is None


def test_the_three_providers_charge_half_for_batches():
    """``Facts.batch_share`` agrees with the table: every active batch rate of a model that reads and writes text is half."""
    shares = set()
    for provider in get_snapshot().providers:
        if provider.id not in ("openai", "anthropic", "google"):
            continue
        for model in provider.models:
            variants = [v for v in model.price_variants or () if v.when == {"processing": "batch"}]
            # A shut-down text model of 2023 keeps its price in batches.
            if not variants or model.id == "gpt-3.5-turbo-1106":
                continue
            standard, batch = model.get_prices(NOW), model.get_prices(NOW, {"processing": "batch"})
            for key in ("input_mtok", "output_mtok"):
                dear, cheap = _base(getattr(standard, key)), _base(getattr(batch, key))
                if dear and cheap:
                    shares.add(cheap / dear)
            assert all(
                v.constraint is None
                or (isinstance(v.constraint, StartDateConstraint) and v.constraint.start_date >= date(2026, 10, 14))
                for v in variants
            )
    assert shares == {Decimal("0.5")}


def _base(price: Decimal | TieredPrices | None) -> Decimal | None:
    return price.base if isinstance(price, TieredPrices) else price


# Beyond 100,000 input tokens prices by length begin.
counts = st.integers(min_value=0, max_value=90_000)


@settings(max_examples=60, deadline=None)
@given(uncached=counts, cached=st.integers(0, 4_000), written=st.integers(0, 4_000), output=counts)
@pytest.mark.parametrize(("provider", "model"), LISTED)
@pytest.mark.parametrize("batch", [False, True])
def test_costs_agree_with_genai_prices(provider, model, batch, uncached, cached, written, output):
    price = resolve_price(config(provider, model), NOW, batch=batch)
    if price is None:
        return
    whole = uncached + cached + written
    usage = Usage(input=whole, cached_input=cached, cache_write=written, output=output, reasoning=output // 2)
    theirs = genai_prices.calc_price(
        genai_prices.Usage(
            input_tokens=whole, cache_read_tokens=cached, cache_write_tokens=written, output_tokens=output
        ),
        model,
        provider_id=provider,
        genai_request_timestamp=NOW,
        price_context={"processing": "batch"} if batch else None,
    )
    assert cost(price, usage) == pytest.approx(float(theirs.total_price), rel=1e-9, abs=1e-12)


def test_a_cost_by_hand():
    price = ResolvedPrice(input=2.0, output=10.0, cached_input=0.5, cache_write=2.5, table="")
    usage = Usage(input=1_000_000, cached_input=400_000, cache_write=100_000, output=50_000, reasoning=20_000)
    assert cost(price, usage) == pytest.approx(0.5 * 2.0 + 0.4 * 0.5 + 0.1 * 2.5 + 0.05 * 10.0)
    assert cost(price, Usage()) == 0.0
    # A provider that counts more cached tokens than tokens is not paid for the difference.
    assert cost(price, Usage(input=100, cached_input=500, cache_write=50)) == pytest.approx(100 * 0.5 / 1e6)


def test_the_cost_of_the_published_runs_agrees_with_another_calculation():
    """Dollars for 3,908 frames at the recorded tokens per frame, against an independent calculation."""
    recorded = [
        ("google", "gemini-2.5-pro", 1877, 344, 22.6),
        ("openai", "gpt-4.1-2025-04-14", 4498, 429, 48.6),
        ("openai", "gpt-4o-2024-11-20", 4402, 341, 56.3),
        ("anthropic", "claude-3-7-sonnet-20250219", 5948, 461, 96.8),
    ]
    for provider, model, sent, answered, dollars in recorded:
        price = found(config(provider, model), NOW)
        assert 3908 * cost(price, Usage(input=sent, output=answered)) == pytest.approx(dollars, abs=0.1)


def test_the_table_is_read_only_when_needed_and_without_network():
    code = (
        "import socket, sys\n"
        "def refuse(*_a, **_k): raise AssertionError('network')\n"
        "socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse\n"
        "from datetime import UTC, datetime\n"
        "from lightemma.backends.config import ModelConfig, Price\n"
        "from lightemma.calls.prices import resolve_price\n"
        "free = ModelConfig(name='a', provider='openai', model='gpt-4o', price=Price(input=1, output=1))\n"
        "resolve_price(free, datetime.now(UTC))\n"
        "resolve_price(ModelConfig(name='a', provider='transformers', model='m'), datetime.now(UTC))\n"
        "assert 'genai_prices' not in sys.modules\n"
        "assert resolve_price(ModelConfig(name='a', provider='openai', model='gpt-4o'), datetime.now(UTC))\n"
        "assert 'genai_prices' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
