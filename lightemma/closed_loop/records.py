"""What a closed-loop run writes besides its frames: one line of episodes.jsonl per finished episode."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

from lightemma.errors import UserError
from lightemma.files import private_file, write_whole
from lightemma.label_rows import FACTS
from lightemma.run_folder.frame_lines import FRAMES
from lightemma.run_folder.manifest import CLOSED_LOOP
from lightemma.run_folder.records import FrameRecord
from lightemma.run_folder.store import whole_lines

EPISODES = "episodes.jsonl"
#: File of the rules, the renderer and the episodes' names.
SETTINGS = "drive.json"
PICTURES = "pictures"
#: ``data.source`` in the manifest of a closed-loop run.
SOURCE = CLOSED_LOOP

End = Literal["goal", "collision", "off-road", "off-route", "time-out", "stuck", "horizon"]
#: What was hit: a person, another vehicle, or a thing such as a cone.
Struck = Literal["person", "vehicle", "thing"]

#: Fields of ``ScoreParts`` that are no factors.
NO_FACTORS = ("score", "success")

_ENCODER = msgspec.json.Encoder()
_T = TypeVar("_T")


class Crash(msgspec.Struct, frozen=True):
    """A contact of the ego car with another road user or thing.

    Attributes:
        time: seconds since the episode's start.
        struck: what it was.
        at_fault: whether the ego car is to blame.
    """

    time: float
    struck: Struck
    at_fault: bool


class Infraction(msgspec.Struct, frozen=True):
    """A fault, with where and when it was made.

    Attributes:
        kind: what, such as ``collision``, ``red-light`` or ``off-route``; a world may have kinds of its own.
        time: seconds since the episode's start.
        x: metres, of the car's rear axle in the world.
        y: metres.
        at_fault: whether the car is to blame.
        against: kind of the other road user, empty where there is none.
        detail: a few words.
    """

    kind: str
    time: float
    x: float
    y: float
    at_fault: bool = True
    against: str = ""
    detail: str = ""


class Met(msgspec.Struct, frozen=True):
    """Something that a scenario has in store for the car, such as a red light or a person who steps off.

    Attributes:
        name: what it is.
        reached: whether the car came to the place.
        met: whether it was there when the car came; a person who had to wait until the car was past was not met.
        time: seconds at which it was met; None if it was not.
    """

    name: str
    reached: bool
    met: bool
    time: float | None = None


class EpisodeOutcome(msgspec.Struct, frozen=True):
    """The numbers of an episode, from which the driving score is made. None is unknown: the world does not judge it.

    Attributes:
        end: why it ended; ``horizon``: the world can be trusted no longer.
        time_s: seconds it lasted.
        progress: 0 … 1, of the way to the goal.
        crashes: in order of time.
        red_lights: stop lines crossed at red.
        off_road: whether a corner ever left the carriageway.
        wrong_side: how often it drove among oncoming traffic for longer than overtaking takes.
        min_ttc_s: smallest time to collision; None also if no other was ever that close on a collision course.
        harsh_s: seconds beyond the comfort bounds.
        standing_s: seconds at a standstill, whatever the reason.
        expert_time_s: seconds in which the world's expert comes as far in the same episode.
        off_route: whether it left the way that it was to take.
        infractions: every fault in order of time.
        hindered: how often another had to brake hard for the car, or found it standing on a junction.
        speeding_s: seconds at more than 1.1 times the speed limit.
        close_share: share of the time behind another with less than 0.8 s between the bumpers; None without such a time.
        incidents: what the scenario has in store, and whether the car met it.
    """

    end: End
    time_s: float
    progress: float | None = None
    crashes: list[Crash] | None = None
    red_lights: int | None = None
    off_road: bool | None = None
    wrong_side: int | None = None
    min_ttc_s: float | None = None
    harsh_s: float | None = None
    standing_s: float | None = None
    expert_time_s: float | None = None
    off_route: bool | None = None
    infractions: list[Infraction] | None = None
    hindered: int | None = None
    speeding_s: float | None = None
    close_share: float | None = None
    incidents: list[Met] | None = None

    @property
    def crashes_at_fault(self) -> list[Crash]:
        """The known collisions that the car is to blame for."""
        return [crash for crash in self.crashes or () if crash.at_fault]


class Roll(msgspec.Struct, frozen=True):
    """One plan of a two-stage drive, driven from its start to its end.

    Attributes:
        decision: number of the decision, and so of the frame.
        point: number of the moment of the expert's drive that it belongs to.
        stage: 1 from where the expert was, 2 from a perturbed start.
        time: seconds of the expert's drive at the start.
        sideways: metres to the left of where the expert was.
        turned: radians to the left.
        faster: m/s.
        start: x, y in metres of the rear axle.
        end: the same, where the plan led.
        expert_m: metres that the expert drives from the same start.
        outcome: what happened; its progress is the share of the expert's.
    """

    decision: int
    point: int
    stage: int
    time: float
    sideways: float
    turned: float
    faster: float
    start: tuple[float, float]
    end: tuple[float, float]
    expert_m: float
    outcome: EpisodeOutcome


class ScoreParts(msgspec.Struct, frozen=True):
    """The factors of the driving score (see ``driving_score``), each 0 … 1, and their product times 100.

    A factor that the world does not judge is None and left out of the product; without progress there is no score.
    ``success`` is None where the world could be trusted no longer before it was decided.
    """

    progress: float | None
    collision: float | None
    red_light: float | None
    off_road: float | None
    side: float | None
    ttc: float | None
    comfort: float | None
    score: float | None
    success: bool | None
    route: float | None = None
    arrival: float = 1.0
    efficiency: float | None = None
    priority: float | None = None
    speeding: float | None = None

    @property
    def known(self) -> tuple[str, ...]:
        """The factors that the score is made of."""
        return tuple(
            name for name in self.__struct_fields__ if name not in NO_FACTORS and getattr(self, name) is not None
        )


class EpisodeRecord(msgspec.Struct, frozen=True):
    """One line of episodes.jsonl. Further fields of version 0.1 (the replay) are ignored.

    Attributes:
        name: of the episode; the ``scene`` of its frames.
        scenario: from the episode's specification.
        seed: from the specification.
        conditions: from the specification.
        left_hand: from the specification.
        decisions: plans asked for, and so frames of this episode.
        missing: decisions without a plan.
        failed_calls: those of them whose call failed; the same command drives such an episode again.
        outcome: how it ended, in numbers; ``verdict`` in the file.
        score: the driving score and its parts.
        family: from the specification; empty for the scenario itself, and in older files.
        blind: score and success in this episode of each driver that sees nothing, by its name; None where none were driven.
        rolls: the plans of a two-stage drive, from which its outcome and score are made; left out elsewhere.
    """

    name: str
    scenario: str
    seed: int
    conditions: str
    left_hand: bool
    decisions: int
    missing: int
    failed_calls: int
    outcome: EpisodeOutcome = msgspec.field(name="verdict")
    score: ScoreParts
    family: str = ""
    blind: dict[str, tuple[float, bool]] | None = None
    rolls: list[Roll] | msgspec.UnsetType = msgspec.UNSET


def read_episodes(folder: Path) -> list[EpisodeRecord]:
    """All finished episodes of a run."""
    return list({record.name: record for record in _lines(folder / EPISODES, EpisodeRecord)}.values())


class _Scene(msgspec.Struct, frozen=True, gc=False):
    scene: str


class _Name(msgspec.Struct, frozen=True, gc=False):
    name: str


def keep_only(folder: Path, finished: set[str]) -> None:
    """Drops every line about an episode that is not finished, since it is driven again from its start.

    Raises:
        UserError: if a file cannot be read or written.
    """
    scene, episode = msgspec.json.Decoder(_Scene), msgspec.json.Decoder(_Name)
    _filter(folder / FRAMES, lambda line: scene.decode(line).scene in finished)
    _filter(folder / FACTS, lambda line: scene.decode(line).scene in finished)
    _filter(folder / EPISODES, lambda line: episode.decode(line).name in finished)


class EpisodeWriter:
    """Appends finished episodes, one whole line each.

    Args:
        folder: the run's folder, which must exist.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / EPISODES
        try:
            private_file(self._path)
            self._file = self._path.open("ab", buffering=0)
        except OSError as error:
            raise _not_written(self._path, error) from error

    def append(self, record: EpisodeRecord) -> None:
        """Adds one episode; on return the operating system has the line.

        Raises:
            UserError: if it cannot be written (a full disk).
        """
        line = memoryview(_ENCODER.encode(record) + b"\n")
        try:
            while line:
                line = line[self._file.write(line) :]
        except OSError as error:
            raise _not_written(self._path, error) from error

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


def write_settings(folder: Path, settings: dict[str, object]) -> None:
    """Writes drive.json.

    Raises:
        UserError: if it cannot be written.
    """
    path = folder / SETTINGS
    try:
        write_whole(path, msgspec.json.format(_ENCODER.encode(settings), indent=2) + b"\n", private=True)
    except OSError as error:
        raise _not_written(path, error) from error


def failed_calls(frames: Iterable[FrameRecord]) -> int:
    """Number of an episode's decisions with a failed call."""
    return sum(frame.outcome.startswith("call:") for frame in frames)


def _lines(path: Path, kind: type[_T]) -> Iterator[_T]:
    decoder = msgspec.json.Decoder(kind)
    for number, line in enumerate(whole_lines(path), start=1):
        try:
            yield decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise UserError(
                f"Line {number} of '{path}' is damaged ({error}); delete that line, and drive again to fill the gap."
            ) from error


def _filter(path: Path, keep: Callable[[bytes], bool]) -> None:
    try:
        kept = [line for line in whole_lines(path) if keep(line)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"'{path}' is damaged ({error}); delete that line, and drive again to fill the gap.") from error
    try:
        text = b"".join(line + b"\n" for line in kept)
        if path.exists() and path.stat().st_size != len(text):
            write_whole(path, text, private=True)
    except OSError as error:
        raise _not_written(path, error) from error


def _not_written(path: Path, error: OSError) -> UserError:
    return UserError(f"'{path}' cannot be written ({error.strerror}); make room and give the same command again.")
