"""What every source must do: those of the package, one of a user's own, and the source of closed-loop decisions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from lightemma.agents import KINDS, Unknown, plan_times
from lightemma.closed_loop.driven_source import DrivenSource
from lightemma.data.base import DataInfo, FrameSource
from lightemma.data.source_answers import agents_of, facts_of, maps_of
from lightemma.data.source_kinds import SOURCES
from lightemma.data.sources import open_source
from lightemma.errors import UserError
from lightemma.scene_facts import SceneFacts
from tests.conftest import make_frames, make_manifest, make_record, steady, write_archive, write_run
from tests.data.made_up_logs import MadeUpLog
from tests.data.nuscenes_tables_writer import make_world
from tests.data.test_folder import lines
from tests.data.test_folder import write as write_folder


def _nuscenes(root: Path) -> FrameSource:
    make_world().write(root / "tiny", "v1.0-tiny")
    return open_source(f"nuscenes:{root / 'tiny'}@v1.0-tiny", root)


def _argoverse2(root: Path) -> FrameSource:
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (pip install 'lightemma[argoverse2]')")
    MadeUpLog().write(root / "av2")
    MadeUpLog(name="0a1b2c3d-0000-3000-8000-000000000002", calibrated=False).write(root / "av2", "sensor/train")
    return open_source(f"argoverse2:{root / 'av2'}", root)


def _folder(root: Path) -> FrameSource:
    write_folder(root / "mine", [*lines(), *lines(scene="other")])
    return open_source(f"folder:{root / 'mine'}", root)


def _driven(root: Path) -> FrameSource:
    frames = make_frames()
    write_run(root, make_manifest("drive", frames), [make_record(frame, steady(5.0)) for frame in frames])
    return DrivenSource(root / "drive")


MAKERS: dict[str, Callable[[Path], FrameSource]] = {
    "nuscenes": _nuscenes,
    "argoverse2": _argoverse2,
    "folder": _folder,
    "published": lambda root: open_source(f"published:{write_archive(root / 'tiny')}", root),
    "demo": lambda root: open_source("demo", root),
    "module:Class": lambda root: open_source("tests.plugins.drives_source:MadeUpDrives", root),
    "closed loop": _driven,
}


@pytest.fixture(params=MAKERS)
def source(request, tmp_path) -> FrameSource:
    return MAKERS[request.param](tmp_path)


def test_every_kind_keeps_the_contract():
    assert {kind.name for kind in SOURCES} <= set(MAKERS)


def test_it_says_what_it_is(source):
    info = source.info
    assert isinstance(info, DataInfo)
    assert info.source
    assert info.name
    assert all(isinstance(name, str) for name in source.packages)
    assert info.scenes == len(source.scene_names) == len(set(source.scene_names)) > 0


def test_frames_are_in_order_and_their_tokens_unique(source):
    frames = list(source.frames())
    assert frames
    assert len({frame.sample_token for frame in frames}) == len(frames)
    for name in source.scene_names:
        of_scene = source.checked_frames(name)
        assert {frame.scene for frame in of_scene} <= {name}
        assert [frame.frame_index for frame in of_scene] == sorted({frame.frame_index for frame in of_scene})
        assert all(one.timestamp < after.timestamp for one, after in pairwise(of_scene))


def test_frames_are_the_same_each_time(source):
    one, again = list(source.frames()), list(source.frames())
    assert [frame.sample_token for frame in one] == [frame.sample_token for frame in again]
    for frame, other in zip(one, again, strict=True):
        np.testing.assert_array_equal(frame.history.actions, other.history.actions)
        np.testing.assert_array_equal(frame.future, other.future)


def test_scenes_stride_and_limit_choose(source):
    first = source.scene_names[0]
    whole = source.checked_frames(first)
    strided = list(source.frames([first], stride=2, limit=1))
    assert [frame.sample_token for frame in strided] == [whole[0].sample_token]
    with pytest.raises(UserError, match=f"There is no scene 'no-such-scene' in {source.info.name}"):
        list(source.frames(["no-such-scene"]))


def test_what_it_knows_of_agents_fits_the_frames(source):
    look = agents_of(source)
    if look is None or isinstance(look, Unknown):
        assert look is None or look.reason.endswith(".")
        return
    assert look("no-such-scene", "no-such-token") is None
    for frame in source.frames(limit=20):
        around = look(frame.scene, frame.sample_token)
        if around is None and isinstance(source, DrivenSource):
            continue  # this run has no replays
        assert around is not None
        assert (around.pose.x, around.pose.y) == pytest.approx((frame.pose.x, frame.pose.y))
        np.testing.assert_allclose(around.ego[1:, :2], frame.future, atol=1.0)
        assert around.agents is not None
        assert set(around.agents.kinds.tolist()) <= set(range(len(KINDS)))
        assert around.agents.centres.shape == (len(around.agents.categories), len(plan_times()), 2)


def test_what_it_knows_of_maps_and_scenes_has_the_right_types(source):
    maps, facts = maps_of(source), facts_of(source)
    assert isinstance(facts, Mapping)
    assert all(isinstance(known, SceneFacts) for known in facts.values())
    assert set(facts) <= set(source.scene_names)
    if maps is None or isinstance(maps, Unknown):
        assert maps is None or maps.reason.endswith(".")
        return
    assert maps("no-such-scene") is None
    frame = next(source.frames())
    area = maps(frame.scene)
    assert area is not None
    here = np.array([[frame.pose.x, frame.pose.y]])
    assert area.contains(here).tolist() == [True]
    assert len(area.lanes_at(here)) > 0
