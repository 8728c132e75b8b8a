"""Worlds that are damaged, of another training or made by somebody else, and numbers that no training survives."""

import json
import pickle
import shutil
from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")

from lightemma.errors import UserError  # noqa: E402
from lightemma.worldmodel.actor_critic import ActorCritic, AgentShape  # noqa: E402
from lightemma.worldmodel.checkpoint import Checkpoint  # noqa: E402
from lightemma.worldmodel.clips import load_clips  # noqa: E402
from lightemma.worldmodel.fitting import Fit, fit  # noqa: E402
from lightemma.worldmodel.inverse import train_inverse  # noqa: E402
from lightemma.worldmodel.weights import read_state, write_state  # noqa: E402
from tests.worldmodel.worlds import write_drives  # noqa: E402

SIZE = ("--size", "32x16", "--network", "tiny", "--batch", "2", "--road-steps", "0")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_drives(tmp_path_factory.mktemp("data") / "drives", scenes=1)


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    from lightemma.worldmodel.train_world import WorldTraining, train_world

    folder = tmp_path_factory.mktemp("worlds") / "whole"
    plan = Fit(2, 2, 4e-4, 0, every=2)
    training = WorldTraining((str(data),), folder, plan, size=(32, 16), network="tiny")
    return train_world(training, lambda _: None).folder


@pytest.fixture
def world(trained, tmp_path):
    return shutil.copytree(trained, tmp_path / "world")


def changed(world, *path, to):
    card = json.loads((world / "world.json").read_bytes())
    inner = card
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = to
    (world / "world.json").write_text(json.dumps(card))


@pytest.mark.parametrize(
    ("path", "to", "what"),
    [
        (("dt",), 0.0, "time step"),
        (("dt",), -1e9, "time step"),
        (("size",), [0, -4], "size"),
        (("size",), [10**6, 10**6], "size"),
        (("size",), [64, 32], "size"),
        (("size",), [30, 16], "size"),
        (("sampler_steps",), 0, "number of evaluations"),
        (("sampler_steps",), 10**9, "number of evaluations"),
        (("denoiser", "past"), 0, "network"),
        (("denoiser", "network", "channels"), [], "network"),
        (("denoiser", "network", "channels"), [10**6], "network"),
        (("denoiser", "network", "patch"), 0, "network"),
        (("denoiser", "levels", "least"), -1.0, "network"),
        (("denoiser", "actions", "count"), -1, "actions"),
        (("camera", "rotation"), [0.0, 0.0, 0.0, 0.0], "camera"),
        (("camera", "intrinsic"), [[1.0]], "camera"),
        (("camera", "intrinsic"), [[1.0], [1.0, 2.0], []], "camera"),
        (("camera", "translation"), [], "camera"),
    ],
)
def test_a_description_that_no_world_can_have_is_refused_by_its_part(world, path, to, what):
    changed(world, *path, to=to)
    with pytest.raises(UserError, match=rf"world\.json' is damaged \(its {what} cannot be\)"):
        Checkpoint(world)


def test_the_description_as_it_was_written_is_taken(world):
    assert Checkpoint(world).card.camera.size == Checkpoint(world).card.size == (32, 16)


def test_weights_that_are_cut_of_another_kind_code_or_no_numbers_are_refused(world, tmp_path):
    path, owned = world / "denoiser.pt", tmp_path / "owned"
    whole = path.read_bytes()
    nan = {name: one * float("nan") for name, one in read_state(path).items() if one.is_floating_point()}

    class Code:
        def __reduce__(self):
            return open, (str(owned), "w")

    def refused(data):
        path.write_bytes(data)
        with pytest.raises(UserError, match=r"denoiser\.pt' holds (no weights|weights)"):
            Checkpoint(world).denoiser()

    for size in (0, 1, 1000, len(whole) // 2, len(whole) - 1):
        refused(whole[:size])
    refused(pickle.dumps({"a": Code()}))
    refused(pickle.dumps([1, 2]))
    refused(b"PK\x03\x04 but no archive")
    assert not owned.exists()
    for other in ({}, {"weights": 1}, nan):
        write_state(path, other)
        refused(path.read_bytes())


@pytest.mark.parametrize(
    ("more", "what"),
    [
        (("--kind", "ddpm"), "--kind edm, not ddpm"),
        (("--size", "64x32"), "--size 32x16, not 64x32"),
        (("--batch", "3"), "--batch 2, not 3"),
        (("--rate", "0.1"), "--rate 0.0004, not 0.1"),
        (("--seed", "1"), "--seed 0, not 1"),
        (("--tempo", "0"), "--tempo 0.5, not 0"),
        (("--no-mirror",), "--mirror on, not off"),
        (("--steps", "1"), "2 steps already"),
    ],
)
def test_a_training_goes_on_with_its_own_settings_only(cli, data, world, more, what):
    before = {path.name: path.read_bytes() for path in world.iterdir()}
    done = cli("worldmodel", "train", "--data", data, "--out", world, *SIZE, "--steps", "3", *more)
    assert done.status == 2
    assert what in done.err
    assert {path.name: path.read_bytes() for path in world.iterdir()} == before, "nothing is lost"


def test_a_training_of_an_older_version_which_knows_its_seed_alone_goes_on(cli, data, world):
    path = world / "denoiser.training.pt"
    state = read_state(path)
    del state["settings"]
    write_state(path, {**state, "seed": 0})
    done = cli("worldmodel", "train", "--data", data, "--out", world, *SIZE, "--steps", "3", "--batch", "3")
    assert done.status == 0, done.err
    assert "goes on at step 2 of 3" in done.out
    write_state(path, {"seed": 0, "settings": {}})
    done = cli("worldmodel", "train", "--data", data, "--out", world, *SIZE, "--steps", "3")
    assert (done.status, "holds no training" in done.err) == (2, True)


def test_a_loss_that_is_no_number_ends_a_training_and_keeps_what_was_there(tmp_path):
    path = tmp_path / "net.training.pt"

    def losing(step, net):
        return (net.weight * (float("nan") if step == 3 else 1.0)).sum()

    net = torch.nn.Linear(2, 1)
    plan = Fit(6, every=1, half=False)
    with pytest.raises(UserError, match="at step 3 the loss or the weights are no numbers"):
        fit(net, lambda step: losing(step, net), plan, path, lambda _: None)
    assert read_state(path)["step"] == 3
    with torch.no_grad():
        net.weight.fill_(float("inf"))
    with pytest.raises(UserError, match="no numbers"):
        fit(net, lambda _: net.bias.sum(), plan, tmp_path / "other.training.pt", lambda _: None)
    assert not (tmp_path / "other.training.pt").exists()


def test_the_worth_of_a_single_return_is_a_number():
    agent = ActorCritic(AgentShape((16, 16), 2, (32,), 8))
    for _ in range(3):
        assert torch.isfinite(agent.see_worth(torch.ones(1, 1)))
    assert torch.isfinite(agent.worth).all()


@pytest.mark.parametrize(
    ("command", "more", "what"),
    [
        ("train", ("--seed", "-1"), "--seed"),
        ("train", ("--rate", "inf"), "--rate"),
        ("train", ("--size", "0x0"), "multiples of 4, up to 2048"),
        ("train", ("--size", "1000000x1000000"), "multiples of 4, up to 2048"),
        ("train", ("--batch", "1000000000"), "--batch"),
        ("train", ("--sampler-steps", "1000000000"), "--sampler-steps"),
        ("play", ("--seed", "-1"), "--seed"),
        ("rollout", ("--sampler-steps", "1000000000"), "--sampler-steps"),
        ("rollout", ("--steps", "2000"), "No drive has 2008 pictures, the longest has 30"),
        ("agent", ("--rate", "inf"), "--rate"),
        ("check", (), "is in --data and in --learn"),
        ("atari", ("--skip", "1000000"), "--skip"),
        ("atari", ("--size", "100000x100000"), "up to 256"),
        ("agent", ("--entropy", "inf"), "--entropy"),
    ],
)
def test_numbers_that_cannot_be_are_refused_in_a_sentence(cli, data, world, command, more, what):
    new = ("--out", world.parent / "new", "--network", "tiny")
    given = {"train": (*new, "--data", data), "atari": new, "play": (world,)}.get(command, (world, "--data", data))
    done = cli("worldmodel", command, *given, *(("--learn", data) if command == "check" else ()), *more)
    assert done.status == 2
    assert what in " ".join(done.err.split())
    assert not (world.parent / "new").exists()


def test_a_folder_that_cannot_be_written_is_found_before_the_training(cli, data, world):
    file = world / "world.json"
    for arguments in (("train", "--out", file, *SIZE), ("rollout", world, "--out", file, "--steps", "1")):
        done = cli("worldmodel", *arguments, "--data", data)
        assert done.status == 2
        assert f"'{file}' cannot be written" in " ".join(done.err.split())
        assert "step" not in done.out


def test_the_instrument_of_a_check_learns_anew_from_other_drives(data, tmp_path):
    clips = load_clips(str(data), (32, 16))
    others = [replace(one, name="another drive") for one in clips]
    said = []
    for drives, steps in ((clips, 1), (clips, 1), (others, 1), (others, 2)):
        plan = Fit(steps, 2, every=1)
        said.append([])
        train_inverse(drives, (32, 16), plan, tmp_path / "inverse.training.pt", said[-1].append)
    assert ["begins anew" in " ".join(lines) for lines in said] == [False, False, True, True]
    assert any("goes on at step 1 of 1" in line for line in said[1])


def test_a_learned_world_begins_in_the_drives_that_are_given_once(cli, data, world, tmp_path):
    drive = ("drive", "--planner", "stop", "--out", tmp_path / "runs", "--data", data)
    done = cli(*drive, "--world", f"imagined:{world}")
    assert done.status == 0, done.err
    assert "starts of drives" in done.out
    for name, what in ((f"imagined:{world},{data}", "give the recorded drives once"), ("city", "leave --data out")):
        refused = cli(*drive, "--world", name)
        assert (refused.status, what in refused.err) == (2, True)


def test_too_little_memory_is_said_in_a_sentence(cli, monkeypatch):
    from lightemma.worldmodel import hns

    for error in (
        MemoryError(),
        RuntimeError("std::bad_alloc"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ):

        def short(_path, error=error):
            raise error

        monkeypatch.setattr(hns, "read_scores", short)
        done = cli("worldmodel", "hns", "scores.json")
        assert (done.status, "too little memory" in done.err) == (2, True)
