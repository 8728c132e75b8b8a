"""What the page loads of an episode: the stored replay, and of each decision its time, picture, words and plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lightemma.closed_loop.episode import BEGINNING_US
from lightemma.closed_loop.replay import Replay, read_replay
from lightemma.closed_loop.study import DrivenRun
from lightemma.data.picture_names import PictureFolder
from lightemma.errors import UserError
from lightemma.files import digest_of
from lightemma.frame import Camera
from lightemma.report.camera_view import paths_in_picture
from lightemma.report.page.prompts import PromptTemplates
from lightemma.report.page.stages import shown_stages
from lightemma.report.thumbnails import make_thumbnail
from lightemma.run_folder.records import FrameRecord
from lightemma.run_folder.store import read_frames
from lightemma.simulation.render import front_camera

#: Names of the paths in a picture.
PLAN, EXPERT = "plan", "expert"


@dataclass
class EpisodeData:
    """Builds the data of one episode after another.

    Attributes:
        every: a picture for each of so many decisions; 0 for none.
        templates: the wordings of prompts met so far.
        pictures: how many were taken.
    """

    every: int = 1
    templates: PromptTemplates = field(default_factory=PromptTemplates)
    pictures: int = 0

    def of_run(self, run: DrivenRun, folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each finished episode's name and data.

        Args:
            run: as it was read.
            folder: of the run.

        Raises:
            UserError: if the run's frames cannot be read.
        """
        records: dict[str, list[FrameRecord]] = {}
        for record in read_frames(folder):
            records.setdefault(record.scene, []).append(record)
        pictures = PictureFolder(folder)
        for name in run.episodes:
            decisions = sorted(records.get(name, ()), key=lambda record: record.frame_index)
            replay, damaged = _stored(folder, name)
            # Version 0.1 kept no camera: its pictures were the city's.
            camera = replay.camera.camera() if replay and replay.camera else front_camera()
            yield (
                name,
                {
                    "damaged": damaged,
                    "replay": None if replay is None else _replay(replay),
                    "decisions": [
                        self._decision(number, record, folder, pictures, camera)
                        for number, record in enumerate(decisions)
                    ],
                },
            )

    def _decision(
        self, number: int, record: FrameRecord, folder: Path, pictures: PictureFolder, camera: Camera
    ) -> dict[str, Any]:
        history = np.array(record.history, dtype=np.float64)
        lists = [str(history[:, 0].tolist()), str(history[:, 1].tolist())]
        planned = record.trajectory
        return {
            "time": round((record.timestamp - BEGINNING_US) / 1e6, 3),
            "outcome": record.outcome,
            "plan": None if planned is None else np.round(np.array(planned), 2).tolist(),
            "lists": lists,
            "texts": shown_stages(record.calls, lists, self.templates),
            "picture": self._picture(number, record, folder, pictures, camera),
        }

    def _picture(
        self, number: int, record: FrameRecord, folder: Path, pictures: PictureFolder, camera: Camera
    ) -> dict[str, Any] | None:
        # Of other people's runs, whose names of pictures may lead anywhere.
        if not self.every or number % self.every or not record.image or pictures.wrong(record.image):
            return None
        path = folder / record.image
        if not path.is_file() or (record.picture_files and digest_of(path) != record.picture_files[-1]):
            return None
        thumbnail = make_thumbnail(path)
        if thumbnail is None:
            return None
        self.pictures += 1
        paths = {}
        if record.trajectory is not None:
            paths[PLAN] = np.array(record.trajectory, dtype=np.float64)
        if record.ground_truth:
            paths[EXPERT] = np.array(record.ground_truth, dtype=np.float64)
        drawn = paths_in_picture(camera, paths, thumbnail.size)
        return {
            "src": thumbnail.uri,
            "size": list(thumbnail.size),
            **{name: [np.round(piece, 1).tolist() for piece in pieces] for name, pieces in drawn.items()},
        }


def _stored(folder: Path, name: str) -> tuple[Replay | None, str]:
    """The replay of an episode, or why there is none."""
    try:
        replay = read_replay(folder, name)
    except UserError as error:  # only watching needs it
        return None, str(error)
    return (replay, "") if replay and replay.steps else (None, "")


def _replay(replay: Replay) -> dict[str, Any]:
    """A replay to the centimetre: [number, kind, length, width] and, a step, [seconds, car, others, colours of lights]."""
    return {
        "streets": replay.ground.streets if replay.ground else [],
        "lights": replay.ground.lights if replay.ground else [],
        "actors": [[one.number, one.kind, one.length, one.width] for one in replay.actors],
        "steps": [
            [
                step.time,
                [round(value, 3) for value in step.ego],
                [[one[0], *(round(value, 2) for value in one[1:])] for one in step.actors],
                [[one[0], one[1]] for one in step.signals],
            ]
            for step in replay.steps
        ],
    }
