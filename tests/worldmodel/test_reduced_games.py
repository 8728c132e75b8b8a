"""A reduced Atari game: what is left of it, its world, its agent; the true game where ale-py is installed."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lightemma.errors import UserError  # noqa: E402
from lightemma.worldmodel.actions import ActionSpace  # noqa: E402
from lightemma.worldmodel.actor_critic import ActorCritic, AgentShape, Learning  # noqa: E402
from lightemma.worldmodel.atari import GameClip, pattern_player  # noqa: E402
from lightemma.worldmodel.denoiser import Denoiser, DenoiserShape, from_bytes, in_levels  # noqa: E402
from lightemma.worldmodel.fitting import Fit, fit  # noqa: E402
from lightemma.worldmodel.game_agent import game_agent  # noqa: E402
from lightemma.worldmodel.game_checks import payments, words_of_payments  # noqa: E402
from lightemma.worldmodel.game_cut import Cut, check_network, cut_of  # noqa: E402
from lightemma.worldmodel.game_rewards import parted, read_rewards, words_of_rewards  # noqa: E402
from lightemma.worldmodel.game_tried import words_of_points  # noqa: E402
from lightemma.worldmodel.game_world import SAMPLER, ChangeDenoiser, change_shape  # noqa: E402
from lightemma.worldmodel.passes import Passes, PassLoss, dreamt  # noqa: E402
from lightemma.worldmodel.unet import NetworkShape  # noqa: E402

CUT = Cut((16, 16), 12, ("UP", "DOWN"))


def plan(**changed):
    from lightemma.worldmodel.atari_run import AtariPlan

    usual = {
        "cut": CUT,
        "epochs": 2,
        "play": 120,
        "updates": 2,
        "agent_updates": 4,
        "network": "tiny",
        "past": 2,
        "batch": 2,
    }
    small = {"dreams": 2, "passes": 2, "horizon": 2, "episodes": 1, "longest": 240}
    return AtariPlan("CrazyClimber", **(usual | small | changed))


def test_a_game_is_played_learned_and_tested_and_goes_on_as_if_it_had_not_stopped(tmp_path):
    pytest.importorskip("ale_py")
    from lightemma.worldmodel.atari_run import AGENT, train_atari
    from lightemma.worldmodel.game_tried import try_atari
    from lightemma.worldmodel.weights import read_state

    said = []
    assert train_atari(plan(), tmp_path / "whole", "cpu", said.append) == 280, (
        "two rounds, and a third of one by the last agent"
    )
    assert sum("reward model, learned from" in one for one in said) == 2, "after each round"
    assert sum("imagined game" in one for one in said) == 2
    train_atari(plan(epochs=1), tmp_path / "stopped", "cpu", said.append)
    assert train_atari(plan(), tmp_path / "stopped", "cpu", said.append) == 280
    whole, stopped = (read_state(tmp_path / one / AGENT)["weights"] for one in ("whole", "stopped"))
    assert all(torch.equal(whole[name], stopped[name]) for name in whole)
    of_rounds = [read_state(tmp_path / "whole" / f"agent-{number}.pt")["weights"] for number in (1, 2)]
    assert not all(torch.equal(of_rounds[0][name], of_rounds[1][name]) for name in whole)
    found = try_atari(plan(), tmp_path / "whole")
    assert [name.split()[0] for name in found] == ["agent", "random", "constant", "script"]
    with pytest.raises(UserError, match="another game, seed or cut"):
        train_atari(plan(seed=1), tmp_path / "whole", "cpu", said.append)
    with pytest.raises(UserError, match="another game, or another cut"):
        try_atari(plan(cut=Cut((16, 16), 8, ("UP", "DOWN"))), tmp_path / "whole")


def test_of_all_rounds_that_agent_is_kept_which_was_paid_most_in_its_own_play(tmp_path, monkeypatch):
    pytest.importorskip("ale_py")
    from lightemma.worldmodel import atari_run
    from lightemma.worldmodel.weights import read_state

    def learned(plan, epoch, parts, *_):
        torch.nn.init.constant_(parts.agent.policy.bias, float(epoch))
        return ""

    def played(plan, epoch, agent, steps):
        paid = {0: 0, 1: 5, 2: 9, 3: 2}[int(agent.policy.bias[0])]
        return [made_up_clip(steps, range(paid * steps // 10), size=16)]

    monkeypatch.setattr(atari_run, "_learn", learned)
    monkeypatch.setattr(atari_run, "_play", played)
    said = []
    assert atari_run.train_atari(plan(epochs=3), tmp_path, "cpu", said.append) == 400
    kept = read_state(tmp_path / atari_run.AGENT)["weights"]
    assert kept["policy.bias"].tolist() == [2.0, 2.0]
    assert said[-1].endswith("+0.900 by the agent of round 2, +0.200 by the agent of round 3; that of round 2 is kept")


def test_a_game_shows_what_its_cut_leaves_and_knows_its_actions():
    pytest.importorskip("ale_py")
    from lightemma.worldmodel.atari import AtariGame, collect, random_player

    game = AtariGame("Breakout", 0)
    clips = collect(game, random_player(game.count, 0), 200)
    assert sum(len(one.actions) for one in clips) == 200
    assert all(one.pictures.shape == (len(one.actions) + 1, 64, 64, 3) for one in clips)
    assert [int(one.ends.sum()) for one in clips[:-1]] == [1] * (len(clips) - 1), "a clip ends where a life does"
    part = AtariGame("Breakout", 0, Cut((16, 24), 6, ("LEFT", "RIGHT"), (8, 32, 152, 208)))
    assert part.count == 2
    assert part.begin().shape == (24, 16, 3)
    with pytest.raises(UserError, match="no action 'UP'"):
        AtariGame("Breakout", 0, Cut(actions=("UP",)))
    with pytest.raises(UserError, match="no game 'Breakut'"):
        AtariGame("Breakut")


def test_a_cut_is_read_as_it_is_written_and_what_is_wrong_with_it_is_said():
    assert cut_of("Pong") == Cut()
    known = cut_of("CrazyClimber")
    assert (known.size, known.skip, len(known.actions)) == ((32, 32), 12, 4)
    other = cut_of("CrazyClimber", "48x32", 4, "all", "0,0,160,210")
    assert other == Cut((48, 32), 4, (), (0, 0, 160, 210))
    assert cut_of("Pong", actions="up, down").actions == ("UP", "DOWN")
    for box in ("1,2,3", "10,0,10,210", "0,0,161,210", "a,b,c,d", "-1,0,100,100"):
        with pytest.raises(UserError, match="left, upper, right and lower"):
            cut_of("Pong", box=box)
    with pytest.raises(UserError, match="multiples of 8"):
        check_network(Cut((36, 32)), 2, 8, 128)
    with pytest.raises(UserError, match="`past` is 3"):
        check_network(Cut(), 3, 8, 128)


class Bandit:
    """A dream in which the brighter half of the picture says which of two actions is paid."""

    def begin(self, seed):
        self.random = torch.Generator().manual_seed(seed + 1_000)
        return self.show()

    def show(self):
        self.right = torch.randint(0, 2, (32,), generator=self.random)
        picture = torch.full((32, 3, 8, 8), -1.0)
        picture[self.right == 0, :, :, :4] = 1.0
        picture[self.right == 1, :, :, 4:] = 1.0
        return picture

    def step(self, choices):
        paid = (choices == self.right).float()
        return self.show(), paid, torch.zeros(32)


def bandit_agent():
    torch.manual_seed(0)
    return ActorCritic(AgentShape((8, 8), 2, (8,), 16, patch=2))


def taught(agent, steps, path, note=lambda _: None):
    dreams = PassLoss(agent, Bandit(), 0, Learning(horizon=4, entropy=0.01, scaled=True), Passes(4, value=0.1), note)
    fit(agent, dreams, Fit(steps, rate=6e-3, every=20, fall=False, half=False), path, lambda _: None)
    return agent


def test_an_agent_learns_from_each_dream_several_times(tmp_path):
    rewards = []
    taught(bandit_agent(), 100, tmp_path / "agent.pt", rewards.append)
    assert len(rewards) == 25, "one stretch for four steps"
    means = [one.reward for one in rewards]
    assert np.mean(means[:5]) < 0.6
    assert np.mean(means[-5:]) > 0.75, "what its values learn of chance must not keep its policy from learning"


def test_an_agent_that_learns_from_each_dream_several_times_goes_on_where_it_stopped(tmp_path):
    whole = taught(bandit_agent(), 24, tmp_path / "whole.pt")
    taught(bandit_agent(), 8, tmp_path / "parts.pt")
    parts = taught(bandit_agent(), 24, tmp_path / "parts.pt")
    assert all(torch.equal(one, other) for one, other in zip(whole.parameters(), parts.parameters(), strict=True))


def test_each_update_learns_from_its_part_of_the_dreams():
    agent = bandit_agent()
    learning = Learning(horizon=3, scaled=True)
    halves = PassLoss(agent, Bandit(), 0, learning, Passes(4, parts=2, value=0.0))
    whole = PassLoss(agent, Bandit(), 0, learning, Passes(4, parts=1, value=0.0))
    losses = [float(halves(step).detach()) for step in range(4)]
    assert losses[0] == losses[2]
    assert losses[1] == losses[3]
    assert losses[0] != losses[1]
    assert float(whole(0).detach()) == pytest.approx((losses[0] + losses[1]) / 2.0, abs=1e-5)


def test_an_eye_for_what_is_not_as_usual_sees_no_scenery():
    rng = np.random.default_rng(0)
    scenery = rng.integers(256, size=(1, 16, 16, 3)).astype(np.uint8)
    pictures = np.repeat(scenery, 20, axis=0)
    places = rng.integers(16, size=20)
    pictures[np.arange(20), 8, places] = 255
    torch.manual_seed(0)
    agent = game_agent(AgentShape((16, 16), 2, (8,), 8, patch=2))
    agent.eye.see_usual(pictures)
    seen = from_bytes(torch.from_numpy(np.concatenate([pictures[:1], scenery]))).permute(0, 3, 1, 2)
    with torch.no_grad():
        usual = (seen - agent.eye.usual) / agent.eye.spread
        assert float(usual[:, :, :8].abs().max()) < 1e-3, "where nothing moves there is nothing to be seen"
        assert float((usual[0] - usual[1])[:, 8, places[0]].abs().min()) > 1.0
        other = agent.eye(seen)
    assert other.shape == (2, agent.eye.features)
    assert not torch.allclose(other[0], other[1])


def test_what_is_drawn_amiss_is_small_to_an_eye_for_what_is_not_as_usual():
    rng = np.random.default_rng(1)
    pictures = np.full((20, 16, 16, 3), 40, dtype=np.uint8)
    pictures[np.arange(20), 8, rng.integers(16, size=20)] = 255  # a figure that moves along one line
    pictures[:, 0] += rng.integers(3, size=(20, 16, 3)).astype(np.uint8)  # scenery that hardly varies
    eye = game_agent(AgentShape((16, 16), 2, (8,), 8, patch=2)).eye
    eye.see_usual(pictures)
    seen = from_bytes(torch.from_numpy(pictures)).permute(0, 3, 1, 2)
    amiss = (seen + 0.05 * torch.randn(seen.shape, generator=torch.Generator().manual_seed(0)) - seen) / eye.spread
    told = (seen - eye.usual) / eye.spread
    assert float(amiss.square().mean().sqrt()) < 0.3, "a fortieth of all levels anywhere is next to nothing"
    assert float(told.amax(dim=(1, 2, 3)).min()) > 2.0, "and the figure stands out in every picture"


def test_a_world_of_changes_that_has_learned_nothing_draws_the_newest_picture():
    torch.manual_seed(0)
    network = NetworkShape((8,), 1, 16, patch=4, attention=False)
    denoiser = ChangeDenoiser(change_shape(ActionSpace(2), network, 2))
    past = in_levels(torch.rand(3, 2, 3, 16, 16) * 2.0 - 1.0)
    drawn = denoiser.draw(past, torch.zeros(3, 2, 1), SAMPLER, torch.randn(3, 3, 16, 16))
    assert float((drawn - past[:, -1]).abs().mean()) < 0.02
    assert float((drawn - past[:, 0]).abs().mean()) > 0.2
    clean = past[:, -1]
    again = [
        float(denoiser.loss(clean, past, torch.zeros(3, 2, 1), torch.Generator().manual_seed(1)).detach()) for _ in "ab"
    ]
    assert again[0] == again[1]
    moved = float(denoiser.loss(past[:, 0], past, torch.zeros(3, 2, 1), torch.Generator().manual_seed(1)).detach())
    assert moved > again[0], "what changes has to be learned"


def test_a_dreamt_stretch_is_seen_again_as_it_was_dreamt():
    agent = bandit_agent()
    torch.nn.init.normal_(agent.policy.weight)
    stretch = dreamt(agent, Bandit(), 3, Learning(horizon=5, scaled=True))
    logits, _ = agent.along(stretch.pictures)
    again = logits.log_softmax(-1).gather(2, stretch.choices[..., None])[..., 0]
    assert torch.allclose(again, stretch.likelihoods, atol=1e-5)
    assert float(stretch.advantages.mean()) == pytest.approx(0.0, abs=1e-5)
    assert float(stretch.advantages.std(unbiased=False)) == pytest.approx(1.0, abs=1e-3)


def test_what_imagined_stretches_pay_is_held_against_what_the_true_ones_paid():
    class Paying(torch.nn.Module):
        """Is sure that the first action is paid, and that nothing ends."""

        def forward(self, pictures, actions, memory=None):
            first = (actions[..., 0] == 0).float()
            reward = torch.stack([torch.zeros_like(first), 20.0 * (1.0 - first), 20.0 * first], dim=-1)
            return reward, torch.tensor([20.0, 0.0]).expand(*first.shape, 2), None

    space = ActionSpace(2)
    denoiser = Denoiser(DenoiserShape(past=2, actions=space, network=NetworkShape((8,), 1, 16, attention=False)))
    rng = np.random.default_rng(0)
    actions = rng.integers(2, size=(60, 1)).astype(np.float64)
    pays = (actions[:, 0] == 0).astype(np.int64)
    clip = GameClip(np.zeros((61, 8, 8, 3), dtype=np.uint8), actions, pays, np.zeros(60, dtype=np.int64))
    found = payments(denoiser, Paying(), [clip], "cpu", 5, 20)
    assert found is not None
    assert np.allclose(found.dreamt, found.true, atol=1e-3)
    assert found.correlation == pytest.approx(1.0, abs=1e-3)
    assert found.lost == 0
    assert "20 held-out stretches" in words_of_payments(found)
    assert payments(denoiser, Paying(), [made_up_clip(5)], "cpu", 5, 20) is None
    assert "no held-out stretch" in words_of_payments(None)


def test_points_are_said_with_intervals_and_against_each_rival():
    found = {"agent": np.array([300.0, 500.0]), "random": np.array([100.0, 100.0]), "constant UP": np.zeros(2)}
    lines = list(words_of_points("CrazyClimber", found))
    assert lines[0].startswith("agent               400.0 points [300.0, 500.0] in 2 games, human-normalised")
    assert lines[-2:] == [
        "agent less 'random': +300.0 [+200.0, +400.0] points",
        "agent less 'constant UP': +400.0 [+300.0, +500.0] points",
    ]
    assert "human-normalised" not in next(words_of_points("Kaboom", found))


def test_a_script_repeats_its_actions_and_strays_as_often_as_it_is_told():
    seen = np.zeros((1, 1, 3), dtype=np.uint8)
    strict = pattern_player([2, 0, 1], 4, 0.0, 0)()
    assert [strict(seen) for _ in range(6)] == [2, 0, 1, 2, 0, 1]
    loose = pattern_player([0], 4, 0.4, 0)()
    strayed = np.mean([loose(seen) != 0 for _ in range(2000)])
    assert 0.25 < strayed < 0.35, "one of four strays is the script's own"


def made_up_clip(steps, paid=(), size=8):
    rewards = np.zeros(steps, dtype=np.int64)
    rewards[list(paid)] = 1
    pictures = np.zeros((steps + 1, size, size, 3), dtype=np.uint8)
    pictures[..., 0] = np.arange(steps + 1)[:, None, None]
    return GameClip(pictures, np.zeros((steps, 1)), rewards, np.zeros(steps, dtype=np.int64))


def test_every_fifth_stretch_of_what_was_played_is_held_out_and_stays_so_when_more_is_played():
    clips = [made_up_clip(250), made_up_clip(100), made_up_clip(400)]
    learned, held_out = parted(clips)
    assert sum(len(one.actions) for one in learned + held_out) == 750
    assert [len(one.actions) for one in held_out] == [10, 60]
    assert held_out[0].pictures[0, 0, 0, 0] == 240
    assert all(len(one.pictures) == len(one.actions) + 1 for one in learned + held_out)
    before = parted(clips[:2])[1]
    assert [one.pictures.tobytes() for one in before] == [one.pictures.tobytes() for one in held_out[: len(before)]]


def test_rewards_that_are_found_missed_and_made_up_are_counted():
    class Bright(torch.nn.Module):
        """Finds a reward wherever the picture after the action is brighter than 10 of 255."""

        def forward(self, pictures, actions):
            seen = (pictures[0, 1:, 0, 0, 0] > 2.0 * 10.5 / 255.0 - 1.0).float()
            return torch.stack([torch.zeros_like(seen), 1.0 - seen, seen], dim=1)[None], None, None

    found = read_rewards(Bright(), [made_up_clip(20, paid=(2, 12, 15))], "cpu")
    assert (found.steps, found.paid, found.found, found.false) == (20, 3, 2, 8)
    words = words_of_rewards(found, found)
    assert "held out: 2 of 3 rewarded or punished steps found, 8 false ones in 17" in words


def test_without_ale_py_the_extra_is_named(monkeypatch):
    import sys

    from lightemma.worldmodel.atari import AtariGame

    monkeypatch.setitem(sys.modules, "ale_py", None)
    with pytest.raises(UserError, match=r"lightemma\[atari\]"):
        AtariGame("Breakout")


def test_what_is_wrong_with_a_cut_is_said_before_anything_is_played(cli, tmp_path):
    for option, value, words in (
        ("--box", "1,2,3", "left, upper, right and lower"),
        ("--size", "36x32", "multiples of 8"),
        ("--past", "3", "give 1, 2, 4 or 8 past pictures"),
        ("--network", "fats", "There is no network 'fats'"),
        ("--actions", " ,", "such as UP,DOWN, or all"),
        ("--seed", "-1", "greater than or equal to 0"),
        ("--dreams", "1", "greater than or equal to 2"),
    ):
        done = cli("worldmodel", "atari", "--out", tmp_path / "run", option, value)
        assert done.status == 2
        assert words in done.err
    assert not (tmp_path / "run").exists()
