"""The line of a server's log that says why it did not start."""

from __future__ import annotations

import re
from pathlib import Path

#: Only the end of a long log is read.
_TAIL_BYTES = 400_000
_LONGEST = 400

#: A line that names a failure: `ValueError: …`, `torch.OutOfMemoryError: …`, `api_server.py: error: …`, `Killed`.
_FAILURE = re.compile(
    r"(?:^|[\s.])(?:\w+(?:Error|Exception|Failure)\b(?::|$)|error: )|^Killed$|^Segmentation fault", re.MULTILINE
)
#: Lines that only report the failure of an earlier line.
_SECOND_HAND = re.compile(
    r"Engine core initialization failed|EngineDeadError|See root cause above|EngineGenerateError|BrokenPipeError"
    r"|SystemExit|KeyboardInterrupt|CancelledError|During handling of|leaked (?:shared_memory|semaphore)"
)
#: The prefix of vLLM's and SGLang's lines: process, level, time, file.
_PREFIX = re.compile(
    r"^(?:\([^()]*pid=\d+[^()]*\)\s*)?(?:(?:ERROR|WARNING|INFO|CRITICAL)\s+[\d:.\s-]+(?:\[[^\]]*\])?:?\s*)?(?:\[[\d:\s.-]+[^\]]*\]\s*)?"
)
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


def telling_line(path: Path, offset: int = 0) -> str:
    """The last line that names the cause of a failure, else the last line with a text.

    Args:
        path: the log.
        offset: byte at which this start's part begins.

    Returns:
        The line without the engine's prefix, cut to a readable length; an empty string if there is none.
    """
    try:
        with path.open("rb") as file:
            end = file.seek(0, 2)
            file.seek(max(offset, end - _TAIL_BYTES))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    lines = [_PREFIX.sub("", _COLOURS.sub("", line)).strip() for line in text.splitlines()]
    lines = [line for line in lines if line]
    failures = [line for line in lines if _FAILURE.search(line) and not _SECOND_HAND.search(line)]
    found = (failures or lines or [""])[-1]
    return found if len(found) <= _LONGEST else found[:_LONGEST] + " …"
