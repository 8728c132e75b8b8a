"""The audit of the auditor: `scripts/check_audit.py` over a few scenes, and its parts."""

from __future__ import annotations

import math
import runpy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lightemma.data.pictures import picture_pixels
from lightemma.evaluation import until_decided
from lightemma.evaluation.statistics.interval import Interval
from lightemma.evaluation.tables.copies import Copies
from lightemma.evaluation.tables.probes import Probes
from lightemma.evaluation.tables.reasoning import Reasoning
from lightemma.probes.base import Untouched
from lightemma.probes.registry import chosen_probes
from lightemma.protocol import LIGHTEMMA
from tests.conftest import make_frame, make_record
from tests.plugins.signposted_drives import CAMERA, SignpostedDrives, Truth, drawn, seen

SCENES = 12
AUDIT = runpy.run_path(str(Path(__file__).resolve().parents[2] / "scripts" / "check_audit.py"))
cells, driven, wrong = AUDIT["cells"], AUDIT["driven"], AUDIT["wrong"]


@pytest.fixture(scope="module")
def drives(tmp_path_factory) -> SignpostedDrives:
    return SignpostedDrives(tmp_path_factory.mktemp("drives"), SCENES, frames=1, least=1.0)


@pytest.fixture(scope="module")
def frames(drives):
    return [frame for scene in drives.scene_names for frame in drives.scene_frames(scene)]


@pytest.fixture(scope="module")
def studies(drives, tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    return {fault: driven(fault, drives, folder) for fault in AUDIT["PLANTED"]}


def test_each_planted_fault_is_caught_by_its_own_column_only(studies):
    assert [sentence for fault, study in studies.items() for sentence in wrong(fault, cells(study))] == []


def test_a_column_that_is_wrong_is_named(studies):
    assert wrong("liar", cells(studies["none"])) == ["liar is not caught by departs from words"]
    assert wrong("none", cells(studies["reader"])) == ["none is caught by other-scene"]


def test_the_columns_are_those_of_the_tables(studies):
    study = studies["one-sided"]
    found = {cell.column: cell for cell in cells(study)}
    probes = {row.probe: row for row in Probes().build(study) if row.part == "all"}
    for name in ("mirror", "other-scene", "grey"):
        assert found[name].found.mean == probes[name].violation
        above = found[name].found.mean > found[name].tolerance
        assert found[name].p_value == pytest.approx(probes[name].p_value / 2 if above else 1 - probes[name].p_value / 2)
        assert found[name].tolerance == probes[name].tolerance
    (words,) = Reasoning().build(study)
    assert found["departs from words"].found.mean == pytest.approx(1 - words.follow_through)
    assert found["scale"].found.frames == words.scale_frames
    copied = {row.run: row.share for row in Copies().build(studies["copycat"])}
    assert copied["copycat"] == {cell.column: cell for cell in cells(studies["copycat"])}["copies"].found.mean == 1.0


@pytest.mark.parametrize(("scenes", "p_value", "caught"), [(20, 1e-3, True), (20, 0.02, False), (7, 1e-3, False)])
def test_nothing_is_caught_by_chance_or_over_few_scenes(scenes, p_value, caught):
    found = Interval(0.9, 0.8, 1.0, 2 * p_value, 60, scenes, 0.05, scenes - 1.0)
    cell = AUDIT["Cell"]("grey", "share of frames", found, 0.5, p_value)
    assert cell.caught == caught
    assert ("**yes**" in next(AUDIT["rows"]("blind", [cell]))) == caught


def test_no_frames_catch_nothing(studies):
    copied = {cell.column: cell for cell in cells(studies["copycat"])}
    assert copied["grey"].found.frames == 0
    assert not copied["grey"].caught
    assert any("no frames" in line for line in AUDIT["rows"]("copycat", list(copied.values())))


@pytest.mark.parametrize("truth", [Truth(0.1, 1.5), Truth(-0.25, -4.0), Truth(0.0, 0.0)])
def test_a_post_says_the_truth(truth):
    said = seen(drawn(truth))
    assert math.degrees(said.turn) == pytest.approx(math.degrees(truth.turn), abs=0.05)
    assert said.change == pytest.approx(truth.change, abs=0.04)


def test_probes_act_on_posts_by_the_camera_s_geometry(tmp_path):
    truth, path = Truth(0.15, -2.0), tmp_path / "post.png"
    Image.fromarray(drawn(truth)).save(path)
    frame = replace(make_frame(image_path=path), camera=CAMERA)
    run = Untouched([frame])
    for name, expected in {
        "mirror": -truth.turn,
        "yaw-left-6": truth.turn - math.radians(6),
        "yaw-right-3": truth.turn + math.radians(3),
    }.items():
        (probe,) = chosen_probes([name])
        shown = probe.change(frame, run).frame
        said = seen(picture_pixels(shown), CAMERA)
        assert math.degrees(said.turn) == pytest.approx(math.degrees(expected), abs=0.3), name
        assert said.change == pytest.approx(truth.change, abs=0.2), name
    (grey,) = chosen_probes(["grey"])
    assert seen(picture_pixels(grey.change(frame, run).frame)) is None


def test_comparisons_without_a_difference_have_none_and_others_are_found(frames):
    differences = AUDIT["null_differences"](frames, 300)
    assert abs(differences.mean()) < 3 * differences.mean(axis=0).std() / math.sqrt(300)
    rates = AUDIT["null_rates"](frames, differences)
    looks = len(until_decided.look_places(SCENES))
    assert set(rates) == {"one look at the end", f"{looks} looks, alpha spending"}
    assert all(rate < 0.1 for rate in rates.values())
    assert all(rate == 1.0 for rate in AUDIT["null_rates"](frames, differences + 5.0).values())


def test_looks_are_those_of_runs_that_stop_once_they_are_decided(frames, monkeypatch):
    scenes = [f"scene-{number:02d}" for number in range(24)]
    every = [
        replace(frames[0], scene=scene, frame_index=place, sample_token=f"{scene}/{place}")
        for scene in until_decided.scene_order(scenes)
        for place in range(2)
    ]
    rng = np.random.default_rng(1)
    differences = rng.normal(size=(len(every), 40)) + rng.normal(scale=0.3, size=40)
    records = [make_record(frame, frame.history.actions) for frame in every]
    said = []
    for column in differences.T:
        known = dict(zip((frame.sample_token for frame in every), column.tolist(), strict=True))
        monkeypatch.setattr(until_decided, "difference", lambda record, protocol, of=known: of[record.sample_token])
        watch = until_decided.UntilDecided(dict.fromkeys(scenes, 2), 1e-9, LIGHTEMMA)
        watch.add_all(records)
        said.append(watch.decided in ("better", "worse"))
    rate = next(rate for name, rate in AUDIT["null_rates"](every, differences).items() if "looks" in name)
    assert 0 < rate < 1
    assert rate == np.mean(said)
