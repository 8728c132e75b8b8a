"""Readers from outside: by dotted name and by entry point; a faulty one is refused with a sentence."""

from __future__ import annotations

import textwrap

import pytest

from lightemma.errors import UserError
from lightemma.evaluation.comparison import compare_runs
from lightemma.evaluation.reasoning.reader_choice import ENTRY_POINTS
from lightemma.evaluation.scores import load_scores
from lightemma.report.page import write_report
from tests.evaluation.reasoning.word_runs import Word, word_run
from tests.plugins.installed import install

BLUNT = "tests.plugins.blunt_reader:BluntReader"
WORDS = [Word("now GO on", planned=2.0, recorded=2.0, scene="a PERSON"), Word("quietly", planned=2.0, recorded=2.0)]


@pytest.fixture
def folder(tmp_path):
    return word_run(tmp_path / "results", "talker", {"s-1": WORDS, "s-2": WORDS})


def compared(folder, **choices):
    run = load_scores(folder)
    return compare_runs([run], folders={run.name: folder}, resamples=100, **choices)


def test_a_users_reader_reads_the_words(folder, tmp_path):
    comparison = compared(folder, reader=BLUNT)
    (row,) = comparison.reasoning
    assert (row.reader, row.judged, row.unclear_share, row.follow_through) == ("blunt", 2, 0.5, 1.0)
    person = next(row for row in comparison.claims if row.claim == "person")
    assert (person.claimed, person.denied) == (0.5, 0.5)
    page = write_report(comparison, tmp_path / "page.html").page.read_text(encoding="utf-8")
    assert "Words against actions, read by blunt" in page


def test_an_installed_package_offers_readers_by_entry_point(monkeypatch, tmp_path, folder):
    install(monkeypatch, tmp_path / "site", {ENTRY_POINTS: {"blunt": BLUNT}})
    assert compared(folder, reader="blunt").reasoning[0].reader == "blunt"
    with pytest.raises(UserError, match="There is no reader 'bland'"):
        compared(folder, reader="bland")


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("return IntentReading(longitudinal='fast')", "longitudinal is 'fast'; it is one of accelerate"),
        ("return IntentReading(stated_speed='5')", "stated_speed is '5'; it is a number of m/s"),
        ("return IntentReading(place=(0,))", "place is .0,.; it is a pair"),
        ("return 'keep'", "it gives a str where it gives a IntentReading or None"),
        ("return 1 / 0", "it failed .ZeroDivisionError: division by zero .my_reader.py, line 6"),
    ],
)
def test_a_reader_that_fails_is_refused_with_its_file(monkeypatch, tmp_path, folder, body, reason):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "my_reader.py").write_text(
        textwrap.dedent(
            f"""\
            from lightemma.evaluation.reasoning.reader import Reader
            from lightemma.evaluation.reasoning.readings import IntentReading, SceneReading
            class Mine(Reader):
                name = "mine"
                def read_intent(self, text):
                    {body}
                def read_scene(self, text):
                    return SceneReading()
            """
        )
    )
    with pytest.raises(UserError, match=reason) as caught:
        compared(folder, reader="my_reader:Mine")
    assert "my_reader.py" in str(caught.value)
