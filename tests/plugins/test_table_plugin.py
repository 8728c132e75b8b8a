"""Tables from outside: by dotted name and by entry point; a faulty one costs itself and one sentence."""

from __future__ import annotations

import csv
import textwrap

import numpy as np
import pytest

from lightemma.api import Tables
from lightemma.errors import UserError
from lightemma.evaluation.comparison import Comparison, compare_runs
from lightemma.evaluation.tables import TABLES, plugin_tables
from lightemma.evaluation.tables.files import write_tables
from lightemma.report.page import write_report
from lightemma.table_files import SUFFIXES
from tests.evaluation.made_runs import drives, made_run
from tests.plugins.installed import install

BRAKING = "tests.plugins.braking_table:Braking"
OWN = [table.name for table in TABLES]
RUN = made_run("vlm", drives({"s-1": [5.0, 6.0], "s-2": [4.0, 5.0]}), [1.0, 5.0, None, 2.5])


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Writes a module of the user's own; gives back the place of its class."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(body: str, name: str = "my_table") -> str:
        (tmp_path / f"{name}.py").write_text(
            "from dataclasses import dataclass\n"
            "import numpy as np\n"
            "from lightemma.evaluation.tables.base import Table\n"
            "@dataclass(frozen=True)\nclass Row:\n    run: str\n    value: object\n" + textwrap.dedent(body)
        )
        return f"{name}:Mine"

    return write


def table(build: str, name: str = "mine", caption: str = "return 'Mine.'") -> str:
    return f"""
    class Mine(Table):
        name = {name!r}
        Row = Row
        def caption(self, study):
            {caption}
        def build(self, study):
            {build}
    """


def test_a_users_table_is_written_to_files_and_page(tmp_path):
    comparison = compare_runs([RUN], tables=[BRAKING], resamples=100)
    assert list(comparison.tables) == [*OWN, "braking"]
    assert [(row.run, row.share) for row in comparison.braking] == [
        ("vlm", pytest.approx(1 / 3)),
        ("constant-action", 0.0),
    ]
    write_tables(comparison, tmp_path)
    assert all((tmp_path / f"braking{suffix}").is_file() for suffix in SUFFIXES)
    with (tmp_path / "braking.csv").open(newline="") as file:
        assert next(csv.reader(file)) == ["run", "share", "ci_low", "ci_high"]
    page = write_report(comparison, tmp_path / "page.html").page.read_text(encoding="utf-8")
    assert "Plans that lose 3 m/s or more" in page
    assert "share of its ok frames with a plan that loses 3 m/s" in page, "columns explain themselves"


def test_an_installed_package_offers_tables_by_entry_point(monkeypatch, tmp_path):
    install(monkeypatch, tmp_path / "site", {plugin_tables.ENTRY_POINTS: {"braking": BRAKING}})
    for named in ([], ["braking"], [BRAKING]):
        assert list(compare_runs([RUN], tables=named, resamples=100).tables) == [*OWN, "braking"]


def test_a_broken_offer_costs_one_sentence(monkeypatch, tmp_path):
    install(monkeypatch, tmp_path / "site", {plugin_tables.ENTRY_POINTS: {"gone": "no_such_module:Gone"}})
    comparison = compare_runs([RUN], resamples=100)
    assert list(comparison.tables) == OWN
    (said,) = [sentence for sentence in comparison.warnings if "gone" in sentence]
    assert said.startswith("The table 'gone' of made-up-package is left out: ")
    assert "no_such_module" in said
    with pytest.raises(UserError, match="no_such_module"):
        compare_runs([RUN], tables=["gone"])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (table("return 1 / 0"), "ZeroDivisionError: division by zero (my_table.py, line 15)"),
        (table("return study.no_such_thing"), "AttributeError"),
        (table("return [('vlm', 1.0)]"), "`build` gave a tuple where it gives rows of type Row"),
        (table("return [Row('vlm', [1, 2])]"), "column 'value' holds a list"),
        (table("return None"), "TypeError"),
        (table("raise SystemExit(3)"), "SystemExit: 3"),
        (table("return []", caption="return study.captions"), "AttributeError"),
    ],
)
def test_a_table_that_fails_costs_itself_and_one_sentence(module, tmp_path, body, reason):
    comparison = compare_runs([RUN], tables=[module(body), BRAKING], resamples=100)
    assert list(comparison.tables) == [*OWN, "braking"], "the others are made"
    (said,) = [sentence for sentence in comparison.warnings if "'mine'" in sentence]
    assert said.startswith("The table 'mine' is left out: the class 'Mine' in ")
    assert str(tmp_path / "my_table.py") in said
    assert reason in said


def test_cells_that_files_cannot_hold_are_made_into_some_that_can(module, tmp_path):
    place = module(table("return [Row('a\\udc80b', np.int64(3)), Row('c', np.float32(0.5)), Row('d', None)]"))
    comparison = compare_runs([RUN], tables=[place], resamples=100)
    assert [(row.run, row.value) for row in comparison.mine] == [("a?b", 3), ("c", 0.5), ("d", None)]
    assert not any(isinstance(row.value, np.generic) for row in comparison.mine)
    write_tables(comparison, tmp_path)
    write_report(comparison, tmp_path / "page.html")
    assert (tmp_path / "mine.csv").read_text(encoding="utf-8").splitlines() == ["run,value", "a?b,3", "c,0.5", "d,"]


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (table("return []", name="summary"), "is called 'summary', a name that lightemma uses itself"),
        (table("return []", name="study"), "is called 'study', a name that lightemma uses itself"),
        (table("return []", name="../out"), r"has the name '\.\./out'; give it `name = "),
        ("class Mine(Table):\n    name = 'mine'\n    Row = dict\n", "does not say what its rows are"),
        ("class Mine(Table):\n    name = 'mine'\n    Row = Row\n", "cannot be made .TypeError"),
        ("class Mine:\n    pass\n", "is not a table: it does not subclass lightemma.evaluation.tables.base:Table"),
    ],
)
def test_what_is_no_table_is_refused(module, body, sentence):
    with pytest.raises(UserError, match=sentence):
        compare_runs([RUN], tables=[module(body)])


def test_two_tables_of_one_name_are_refused(module):
    places = [module(table("return []"), name) for name in ("one_table", "other_table")]
    with pytest.raises(UserError, match="Two tables are called 'mine'"):
        compare_runs([RUN], tables=places)


def test_an_unknown_name_is_refused():
    with pytest.raises(UserError, match="There is no table 'brakes' to add; name yours as module:Class"):
        compare_runs([RUN], tables=["brakes"])


def test_a_name_that_is_no_table_is_no_attribute():
    with pytest.raises(AttributeError, match="there is no table 'breaking'"):
        compare_runs([RUN], resamples=100).breaking  # noqa: B018


def test_no_table_can_hide_what_a_comparison_has():
    comparison = compare_runs([RUN], resamples=100)
    classes = (Comparison, *Comparison.__mro__, Tables)
    public = {name for one in classes for name in vars(one) if not name.startswith("_")} | set(vars(comparison))
    assert public <= plugin_tables.TAKEN
