"""Two ways from a nuScenes version folder to an index: our own reading of the tables, and nuscenes-devkit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from lightemma.data.loose_values import is_true, shown, text
from lightemma.data.nuscenes_cache import index_cache
from lightemma.data.nuscenes_index import KeyFrameIndex, index_of
from lightemma.data.nuscenes_rows import TableRows, by_token
from lightemma.data.nuscenes_tables import (
    CHUNK_SIZE,
    FRONT_CHANNEL,
    TABLES,
    CalibrationRow,
    EgoPoseRow,
    RowT,
    SampleDataRow,
    SampleRow,
    SceneRow,
    SensorRow,
    read_table,
    scan_front_rows,
    scan_poses,
    stream_rows,
    table_path,
)
from lightemma.errors import UserError

Reader = Literal["tables", "devkit"]
FoundT = TypeVar("FoundT")

#: How tables write that a row is no key frame.
_NO_KEY_FRAME = (False, "false", "False", "0", "")


def load_index(root: Path, version: str, reader: Reader = "tables", cache_dir: Path | None = None) -> KeyFrameIndex:
    """The index of a version folder, from its tables or from what an earlier run kept of them.

    Args:
        root: the data root.
        version: the version folder's name.
        reader: ``tables`` reads them itself; ``devkit`` asks nuscenes-devkit.
        cache_dir: where the index is kept between runs; None keeps none.

    Raises:
        UserError: if a table is missing, broken or incomplete, or the devkit is asked for and not installed.
    """
    cache = None if cache_dir is None else index_cache(cache_dir, root, version, reader)
    index = cache.load() if cache else None
    if index is None:
        index = read_devkit(root, version) if reader == "devkit" else read_tables(root / version)
        if cache:
            cache.save(index)
    return index


def read_tables(folder: Path, chunk_size: int = CHUNK_SIZE) -> KeyFrameIndex:
    """Reads the six tables that matter, the two large ones as a stream.

    Args:
        folder: the version folder.
        chunk_size: bytes of the large tables read at a time.

    Raises:
        UserError: if a table is missing, broken or incomplete.
    """
    paths = {table: table_path(folder, table) for table in TABLES}
    sensors = by_token(read_table(paths["sensor"], SensorRow), "sensor")
    every = read_table(paths["calibrated_sensor"], CalibrationRow)
    front = [row for row in every if row.sensor_token in sensors and _is_front(sensors[row.sensor_token])]
    calibrations = by_token(front, "calibrated_sensor")
    if not calibrations:
        raise UserError(
            f"The tables in {folder} have no calibrated {FRONT_CHANNEL} sensor; "
            f"check that sensor.json has the channel {FRONT_CHANNEL} and calibrated_sensor.json refers to it."
        )
    scenes = list(by_token(read_table(paths["scene"], SceneRow), "scene").values())
    if not scenes:
        raise UserError(f"The table {paths['scene']} lists no scene; unpack the nuScenes metadata again.")
    samples = by_token(read_table(paths["sample"], SampleRow), "sample")
    join = _Join(scenes, samples, calibrations, frozenset(row.token for row in every), folder)
    if not join.wanted:
        raise UserError(
            f"No row of {paths['sample']} belongs to a scene of scene.json; unpack the nuScenes metadata again."
        )
    path = paths["sample_data"]
    rows, strangers = _first_complete(
        _ways(path, SampleDataRow, lambda: scan_front_rows(path, chunk_size), chunk_size), join.key_frames
    )
    poses = _first_complete(
        _ways(
            paths["ego_pose"],
            EgoPoseRow,
            lambda: scan_poses(paths["ego_pose"], _pose_tokens(rows), chunk_size),
            chunk_size,
        ),
        lambda found: _poses(found, _pose_tokens(rows), folder),
    )
    return index_of(TableRows(scenes, samples, rows, strangers, poses, calibrations))


def read_devkit(root: Path, version: str) -> KeyFrameIndex:
    """The same index through nuscenes-devkit, to check ours against it.

    Raises:
        UserError: if the package is missing or cannot open the tables, or they are incomplete.
    """
    try:
        from nuscenes.nuscenes import NuScenes
    except ImportError as error:
        raise UserError(
            f"reader='devkit' needs nuscenes-devkit ({error}); install it with: pip install 'lightemma[nuscenes]'"
        ) from error
    for table in TABLES:
        table_path(root / version, table)
    try:
        tables = NuScenes(version=version, dataroot=str(root), verbose=False)
        scenes = list(by_token(_converted(tables.scene, SceneRow), "scene").values())
        samples = by_token(_converted(tables.sample, SampleRow), "sample")
        known = {scene.token for scene in scenes}
        data = [sample["data"] for sample in tables.sample if sample["scene_token"] in known]
        front = _converted(
            (tables.get("sample_data", one[FRONT_CHANNEL]) for one in data if FRONT_CHANNEL in one), SampleDataRow
        )
        poses = _converted((tables.get("ego_pose", row.ego_pose_token) for row in front), EgoPoseRow)
        used = dict.fromkeys(row.calibrated_sensor_token for row in front)
        calibrations = by_token(
            _converted((tables.get("calibrated_sensor", token) for token in used), CalibrationRow), "calibrated_sensor"
        )
    except UserError:
        raise
    except Exception as error:  # the devkit meets broken tables with assertions, key errors and more
        raise UserError(
            f"nuscenes-devkit cannot open {root / version} ({type(error).__name__}: {error}); use reader='tables', "
            "which says what is wrong with the tables."
        ) from error
    folder = root / version
    rows, strangers = _Join(scenes, samples, calibrations, frozenset(calibrations), folder).key_frames(front)
    found = _poses(poses, _pose_tokens(rows), folder)
    return index_of(TableRows(scenes, samples, rows, strangers, found, calibrations))


def _converted(rows: Iterable[Any], row: type[RowT]) -> list[RowT]:
    return [msgspec.convert(each, row) for each in rows]


def _ways(
    path: Path, row: type[RowT], scan: Callable[[], Iterator[RowT]], chunk_size: int
) -> list[Callable[[], Iterable[RowT]]]:
    """Ways to read a large table, the quickest first; each later one reads more layouts and needs more memory."""
    return [scan, lambda: stream_rows(path, row, chunk_size), lambda: read_table(path, row)]


def _first_complete(ways: list[Callable[[], Iterable[RowT]]], take: Callable[[Iterable[RowT]], FoundT]) -> FoundT:
    """What ``take`` finds with the first way that finds everything.

    Raises:
        UserError: of the last way, if none does.
    """
    for way in ways[:-1]:
        try:
            return take(way())
        except (UserError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
    return take(ways[-1]())


def _is_front(sensor: SensorRow) -> bool:
    return sensor.channel == FRONT_CHANNEL


class _Join:
    """Finds the CAM_FRONT key frame of every sample.

    Args:
        scenes: all of them.
        samples: by token.
        calibrations: of CAM_FRONT, by token.
        calibrated: tokens of the calibrations of all sensors.
        folder: of the tables, for messages.

    Attributes:
        wanted: tokens of the samples that belong to a scene, in the table's order.
    """

    def __init__(
        self,
        scenes: Iterable[SceneRow],
        samples: Mapping[str, SampleRow],
        calibrations: Mapping[str, CalibrationRow],
        calibrated: frozenset[str],
        folder: Path,
    ) -> None:
        known = {row.token for row in scenes}
        self.wanted = {token: None for token, row in samples.items() if row.scene_token in known}
        self._samples, self._calibrations, self._calibrated = samples, calibrations, calibrated
        self._path = folder / "sample_data.json"

    def key_frames(self, found: Iterable[SampleDataRow]) -> tuple[dict[str, SampleDataRow], list[SampleDataRow]]:
        """The key frames by sample token, one for every wanted sample, and those of samples that are not there.

        Raises:
            UserError: if a sample has none or several, or two rows have one token.
        """
        rows: dict[str, SampleDataRow] = {}
        counts: Counter[str] = Counter()
        strangers: list[SampleDataRow] = []
        nearly: dict[str, str] = {}
        for row in found:
            token = row.sample_token
            if row.calibrated_sensor_token not in self._calibrations:
                if token in self.wanted and row.calibrated_sensor_token not in self._calibrated and _names_front(row):
                    value = shown(row.calibrated_sensor_token)
                    nearly[token] = f"the calibrated_sensor_token {value}, which is not in calibrated_sensor.json"
            elif not is_true(row.is_key_frame):
                if token in self.wanted and row.is_key_frame not in _NO_KEY_FRAME:
                    nearly[token] = f"is_key_frame {shown(row.is_key_frame)}, which is neither true nor false"
            elif token is None or token not in self._samples:
                strangers.append(row)
            elif token in self.wanted and rows.setdefault(token, row) != row:
                counts[token] += 1
        self._check_all(rows, nearly)
        if counts:
            raise UserError(
                f"{self._path} has more than one {FRONT_CHANNEL} key frame for {len(counts)} of {len(self.wanted)} samples "
                f"(the first is sample {next(iter(counts))}); leave one row for each sample."
            )
        by_token((row for row in rows.values() if row.token is not None), "sample_data")
        return rows, strangers

    def _check_all(self, rows: Mapping[str, SampleDataRow], nearly: Mapping[str, str]) -> None:
        lacking = [token for token in self.wanted if token not in rows]
        if not lacking:
            return
        known = next((token for token in lacking if token in nearly), lacking[0])
        reason = f", whose row has {nearly[known]}" if known in nearly else ""
        raise UserError(
            f"{self._path} has no {FRONT_CHANNEL} key frame for {len(lacking)} of {len(self.wanted)} samples (the first is "
            f"sample {known}{reason}); unpack the nuScenes metadata again, or take those scenes out of scene.json."
        )


def _names_front(row: SampleDataRow) -> bool:
    return row.filename is None or FRONT_CHANNEL in row.filename


def _pose_tokens(rows: Mapping[str, SampleDataRow]) -> set[str]:
    return {text(row.ego_pose_token) for row in rows.values()}


def _poses(found: Iterable[EgoPoseRow], wanted: set[str], folder: Path) -> dict[str, EgoPoseRow]:
    """Ego poses by token, one for every wanted token."""
    poses = by_token((row for row in found if row.token in wanted), "ego_pose")
    if len(poses) < len(wanted):
        lacking = sorted(wanted - poses.keys())
        raise UserError(
            f"{folder / 'ego_pose.json'} has no pose for {len(lacking)} of {len(wanted)} {FRONT_CHANNEL} key frames "
            f"(the first is ego pose {lacking[0] or 'null'}); unpack the nuScenes metadata again."
        )
    return poses
