"""What a call costs. Prices come from the model's YAML, else from the table of genai-prices, which needs no network."""

from __future__ import annotations

import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, time
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from lightemma.backends.config import ModelConfig
from lightemma.backends.registry import facts_of, price_lists
from lightemma.run_folder.costs import dollars
from lightemma.run_folder.records import Usage

if TYPE_CHECKING:
    from genai_prices.types import ModelPrice, PriceCalculation, TieredPrices

_BATCH = {"processing": "batch"}
#: The client by which genai-prices would fetch newer prices, which it is never asked to.
_CLIENT = "httpx2"


class _Later(ModuleType):
    """Stands for a package until something of it is used."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


@cache
def _genai_prices() -> Any:
    """The package, without its client: that takes as long to import as everything else that lists models."""
    if _CLIENT in sys.modules:
        return import_module("genai_prices")
    later = _Later(_CLIENT)
    sys.modules[_CLIENT] = later
    try:
        return import_module("genai_prices")
    finally:
        if sys.modules.get(_CLIENT) is later:
            del sys.modules[_CLIENT]


@dataclass(frozen=True, slots=True)
class ResolvedPrice:
    """Dollars per million tokens at one moment.

    Attributes:
        input: tokens sent, neither read from nor written to a cache.
        output: tokens produced, reasoning included.
        cached_input: tokens read from the provider's cache; as ``input`` where no price is known.
        cache_write: tokens written to the provider's cache; as ``input`` where no price is known.
        table: the source of the prices, with its version.
    """

    input: float
    output: float
    cached_input: float
    cache_write: float
    table: str

    def as_dict(self) -> dict[str, float | None]:
        """The four prices under the names of a YAML's ``price``, for manifests."""
        return {name: value for name, value in asdict(self).items() if name != "table"}


def resolve_price(config: ModelConfig, at: datetime, *, batch: bool = False) -> ResolvedPrice | None:
    """What a model's tokens cost.

    A ``price`` in the YAML overrides genai-prices. Prices that depend on a call's length (Gemini's and OpenAI's above
    200,000 input tokens or so) are those of short calls: ours are a few thousand tokens long.

    Args:
        config: the model.
        at: when the call is made; genai-prices knows when prices changed. Without a time zone it is taken as UTC.
        batch: through the provider's batch API. genai-prices states batch rates from the day they were checked; for
            earlier calls the first stated rate is used.

    Returns:
        The price, or None for models that no table knows (local ones, for example) and for batches of models whose
        batch rate is unknown.
    """
    if config.price is not None:
        price = config.price
        share = facts_of(config.provider).batch_share if batch else 1.0
        if share is None:
            return None
        cached = price.input if price.cached_input is None else price.cached_input
        write = price.input if price.cache_write is None else price.cache_write
        return ResolvedPrice(
            input=price.input * share,
            output=price.output * share,
            # Cached input is not cheaper with every provider, but never more expensive than other input.
            cached_input=min(cached, price.input * share),
            cache_write=write * share,
            table=f"YAML of {config.name}",
        )
    found = _look_up(config, at, None)
    if found is None:
        return None
    prices = found.model_price
    if batch:
        batched = _batch_prices(config, at, found)
        if batched is None:
            return None
        prices = batched
    return _resolved(prices)


def recorded_price(model: str, at: datetime) -> ResolvedPrice | None:
    """What a model's tokens cost at its maker, for recordings that name the model alone.

    Args:
        model: its name as recorded, such as ``gpt-4o``.
        at: when it was asked.

    Returns:
        The price, or None for models that no maker sells.
    """
    genai_prices = _genai_prices()
    usage = genai_prices.Usage(input_tokens=0, output_tokens=0)
    # Makers that sell their models themselves; weights that many providers serve have no one price.
    for maker in price_lists():
        with suppress(LookupError):
            found = genai_prices.calc_price(usage, model, provider_id=maker, genai_request_timestamp=at)
            return _resolved(found.model_price)
    return None


def cost(price: ResolvedPrice, usage: Usage) -> float:
    """Dollars for one call.

    Args:
        price: per million tokens.
        usage: tokens of the call; cached and cache-write tokens are parts of its input, reasoning of its output.
    """
    return dollars(price.as_dict(), usage)


def table_version() -> str:
    """Name and version of the price table, such as ``genai-prices 0.2.3``."""
    genai_prices = _genai_prices()
    return f"genai-prices {genai_prices.__version__}"


def _look_up(config: ModelConfig, at: datetime, context: dict[str, str] | None) -> PriceCalculation | None:
    """genai-prices' entry of a model, or None if it has none."""
    facts = facts_of(config.provider)
    if facts.price_list is None and not (facts.any_server and config.base_url):
        return None
    genai_prices = _genai_prices()
    usage = genai_prices.Usage(input_tokens=0, output_tokens=0)
    where = {"provider_api_url": config.base_url} if config.base_url else {"provider_id": facts.price_list}
    try:
        found: PriceCalculation = genai_prices.calc_price(
            usage, config.model, genai_request_timestamp=at, price_context=context, **where
        )
    except LookupError:
        return None
    return found


def _batch_prices(config: ModelConfig, at: datetime, found: PriceCalculation) -> ModelPrice | None:
    variants = [variant for variant in found.model.price_variants or () if variant.when == _BATCH]
    if not variants:
        return None
    starts = [getattr(variant.constraint, "start_date", None) for variant in variants]
    if None not in starts:
        first = datetime.combine(min(start for start in starts if start is not None), time(), tzinfo=UTC)
        at = max(at if at.tzinfo else at.replace(tzinfo=UTC), first)
    batched = _look_up(config, at, _BATCH)
    return batched.model_price if batched else None


def _resolved(prices: ModelPrice) -> ResolvedPrice | None:
    dear, output = _short(prices.input_mtok), _short(prices.output_mtok)
    if dear is None or output is None:
        return None
    cached, write = _short(prices.cache_read_mtok), _short(prices.cache_write_mtok)
    return ResolvedPrice(
        input=dear,
        output=output,
        cached_input=dear if cached is None else cached,
        cache_write=dear if write is None else write,
        table=table_version(),
    )


def _short(price: object | TieredPrices | None) -> float | None:
    """A price as a number; of prices by length, that of short calls."""
    if price is None:
        return None
    return float(getattr(price, "base", price))  # type: ignore[arg-type]
