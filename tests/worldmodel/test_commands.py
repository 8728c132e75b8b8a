"""The commands of learned worlds."""

import pytest

pytest.importorskip("torch")

from tests.shared_data import SHARED, needs_shared
from tests.worldmodel.worlds import write_drives

SCORES = SHARED / "atari100k/diamond-scores.json"


@needs_shared(SCORES)
def test_hns_prints_the_published_figures(cli):
    done = cli("worldmodel", "hns", SCORES, "--draws", "100")
    assert done.status == 0
    words = done.out.split()
    for figure in ("1.459", "0.373", "0.641", "11"):
        assert figure in words


def test_a_world_is_trained_rolled_out_and_checked(cli, tmp_path):
    data = write_drives(tmp_path / "drives", scenes=2)
    world = tmp_path / "world"
    train = (
        "worldmodel",
        "train",
        "--data",
        data,
        "--out",
        world,
        "--size",
        "32x16",
        "--network",
        "tiny",
        "--batch",
        "4",
    )
    done = cli(*train, "--steps", "2", "--every", "2")
    assert done.status == 0, done.err
    assert "no map says where the road is" in done.out
    rolled = cli("worldmodel", "rollout", world, "--data", data, "--steps", "3", "--out", tmp_path / "strips")
    assert rolled.status == 0, rolled.err
    assert "imagined / copied" in rolled.out
    assert len(list((tmp_path / "strips").glob("*.png"))) == len(list((tmp_path / "strips").glob("*.gif"))) == 2
    other = write_drives(tmp_path / "held-out", scenes=1, frames=10)
    checked = cli("worldmodel", "check", world, "--data", other, "--learn", data, "--steps", "2", "--simulator", "0")
    assert checked.status == 0, checked.err
    assert "trust horizon" in checked.out
    assert (world / "trust.json").exists()
    assert (world / "check.json").exists()


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (("--network", "huge"), "no network 'huge'"),
        (("--size", "30x16"), "multiples of"),
        (("--kind", "gan"), "edm or ddpm"),
        (("--device", "tpu"), "cpu"),
    ],
)
def test_a_training_that_cannot_be_is_refused_with_a_sentence(cli, tmp_path, more, what):
    done = cli("worldmodel", "train", "--data", "demo", "--out", tmp_path, *more)
    assert done.status == 2
    assert what in done.err


def test_starts_that_no_drive_can_begin_in_are_named_before_anything_is_trained(cli, tmp_path):
    data, short = write_drives(tmp_path / "drives", scenes=1), write_drives(tmp_path / "short", scenes=1, frames=12)
    common = (
        "worldmodel",
        "train",
        "--data",
        data,
        "--out",
        tmp_path / "world",
        "--size",
        "32x16",
        "--network",
        "tiny",
    )
    for starts, what in ((short, "No drive is long enough to start in"), (tmp_path / "nowhere", "nowhere")):
        done = cli(*common, "--starts", starts, "--steps", "2")
        assert done.status == 2
        assert "--starts" in done.err
        assert what in " ".join(done.err.split())
        assert not (tmp_path / "world").exists(), "nothing was trained"


def test_agents_learn_in_a_world_and_go_on_as_if_they_had_not_stopped(cli, tmp_path):
    import msgspec
    import torch

    from lightemma.worldmodel.checkpoint import REWARD_END, Checkpoint, write_card
    from lightemma.worldmodel.reward_end import RewardEnd, RewardEndShape
    from lightemma.worldmodel.weights import write_state

    data, world = write_drives(tmp_path / "drives", scenes=1), tmp_path / "world"
    size = ("--size", "32x16", "--network", "tiny", "--batch", "2", "--steps", "1", "--sampler-steps", "1")
    assert cli("worldmodel", "train", "--data", data, "--out", world, *size).status == 0
    assert Checkpoint(world).card.sampler_steps == 1
    agent = ("worldmodel", "agent", world, "--data", data, "--batch", "2", "--horizon", "2", "--passes", "1")
    refused = cli(*agent, "--steps", "2", "--seconds", "0")
    assert (refused.status, "no reward model" in refused.err) == (2, True)
    shape = RewardEndShape((32, 16), channels=(32, 32, 64), memory=128, patch=2)
    write_state(world / REWARD_END, RewardEnd(shape).state_dict())
    write_card(world, msgspec.structs.replace(Checkpoint(world).card, reward_end=shape))

    def trained(*stops):
        for stop in stops:
            done = cli(*agent, "--steps", stop, "--every", "1", "--seconds", "0", "--blind")
            assert done.status == 0, done.err
            assert "of them by what is seen" in done.out
        states = [torch.load(world / f"{which}agent-0.training.pt")["weights"] for which in ("", "blind-")]
        for path in world.glob("*agent-0*"):
            path.unlink()
        return states

    whole, parts = trained("2"), trained("1", "2")
    for ours, theirs in zip(whole, parts, strict=True):
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert not torch.equal(whole[0]["policy.weight"], whole[1]["policy.weight"])
