"""Drives of ``lightemma simulate data`` as arrays for training: every labelled key frame, with pictures of 160 x 90.

Read are ``driven/``, ``expert/``, ``facts/`` and the pictures, so that the last key frames of a drive count too: the expert's
label needs no recorded future. Each drive is kept as one file in a folder of its own, so that drawing may go on meanwhile.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from PIL import Image

from lightemma.label_rows import FactsRow, LabelRow, read_rows
from lightemma.observed_facts import ObservedFacts
from lightemma.simulation.dataset.driven import DrivenRow
from lightemma.simulation.dataset.split import split_of

SIZE = (160, 90)
#: Positions that a history spans, and key frames of future that a plan spans.
BACK, AHEAD = 8, 6
LIGHTS = ("none", "red", "amber", "green")
LEADERS = ("none", "vehicle", "obstacle")
COMMANDS = ("unknown", "follow", "left", "straight", "right")
SKIES = ("day", "dusk", "rain", "fog")
VEHICLES = ("car", "truck", "van", "bus", "motorcycle", "bicycle", "cyclist")
NEAR = 40.0
#: Metres beyond which a vehicle ahead, and a person, are too small in the picture to be told of.
LEADER_M, PERSON_M = 60.0, 25.0
#: Columns of ``numbers`` (NaN where unknown) and of ``kinds``.
NUMBERS = (
    "gap",
    "leader_speed",
    "stop_line",
    "light_m",
    "person_m",
    "offset",
    "heading_error",
    "k5",
    "k10",
    "k15",
    "k20",
    "k25",
    "k30",
)
KINDS = {"light": 4, "leader": 3, "person": 2, "works": 2, "sky": 4, "stop_line": 2, "lane": 2, "oncoming": 2}


@dataclass
class Frames:
    """Labelled key frames of many drives; n frames, m pictures.

    Attributes:
        pictures: (m, 90, 160, 3) uint8.
        now: (n,) place of the frame's picture; the one before it is 0.5 s older.
        poses: (n, 8, 2) metres, without noise; times: (n, 8) seconds.
        plan: (n, 6, 2) the expert's pairs.
        future: (n, 6, 2) metres, ego frame, as driven; NaN where the drive ends or somebody else than the expert drove.
        command, metres: (n,) index of COMMANDS, metres to it (NaN: none).
        numbers, kinds: (n, ...) facts.
        scene: (n,) name of the drive.
    """

    pictures: np.ndarray
    now: np.ndarray
    poses: np.ndarray
    times: np.ndarray
    heading: np.ndarray
    plan: np.ndarray
    future: np.ndarray
    driven: np.ndarray
    command: np.ndarray
    metres: np.ndarray
    numbers: np.ndarray
    kinds: np.ndarray
    scene: np.ndarray

    def __len__(self) -> int:
        return len(self.now)


def facts_of(facts: ObservedFacts, sky: int) -> tuple[list[float], list[int]]:
    """Numbers and kinds of what is seen."""
    nan = float("nan")
    things = {one.number: one for one in facts.things}
    leader, kind = facts.leader, 0
    if leader is not None:
        thing = things.get(leader.number)
        kind = 1 if thing is None or thing.kind in VEHICLES else 2
    persons = [one.distance for one in facts.things if one.kind == "pedestrian"]
    works = [one.distance for one in facts.things if one.kind in ("cone", "barrier")]
    lane = facts.lane
    curves = [nan] * 6 if lane is None else [nan if k is None else k for k in lane.curvatures]
    oncoming = any(one.kind in VEHICLES and abs(one.box_3d[6]) > 2.4 and one.distance < NEAR for one in facts.things)
    numbers = [
        nan if leader is None else leader.gap,
        nan if leader is None else leader.speed,
        nan if facts.stop_line is None else facts.stop_line,
        nan if facts.light is None else facts.light.distance,
        min(persons, default=nan),
        nan if lane is None else lane.offset,
        nan if lane is None else lane.heading_error,
        *curves,
    ]
    kinds = [
        0 if facts.light is None else LIGHTS.index(facts.light.colour),
        kind,
        int(min(persons, default=99.0) < NEAR),
        int(min(works, default=99.0) < NEAR),
        sky,
        int(facts.stop_line is not None and facts.stop_line < NEAR),
        int(lane is not None),
        int(oncoming),
    ]
    return numbers, kinds


def read_drive(root: Path, scene: str, sky: int, expert: bool) -> dict[str, np.ndarray]:
    """One drive as arrays."""
    decoder = msgspec.json.Decoder(DrivenRow)
    rows = [decoder.decode(line) for line in (root / "driven" / f"{scene}.jsonl").read_bytes().splitlines()]
    rows = [row for row in rows if row.key_frame is not None]
    labels = {row.key_frame: row for row in read_rows(root / "expert" / f"{scene}.jsonl", LabelRow)}
    facts = {row.key_frame: row.facts for row in read_rows(root / "facts" / f"{scene}.jsonl", FactsRow)}
    poses = np.array([(row.x, row.y) for row in rows])
    headings = np.array([row.heading for row in rows])
    times = np.array([row.time for row in rows])
    pictures = np.stack([picture(root / row.picture) for row in rows])
    out: dict[str, list] = {
        name: []
        for name in (
            "now",
            "poses",
            "times",
            "heading",
            "plan",
            "future",
            "driven",
            "command",
            "metres",
            "numbers",
            "kinds",
        )
    }
    for place in range(BACK - 1, len(rows)):
        label = labels.get(place)
        if label is None or not label.valid or label.plan is None or place not in facts:
            continue
        seen = facts[place]
        nan = np.full((AHEAD, 2), np.nan)
        future = nan
        if place + AHEAD < len(rows):
            c, s = np.cos(headings[place]), np.sin(headings[place])
            future = (poses[place + 1 : place + 1 + AHEAD] - poses[place]) @ np.array([[c, -s], [s, c]])
        hidden = seen.privileged
        command = label.command or "unknown"
        metres = np.nan
        if hidden is not None and hidden.next_turn is not None and command in ("left", "right", "straight"):
            metres = max(hidden.next_turn[1] + 3.7, 0.0)
        numbers, kinds = facts_of(seen, sky)
        out["now"].append(place)
        out["poses"].append(poses[place - BACK + 1 : place + 1])
        out["times"].append(times[place - BACK + 1 : place + 1])
        out["heading"].append(headings[place])
        out["plan"].append(np.array(label.plan))
        out["future"].append(future if expert else nan)
        out["driven"].append(future)
        out["command"].append(COMMANDS.index(command) if command in COMMANDS else 0)
        out["metres"].append(metres)
        out["numbers"].append(numbers)
        out["kinds"].append(kinds)
    return {"pictures": pictures, **{name: np.array(values) for name, values in out.items()}}


def picture(path: Path) -> np.ndarray:
    """(90, 160, 3) of a picture file."""
    with Image.open(path) as image:
        return np.asarray(shrunk(image.convert("RGB")))


def shrunk(image: Image.Image) -> Image.Image:
    """A picture at the network's size."""
    return image if image.size == SIZE else image.resize(SIZE, Image.Resampling.BOX)


def prepare(root: Path, cache: Path) -> int:
    """Reads the finished drives of a data set that are not in the cache yet; how many were added."""
    cache.mkdir(parents=True, exist_ok=True)
    added = 0
    for path in sorted((root / ".scenes").glob("*.json")):
        kept = cache / f"{path.stem}.npz"
        if kept.exists() or not (root / "facts" / f"{path.stem}.jsonl").exists():
            continue
        about = msgspec.json.decode(path.read_bytes())
        about = about["facts"]
        sky = sky_of(path.stem, about)
        arrays = read_drive(root, path.stem, sky, about.get("driver", "expert") == "expert")
        np.savez(kept.with_suffix(".part.npz"), **arrays)
        kept.with_suffix(".part.npz").rename(kept)
        added += 1
    return added


def sky_of(name: str, about: dict) -> int:
    """Index of SKIES."""
    for word in ("rain", "fog", "dusk"):
        if word in (about.get("weather"), about.get("light")) or f"-{word}-" in f"{name}-":
            return SKIES.index(word)
    return 0


class Growing:
    """The frames of one part of the split in some caches, to which drives may be added meanwhile.

    Args:
        caches: folders of ``prepare``.
        part: of the split.
    """

    def __init__(self, caches: list[Path], part: str) -> None:
        self._caches, self._part = caches, part
        self._seen: set[Path] = set()
        self._drives: list[dict[str, np.ndarray]] = []

    def frames(self) -> Frames | None:
        """All frames there are now; None if no drive was added since the last time."""
        paths = sorted(
            path for cache in self._caches for path in cache.glob("*.npz") if not path.name.endswith(".part.npz")
        )
        new = [
            path for path in paths if path not in self._seen and split_of(*scenario_and_seed(path.stem)) == self._part
        ]
        for path in new:
            self._seen.add(path)
            with np.load(path) as held:
                arrays = {key: held[key] for key in held.files}
            if len(arrays["now"]):
                arrays["scene"] = np.array([f"{path.parent.name}/{path.stem}"] * len(arrays["now"]))
                self._drives.append(arrays)
        if not new or not self._drives:
            return None
        offset = np.cumsum([0, *(len(one["pictures"]) for one in self._drives)])
        names = [name for name in self._drives[0] if name != "now"]
        joined = {name: np.concatenate([one[name] for one in self._drives]) for name in names}
        gap, person = (joined["numbers"][:, NUMBERS.index(name)] for name in ("gap", "person_m"))
        leader, near = (list(KINDS).index(name) for name in ("leader", "person"))
        joined["kinds"][:, leader] *= ~(gap > LEADER_M)
        joined["kinds"][:, near] = person < PERSON_M
        now = np.concatenate([one["now"] + start for one, start in zip(self._drives, offset[:-1], strict=True)])
        return Frames(now=now, **joined)


def load(caches: list[Path], part: str) -> Frames:
    """The frames of one part of the split, of all caches."""
    frames = Growing(caches, part).frames()
    assert frames is not None, f"no drives for {part}"
    return frames


def scenario_and_seed(name: str) -> tuple[str, int]:
    """Of a drive's name, such as ``sim-red-light-rain-103``."""
    found = re.match(r"sim-(.+?)-(\d{3,})(?:-|$)", name)
    assert found is not None, name
    return found[1], int(found[2])
