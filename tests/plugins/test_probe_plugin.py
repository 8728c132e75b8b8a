"""A probe in one file is driven and compared, by dotted name and by entry point; a faulty one is named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lightemma.comparing.load import load_and_compare
from lightemma.errors import UserError
from lightemma.probes.base import Probe, Probed, Untouched
from lightemma.run_folder.probe_entry import Law
from lightemma.run_folder.store import read_frames, read_manifest
from lightemma.sessions.probed_frames import probed_set
from tests.conftest import make_frame, run_at
from tests.plugins.installed import install

PROBE = "tests.plugins.upside_down_probe:UpsideDown"
DATA = ("--data", "tests.planners.pictured_drives:PicturedDrives:pictures", "--quiet", "--tables", "tables")


@pytest.mark.parametrize("way", ["dotted name", "entry point"])
def test_a_probe_from_outside_is_driven_and_compared(elsewhere, cli, monkeypatch, tmp_path, way):
    probe = PROBE
    if way == "entry point":
        install(monkeypatch, tmp_path / "site", {"lightemma.probes": {"upside-down": PROBE}})
        probe = "upside-down"
        assert "upside-down  (from made-up-package)  (own)" in cli("probe", "--list").out
    ended = cli("probe", "tests.plugins.picture_planner:Brightness", *DATA, "--probes", f"{probe},grey")
    assert ended.status == 0, ended.err
    manifest = read_manifest(run_at("results/brightness+probe-upside-down"))
    assert manifest.probe.law.statement == "With the picture upside down the plan changes."
    found = {row.probe: row for row in load_and_compare([Path("results")]).probes}
    assert found["upside-down"].violation == 1.0, "the mean brightness is the same upside down"
    assert found["grey"].violation == 0.0


def test_the_example_is_short():
    assert len(Path(__file__).with_name("upside_down_probe.py").read_text().splitlines()) < 60


class Mine(Probe):
    """A probe whose change is given."""

    name = "mine"
    law = Law("It moves.", "moves", 0.5)

    def __init__(self, change) -> None:
        super().__init__()
        self._change = change

    def change(self, frame, run):
        return self._change(frame)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda frame: 1 / 0,
            r"\(class 'Mine' in .*test_probe_plugin.py\) failed: ZeroDivisionError: division by zero",
        ),
        (lambda frame: frame, r"returned Frame from change\(\), not Probed or None"),
        (lambda frame: Probed(replace(frame, sample_token="x")), "changed the name of a frame"),
        (lambda frame: Probed(frame, amount=float("nan")), "gave the amount nan, which is no finite number"),
        (lambda frame: Probed(with_history(frame, frame.history.actions[1:])), "a history or future of another shape"),
        (lambda frame: Probed(with_history(frame, np.full((6, 2), np.inf))), "with numbers that are not finite"),
        (lambda frame: Probed(replace(frame, future=None)), "a history or future of another shape"),
    ],
)
def test_a_faulty_probe_is_named(change, says):
    with pytest.raises(UserError, match=f"The probe 'mine' .*{says}"):
        probed_set(Mine(change), Untouched([make_frame()]))


def with_history(frame, actions):
    return replace(frame, history=replace(frame.history, actions=actions))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda pixels: pixels.mean(), "returned no picture: give a uint8 array"),
        (lambda pixels: pixels[:, :, 0], "returned no picture"),
        (lambda pixels: pixels / 2, "returned no picture"),
        (lambda pixels: 1 / 0, "failed: ZeroDivisionError"),
    ],
)
def test_a_faulty_picture_names_its_probe(change, says):
    made = probed_set(Mine(lambda frame: Probed(replace(frame, altered=change))), Untouched([make_frame()]))
    with pytest.raises(UserError, match=f"The probe 'mine' .*{says}"):
        made.frames[0].altered(np.zeros((4, 6, 3), dtype=np.uint8))


def test_a_faulty_picture_costs_its_frame(elsewhere, cli):
    ended = cli(
        "probe", "tests.plugins.picture_planner:Brightness", *DATA, "--probes", "tests.plugins.test_probe_plugin:Torn"
    )
    assert ended.status == 1
    assert "8 with failed calls, mostly" in ended.out
    assert "The probe 'torn'" in ended.out
    frames = read_frames(run_at("results/brightness+probe-torn"))
    assert {frame.outcome for frame in frames} == {"call:picture"}


class Torn(Probe):
    """A probe that has no picture."""

    name = "torn"
    law = Law("It moves.", "moves", 0.5)

    def change(self, frame, run):
        return Probed(replace(frame, altered=lambda pixels: pixels[:0]))
