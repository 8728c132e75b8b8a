"""Where imagined drives begin: recorded pictures, the motion before them, and where the recorded car went on to."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lightemma.errors import UserError
from lightemma.files import read_whole, write_whole
from lightemma.frame import FloatArray
from lightemma.protocol import LIGHTEMMA
from lightemma.worldmodel.clips import ByteArray, Clip

#: Seconds of a recorded drive before a start, for the history of a frame.
BEFORE_S = LIGHTEMMA.dt * (LIGHTEMMA.history_positions - 1)
#: Names of drives that ``lightemma simulate data`` wrote: scenario and seed, and no more where the expert drove undisturbed.
_SIMULATED = re.compile(r"sim-(?P<scenario>.+)-(?P<seed>\d{3,})$")


@dataclass(frozen=True, slots=True)
class Start:
    """One start.

    Attributes:
        scenario: of the episode: the scene, or the scenario where a simulated drive begins with its episode.
        seed: of the episode: the number of the start in its scene, or the drive's own.
        pictures: (past, h, w, 3) bytes, the last is what the car sees at the start.
        actions: (past - 1, 3) between them.
        history: (7, 3) poses at -3.5 … -0.5 s.
        log: (n, 3) poses of the recorded car every half second from the start on.
        exact: whether the simulated episode of this scenario and seed begins at this very moment.
    """

    scenario: str
    seed: int
    pictures: ByteArray
    actions: FloatArray
    history: FloatArray
    log: FloatArray
    exact: bool = False


def starts_of(clips: Sequence[Clip], past: int, seconds: float, per_scene: int = 3) -> list[Start]:
    """The starts that clips offer, evenly spread over each.

    Args:
        clips: recorded drives.
        past: pictures that a model is given.
        seconds: that must follow a start.
        per_scene: most starts of a clip.

    Raises:
        UserError: if no clip is long enough.
    """
    found: list[Start] = []
    numbers: dict[str, int] = {}
    for clip in clips:
        times = np.concatenate([[0.0], np.cumsum(clip.actions[:, 2])])
        first = int(np.searchsorted(times, BEFORE_S - 0.1))
        fits = np.flatnonzero(times <= times[-1] - seconds + 0.1)
        last = int(fits[-1]) if len(fits) else -1
        first = max(first, past - 1)
        if last < first:
            continue
        simulated = _SIMULATED.fullmatch(clip.name)
        for place in np.unique(np.linspace(first, last, per_scene).round().astype(int)).tolist():
            exact = simulated is not None and place == first == round(BEFORE_S / LIGHTEMMA.dt)
            number = numbers.get(clip.name, 0)
            numbers[clip.name] = number + (not exact)
            scenario, seed = (
                (simulated["scenario"], int(simulated["seed"])) if exact and simulated else (clip.name, number)
            )
            found.append(_start(clip, times, place, past, scenario, seed, exact))
    if not found:
        raise UserError(
            f"No drive is long enough to start in: {BEFORE_S:g} s before a start and {seconds:g} s after it are needed."
        )
    return found


def _start(clip: Clip, times: FloatArray, place: int, past: int, scenario: str, seed: int, exact: bool) -> Start:
    headings = np.unwrap(clip.poses[:, 2])

    def at(when: FloatArray) -> FloatArray:
        return np.column_stack([np.interp(when, times, column) for column in (*clip.poses[:, :2].T, headings)])

    now = times[place]
    before = now - BEFORE_S + LIGHTEMMA.dt * np.arange(LIGHTEMMA.history_positions - 1)
    count = int((times[-1] - now + 0.1) / LIGHTEMMA.dt)
    return Start(
        scenario=scenario,
        seed=seed,
        pictures=clip.pictures[place - past + 1 : place + 1],
        actions=clip.actions[place - past + 1 : place],
        history=at(before),
        log=at(now + LIGHTEMMA.dt * np.arange(count + 1)),
        exact=exact,
    )


def write_starts(path: Path, starts: Sequence[Start]) -> None:
    """Writes starts.

    Raises:
        UserError: if the file cannot be written.
    """
    length = max(len(one.log) for one in starts)
    logs = np.full((len(starts), length, 3), np.nan)
    for number, one in enumerate(starts):
        logs[number, : len(one.log)] = one.log
    data = io.BytesIO()
    np.savez_compressed(
        data,
        scenario=np.array([one.scenario for one in starts]),
        seed=np.array([one.seed for one in starts]),
        pictures=np.stack([one.pictures for one in starts]),
        actions=np.stack([one.actions for one in starts]),
        history=np.stack([one.history for one in starts]),
        log=logs,
        exact=np.array([one.exact for one in starts]),
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data.getvalue())
    except OSError as error:
        raise UserError(f"'{path}' cannot be written ({error.strerror}); make room.") from error


def read_starts(path: Path) -> list[Start]:
    """What ``write_starts`` wrote.

    Raises:
        UserError: if there is no such file, or it is something else.
    """
    try:
        with np.load(io.BytesIO(read_whole(path)), allow_pickle=False) as found:
            columns = [found[name] for name in ("scenario", "seed", "pictures", "actions", "history", "log", "exact")]
    except OSError as error:
        raise UserError(f"'{path}' cannot be read ({error.strerror or error}).") from error
    except (ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise UserError(f"'{path}' holds no starts; train the world again.") from error
    starts = []
    for scenario, seed, pictures, actions, history, log, exact in zip(*columns, strict=True):
        known = np.isfinite(log).all(axis=1)
        starts.append(Start(str(scenario), int(seed), pictures, actions, history, log[known], bool(exact)))
    return starts
