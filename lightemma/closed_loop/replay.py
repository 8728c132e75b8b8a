"""The replay of an episode: positions of all actors every half second, one compressed file per episode."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import msgspec

from lightemma.camera import CameraEntry
from lightemma.closed_loop.records import EPISODES
from lightemma.errors import UserError
from lightemma.files import private_folder, read_whole, unpacked, write_whole
from lightemma.run_folder.store import whole_lines

#: Folder of a run's replays.
REPLAYS = "replays"
#: Most bytes of a replay, packed or not.
_LARGEST = 500_000_000

_ENCODER = msgspec.json.Encoder()


class ActorEntry(msgspec.Struct, frozen=True, array_like=True):
    """A road user of the whole episode: number, kind, length and width in metres."""

    number: int
    kind: str
    length: float
    width: float


class ReplayStep(msgspec.Struct, frozen=True, array_like=True):
    """One moment of the replay, every half second.

    Attributes:
        time: seconds.
        ego: x, y, heading, speed, curvature.
        actors: number, x, y, heading, speed of each.
        signals: number and colour of each.
    """

    time: float
    ego: tuple[float, float, float, float, float]
    actors: list[tuple[int, float, float, float, float]] = []
    signals: list[tuple[int, str]] = []


class ReplayGround(msgspec.Struct, frozen=True):
    """What stands still around an episode, from above.

    Attributes:
        streets: polygons of x, y in metres; they may overlap.
        lights: number, x, y in metres of each signal head.
    """

    streets: list[list[tuple[float, float]]] = []
    lights: list[tuple[int, float, float]] = []


class Replay(msgspec.Struct, frozen=True, omit_defaults=True):
    """The replay of one episode.

    Attributes:
        actors: all of the episode.
        steps: every half second, and the end.
        camera: the front camera; None in files of version 0.1.
        ground: streets and lights; None where the world shows none, and in older files.
    """

    actors: list[ActorEntry] = []
    steps: list[ReplayStep] = []
    camera: CameraEntry | None = None
    ground: ReplayGround | None = None


def replay_path(folder: Path, episode: str) -> Path:
    """Where the replay of an episode is kept in its run's folder."""
    return folder / REPLAYS / f"{episode}.json.gz"


def write_replay(folder: Path, episode: str, replay: Replay) -> None:
    """Writes a whole replay; one of an earlier attempt is replaced.

    Args:
        folder: of the run.
        episode: its name.
        replay: what happened.

    Raises:
        UserError: if it cannot be written.
    """
    path = replay_path(folder, episode)
    # No name and no time in the header: the same episode gives the same bytes.
    data = gzip.compress(_ENCODER.encode(replay), compresslevel=6, mtime=0)
    try:
        private_folder(path.parent)
        write_whole(path, data, private=True)
    except OSError as error:
        raise UserError(
            f"'{path}' cannot be written ({error.strerror}); make room and give the same command again."
        ) from error


def read_replay(folder: Path, episode: str) -> Replay | None:
    """The replay of one episode; None where the run has none for it.

    Args:
        folder: of the run; one written by version 0.1 has the replays in episodes.jsonl.
        episode: its name.

    Raises:
        UserError: if the file is damaged.
    """
    path = replay_path(folder, episode)
    try:
        return msgspec.json.decode(unpacked(read_whole(path, _LARGEST), _LARGEST), type=Replay)
    except FileNotFoundError:
        return _read_from_line(folder / EPISODES, episode)
    except (OSError, EOFError, zlib.error, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(
            f"The replay '{path}' is damaged ({error}); delete it: only pictures of the episode need it."
        ) from error


class _OldLine(msgspec.Struct, frozen=True):
    """The replay in a line of episodes.jsonl of version 0.1."""

    name: str
    actors: list[ActorEntry] = []
    trace: list[ReplayStep] = []


def _read_from_line(path: Path, episode: str) -> Replay | None:
    decoder = msgspec.json.Decoder(_OldLine)
    wanted = f'"name":"{episode}"'.encode()
    found = None
    for line in whole_lines(path):
        if wanted not in line:
            continue
        try:
            old = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UserError(f"A line of '{path}' about '{episode}' is damaged ({error}).") from error
        if old.name == episode and old.trace:
            found = Replay(old.actors, old.trace)
    return found
