"""Two ways from a nuScenes version folder to an index: our own reading of the tables, and nuscenes-devkit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from lightemma.data.nuscenes_cache import index_cache
from lightemma.data.nuscenes_index import KeyFrameIndex, index_of
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
    sensors = {row.token for row in read_table(paths["sensor"], SensorRow) if row.channel == FRONT_CHANNEL}
    calibrations = {
        row.token: row for row in read_table(paths["calibrated_sensor"], CalibrationRow) if row.sensor_token in sensors
    }
    if not calibrations:
        raise UserError(
            f"The tables in {folder} have no calibrated {FRONT_CHANNEL} sensor; "
            f"check that sensor.json has the channel {FRONT_CHANNEL} and calibrated_sensor.json refers to it."
        )
    scenes = read_table(paths["scene"], SceneRow)
    if not scenes:
        raise UserError(f"The table {paths['scene']} lists no scene; unpack the nuScenes metadata again.")
    numbers = {row.token: number for number, row in enumerate(scenes)}
    sample_scenes = {
        row.token: numbers[row.scene_token]
        for row in read_table(paths["sample"], SampleRow)
        if row.scene_token in numbers
    }
    if not sample_scenes:
        raise UserError(
            f"No row of {paths['sample']} belongs to a scene of scene.json; unpack the nuScenes metadata again."
        )
    rows = _first_complete(
        _ways(
            paths["sample_data"], SampleDataRow, lambda: scan_front_rows(paths["sample_data"], chunk_size), chunk_size
        ),
        lambda found: _key_frames(found, sample_scenes, calibrations, folder),
    )
    wanted = {row.ego_pose_token for row in rows.values()}
    poses = _first_complete(
        _ways(paths["ego_pose"], EgoPoseRow, lambda: scan_poses(paths["ego_pose"], wanted, chunk_size), chunk_size),
        lambda found: _poses(found, wanted, folder),
    )
    return index_of([row.name for row in scenes], sample_scenes, rows, poses, calibrations)


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
        numbers = {scene["token"]: number for number, scene in enumerate(tables.scene)}
        samples = [sample for sample in tables.sample if sample["scene_token"] in numbers]
        front = [tables.get("sample_data", s["data"][FRONT_CHANNEL]) for s in samples if FRONT_CHANNEL in s["data"]]
        rows = _converted(front, SampleDataRow)
        poses = _converted((tables.get("ego_pose", row.ego_pose_token) for row in rows), EgoPoseRow)
        used = dict.fromkeys(row.calibrated_sensor_token for row in rows)
        calibrations = _converted((tables.get("calibrated_sensor", token) for token in used), CalibrationRow)
        names = [str(scene["name"]) for scene in tables.scene]
        sample_scenes = {str(sample["token"]): numbers[sample["scene_token"]] for sample in samples}
    except Exception as error:  # the devkit meets broken tables with assertions, key errors and more
        raise UserError(
            f"nuscenes-devkit cannot open {root / version} ({type(error).__name__}: {error}); use reader='tables', "
            "which says what is wrong with the tables."
        ) from error
    by_token = {row.token: row for row in calibrations}
    return index_of(
        names,
        sample_scenes,
        _key_frames(rows, sample_scenes, by_token, root / version),
        {row.token: row for row in poses},
        by_token,
    )


def _converted(rows: Iterable[Any], row: type[RowT]) -> list[RowT]:
    return [msgspec.convert(each, row) for each in rows]


def _ways(
    path: Path, row: type[RowT], scan: Callable[[], Iterator[RowT]], chunk_size: int
) -> list[Callable[[], Iterable[RowT]]]:
    """Ways to read a large table, the quickest first; each later one reads more layouts and needs more memory."""
    return [scan, lambda: stream_rows(path, row, chunk_size), lambda: read_table(path, row)]


def _first_complete(
    ways: list[Callable[[], Iterable[RowT]]], take: Callable[[Iterable[RowT]], dict[str, RowT]]
) -> dict[str, RowT]:
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


def _key_frames(
    found: Iterable[SampleDataRow],
    sample_scenes: Mapping[str, int],
    calibrations: Mapping[str, CalibrationRow],
    folder: Path,
) -> dict[str, SampleDataRow]:
    """CAM_FRONT key frames by sample token, one for every sample."""
    rows: dict[str, SampleDataRow] = {}
    counts: Counter[str] = Counter()
    for row in found:
        token = row.sample_token
        if row.is_key_frame and token in sample_scenes and row.calibrated_sensor_token in calibrations:
            rows[token] = row
            counts[token] += 1
    lacking = [token for token in sample_scenes if token not in rows]
    if lacking:
        raise UserError(
            f"{folder / 'sample_data.json'} has no {FRONT_CHANNEL} key frame for {len(lacking)} of "
            f"{len(sample_scenes)} samples (the first is sample {lacking[0]}); unpack the nuScenes metadata again, "
            "or take those scenes out of scene.json."
        )
    twice = [token for token, count in counts.items() if count > 1]
    if twice:
        raise UserError(
            f"{folder / 'sample_data.json'} has more than one {FRONT_CHANNEL} key frame for {len(twice)} of "
            f"{len(sample_scenes)} samples (the first is sample {twice[0]}); leave one row for each sample."
        )
    return rows


def _poses(found: Iterable[EgoPoseRow], wanted: set[str], folder: Path) -> dict[str, EgoPoseRow]:
    """Ego poses by token, one for every wanted token."""
    poses = {row.token: row for row in found if row.token in wanted}
    if len(poses) < len(wanted):
        lacking = sorted(wanted - poses.keys())
        raise UserError(
            f"{folder / 'ego_pose.json'} has no pose for {len(lacking)} of {len(wanted)} {FRONT_CHANNEL} key frames "
            f"(the first is ego pose {lacking[0]}); unpack the nuScenes metadata again."
        )
    return poses
