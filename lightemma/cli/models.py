"""lightemma models: lists what can be named with --model, and what is missing to use it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from lightemma.cli.output import echo

if TYPE_CHECKING:
    from datetime import datetime

    from lightemma.backends.config import ModelConfig

#: Columns of numbers; all others are text.
_NUMBERS = {"context", "$/M in", "$/M out"}
#: What a narrow terminal leaves out, the first one first; never the name and what is missing.
_DROPPED = ("released", "context", "gpus", "model", "provider", "retires", "$/M out", "$/M in")


def models(
    name: Annotated[str | None, typer.Argument(help="Print this model's settings in full.")] = None,
    provider: Annotated[
        str | None,
        typer.Option(help="Print the facts about this provider, and the `options:` of its models."),
    ] = None,
    providers: Annotated[bool, typer.Option("--providers", help="List the providers.")] = False,
) -> None:
    """List the models in configs/models: present prices, dates of switch-off, and what is missing to use them."""
    from datetime import UTC, datetime

    now = datetime.now(UTC)
    if providers:
        _list_providers()
    elif provider is not None:
        _print_facts(provider)
        _print_options(provider)
    elif name is None:
        _list(now)
    else:
        _print_one(name, now)


def _list_providers() -> None:
    from lightemma.backends.registry import facts_of, providers
    from lightemma.cli.show import show

    rows = []
    for name in providers():
        facts = facts_of(name)
        rows.append(
            {
                "provider": name,
                "models": facts.title,
                "packages": ", ".join(facts.packages),
                "installed by": facts.install_command,
                "key": facts.key_variable or "",
            }
        )
    show(
        rows,
        "Providers, named by `provider:` in a model's YAML.",
        text_columns=set(rows[0]),
        dropped=("packages", "key", "models"),
    )
    echo("`lightemma models --provider NAME` prints one in full, with its options.")


def _print_facts(provider: str) -> None:
    """Prints the facts on a provider's class."""
    from dataclasses import fields

    from lightemma.backends.registry import provider_class

    facts = provider_class(provider).facts
    for field in fields(facts):
        value = getattr(facts, field.name)
        if callable(value):
            continue
        value = ", ".join(value) if isinstance(value, tuple) else value
        echo(f"{field.name:<26} {'-' if value in (None, '') else value}")
    echo()


def _print_options(provider: str) -> None:
    """Prints the options of a provider's backend, from the Options class that checks the YAML."""
    from lightemma.backends.registry import provider_class

    fields = provider_class(provider).Options.model_fields
    if not fields:
        echo(f"{provider} has no options of its own.")
    for name, field in fields.items():
        kind = str(field.annotation).replace("typing.", "").removeprefix("<class '").removesuffix("'>")
        default = "required" if field.is_required() else f"default {field.get_default(call_default_factory=True)}"
        echo(f"{name}  ({kind}; {default})\n    {field.description or ''}")


def _list(now: datetime) -> None:
    from lightemma.backends.known_configs import known_configs
    from lightemma.calls.prices import resolve_price, table_version
    from lightemma.cli.show import show
    from lightemma.preflight.readiness import readiness, retirement

    configs, wrong = known_configs()
    rows = []
    for name, config in configs.items():
        price = resolve_price(config, now)
        state = readiness(config, now.date())
        rows.append(
            {
                "name": name,
                "provider": config.provider,
                "model": config.model,
                "released": config.released or "",
                "context": f"{config.context_tokens:,}" if config.context_tokens else "",
                "gpus": config.gpus or "",
                "retires": retirement(config, now.date()),
                "$/M in": f"{price.input:g}" if price else "",
                "$/M out": f"{price.output:g}" if price else "",
                "to use it": "ready" if state.ready else state.lacks,
            }
        )
    if rows:
        title = f"Models; prices of {now.date()} by {table_version()} or the model's YAML."
        show(rows, title, text_columns=set(rows[0]) - _NUMBERS, dropped=_DROPPED)
    else:
        echo("There is no configs/models here.")
    for one in wrong:
        echo(f"Left out: {one.why}")
    echo(
        "`lightemma models NAME` prints one in full; --model also takes a YAML, replay:ARCHIVE|RUN, or package.module:Class."
    )


def _print_one(name: str, now: datetime) -> None:
    from lightemma.backends.config import ModelConfig
    from lightemma.backends.registry import key_variable
    from lightemma.config_files import find_config, load_config
    from lightemma.preflight.readiness import readiness, retirement

    path = find_config("models", name)
    config = load_config(path, ModelConfig)
    state = readiness(config, now.date())
    shown: dict[str, object] = {"file": path, **config.model_dump(exclude={"limits", "price", "options", "base_url"})}
    if config.base_url:
        shown["base_url"] = _without_login(config.base_url)
    shown["api_key_env"] = key_variable(config)
    shown["retires"] = retirement(config, now.date()) or None
    shown |= {f"limits.{key}": value for key, value in config.limits.model_dump().items()}
    shown |= {f"options.{key}": value for key, value in config.options.items()}
    for key, value in shown.items():
        echo(f"{key:<26} {'-' if value is None else value}")
    for label, batch in (("price", False), ("price by batch", True)):
        echo(f"{label:<26} {_price_sentence(config, now, batch=batch)}")
    echo(f"{'to use it':<26} {'ready' if state.ready else f'lacks {state.lacks}; {state.next}'}")


def _price_sentence(config: ModelConfig, now: datetime, *, batch: bool) -> str:
    from lightemma.calls.prices import resolve_price

    price = resolve_price(config, now, batch=batch)
    if price is None:
        return "-"
    return (
        f"USD per million tokens: input {price.input:g}, output {price.output:g}, from cache {price.cached_input:g}, "
        f"to cache {price.cache_write:g} ({price.table})"
    )


def _without_login(url: str) -> str:
    """An address without the user name and password that it may contain."""
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return scheme + mark + host.rpartition("@")[2] + slash + path.partition("?")[0]
