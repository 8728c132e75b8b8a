"""The number of concurrent calls over time, as a manifest keeps it."""

from __future__ import annotations

from lightemma.calls.level_history import MOST, LevelHistory


def history_of(levels: list[float]) -> LevelHistory:
    moment = iter(range(1, len(levels) + 2))
    history = LevelHistory(lambda: float(next(moment)), 8.0)
    for level in levels:
        history.note(level)
    return history


def test_changes_below_a_tenth_are_left_out():
    assert history_of([8.4, 40.0, 43.0, 44.5, 10.0]).since(0.0) == ((0.0, 8), (1.0, 40), (2.0, 44), (3.0, 10))


def test_a_session_begins_with_the_level_of_that_moment():
    history = history_of([20.0, 40.0, 10.0])
    assert history.since(2.0) == ((0.0, 40), (1.0, 10))
    assert history.since(99.0) == ((0.0, 10),)


def test_a_long_run_keeps_few_entries_and_its_last_level():
    history = history_of([10.0 if at % 2 else 60.0 for at in range(10 * MOST)])
    noted = history.since(0.0)
    assert 20 < len(noted) <= MOST + 1
    assert noted[-1][0] >= 9 * MOST
