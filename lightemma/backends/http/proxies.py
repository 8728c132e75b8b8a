"""Proxies that the environment names: one that cannot be used is said in a sentence before the first call."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from urllib.parse import urlsplit

from lightemma.errors import UserError

_VARIABLES = ("http_proxy", "https_proxy", "all_proxy")
_PLAIN = frozenset({"http", "https"})
_SOCKS = frozenset({"socks5", "socks5h"})
_SOCKS_PACKAGE = "socksio"


def check_proxies(environment: Mapping[str, str], module: str) -> None:
    """Checks the proxies that a provider's package will take from the environment.

    Args:
        environment: variables by name; ``HTTP_PROXY``, ``HTTPS_PROXY`` and ``ALL_PROXY`` count in any spelling.
        module: the package's name in imports.

    Raises:
        UserError: naming the variable, and not its value, which may hold a password.
    """
    if "*" in (part.strip() for part in _value_of(environment, "no_proxy")[1].split(",")):
        return  # no proxy is used at all
    for variable in _VARIABLES:
        name, value = _value_of(environment, variable)
        if value:
            _check(name, value, module)


def _value_of(environment: Mapping[str, str], variable: str) -> tuple[str, str]:
    """A variable's name as it is spelled, and its value; the spelling in small letters comes first."""
    if variable in environment:
        return variable, environment[variable].strip()
    named = ((name, value.strip()) for name, value in environment.items() if name.lower() == variable)
    return next(((name, value) for name, value in named if value), (variable, ""))


def _check(name: str, value: str, module: str) -> None:
    # An address without a scheme is taken for http by all clients.
    address = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(address)
        usable = bool(parts.hostname) and (parts.port is None or parts.port > 0) and not any(map(str.isspace, value))
    except ValueError:
        usable = False
    if not usable:
        raise UserError(
            f"The environment variable {name} does not hold the address of a proxy; write it such as "
            f"http://proxy.example:3128, or remove it with unset {name}."
        )
    scheme = parts.scheme.lower()
    if scheme not in _PLAIN | _SOCKS:
        instead = "socks5" if scheme.startswith("socks") else "http"
        raise UserError(
            f"The environment variable {name} names a proxy of the kind {scheme}://, which the package {module} cannot use; "
            f"write {instead}:// if the proxy speaks that, or remove it with unset {name}."
        )
    if scheme not in _SOCKS:
        return
    if find_spec(_SOCKS_PACKAGE) is None:
        raise UserError(
            f"The environment variable {name} names a SOCKS proxy, which needs the package {_SOCKS_PACKAGE}; install it with "
            f"pip install {_SOCKS_PACKAGE}, or remove the variable with unset {name}."
        )
