"""Hidden suites: reserved seeds need a key, the key decides the episodes, and nothing that is written shows it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightemma.closed_loop.hidden_suite import HiddenSuite
from lightemma.closed_loop.set_up import open_drives, suite_of
from lightemma.closed_loop.study import DrivenStudy, load_driven
from lightemma.closed_loop.worlds.city import CityFactory
from lightemma.errors import UserError
from lightemma.run_folder.store import read_manifest
from lightemma.sessions.benchmark import Benchmark, WorldSettings
from tests.closed_loop.fake_world import FakeFactory

KEY = "correct horse battery staple"


def settings(**given: object) -> WorldSettings:
    return WorldSettings.model_validate({"scenarios": ["cruise"], **given})


def key_file(folder: Path, text: str, name: str = "key") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("seeds", [[1000], "999,1000", [5000, 3], "123456789,"])
def test_a_reserved_seed_without_a_key_is_refused(seeds):
    with pytest.raises(UserError, match="is reserved for hidden suites; give seeds below 1000"):
        suite_of(CityFactory(), settings(seeds=seeds))


def test_public_seeds_are_what_they_were():
    suite = suite_of(CityFactory(), settings(seeds="7,999"))
    assert [(one.seed, one.name) for one in suite.specs] == [(7, "cruise.day.007"), (999, "cruise.day.999")]
    assert (suite.description, suite.names) == (CityFactory.suite, ())


def test_the_same_key_gives_the_same_episodes_and_another_one_others(tmp_path):
    one, two = key_file(tmp_path, KEY), key_file(tmp_path, KEY + "!", "other")
    again = key_file(tmp_path, f"\n  {KEY}\n", "again")
    found = {path: suite_of(CityFactory(), settings(seeds=2, hidden_suite=path)) for path in (one, two, again)}
    seeds = {path: [spec.seed for spec in suite.specs] for path, suite in found.items()}
    assert [spec.name for spec in found[one].specs] == ["cruise.day.1000", "cruise.day.1001"]
    assert seeds[one] == seeds[again]
    assert found[one].description == found[again].description != found[two].description
    assert found[one].names != found[two].names
    assert len({*seeds[one], *seeds[two]}) == 4
    assert min(seeds[one] + seeds[two]) > 2**40


def test_twins_stay_twins_under_a_key(tmp_path):
    world = settings(seeds=1, hidden_suite=key_file(tmp_path, KEY), scenarios=["left-turn", "straight-on"])
    one, two = suite_of(CityFactory(), world).specs
    assert one.seed == two.seed
    assert two.family == one.scenario


@pytest.mark.parametrize(
    ("text", "seeds", "said"),
    [
        ("too short", 1, "has 9 characters; write 16 or more"),
        ("", 1, "has 0 characters"),
        (KEY, [5], "Seed 5 is public and needs no key"),
        (KEY, "1000,999", "Seed 999 is public"),
        (KEY, "many", "`seeds` is 'many'"),
        (KEY * 500, 1, "cannot be read"),
    ],
)
def test_what_makes_no_hidden_suite_is_refused(text, seeds, said, tmp_path):
    with pytest.raises(UserError, match=said):
        suite_of(CityFactory(), settings(seeds=seeds, hidden_suite=key_file(tmp_path, text)))


def test_a_key_that_is_not_there_is_refused_and_so_is_a_world_without_hidden_suites(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        suite_of(CityFactory(), settings(hidden_suite=str(tmp_path / "none")))
    with pytest.raises(UserError, match="has no hidden suite"):
        suite_of(FakeFactory(), settings(hidden_suite=key_file(tmp_path, KEY)))


def test_nothing_that_is_written_shows_the_key_or_a_seed_and_keys_are_not_compared(tmp_path):
    folders, seeds = [], set()
    for name in ("one", "two"):
        path = key_file(tmp_path, KEY + name, name)
        world = settings(seeds=1, hidden_suite=path, replan=6)
        session, _ = open_drives(Benchmark(world=world, planners=["random"]), tmp_path / f"r-{name}", workers=0)
        session.run()
        folders.append(tmp_path / f"r-{name}" / session.jobs[0].name)
        seeds |= {str(spec.seed) for spec in session.work.specs}
        assert HiddenSuite.read(Path(path)).digest in read_manifest(folders[-1]).data.version
        assert KEY not in repr(HiddenSuite.read(Path(path)))
    written = [path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert len(written) > 4
    assert not any(secret.encode() in data for data in written for secret in (KEY, *seeds))
    with pytest.raises(UserError, match="such scores cannot be compared"):
        DrivenStudy([load_driven(folder) for folder in folders])
