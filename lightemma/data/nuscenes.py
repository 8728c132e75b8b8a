"""nuScenes: the CAM_FRONT key frames of a version folder, cut into benchmark frames."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

from lightemma.agents import AgentLookup, MapLookup, Unknown
from lightemma.data.annotations import AnnotationIndex, load_boxes
from lightemma.data.base import CameraLookup, DataInfo, FrameSource, SourceSettings
from lightemma.data.drivable import DrivableMaps
from lightemma.data.nuscenes_cameras import other_cameras
from lightemma.data.nuscenes_index import KeyFrameIndex
from lightemma.data.nuscenes_readers import Reader, load_index
from lightemma.data.picture_names import PictureFolder
from lightemma.data.scene_texts import read_scene_texts
from lightemma.data.scenes import SceneTrack, frames_of_track
from lightemma.errors import UserError, near_names
from lightemma.frame import Frame
from lightemma.protocol import LIGHTEMMA, Protocol
from lightemma.scene_facts import SceneFacts, facts_from_text

log = logging.getLogger(__name__)


class NuScenesSource(FrameSource):
    """The scenes of one nuScenes version folder, or of any data set in the same tables.

    Needs ``scene``, ``sample``, ``sample_data``, ``ego_pose``, ``calibrated_sensor`` and ``sensor``; never reads the
    annotations. Where there is no folder ``samples`` under the root, frames have no picture path.

    Args:
        root: the data root, which holds the version folder and ``samples``.
        version: the version folder, such as ``v1.0-trainval``.
        reader: ``tables`` reads them itself, in seconds; ``devkit`` asks nuscenes-devkit, as a check.
        cache_dir: where the index is kept between runs; None keeps none.
        protocol: how scenes are cut.

    Raises:
        UserError: if a folder or table is missing, broken or incomplete, or the devkit is asked for and not installed.
    """

    def __init__(
        self,
        root: Path,
        version: str,
        *,
        reader: Reader = "tables",
        cache_dir: Path | None = None,
        protocol: Protocol = LIGHTEMMA,
    ) -> None:
        self._root, self._version, self._protocol, self._cache_dir = root, version, protocol, cache_dir
        self._reader = reader
        _check_folders(root, version)
        self._index = load_index(root, version, reader, cache_dir)
        self._picture_root = root if (root / "samples").is_dir() else None
        self._said: set[str] = set()
        for _, what in self._index.remarks_on(None):
            log.warning("%s: %s.", version, what)

    @classmethod
    def open(cls, place: str, settings: SourceSettings) -> NuScenesSource:
        """The source behind ``nuscenes:ROOT@VERSION``."""
        root, version = parse_spec(place)
        return cls(
            root,
            version,
            reader=settings.reader,
            cache_dir=settings.index_folder,
            protocol=settings.protocol,
        )

    @property
    def root(self) -> Path:
        """The data root."""
        return self._root

    @property
    def version(self) -> str:
        """The version folder's name."""
        return self._version

    @property
    def index(self) -> KeyFrameIndex:
        """All key frames as columns."""
        return self._index

    @property
    def info(self) -> DataInfo:
        """What this source is."""
        return DataInfo("nuscenes", self._root.resolve().name, self._version, len(self._index.scene_names))

    @property
    def packages(self) -> tuple[str, ...]:
        """The reader of the tables, where it is not our own."""
        return ("nuscenes-devkit",) if self._reader == "devkit" else ()

    @property
    def scene_names(self) -> Sequence[str]:
        """Names of all scenes, in the order of ``scene.json``."""
        return self._index.scene_names

    def scene_frames(self, scene: str) -> list[Frame]:
        """The benchmark frames of one scene, in time order.

        Raises:
            UserError: if two key frames have the same time, or rows contradict each other.
            KeyError: if there is no such scene.
        """
        index, rows = self._index, self._index.rows_of(scene)
        for refused, what in index.remarks_on(scene):
            if refused:
                raise UserError(f"Scene '{scene}' cannot be used: {what}.")
            if (scene + what) not in self._said:
                self._said.add(scene + what)
                log.warning("Scene '%s': %s.", scene, what)
        if rows.start == rows.stop:
            return []
        track = SceneTrack(
            scene=scene,
            sample_tokens=index.sample_tokens[rows],
            timestamps=index.timestamps[rows],
            positions=index.positions[rows],
            rotations=index.rotations[rows],
            images=index.images[rows],
            cameras=[index.cameras[number] for number in index.camera_numbers[rows].tolist()],
            root=self._picture_root,
        )
        return frames_of_track(track, self._protocol)

    def cameras(self) -> CameraLookup | None:
        """Where the other cameras' key frames are, from ``sample_data``; None where no other camera has any.

        Raises:
            UserError: if the table is broken.
        """
        if self._picture_root is None:
            return None
        root, found = self._picture_root, self._other_cameras
        if not found:
            return None
        folder = PictureFolder(root)

        def look(scene: str, token: str) -> dict[str, Path]:
            names = found.get(token, {})
            for name in names.values():
                if wrong := folder.wrong(name):
                    raise UserError(
                        f"The picture '{name}' of sample {token} in scene '{scene}' {wrong}; correct the tables."
                    )
            return {channel: root / name for channel, name in names.items()}

        return look

    @cached_property
    def _other_cameras(self) -> dict[str, dict[str, str]]:
        return other_cameras(self._root / self._version)

    def agents(self) -> AgentLookup | Unknown:
        """Who was around each frame, from ``sample_annotation``.

        Raises:
            UserError: if the tables of the annotations are broken.
        """
        found = AnnotationIndex(self._index, load_boxes(self._root, self._version, self._cache_dir))
        return Unknown(found.missing, found.surroundings) if found.missing else found.surroundings

    def maps(self) -> MapLookup | Unknown:
        """The maps under the scenes, from ``drivable/`` or nuScenes' map expansion."""
        found = DrivableMaps(self._root, self._version)
        return Unknown(found.missing) if found.missing else found.of

    def facts(self) -> Mapping[str, SceneFacts]:
        """Place, light and weather, as the tables' texts say."""
        texts = read_scene_texts(self._root, self._version)
        return {name: facts_from_text(*text) for name, text in texts.items()}


def parse_spec(spec: str) -> tuple[Path, str]:
    """Root and version of ``ROOT@VERSION``, or of ``ROOT`` where it has one version folder only.

    Raises:
        UserError: if the root is not named, or the version is not and there is not exactly one.
    """
    whole = Path(spec).expanduser()
    root_text, at, version = spec.rpartition("@")
    if at and not whole.is_dir():
        if not root_text or not version:
            raise UserError(f"'{spec}' does not name tables; write ROOT@VERSION, such as data/nuscenes@v1.0-test.")
        return Path(root_text).expanduser(), version
    if not spec:
        raise UserError("No nuScenes root is given; write ROOT@VERSION, such as data/nuscenes@v1.0-test.")
    _check_root(whole)
    versions = _versions(whole)
    if len(versions) != 1:
        there = f"has the versions {', '.join(versions)}" if versions else "has no version folder with a scene.json"
        example = f"{spec}@{versions[0] if versions else 'v1.0-test'}"
        raise UserError(f"{whole} {there}; write ROOT@VERSION, such as {example}.")
    return whole, versions[0]


def _versions(root: Path) -> list[str]:
    return sorted(path.parent.name for path in root.glob("*/scene.json"))


def _check_root(root: Path) -> None:
    if not root.is_dir():
        raise UserError(f"There is no folder {root}; give the nuScenes root, the folder that holds v1.0-… and samples.")
    if (root / "scene.json").is_file():
        absolute = root.resolve()
        raise UserError(f"{root} is a version folder itself; write {absolute.parent}@{absolute.name}.")


def _check_folders(root: Path, version: str) -> None:
    _check_root(root)
    if not (root / version).is_dir():
        raise UserError(f"{root} has no version folder '{version}'; {near_names(version, _versions(root))}")
