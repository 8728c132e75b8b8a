"""`lightemma experts`."""

from __future__ import annotations

import csv

import yaml

from lightemma.experts.planning_score import gold_plans
from lightemma.experts.registry import EXPERTS, make_expert
from tests.experts.test_seeing import light, road, shown, street


def test_every_expert_is_listed_with_its_licence(cli):
    done = cli("experts", "list")
    assert done.status == 0, done.err
    heads = [line for line in done.out.splitlines() if line and not line.startswith(" ")]
    assert [line.partition("  (")[0] for line in heads] == list(EXPERTS)
    assert done.out.count("licence of code MIT") == len(EXPERTS)
    assert "weights Apache-2.0" in done.out


def test_experts_are_tried_on_a_picture(cli, tmp_path):
    image, draw = street()
    light(draw, "red", 400, 60)
    (tmp_path / "light.png").write_bytes(shown(image).data)
    (tmp_path / "road.png").write_bytes(road(0.0, 0.0, 0.3).data)
    done = cli(
        "experts", "run", tmp_path / "light.png", "--expert", "light-state", "--expert", "motion-words", "--speed", "5"
    )
    assert done.status == 0, done.err
    assert "1. light-state by light-state: ok" in done.out
    assert "The nearest traffic light shows red." in done.out
    assert "Our car drives at 5.0 m/s" in done.out
    camera = ("--focal", "506.56", "--height", "1.5")
    done = cli("experts", "run", tmp_path / "road.png", "--expert", "lane-geometry", *camera)
    assert "lane_width_m = 3." in done.out
    done = cli("experts", "run", tmp_path / "road.png", "--expert", "lane-geometry")
    assert "lane-geometry: skipped" in done.out
    assert "how the camera looks at the road" in done.out


def test_mistakes_are_one_sentence(cli, tmp_path):
    (tmp_path / "road.png").write_bytes(road(0.0, 0.0, 0.0).data)
    for arguments, said in (
        ((tmp_path / "none.png",), "none.png"),
        ((tmp_path / "road.png", "--expert", "lane"), "There is no expert 'lane'"),
        ((tmp_path / "road.png", "--focal", "500"), "--focal and --height together"),
        ((tmp_path / "road.png", "--expert", "ground-distance"), "None of these experts can do anything"),
    ):
        done = cli("experts", "run", *arguments)
        assert done.status == 2
        assert said in done.err


def test_how_well_models_plan_is_a_table(cli, tmp_path):
    cards = [make_expert(name).card for name in EXPERTS if not make_expert(name).card.privileged]
    gold = [plan.text for plan in gold_plans(cards)]
    files = []
    for name, answers in (
        ("writes", {"tools-plan": gold * 2}),
        ("mends", {"tools-plan": ["no"] * 24, "tools-repair": gold * 2}),
    ):
        model = {"name": name, "provider": "scripted", "model": name, "options": {"answers": answers}}
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(model), encoding="utf-8")
        files += ["--model", tmp_path / f"{name}.yaml"]
    done = cli("experts", "plan", *files, "--out", tmp_path / "out")
    assert done.status == 0, done.err
    with (tmp_path / "out" / "planning.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    kept = ("model", "guided", "plans", "valid", "repaired", "default", "node_f1", "edge_f1", "calls")
    assert [[row[name] for name in kept] for row in rows] == [
        ["writes", "no", "12", "12", "0", "0", "1.0", "1.0", "1.0"],
        ["writes", "yes", "12", "12", "0", "0", "1.0", "1.0", "1.0"],
        ["mends", "no", "12", "0", "12", "0", "1.0", "1.0", "2.0"],
        ["mends", "yes", "12", "0", "12", "0", "1.0", "1.0", "2.0"],
    ]
    assert "mends, free, most often: the answer is not JSON alone" in done.out
    done = cli("experts", "plan", "--model", "scripted-example", "--free")
    assert (done.status, "no scripted answer for stage 'tools-plan'" in done.out) == (1, True)
