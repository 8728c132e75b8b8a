"""Reads collected drives for training: frames with the expert's label, and pictures with what was driven between them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from lightemma.data.nuscenes import NuScenesSource
from lightemma.errors import UserError
from lightemma.files import read_whole
from lightemma.frame import FloatArray, Frame
from lightemma.kinematics import actions_through
from lightemma.label_rows import FactsRow, LabelRow, read_rows
from lightemma.observed_facts import ObservedFacts, PrivilegedFacts
from lightemma.simulation.dataset.driven import DrivenRow
from lightemma.simulation.dataset.split import Part, split_of

#: Metres between two pictures below which a curvature cannot be computed; the car's own is taken.
SHORTEST = 0.05
#: Folder of what was driven between pictures; data sets with key frames alone have none.
DRIVEN = "driven"


@dataclass(frozen=True, slots=True)
class CollectedScene:
    """One drive of a data set that ``lightemma simulate data`` wrote.

    Attributes:
        name: of the scene.
        scenario: what happens.
        seed: of everything random.
        driver: who drove.
        part: train, validation or test.
        facts: everything that ``simulation.json`` says about it.
    """

    name: str
    scenario: str
    seed: int
    driver: str
    part: Part
    facts: dict[str, Any]


@dataclass(frozen=True, slots=True)
class CollectedFrame:
    """A benchmark frame with the expert's label.

    Attributes:
        scene: its drive.
        frame: history, camera, picture and, as ``future``, where the car was truly driven.
        label: what the expert would have done from here; learn from it only where ``label.valid``.
        facts: what the camera sees; None where it was not recorded.
        privileged: what no camera shows: for teachers and for checks, never for what is to drive.
        driven: (6, 2) the actions that lead along ``frame.future``: mean speed (m/s) and curvature (1/m) as driven.
    """

    scene: CollectedScene
    frame: Frame
    label: LabelRow
    driven: FloatArray
    facts: ObservedFacts | None = None
    privileged: PrivilegedFacts | None = None

    @property
    def target(self) -> FloatArray | None:
        """(6, 2) the label's pairs; None where it is not valid."""
        return np.array(self.label.plan) if self.label.valid and self.label.plan is not None else None


@dataclass(frozen=True, slots=True)
class DrivenScene:
    """All pictures of one drive in order of time, and what was driven from each to the next.

    Attributes:
        scene: the drive.
        pictures: (n,) files.
        times: (n,) seconds.
        poses: (n, 3) x, y (metres) and heading (radians) of the rear axle, without noise.
        actions: (n - 1, 2) mean speed (m/s) and curvature (1/m) from each picture to the next.
    """

    scene: CollectedScene
    pictures: tuple[Path, ...]
    times: FloatArray
    poses: FloatArray
    actions: FloatArray


class CollectedDrives:
    """The drives of a data set that ``lightemma simulate data`` wrote.

    Args:
        root: its folder.
        version: name of the tables' folder.
        held_out: scenarios that are for the test only.

    Raises:
        UserError: if it is no such data set.
    """

    def __init__(self, root: Path, version: str = "v1.0-sim", held_out: Collection[str] = ()) -> None:
        self._root, self._version = root, version
        path = root / "simulation.json"
        try:
            listed = msgspec.json.decode(read_whole(path))["scenes"]
            self.scenes = [
                CollectedScene(
                    one["name"],
                    one["scenario"],
                    one["seed"],
                    one.get("driver", "expert"),
                    split_of(one["scenario"], one["seed"], held_out),
                    one,
                )
                for one in listed
            ]
        except OSError as error:
            raise UserError(
                f"'{root}' has no simulation.json ({error.strerror or error}); give a folder that `lightemma simulate data` "
                "wrote."
            ) from error
        except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"'{path}' is damaged ({error}); give the command that wrote it again.") from error

    def of(self, part: Part | None) -> list[CollectedScene]:
        """The drives of one part, or all."""
        return [scene for scene in self.scenes if part in (None, scene.part)]

    def frames(self, part: Part | None = None) -> Iterator[CollectedFrame]:
        """The benchmark frames of one part, or of all, scene by scene.

        Raises:
            UserError: if a file is missing or damaged, or a frame has no label.
        """
        source = NuScenesSource(self._root, self._version)
        for scene in self.of(part):
            path = self._root / "expert" / f"{scene.name}.jsonl"
            labels = {row.sample_token: row for row in read_rows(path, LabelRow)}
            seen = self._facts(scene)
            for frame in source.checked_frames(scene.name):
                if frame.sample_token not in labels:
                    raise UserError(
                        f"'{path}' has no label of the frame {frame.sample_token}; collect that drive again."
                    )
                assert frame.future is not None
                label, driven = labels[frame.sample_token], actions_through(frame.future)
                facts = seen.get(frame.sample_token)
                if facts is None:
                    yield CollectedFrame(scene, frame, label, driven)
                else:
                    yield CollectedFrame(scene, frame, label, driven, facts.visible(), facts.privileged)

    def _facts(self, scene: CollectedScene) -> dict[str, ObservedFacts]:
        path = self._root / "facts" / f"{scene.name}.jsonl"
        return {row.sample_token: row.facts for row in read_rows(path, FactsRow)} if path.exists() else {}

    def drives(self, part: Part | None = None) -> Iterator[DrivenScene]:
        """Pictures and actions of one part, or of all, scene by scene.

        Raises:
            UserError: if a file is missing or damaged.
        """
        for scene in self.of(part):
            rows = _driven_rows(self._root / DRIVEN / f"{scene.name}.jsonl")
            poses = np.array([(row.x, row.y, row.heading) for row in rows])
            times = np.array([row.time for row in rows])
            files = tuple(self._root / row.picture for row in rows)
            curvatures = np.array([row.curvature for row in rows])
            yield DrivenScene(scene, files, times, poses, actions_between(poses, times, curvatures))


def actions_between(poses: FloatArray, times: FloatArray, curvatures: FloatArray) -> FloatArray:
    """(n - 1, 2) mean speed (m/s) and curvature (1/m) from each pose to the next; backwards and skidding do not happen.

    Args:
        poses: (n, 3) x, y, heading.
        times: (n,) seconds.
        curvatures: (n,) 1/m of the car, taken where it hardly moves.
    """
    way = np.hypot(*np.diff(poses[:, :2], axis=0).T)
    turn = np.remainder(np.diff(poses[:, 2]) + np.pi, 2.0 * np.pi) - np.pi
    moved = way > SHORTEST
    curvature = np.where(moved, turn / np.where(moved, way, 1.0), curvatures[:-1])
    return np.column_stack([way / np.diff(times), curvature])


def _driven_rows(path: Path) -> list[DrivenRow]:
    decoder = msgspec.json.Decoder(DrivenRow)
    try:
        return [decoder.decode(line) for line in read_whole(path).splitlines()]
    except OSError as error:
        raise UserError(f"'{path}' cannot be read ({error.strerror or error}); collect that drive again.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"'{path}' is damaged ({error}); collect that drive again.") from error
