"""An expert that a YAML describes: its card, and where it computes: a service, a model in a local folder, or an MCP server."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lightemma.bounded_yaml import MAX_BYTES, load_yaml
from lightemma.config_files import reason_of
from lightemma.errors import UserError
from lightemma.experts.base import Card, Endpoint
from lightemma.files import read_text


class CardFile(BaseModel):
    """What every such YAML may say; each kind adds its own."""

    model_config = ConfigDict(extra="forbid")

    id: str
    task: str
    description: str
    code_licence: str = "unknown"
    weights_licence: str = ""
    rank: int = Field(default=20, ge=1)
    cost: float = Field(default=0.0, ge=0)
    timeout_s: float = Field(default=5.0, gt=0, le=60)

    def card(self, endpoint: Endpoint, **more: Any) -> Card:
        """The card that it says.

        Args:
            endpoint: where the expert computes.
            more: fields of a card that this kind of file does not say itself.

        Raises:
            ValueError: if a value is none of a card.
        """
        given = {name: getattr(self, name) for name in CardFile.model_fields}
        return Card(**given, endpoint=endpoint, **more)


_F = TypeVar("_F", bound=CardFile)


def read_card_file(path: str, form: type[_F]) -> _F:
    """A YAML of one kind.

    Raises:
        UserError: if it cannot be read or is not of that form.
    """
    try:
        return form.model_validate(_loaded(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise UserError(f"The expert '{path}' is not valid: {where}: {reason_of(dict(first))}.") from error


def not_valid(path: str, error: Exception) -> UserError:
    """The sentence for a YAML whose values do not fit together."""
    return UserError(f"The expert '{path}' is not valid: {' '.join(str(error).split())}.")


def check_address(url: str) -> None:
    """Checks the address of a service or a server.

    Raises:
        ValueError: if it is none of the web, or holds a user name or a password, which would be written into manifests.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.password:
        raise ValueError("url must be an http or https address without a user name")


def keys_of(path: str) -> frozenset[str]:
    """The keys of a YAML, by which its kind is known; none if it is no mapping.

    Raises:
        UserError: if it cannot be read.
    """
    loaded = _loaded(path)
    return frozenset(map(str, loaded)) if isinstance(loaded, dict) else frozenset()


def _loaded(path: str) -> Any:
    try:
        return load_yaml(read_text(Path(path).expanduser(), MAX_BYTES))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The expert '{path}' cannot be read ({error}).") from error
    except yaml.YAMLError as error:
        raise not_valid(path, error) from error
