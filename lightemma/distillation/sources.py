"""Reads what teachers did: collected drives with the expert's labels, open-loop runs, and closed-loop runs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from msgspec import UNSET

from lightemma.closed_loop.driven_source import DrivenSource
from lightemma.closed_loop.records import SOURCE as CLOSED_LOOP
from lightemma.closed_loop.records import read_episodes
from lightemma.comparing.context import data_behind
from lightemma.data.collected import CollectedDrives, CollectedFrame
from lightemma.data.frame_lookup import FrameLookup
from lightemma.data.nuscenes import NuScenesSource
from lightemma.data.source_answers import facts_of
from lightemma.distillation.cases import EXPERT, Candidate, Case
from lightemma.distillation.partition import Partition
from lightemma.errors import UserError
from lightemma.frame import EarlierPicture, EgoHistory, Frame, Pose
from lightemma.kinematics import driven_back, integrate
from lightemma.label_rows import FACTS, Explanation, FactsRow, read_rows
from lightemma.protocol import LIGHTEMMA, Protocol
from lightemma.run_folder.manifest import Manifest
from lightemma.run_folder.places import find_run
from lightemma.run_folder.records import FrameRecord, LabelRecord, Pair, WordsRecord
from lightemma.run_folder.store import is_run, read_frames, read_manifest

#: File of a data set that ``lightemma simulate data`` wrote.
SIMULATED = "simulation.json"
#: Stages whose answers are a teacher's words.
_WORDS = ("scene", "intent")

#: Where a frame is: its data, its scene, its sample token.
Key = tuple[str, str, str]


class Cases:
    """All frames that were read, each once, with what every teacher answered.

    Args:
        partition: how scenes are split.
        data: the data behind recorded runs, as ``--data``; as noted when they were driven if None.

    Attributes:
        found: the frames.
        left_out: reason -> number of frames or answers that were left out.
    """

    def __init__(self, partition: Partition, data: str | None = None) -> None:
        self.found: dict[Key, Case] = {}
        self.left_out: dict[str, int] = {}
        self._partition, self._data = partition, data
        self._drives: list[tuple[str, CollectedDrives, Path]] = []

    def read(self, places: Sequence[Path]) -> None:
        """Reads data sets first and then runs, so that runs over collected drives find their labels.

        Raises:
            UserError: if a place is neither, or damaged.
        """
        places = [place if (place / SIMULATED).is_file() else find_run(place) or place for place in places]
        wrong = [place for place in places if not (place / SIMULATED).is_file() and not is_run(place)]
        if wrong:
            raise UserError(
                f"'{wrong[0]}' is neither a run nor a data set of `lightemma simulate data`; give folders that hold a "
                f"manifest.json or a {SIMULATED}."
            )
        for place in places:
            if (place / SIMULATED).is_file():
                self.add_drives(place)
        for place in places:
            if not (place / SIMULATED).is_file():
                self.add_run(place)

    def add_drives(self, root: Path) -> None:
        """Adds the frames of collected drives, with the expert as a teacher."""
        drives = CollectedDrives(root, held_out=self._partition.held_out)
        self._drives.append((str(root.resolve()), drives, root))
        for one in drives.frames():
            self.found[(str(root.resolve()), one.scene.name, one.frame.sample_token)] = self._labelled(one, root)

    def _labelled(self, one: CollectedFrame, root: Path) -> Case:
        scene = one.scene
        part, group = self._partition.simulated(scene.scenario, scene.seed, str(scene.facts.get("family", "")))
        target = one.target
        words = "" if one.label.explanation is None else _said(one.label.explanation)
        label = None if target is None else Candidate(EXPERT, target, words, knows=True)
        return Case(
            replace(one.frame, future=None, command=one.label.command),
            group,
            part,
            None if target is None else integrate(target),
            label,
            one.facts,
            root,
            town=str(scene.facts.get("houses", "")),
        )

    def add_run(self, folder: Path) -> None:
        """Adds a run's plans, all its samples among them."""
        manifest = read_manifest(folder)
        if manifest.probe is not None:
            raise UserError(
                f"The run '{folder}' is of the probe '{manifest.probe.name}', which changes what its model was shown; give the "
                "untouched run."
            )
        if manifest.data.source == CLOSED_LOOP:
            self._add_closed(folder)
        else:
            self._add_open(folder, manifest)

    def _add_closed(self, folder: Path) -> None:
        source, name, whose = DrivenSource(folder), str(folder.resolve()), folder.name
        records = {record.sample_token: record for record in read_frames(folder)}
        has_facts = (folder / FACTS).is_file()
        facts = (
            {row.sample_token: row.facts.visible() for row in read_rows(folder / FACTS, FactsRow)} if has_facts else {}
        )
        for episode in read_episodes(folder):
            part, group = self._partition.simulated(episode.scenario, episode.seed, episode.family)
            seen: deque[EarlierPicture] = deque(maxlen=LIGHTEMMA.history_positions - 1)
            for decision in source.scene_frames(episode.name):
                # As the loop shows them: the pictures of the decisions before.
                frame = replace(decision, earlier=tuple(seen))
                if frame.image_path is not None:
                    seen.append(EarlierPicture(frame.image_path, frame.timestamp))
                record = records[frame.sample_token]
                label = record.label if isinstance(record.label, LabelRecord) and record.label.valid else None
                actions = None if label is None else np.array(label.actions, dtype=np.float64)
                expert = None
                if label is not None and actions is not None:
                    expert = Candidate(EXPERT, actions, "" if label.words is None else _said(label.words), knows=True)
                case = Case(
                    _commanded(replace(frame, future=None), record),
                    group,
                    part,
                    None if actions is None else integrate(actions),
                    expert,
                    facts.get(frame.sample_token),
                    folder,
                )
                case.candidates += candidates_of(record, whose)
                self.found[(name, episode.name, frame.sample_token)] = case

    def _add_open(self, folder: Path, manifest: Manifest) -> None:
        source = data_behind([manifest], folder.parent, self._data)
        known_drives = {name for name, _, _ in self._drives}
        simulated = isinstance(source, NuScenesSource) and (source.root / SIMULATED).is_file()
        if isinstance(source, NuScenesSource) and simulated and str(source.root.resolve()) not in known_drives:
            # Its scenes must be split as the simulation's are, and its frames have labels.
            self.add_drives(source.root)
        entry = manifest.data
        place = f"{entry.source}:{entry.name}@{entry.version}"
        drives = {scene.name: name for name, own, _ in self._drives for scene in own.scenes}
        if isinstance(source, NuScenesSource):
            drives = {scene: name for scene, name in drives.items() if name == str(source.root.resolve())}
        lookup = None if source is None else FrameLookup(source)
        facts = {} if source is None else facts_of(source)
        protocol = Protocol(**manifest.protocol)
        for record in read_frames(folder):
            if record.scene in drives:
                known = self.found.get((drives[record.scene], record.scene, record.sample_token))
                if known is not None:
                    known.candidates += candidates_of(record, folder.name)
                else:
                    self._leave_out("not among the collected drives' benchmark frames")
                continue
            key = (place, record.scene, record.sample_token)
            case = self.found.get(key)
            if case is None:
                own = lookup.frame(record.scene, record.sample_token) if lookup else None
                location = facts[record.scene].location if record.scene in facts else ""
                part, group = self._partition.recorded(record.scene, location)
                truth = None if record.ground_truth is None else np.array(record.ground_truth, dtype=np.float64)
                frame = own if own is not None else _stored(record, protocol)
                case = self.found[key] = Case(_commanded(replace(frame, future=None), record), group, part, truth)
            case.candidates += candidates_of(record, folder.name)

    def _leave_out(self, why: str) -> None:
        self.left_out[why] = self.left_out.get(why, 0) + 1


def candidates_of(record: FrameRecord, teacher: str) -> Iterator[Candidate]:
    """The answers of a frame of a run: its samples, or its only plan. A call that was not answered is no answer.

    Args:
        record: of the run.
        teacher: the run's name.
    """
    words = " ".join(call.response for call in record.calls if call.stage in _WORDS and call.response)
    if record.samples is not UNSET and record.samples:
        for sample in record.samples:
            text = _text_of(record, sample.call, sample.answer)
            if not sample.outcome.startswith("call:"):
                yield _candidate(teacher, sample.actions, sample.trajectory, words, text)
        return
    if record.outcome.startswith("call:"):
        return
    answered = record.answer is not None and 0 <= record.answer < len(record.calls)
    said = record.calls[record.answer].response if answered and record.answer is not None else None
    yield _candidate(teacher, record.actions, record.trajectory, words, said or "")


def _text_of(record: FrameRecord, call: int, answer: int) -> str:
    if not 0 <= call < len(record.calls):
        return ""
    asked = record.calls[call]
    if answer == 0:
        return asked.response or ""
    more = asked.more if asked.more is not UNSET else []
    return more[answer - 1].response if answer - 1 < len(more) else ""


def _candidate(teacher: str, actions: list[Pair] | None, points: list[Pair] | None, words: str, text: str) -> Candidate:
    pairs = None if actions is None else np.array(actions, dtype=np.float64)
    if pairs is not None and (pairs.shape != (6, 2) or not np.isfinite(pairs).all()):
        pairs = None  # of other people's runs
    if pairs is not None and not words and text:
        words = text.rpartition("[")[0].strip()  # of answers with reasoning before the pairs
    return Candidate(
        teacher,
        pairs,
        words,
        text if pairs is None else "",
        None if pairs is None or points is None else np.array(points, dtype=np.float64),
    )


def _said(words: Explanation | WordsRecord) -> str:
    return f"{words.scene} {words.intent} {words.reason}"


def _commanded(frame: Frame, record: FrameRecord) -> Frame:
    command = record.command if isinstance(record.command, str) else frame.command
    metres = record.command_m if isinstance(record.command_m, float) else frame.command_m
    return replace(frame, command=command, command_m=metres)


def _stored(record: FrameRecord, protocol: Protocol) -> Frame:
    """A frame whose data is not on this machine: its motion, and no picture."""
    history = np.array(record.history, dtype=np.float64)
    return Frame(
        record.scene,
        record.frame_index,
        record.sample_token,
        record.timestamp,
        record.image,
        None,
        None,
        Pose(0.0, 0.0, 0.0),
        EgoHistory(driven_back(history, protocol), history),
        None,
    )
