"""Agents: in the simulator, and on the page."""

import json
import threading
import urllib.error
import urllib.request

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lightemma.closed_loop.spec import EpisodeSpec  # noqa: E402
from lightemma.worldmodel.agents import new_agent  # noqa: E402
from lightemma.worldmodel.agents_tried import MOST, words_of_kept  # noqa: E402
from lightemma.worldmodel.lane_test import (  # noqa: E402
    STEERING,
    Kept,
    agent_steers,
    constant_steers,
    follower_steers,
    keep_lane,
)
from lightemma.worldmodel.play import make_server  # noqa: E402


@pytest.mark.pictures
def test_who_steers_hard_leaves_the_lane_and_who_goes_straight_keeps_it_for_longer():
    specs = [EpisodeSpec("cruise", 9)]
    straight = keep_lane("straight", constant_steers(0.0), specs, (32, 20), 1.5, (64, 36))
    left = keep_lane("left", constant_steers(0.08), specs, (32, 20), 1.5, (64, 36))
    assert straight.in_lane[0] > left.in_lane[0]
    assert straight.metres[0] > left.metres[0]
    assert left.steered[-1] == left.steered.sum() >= 2


def test_who_knows_where_the_car_is_keeps_its_lane_from_disturbed_starts():
    specs = [EpisodeSpec("bend", 9), EpisodeSpec("cruise", 19)]
    follower, straight = (
        keep_lane("", begin, specs, (32, 20), 8.0, (64, 36), disturbed=True)
        for begin in (follower_steers, constant_steers(0.0))
    )
    assert follower.in_lane.tolist() == [1.0, 1.0]
    assert straight.in_lane.mean() < 0.9


class Shown:
    """A moment of which only the picture is known."""

    def __init__(self, picture):
        self.picture = picture

    def pixels(self):
        return self.picture


def test_an_agent_remembers_within_a_drive_and_begins_the_next_one_anew():
    agent = new_agent((32, 16), 0)
    torch.nn.init.normal_(agent.policy.weight)
    rng = np.random.default_rng(0)
    moments = [Shown(rng.integers(256, size=(16, 32, 3)).astype(np.uint8)) for _ in range(6)]
    begin = agent_steers(agent.eval())
    first, second = begin(0), begin(1)
    assert [first(one) for one in moments] == [second(one) for one in moments]
    assert set(STEERING) >= {begin(2)(one) for one in moments}
    first, second = (agent_steers(agent, blind=True)(0) for _ in range(2))
    assert [first(one) for one in moments] == [second(one) for one in moments[::-1]], "a blind one sees no difference"


def test_what_an_agent_gains_on_each_of_its_rivals_is_said_with_its_interval():
    def kept(name, *shares):
        return Kept(
            name,
            np.array(shares),
            np.array([10.0] * len(shares)),
            np.array([0, 0, 1, 2, 1, 0, 0]),
            np.arange(len(shares)),
        )

    all_of_them = [kept("agent of seed 3", 0.9, 0.8), kept("random", 0.2, 0.4), kept("always +0", 0.6, 0.6)]
    lines = list(words_of_kept([*all_of_them, kept(MOST, 1.0, 1.0)]))
    assert lines[0].startswith("agent of seed 3        in its lane 85% [80%, 90%]")
    assert lines[0].endswith("steered 0 0 25 50 25 0 0 %")
    assert lines[-2:] == [
        "agent of seed 3 less 'always +0': +25% [+20%, +30%] of the time",
        "agent of seed 3 less 'random': +55% [+40%, +70%] of the time",
    ]


class Fake:
    def begin(self):
        return {"picture": "data:,", "words": "begun"}

    def step(self, keys):
        return {"picture": "data:,", "words": ",".join(sorted(keys))}


def test_the_page_is_steered_by_its_own_requests_only():
    with make_server(Fake(), 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        at = f"http://127.0.0.1:{server.server_address[1]}"

        def post(path, **headers):
            request = urllib.request.Request(at + path, method="POST", headers=headers)
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.loads(answer.read())

        try:
            with urllib.request.urlopen(at, timeout=10) as page:
                assert b"ArrowLeft" in page.read()
            assert post("/begin")["words"] == "begun"
            assert post("/step?keys=left,up", Origin=at)["words"] == "left,up"
            with pytest.raises(urllib.error.HTTPError, match="403"):
                post("/begin", Origin="http://elsewhere")
            with pytest.raises(urllib.error.HTTPError, match="404"):
                post("/other")
        finally:
            server.shutdown()
