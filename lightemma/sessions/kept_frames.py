"""Checks, before a run goes on, that the data of the frames it has already is still what they were driven on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lightemma.errors import UserError
from lightemma.files import digest_of
from lightemma.frame import Frame
from lightemma.run_folder.records import FrameNumbers, is_call_error
from lightemma.run_folder.store import read_numbers
from lightemma.sessions.views import picture_paths

#: Metres, m/s and 1/m by which numbers of one and the same frame may differ: they are stored exactly.
_SAME = 1e-6
_NAMED = 3


@dataclass
class Changes:
    """Frames of a run whose data has changed.

    Attributes:
        kept: how many frames the run has.
        moved: those whose time, history or future is another.
        repainted: those whose pictures are others.
    """

    kept: int = 0
    moved: list[Frame] = field(default_factory=list)
    repainted: list[Frame] = field(default_factory=list)

    def sentence(self, folder: Path) -> str:
        """What has changed, as a sentence; empty where nothing has."""
        parts = [
            f"{what} of {len(frames)} of them changed since ({_named(frames)})"
            for what, frames in (("the recorded motion", self.moved), ("the pictures", self.repainted))
            if frames
        ]
        if not parts:
            return ""
        return (
            f"'{folder}' has {self.kept} frames already, and {' and '.join(parts)}, so that old and new answers would be about "
            "different data; put the data back as it was, or give this run its own name with `name`."
        )


def changes_since(folder: Path, frames: Iterable[Frame], pictures: int) -> Changes:
    """What has changed under the frames that a run has already; those with a failed call are driven again and do not count.

    Args:
        folder: the run.
        frames: all that it covers.
        pictures: how many per frame it shows its models.

    Raises:
        UserError: if its file is damaged.
    """
    kept = {record.sample_token: record for record in read_numbers(folder) if not is_call_error(record.outcome)}
    found, digests = Changes(len(kept)), dict[Path, str]()
    if not kept:
        return found
    for frame in frames:
        record = kept.get(frame.sample_token)
        if record is None:
            continue
        if _moved(record, frame):
            found.moved.append(frame)
        # Runs of 0.1 did not note the files' digests.
        if record.picture_files and record.picture_files != _digests(picture_paths(frame, pictures), digests):
            found.repainted.append(frame)
    return found


def refuse_changes(folder: Path, frames: Iterable[Frame], pictures: int) -> None:
    """Refuses to resume a run under whose frames the data has changed.

    Raises:
        UserError: if it has; it names the first frames.
    """
    sentence = changes_since(folder, frames, pictures).sentence(folder)
    if sentence:
        raise UserError(sentence, "name")


def _moved(record: FrameNumbers, frame: Frame) -> bool:
    if record.timestamp != frame.timestamp or (record.ground_truth is None) != (frame.future is None):
        return True
    pairs = [(record.history, frame.history.actions)]
    if frame.future is not None and record.ground_truth is not None:
        pairs.append((record.ground_truth, frame.future))
    return not all(np.allclose(np.asarray(stored), now, rtol=0.0, atol=_SAME) for stored, now in pairs)


def _digests(paths: Sequence[Path], known: dict[Path, str]) -> list[str]:
    for path in paths:
        if path not in known:
            known[path] = _digest(path)
    return [known[path] for path in paths]


def _digest(path: Path) -> str:
    """SHA-256 of a file, hex; empty where it cannot be read."""
    try:
        return digest_of(path)
    except OSError:
        return ""


def _named(frames: Sequence[Frame]) -> str:
    first = ", ".join(f"frame {frame.frame_index} of scene '{frame.scene}'" for frame in frames[:_NAMED])
    return first if len(frames) <= _NAMED else f"{first} and {len(frames) - _NAMED} more"
