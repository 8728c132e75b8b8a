"""What is seen at every decision, in ``facts.jsonl`` of a run's folder."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from lightemma.closed_loop.episode import DecisionPoint
from lightemma.closed_loop.records import SETTINGS
from lightemma.errors import UserError
from lightemma.files import private_file, read_whole
from lightemma.label_rows import FACTS, FactsRow, encoded


def facts_rows(point: DecisionPoint) -> list[FactsRow]:
    """The row of a decision; none where facts are not asked for, or the world tells none."""
    frame, facts = point.frame, point.facts
    assert frame is not None
    if facts is None:
        return []
    return [FactsRow(scene=frame.scene, key_frame=frame.frame_index, sample_token=frame.sample_token, facts=facts)]


def append_facts(folder: Path, rows: Iterable[FactsRow]) -> None:
    """Adds the facts of an episode to those of its run; makes no file where there are none.

    Raises:
        UserError: if they cannot be written (a full disk).
    """
    data, path = encoded(rows), folder / FACTS
    if not data:
        return
    try:
        private_file(path)
        with path.open("ab", buffering=0) as file:
            left = memoryview(data)
            while left:
                left = left[file.write(left) :]
    except OSError as error:
        raise UserError(
            f"'{path}' cannot be written ({error.strerror}); make room and give the same command again."
        ) from error


class _Rules(msgspec.Struct, frozen=True):
    facts: bool = False


class _Settings(msgspec.Struct, frozen=True):
    rules: _Rules = _Rules()


def facts_asked(folder: Path) -> bool:
    """Whether a run was last driven with facts; False where its settings cannot be read."""
    try:
        return msgspec.json.decode(read_whole(folder / SETTINGS), type=_Settings).rules.facts
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return False
