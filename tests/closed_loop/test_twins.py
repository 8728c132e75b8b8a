"""A scenario and its twins are one cluster of intervals, since they share streets, start and draws."""

from __future__ import annotations

import numpy as np

from lightemma.closed_loop.driving_score import score_of
from lightemma.closed_loop.records import EpisodeOutcome, EpisodeRecord
from lightemma.closed_loop.spec import EpisodeSpec
from lightemma.closed_loop.study import DrivenStudy, clusters
from lightemma.closed_loop.world_factory import EpisodeChoice
from lightemma.closed_loop.worlds.city import CityFactory
from lightemma.simulation.scenarios import SCENARIOS

OUTCOME = EpisodeOutcome(end="goal", time_s=9.0, progress=1.0)


def record(spec: EpisodeSpec) -> EpisodeRecord:
    named = (spec.name, spec.scenario, spec.seed, spec.conditions, spec.left_hand)
    return EpisodeRecord(*named, 4, 0, 0, OUTCOME, score_of(OUTCOME), spec.family)


def records(scenarios: str, seeds: str) -> list[EpisodeRecord]:
    return [record(spec) for spec in CityFactory().episodes(EpisodeChoice(scenarios, seeds))]


def test_every_scenario_is_in_the_cluster_of_its_family():
    found = dict(zip((one.scenario for one in records("all", "1")), clusters(records("all", "1")), strict=True))
    assert found == {name: one.family or name for name, one in SCENARIOS.items()}
    assert len(set(found.values())) < len(found)


def test_episodes_of_twins_alone_are_clusters_by_their_seed():
    assert clusters(records("left-turn,straight-on", "2")) == ["0", "1", "0", "1"]


def test_older_records_are_clusters_of_their_own_scenario():
    assert clusters([record(EpisodeSpec("a", 1)), record(EpisodeSpec("b", 1))]) == ["a", "b"]


def test_what_twins_agree_on_counts_once():
    """Two twins that always agree say no more than one of them: the interval is as wide as without the second."""
    one, both = records("red-light,cruise,bend", "3"), records("red-light,green-light,cruise,bend", "3")
    worth = {"red-light": 10.0, "green-light": 10.0, "cruise": 60.0, "bend": 90.0}
    study = DrivenStudy([])
    alone, twins = (study.interval(found, np.array([worth[each.scenario] for each in found])) for found in (one, both))
    assert (alone.scenes, twins.scenes) == (3, 3)
    assert twins.dof <= 2.0 + 1e-9


def test_seeds_of_twins_are_one_draw_of_the_suite():
    found = records("red-light,green-light", "4")
    values = np.array([float(each.seed) for each in found])
    assert DrivenStudy([]).suite_interval(found, values).scenes == 4
