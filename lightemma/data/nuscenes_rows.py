"""The rows of nuScenes tables that a benchmark needs, joined; and what such rows say against each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import msgspec

from lightemma.data.loose_values import shown, text, whole_microseconds
from lightemma.data.nuscenes_tables import (
    FRONT_CHANNEL,
    CalibrationRow,
    EgoPoseRow,
    RowT,
    SampleDataRow,
    SampleRow,
    SceneRow,
)
from lightemma.errors import UserError

#: Microseconds between a picture and its ego pose, and between a picture and its sample, that are remarked on. nuScenes has
#: 0 and some 50,000.
POSE_APART, SAMPLE_APART = 100_000, 250_000


@dataclass(frozen=True, slots=True)
class TableRows:
    """What was read of one version folder.

    Attributes:
        scenes: all of them.
        samples: all of them, by token.
        front: the CAM_FRONT key frame of each sample that belongs to a scene, by sample token.
        strangers: CAM_FRONT key frames of samples that are not there.
        poses: by token, one for each key frame.
        calibrations: of CAM_FRONT, by token.
    """

    scenes: Sequence[SceneRow]
    samples: Mapping[str, SampleRow]
    front: Mapping[str, SampleDataRow]
    strangers: Sequence[SampleDataRow]
    poses: Mapping[str, EgoPoseRow]
    calibrations: Mapping[str, CalibrationRow]


@dataclass(frozen=True, slots=True)
class Remark:
    """Rows that contradict each other, as a clause.

    Attributes:
        scene: place of the scene among the scenes; -1 where it is of no scene.
        refused: whether the scene cannot be used, since nothing says which row is right.
        what: without a point at the end.
    """

    scene: int
    refused: bool
    what: str


def by_token(rows: Iterable[RowT], table: str) -> dict[str, RowT]:
    """Rows by their token; rows that are there twice with the same content count once.

    Args:
        rows: with a ``token``.
        table: name of their table, for messages.

    Raises:
        UserError: if two rows with one token differ.
    """
    found: dict[str, RowT] = {}
    for row in rows:
        token: str = row.token  # type: ignore[attr-defined]
        other = found.setdefault(token, row)
        if other is not row and other != row:
            raise UserError(_differing(other, row, table, token))
    return found


def _differing(one: msgspec.Struct, other: msgspec.Struct, table: str, token: str) -> str:
    fields = [name for name in one.__struct_fields__ if getattr(one, name) != getattr(other, name)]
    values = f"{shown(getattr(one, fields[0]))} and {shown(getattr(other, fields[0]))}"
    return (
        f"{table}.json has two rows with the token {shown(token)} that differ ({fields[0]} is {values}); leave the "
        "right one."
    )


def remarks_on(rows: TableRows, tokens: Sequence[Sequence[str]], times: Mapping[str, int]) -> list[Remark]:
    """What the rows say against each other.

    Args:
        rows: of one version folder.
        tokens: sample tokens of each scene's key frames, in time order.
        times: microseconds of each picture, by sample token.
    """
    places = {token: (scene, place) for scene, some in enumerate(tokens) for place, token in enumerate(some)}
    data = {row.token: places[sample] for sample, row in rows.front.items() if row.token}
    found = _strangers(rows, set(places))
    for scene, some in enumerate(tokens):
        samples = [rows.samples[token] for token in some]
        front = [rows.front[token] for token in some]
        if any(times[one] == times[other] for one, other in pairwise(some)):
            continue  # in no order; it is refused when it is cut
        wrong = _wrong_links(samples, scene, places, "sample") or _wrong_links(front, scene, data, "sample_data")
        if wrong:
            found.append(Remark(scene, True, wrong))
            continue
        for what in (
            _lost_links(samples, places),
            _wrong_ends(rows.scenes[scene], some),
            _apart([(row.timestamp, row.token) for row in samples], some, times, "its sample", SAMPLE_APART),
            _apart(
                [(rows.poses[text(row.ego_pose_token)].timestamp, row.ego_pose_token) for row in front],
                some,
                times,
                "its ego pose",
                POSE_APART,
            ),
        ):
            if what:
                found.append(Remark(scene, False, what))
    return found


def _strangers(rows: TableRows, known: set[str]) -> list[Remark]:
    found = []
    homeless = [row for token, row in rows.samples.items() if token not in known]
    if homeless:
        first = homeless[0]
        found.append(
            f"{len(homeless)} of {len(rows.samples)} samples are left out, since they belong to no scene of scene.json (the "
            f"first is sample {shown(first.token)} of scene {shown(first.scene_token)})"
        )
    if rows.strangers:
        row = rows.strangers[0]
        found.append(
            f"{len(rows.strangers)} {FRONT_CHANNEL} key frames of sample_data.json are left out, since their samples are not "
            f"in sample.json (the first is {shown(row.filename, 200)} of sample {shown(row.sample_token)})"
        )
    return [Remark(-1, False, what) for what in found]


def _wrong_links(rows: Sequence[Any], scene: int, places: Mapping[Any, tuple[int, int]], table: str) -> str:
    """Whether prev and next say another order than the times do; links to rows that are not there are no such thing."""
    for place, row in enumerate(rows):
        for link, wanted in (("prev", place - 1), ("next", place + 1)):
            to = getattr(row, link)
            there = places.get(to) if isinstance(to, str) and to else None
            if there is None or there == (scene, wanted):
                continue
            by_time = shown(rows[wanted].token) if 0 <= wanted < len(rows) else "no other key frame of the scene"
            return (
                f"the rows of {table}.json contradict each other: {link} of {shown(row.token)} is {shown(to)}, and by the "
                f"times it is {by_time}; correct the links or the times, or leave the scene out with --scenes"
            )
    return ""


def _lost_links(samples: Sequence[SampleRow], places: Mapping[str, tuple[int, int]]) -> str:
    lost = []
    linked = any(text(row.prev) or text(row.next) for row in samples)
    for place, row in enumerate(samples):
        for link, inner in (("prev", place > 0), ("next", place + 1 < len(samples))):
            to = text(getattr(row, link))
            if (to and to not in places) or (linked and inner and not to):
                lost.append((row.token, link, to))
    if not lost:
        return ""
    token, link, to = lost[0]
    return (
        f"key frames may be missing, since sample.json lacks samples that others link to (the first of {len(lost)} links: "
        f"{link} of {shown(token)} is {shown(to)})"
    )


def _wrong_ends(scene: SceneRow, tokens: Sequence[str]) -> str:
    """What scene.json says of a scene's samples, against the samples themselves."""
    wrong = []
    try:
        said = whole_microseconds(scene.nbr_samples)
    except ValueError:
        said = len(tokens)  # it does not say
    if said != len(tokens):
        wrong.append(f"nbr_samples is {said} and there are {len(tokens)} key frames")
    for name, place in (("first_sample_token", 0), ("last_sample_token", -1)):
        to = text(getattr(scene, name))
        if to and tokens and to != tokens[place]:
            wrong.append(f"{name} is {shown(to)} and by the times it is {shown(tokens[place])}")
    return f"scene.json does not fit its samples: {', '.join(wrong)}" if wrong else ""


def _apart(
    stamps: Sequence[tuple[object, object]], tokens: Sequence[str], times: Mapping[str, int], what: str, most: int
) -> str:
    """Whether rows that belong to pictures have other times than those."""
    far = []
    for (stamp, row), token in zip(stamps, tokens, strict=True):
        try:
            time = whole_microseconds(stamp)
        except ValueError:
            continue  # it does not say
        if abs(time - times[token]) > most:
            far.append((abs(time - times[token]), token, row, time))
    if not far:
        return ""
    apart, token, row, time = max(far, key=lambda one: one[0])
    return (
        f"{len(far)} of {len(tokens)} pictures are more than {most / 1e6:g} s away from the time of {what} (the farthest "
        f"{apart / 1e6:,.6g} s: the picture of sample {shown(token)} is of {times[token]} µs, {what} {shown(row)} of {time} µs)"
    )
