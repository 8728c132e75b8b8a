"""The recipe of the tiny driver: what it learns from is what it will be asked, and what it says of it can be read."""
# ruff: noqa: E402 -- the scripts are no package that is installed

import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))

from tiny_driver import gather, motion
from tiny_driver.batches import Source
from tiny_driver.frames import COMMANDS, KINDS, NUMBERS, SIZE
from tiny_driver.network import IMAGES, SCALES, Shape, TinyDriver
from tiny_driver.pool import Pool
from tiny_driver.targets import answers_of, balance_of, split_kinds
from tiny_driver.train import losses_of

from lightemma.backends.tiny import vocabulary as words
from lightemma.backends.tiny.reading import Question
from lightemma.backends.tiny.vocabulary import VOCABULARY
from lightemma.parsing import parse_answer

COUNT = 60
SMALL = Shape(hidden=(32, 32, 32, 32, 32), depths=(1, 1, 1, 1, 1), width=32, layers=2, read=1, ffn=32, heads=2)


@pytest.fixture(scope="module")
def pool() -> Pool:
    """Drives that nobody drove: bends to either side, and pictures that are bright on the right."""
    random = np.random.default_rng(0)
    made = Pool([], "train", torch.device("cpu"), 2)
    speed, bend = random.uniform(0, 12, (COUNT, 1)), random.uniform(-0.05, 0.05, (COUNT, 1))
    back = -np.arange(7, -1, -1) * 0.5 * speed * (1 + random.uniform(-0.1, 0.1, (COUNT, 8)))
    poses = np.stack([back, bend * back**2 / 2], -1)
    plan = np.stack([np.repeat(speed, 6, 1), np.repeat(bend, 6, 1)], -1)
    command = random.integers(0, 5, COUNT)
    arrays = {
        "poses": poses, "plan": plan, "future": np.full((COUNT, 6, 2), np.nan), "command": command,
        "metres": np.where(command > 1, random.uniform(0, 60, COUNT), np.nan), "now": np.ones(COUNT, int),
        "paired": np.ones(COUNT, bool), "numbers": random.uniform(0, 9, (COUNT, len(NUMBERS))),
        "kinds": np.stack([random.integers(0, most, COUNT) for most in KINDS.values()], 1), "scene": np.zeros(COUNT, int),
    }  # fmt: skip
    made.data = {name: torch.from_numpy(one) for name, one in arrays.items()}
    made.data = {name: one.float() if one.is_floating_point() else one for name, one in made.data.items()}
    made.weight = torch.ones(COUNT)
    made._pictures[:, :, : SIZE[0] // 2], made._pictures[:, :, SIZE[0] // 2 :] = 0, 255
    return made


def test_prompts_of_training_are_those_of_driving(pool: Pool):
    batch = Source(pool).batch(torch.arange(COUNT), learn=False)
    same = 0
    for row in range(COUNT):
        past = tuple((float(speed), float(bend)) for speed, bend in batch.history[row].double().numpy().round(3))
        command, metres = int(pool.data["command"][row]), float(pool.data["metres"][row])
        told = None if np.isnan(metres) else float(round(metres))
        ids = Question("pairs", past, COMMANDS[command], told, (), (), None, None).ids(IMAGES)[:-1]
        # Halfway between two bins either will do.
        assert np.abs(np.array(ids) - batch.prompt[row].numpy()).max() <= 1
        same += ids == batch.prompt[row].tolist()
        known = motion.past_numbers(batch.history[row].double().numpy(), command, metres)
        assert np.allclose(known, batch.past[row].numpy(), atol=1e-5)
    assert same > COUNT / 2


def test_a_mirrored_moment_is_mirrored_in_all_of_it(pool: Pool):
    batch = Source(pool, 3).batch(torch.arange(COUNT), learn=True)
    bright_left = batch.pixels[:, 0, :, :8].mean((1, 2)) > batch.pixels[:, 0, :, -8:].mean((1, 2))
    assert 0 < int(bright_left.sum()) < COUNT
    side = torch.where(bright_left, -1.0, 1.0)
    assert torch.allclose(batch.plan[..., 1], pool.data["plan"][..., 1] * side[:, None])
    assert torch.equal(batch.plan[..., 0], pool.data["plan"][..., 0])
    offset = NUMBERS.index("offset")
    assert torch.allclose(batch.numbers[:, offset] * SCALES[offset], pool.data["numbers"][:, offset] * side, atol=1e-5)
    told = batch.prompt[:, 1 + IMAGES] - VOCABULARY.command.first
    turned = {0: 0, 1: 1, 2: 4, 3: 3, 4: 2}
    for row in range(COUNT):
        own = int(pool.data["command"][row])
        assert int(told[row]) in (0, turned[own] if bright_left[row] else own)


def test_what_is_to_be_said_is_what_the_heads_see(pool: Pool):
    random = torch.Generator().manual_seed(0)
    batch = Source(pool).batch(torch.arange(COUNT), learn=False)
    facts = torch.randn(COUNT, len(NUMBERS) + sum(KINDS.values()), generator=random)
    said = answers_of(batch.plan, facts, batch.history, random, alone=0.3, wrong=0.0)
    lights = split_kinds(facts)["light"].argmax(1)
    alone = said.ids[:, 0] == words.ONLY
    assert 0 < int(alone.sum()) < COUNT
    for row in range(COUNT):
        answer = [one for one in said.target[row].tolist() if one >= 0]
        assert answer[-1] == words.END
        # What is said is what it then hears itself say.
        assert said.ids[row, 1 : len(answer)].tolist() == answer[:-1]
        text = VOCABULARY.text(answer)
        plan = parse_answer(text.rpartition("\n")[2], "strict").actions
        assert plan is not None
        assert np.abs(plan - batch.plan[row].numpy()).max() < 0.03
        if not alone[row]:
            assert list(words.LIGHTS.values())[int(lights[row])] in text
            assert "speed" in text or "slow" in text or "stopped" in text


def test_a_scene_that_is_not_what_is_seen_is_never_to_be_said(pool: Pool):
    random = torch.Generator().manual_seed(1)
    batch = Source(pool).batch(torch.arange(COUNT), learn=False)
    facts = torch.randn(COUNT, len(NUMBERS) + sum(KINDS.values()), generator=random)
    said = answers_of(batch.plan, facts, batch.history, random, alone=0.0, wrong=0.5)
    judge = (said.ids == words.JUDGE).long().argmax(1)
    for row in range(COUNT):
        assert (said.target[row, : int(judge[row])] == -1).all()
        assert (said.target[row, int(judge[row]) :] >= 0).sum() == 2 + 1 + 13 + 1


@pytest.mark.parametrize("blind", [False, True])
def test_it_learns_eyes_and_words_together(pool: Pool, blind: bool):
    torch.manual_seed(0)
    net = TinyDriver(SMALL, blind=blind)
    source = Source(pool, blind=blind)
    batch = source.batch(torch.arange(8), learn=True)
    losses = losses_of(net, batch, source, balance_of(pool.data["kinds"]), words=True, tower=not blind)
    assert len(losses) == 5
    assert all(torch.isfinite(one) for one in losses)
    sum(losses).backward()
    first = next(iter(net.vlm.model.vision_tower.parameters()))
    assert (first.grad is None or not first.grad.any()) == blind
    assert (not net.maps(batch.pixels).any()) == blind


def test_no_drive_of_the_public_suite_or_of_the_test_is_drawn():
    random = np.random.default_rng(0)
    for part, digits in (("train", set(range(8))), ("validation", {8})):
        ways = [gather.drawn_way(random, students=True, part=part) for _ in range(300)]
        assert all(100 <= way.seed < 1000 for way in ways)
        assert {way.seed % 10 for way in ways} == digits


def test_a_drive_keeps_what_was_seen_and_where_the_expert_went(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(gather, "LONGEST", 9)
    way = gather.Way("red-light", 101, "day", False, "expert", 0.0, True, False, (320, 180))
    arrays, about = gather.drive(way, gather.Drawer(), None)
    gather.keep(tmp_path, "train-00-00000", arrays, about)
    pool = Pool([tmp_path], "train", torch.device("cpu"), 20)
    assert pool.grow() == 1
    assert pool.grow() == 0
    assert len(pool) == 9
    assert not pool.data["paired"][0]
    assert pool.pictures(pool.data["now"]).std() > 0.1
    future = pool.data["future"]
    assert torch.isnan(future[3:]).all()
    # Three half seconds later the car is where the first row says, in the eyes of the fourth: its history.
    way_back = pool.data["poses"][3]
    assert torch.allclose((way_back[-1] - way_back[4]).norm(), future[0, 2].norm(), atol=0.02)


def test_what_drives_while_it_learns_is_the_teacher_as_it_is_now(tmp_path: Path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    from tiny_driver.export import export_teacher, write_teacher

    torch.manual_seed(0)
    net = TinyDriver(SMALL)
    names = export_teacher(net, tmp_path / gather.GRAPH)
    with torch.no_grad():  # it learns on
        for values in net.state_dict().values():
            if values.is_floating_point():
                values.add_(0.05 * torch.rand_like(values))
    write_teacher(net, names, tmp_path / "weights.npz")
    random = np.random.default_rng(0)
    now, before = (random.integers(0, 255, (SIZE[1], SIZE[0], 3), dtype=np.uint8) for _ in range(2))
    history = np.column_stack([random.uniform(3, 6, 6), random.uniform(-0.01, 0.01, 6)])
    plan = gather.Student(tmp_path / gather.GRAPH, tmp_path / "weights.npz").plan(now, before, history, 2, 12.0)
    first, second = (torch.from_numpy(one).permute(2, 0, 1).float() / 127.5 - 1.0 for one in (now, before))
    past = torch.from_numpy(motion.past_numbers(history.copy(), 2, 12.0))
    with torch.no_grad():
        net.eval()
        base = torch.from_numpy(np.repeat(history[-1:], 6, 0)).float()
        wanted, _ = net.teacher(net.maps(torch.cat([first, first - second])[None]), past[None], base[None])
    assert np.abs(plan - history[-1]).max() > 0.01
    low, high = torch.tensor([0.0, -0.2]), torch.tensor([25.0, 0.2])
    assert np.allclose(plan, wanted[0].clamp(low, high).numpy(), atol=1e-4)
