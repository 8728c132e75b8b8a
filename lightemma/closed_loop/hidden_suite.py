"""A suite of episodes that nobody can have trained on: seeds made of a secret key. Public seeds need no key.

A world with a suite has public seeds, ``0 … public_seeds - 1``. The seeds from there on are reserved: what they stand for
depends on a key, a text of which manifests hold a digest only. The same key gives the same episodes; without it they cannot
be guessed, and runs of different keys are not compared.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from lightemma.closed_loop.spec import EpisodeSpec, parse_seeds
from lightemma.errors import UserError
from lightemma.files import read_text

#: Characters that a key must have at least: its digest is published, so it must not be found by trying.
SHORTEST = 16
#: Bytes of a key's file that are read at most.
LARGEST = 4096
#: Bits of a seed that is made of a key.
SEED_BITS = 62


@dataclass(frozen=True, slots=True)
class HiddenSuite:
    """The reserved seeds under one key. Its text form does not show the key.

    Attributes:
        digest: 12 hex digits that say which key it is.
    """

    _key: str
    digest: str

    @classmethod
    def read(cls, path: Path) -> Self:
        """The suite of the key in a file; blanks around the key do not count.

        Raises:
            UserError: if the file cannot be read, or its text is too short to be a secret.
        """
        try:
            key = read_text(path, LARGEST, "utf-8-sig").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
            raise UserError(f"The key file '{path}' cannot be read ({reason}).", "hidden_suite") from error
        if len(key) < SHORTEST:
            raise UserError(
                f"The key in '{path}' has {len(key)} characters; write {SHORTEST} or more that cannot be guessed.",
                "hidden_suite",
            )
        return cls(key, _hash("key", key)[:12])

    def __repr__(self) -> str:
        """Without the key."""
        return f"HiddenSuite({self.digest})"

    def seed(self, number: int) -> int:
        """What a reserved seed stands for; the same in every scenario, so that twins stay twins."""
        return int(_hash("seed", self._key, str(number)), 16) >> (256 - SEED_BITS)

    def hide(self, spec: EpisodeSpec) -> EpisodeSpec:
        """The episode of a reserved seed under this key; its name and its record show the reserved seed."""
        return replace(spec, seed=self.seed(spec.seed), number=spec.seed)


def reserved_seeds(text: str, public: int) -> str:
    """The seeds of a hidden suite as a list: ``3`` stands for the first three reserved ones.

    Args:
        text: as in ``parse_seeds``.
        public: number of public seeds.

    Raises:
        UserError: if it is no list of seeds, or a public one is in it.
    """
    numbers = parse_seeds(text)
    if "," not in text:
        numbers = [public + number for number in numbers]
    if min(numbers) < public:
        raise UserError(
            f"Seed {min(numbers)} is public and needs no key; leave `hidden_suite` out, or give seeds from {public} on.",
            "seeds",
            "hidden_suite",
        )
    return ",".join([*map(str, numbers), ""])


def refuse_reserved(specs: Sequence[EpisodeSpec], public: int) -> None:
    """Refuses reserved seeds without a key.

    Raises:
        UserError: if there is one.
    """
    found = next((spec.seed for spec in specs if spec.seed >= public), None)
    if found is not None:
        raise UserError(
            f"Seed {found} is reserved for hidden suites; give seeds below {public}, or a key with `hidden_suite`.",
            "seeds",
            "hidden_suite",
        )


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(("lightemma hidden suite", *parts)).encode()).hexdigest()
