"""YAML that cannot explode: bounded in size, depth and in what its aliases stand for."""

from __future__ import annotations

from typing import Any

import yaml

#: Far more than any file that a person writes.
MAX_BYTES = 1_000_000
_MAX_DEPTH = 50
_MAX_NODES = 100_000


#: In C where the package has it, which takes a tenth of the time.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class TooMuchYaml(yaml.YAMLError):
    """The text would become too much, or contains itself."""


def load_yaml(text: str) -> Any:
    """What a YAML text says, by the safe loader.

    Raises:
        yaml.YAMLError: if it is no YAML, nests too deeply, contains itself, or its aliases stand for too much.
    """
    check_yaml(text)
    try:
        return yaml.load(text, Loader=_Loader)
    except (ValueError, OverflowError, RecursionError) as error:  # such as a date that does not exist
        raise TooMuchYaml(f"a value cannot be read: {error}") from error


def check_yaml(text: str) -> None:
    """Checks a text without building what it says.

    Raises:
        yaml.YAMLError: as for ``load_yaml``.
    """
    if len(text) > MAX_BYTES:
        raise TooMuchYaml(f"it has more than {MAX_BYTES:,} characters")
    open_anchors: list[str | None] = []
    counts = [0]
    sizes: dict[str, int] = {}
    total = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            if event.anchor in open_anchors:
                raise TooMuchYaml(f"'{event.anchor}' contains itself")
            added = sizes.get(event.anchor or "", 1)
        elif isinstance(event, yaml.CollectionStartEvent):
            open_anchors.append(event.anchor)
            counts.append(1)
            if len(open_anchors) > _MAX_DEPTH:
                raise TooMuchYaml(f"it nests more than {_MAX_DEPTH} levels deep")
            continue
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, added = open_anchors.pop(), counts.pop()
            if anchor:
                sizes[anchor] = added
            counts[-1] += added
            continue
        elif isinstance(event, yaml.ScalarEvent):
            added = 1
            if event.anchor:
                sizes[event.anchor] = 1
        else:
            continue
        counts[-1] += added
        total += added
        if total > _MAX_NODES:
            raise TooMuchYaml(f"it stands for more than {_MAX_NODES:,} values")
