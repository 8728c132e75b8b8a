"""Agreement with people: by hand-made pairs, and of the shipped file with what is said of it."""

from __future__ import annotations

import csv
import math
from importlib import resources

import pytest

from lightemma.evaluation.reasoning import agreement
from lightemma.evaluation.reasoning.readings import LATERAL, LONGITUDINAL
from lightemma.run_folder.judgments import digest
from tests.conftest import make_frames, make_manifest

HOME = resources.files("lightemma.evaluation.reasoning")


def test_kappa_takes_chance_off():
    pairs = [("keep", "keep")] * 6 + [("decelerate", "decelerate")] * 2 + [("keep", "decelerate")] * 2
    found = agreement.agreement("all", "longitudinal", pairs)
    assert (found.statements, found.agreement) == (10, 0.8)
    # people: 0.8 keep; reader: 0.6 keep; chance 0.8 * 0.6 + 0.2 * 0.4
    assert found.kappa == pytest.approx((0.8 - 0.56) / 0.44)
    assert math.isnan(agreement.agreement("all", "lateral", [("left", "left")]).kappa)


def test_speeds_are_the_same_within_a_quarter_of_a_metre_per_second():
    pairs = [("5.0", "5.2"), ("5.0", "5.6"), ("", ""), ("", "3.0")]
    assert agreement.agreement("all", "stated_speed", pairs).agreement == 0.5


def test_white_space_does_not_change_a_digest():
    assert digest("a  b\n c") == digest("a b c") != digest("a b d")


def test_the_shipped_labels_are_of_many_statements_without_their_texts():
    statements = []
    for path in sorted(
        path for path in HOME.iterdir() if path.name.startswith("labels") and path.name.endswith(".csv")
    ):
        with path.open(encoding="utf-8", newline="") as file:
            statements += agreement.read_labels(file)
    assert len(statements) >= 300
    assert len({statement.run for statement in statements}) >= 6
    for statement in statements:
        assert len(statement.text_sha256) == 64
        if statement.stage == "intent":
            assert statement.labels["longitudinal"] in LONGITUDINAL
            assert statement.labels["lateral"] in LATERAL


def test_fields_that_agree_too_seldom_are_named(monkeypatch):
    low = agreement.Agreement("shy", "lateral", 40, 0.85, 0.5)
    known = {("all", field): agreement.Agreement("all", field, 100, 0.95, 0.9) for field in agreement.FIELDS}
    monkeypatch.setattr(agreement, "shipped", lambda: known | {("shy", "lateral"): low})
    assert agreement.unreliable("shy") == ["lateral"]
    assert agreement.unreliable("another") == []
    assert agreement.model_of(make_manifest("shy", make_frames())) == "shy"


def test_the_shipped_agreement_has_every_field():
    rows = list(csv.DictReader((HOME / "agreement.csv").read_text(encoding="utf-8").splitlines()))
    assert {row["field"] for row in rows if row["run"] == "all"} == set(agreement.FIELDS)
    assert all(0 <= float(row["agreement"]) <= 1 for row in rows)
