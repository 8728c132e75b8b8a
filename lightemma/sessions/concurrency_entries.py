"""What a manifest says of the number of concurrent calls, by which its latencies are read."""

from __future__ import annotations

from collections.abc import Mapping

from lightemma.calls.limits import ProviderLimits
from lightemma.run_folder.manifest import ConcurrencyEntry, now

#: Entries that a manifest keeps, the newest ones.
KEPT = 50


class SessionConcurrency:
    """The entries of earlier sessions and of this one.

    Args:
        before: those of earlier sessions.
        limits: role -> the limits of the model's provider.
    """

    def __init__(self, before: tuple[ConcurrencyEntry, ...], limits: Mapping[str, ProviderLimits]) -> None:
        self._before = before
        self._limits = limits
        self._began = now()
        self._begun = {role: (one.pool.history.now(), one.answers) for role, one in limits.items()}

    def answered(self) -> list[str]:
        """The roles whose provider has answered since this session began."""
        return [role for role, limits in self._limits.items() if limits.answers > self._begun[role][1]]

    def entries(self) -> tuple[ConcurrencyEntry, ...]:
        """All of them; of this session, models whose provider has answered since it began (not those of the cache alone)."""
        new = []
        for role in self.answered():
            limits, (moment, _) = self._limits[role], self._begun[role]
            fixed = None if limits.pool.adapts else int(limits.pool.level)
            new.append(ConcurrencyEntry(self._began, role, fixed, limits.pool.history.since(moment)))
        return (*self._before, *new)[-KEPT:]
