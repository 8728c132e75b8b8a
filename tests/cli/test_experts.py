"""`lightemma experts`."""

from __future__ import annotations

from lightemma.experts.registry import EXPERTS
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
