"""batches.json in a run's folder: which batches are out, and how often calls have failed."""

from __future__ import annotations

from pathlib import Path

import msgspec

from lightemma.calls.identity import Asked
from lightemma.errors import UserError
from lightemma.files import clear_drafts, write_whole
from lightemma.run_folder.records import MAIN

FILE = "batches.json"


class OpenBatch(msgspec.Struct):
    """A batch that is out at the provider, or is about to be.

    Attributes:
        id: the provider's; empty until it is known.
        keys: which of our calls each of the batch's keys stands for.
        role: whose model is asked.
        label: what the batch can be found by.
        submitted: when it was handed over, seconds since 1970.
        asked: each key's call as its answer is filed; missing in files of 0.1.
    """

    id: str
    keys: dict[str, str]
    role: str = MAIN
    label: str = ""
    submitted: float = 0.0
    asked: dict[str, Asked] = {}


class BatchesState(msgspec.Struct):
    """batches.json: what is out, and how often a call has failed and why it did last. Without either there is no file."""

    out: list[OpenBatch] = []
    failures: dict[str, list[str]] = {}


def load_batches(path: Path) -> BatchesState:
    """What a run's batches.json says; nothing without a file.

    Raises:
        UserError: if it is broken.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=BatchesState)
    except FileNotFoundError:
        return BatchesState()
    except (OSError, msgspec.DecodeError) as error:
        raise UserError(
            f"'{path}' cannot be read ({error}); it names batches that are paid for, so restore it, or remove it to "
            "hand the calls over again."
        ) from error


def save_batches(path: Path, state: BatchesState) -> None:
    """Writes a run's batches.json; removes it where there is nothing to say."""
    if not state.out and not state.failures:
        clear_drafts(path.parent)
        path.unlink(missing_ok=True)
        return
    write_whole(path, msgspec.json.encode(state), private=True)
