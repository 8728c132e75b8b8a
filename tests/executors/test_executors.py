"""Executors without Ray: options, number of replicas, the choice of a replica for a call, and the loss of a replica."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightemma.backends.base import CallError, Completion, Message, PicturePart, Request, TextPart
from lightemma.backends.config import Limits, ModelConfig
from lightemma.backends.registry import holds_weights
from lightemma.backends.scripted import ScriptedBackend
from lightemma.errors import UserError
from lightemma.executors import choose_executor, placing
from lightemma.executors.placement import CLIENTS, Node, place
from lightemma.executors.replicas import LOSSES_PER_CALL, MOST_FAILURES, MOST_LOSSES, ReplicaLost, ReplicaSet
from lightemma.executors.replicated import config_for_replicas
from lightemma.executors.worker import (
    Answered,
    Failed,
    Refused,
    Worker,
    introduction,
    with_pictures,
    without_pictures,
)
from lightemma.frame import Picture
from tests.executors.executor_models import Blind, diary_model

GPU_NODE, CPU_NODE = Node(cpus=32, gpus=8), Node(cpus=4, gpus=0)


def backend(provider: str = "transformers", **changes: object) -> ScriptedBackend:
    """A model of any provider; never asked."""
    config = ModelConfig(name="vlm", provider=provider, model="m", **changes)
    made = ScriptedBackend.from_answers([])
    made.config = config
    return made


@pytest.mark.parametrize(
    ("spec", "kind", "address"),
    [
        ("local", "local", None),
        ("ray", "ray", None),
        ("ray:auto", "ray", "auto"),
        ("ray:10.0.0.5:6379", "ray", "10.0.0.5:6379"),
    ],
)
def test_what_executors_there_are(spec, kind, address):
    choice = choose_executor(spec)
    assert (choice.kind, choice.address) == (kind, address)


@pytest.mark.parametrize(
    ("spec", "more", "sentence"),
    [
        ("slurm", {}, "no executor 'slurm'; give local, ray"),
        ("local:here", {}, "no executor 'local:here'"),
        ("ray:ray://head:10001", {}, "Ray's client"),
        ("ray", {"replicas": 0}, "--replicas is 0"),
        ("ray", {"gpus": -1.0}, "--gpus-per-replica is -1"),
        ("ray", {"gpus": 1.5}, "--gpus-per-replica is 1.5"),
        ("local", {"replicas": 2}, "are for --executor ray"),
    ],
)
def test_what_is_refused(spec, more, sentence):
    with pytest.raises(UserError, match=sentence):
        choose_executor(spec, **more)


def test_the_local_executor_changes_nothing():
    made = backend()
    with placing(choose_executor(), lambda _: made) as maker:
        assert maker("x") is made


def test_without_ray_there_is_one_sentence(monkeypatch):
    import importlib

    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(UserError, match=r"pip install 'lightemma\[ray\]'"), placing(choose_executor("ray"), backend):
        pass


def test_who_holds_a_model():
    assert holds_weights(backend("transformers").config)
    assert holds_weights(backend("vllm").config)
    assert holds_weights(backend("scripted").config)
    assert holds_weights(backend("my.module:Model").config)
    assert not holds_weights(backend("openai").config)
    assert not holds_weights(backend("openai-compatible", base_url="http://localhost:8000/v1").config)
    assert not holds_weights(backend("endpoints").config)
    assert not holds_weights(backend("my.module:Model", api_key_env="MY_KEY").config)


def test_as_many_replicas_as_fit_on_the_gpus():
    one, four = backend(gpus="1 x 24 GB"), backend(gpus="4 x 80 GB")
    two_nodes = (GPU_NODE, GPU_NODE, CPU_NODE)
    assert (place(one, two_nodes, None, None).replicas, place(one, two_nodes, None, None).gpus) == (16, 1.0)
    assert (place(four, two_nodes, None, None).replicas, place(four, two_nodes, None, None).gpus) == (4, 4.0)
    assert place(one, two_nodes, None, 0.25).replicas == 64
    assert place(one, two_nodes, 3, None).replicas == 3
    # Five GPUs each fit once on eight: what is left of two machines makes no replica.
    assert place(one, two_nodes, None, 5).replicas == 2
    assert place(one, two_nodes, None, 1).cpus == 4


def test_a_replica_that_fits_nowhere_is_refused():
    with pytest.raises(UserError, match=r"needs 16 GPUs, and no machine of the cluster has more than 8"):
        place(backend(gpus="16 x 80 GB"), (GPU_NODE, GPU_NODE), None, None)
    with pytest.raises(UserError, match=r"needs 0.5 GPUs, and no machine of the cluster has more than 0"):
        place(backend(), (CPU_NODE,), None, 0.5)


def test_on_cpus_a_model_takes_a_whole_machine():
    placement = place(backend(), (CPU_NODE, CPU_NODE), None, None)
    assert (placement.replicas, placement.gpus, placement.cpus) == (2, 0.0, 4.0)
    assert place(backend("scripted"), (CPU_NODE,), None, None).replicas == 4


def test_clients_of_a_service_are_few_and_need_nothing():
    placement = place(backend("openai"), (GPU_NODE,), None, None)
    assert (placement.replicas, placement.gpus, placement.cpus, placement.loads_weights) == (CLIENTS, 0.0, 0.0, False)


picture = st.binary(min_size=1, max_size=8).map(lambda data: Picture(data, "image/jpeg", (2, 2), data.hex()))
part = st.one_of(st.text(max_size=5).map(TextPart), st.one_of(st.none(), picture).map(PicturePart))
message = st.builds(Message, st.sampled_from(["user", "assistant"]), st.lists(part, max_size=4).map(tuple))


@given(st.lists(message, max_size=4).map(tuple))
def test_pictures_travel_apart_and_come_back_to_their_places(messages):
    request = Request(messages, "token", "scene", {"type": "array"})
    bare, places, pictures = without_pictures(request)
    assert not any(isinstance(p, PicturePart) and p.picture for m in bare.messages for p in m.parts)
    assert with_pictures(bare, places, pictures) == request
    assert dataclasses.replace(bare, messages=()) == dataclasses.replace(request, messages=())


def test_a_fixed_port_is_for_one_server_only():
    one = backend("vllm", options={"port": 8000, "dtype": "half"})
    assert config_for_replicas(one).options == {"port": 0, "dtype": "half"}
    other = backend("vllm", options={"dtype": "half"})
    assert config_for_replicas(other) is other.config


def test_a_worker_tells_failures_apart(tmp_path):
    async def one(**options: object) -> object:
        made = diary_model(Blind, tmp_path, **options)
        worker = Worker(Blind, made.config)
        await worker.hello()
        return await worker.generate(Request((), "t", "scene"), ())

    answered = asyncio.run(one())
    assert isinstance(answered, Answered)
    assert answered.completion.latency_s is not None
    assert asyncio.run(one(fails="rate_limited")) == Failed("rate_limited", "no")
    with pytest.raises(ZeroDivisionError):
        asyncio.run(one(breaks=True))
    wrong = ModelConfig(name="vlm", provider="x", model="m", options={"nonsense": 1})
    said = asyncio.run(Worker(Blind, wrong).hello())
    assert isinstance(said, Refused)
    assert "option 'diary' is wrong" in said.sentence


class Made:
    """A replica in this process."""

    def __init__(self, made: Launcher, number: int) -> None:
        self.made, self.number, self.closed, self.in_progress = made, number, False, 0

    async def hello(self):
        await asyncio.sleep(0)
        if self.number in self.made.stillborn:
            raise ReplicaLost("no memory")
        return introduction()

    async def ask(self, request):
        self.in_progress += 1
        self.made.most = max(self.made.most, self.in_progress)
        try:
            await asyncio.sleep(self.made.latency_s)
            self.made.asked.append((self.number, request.sample_token))
            if self.number in self.made.dying:
                raise ReplicaLost("killed")
            if self.number in self.made.broken:
                return Failed("server_error", "device-side assert")
            return Answered(Completion(str(self.number)))
        finally:
            self.in_progress -= 1

    async def close(self):
        self.closed = True


class Launcher:
    def __init__(self, dying=(), stillborn=(), broken=(), latency_s=0.001):
        self.broken = set(broken)
        self.dying, self.stillborn, self.latency_s = set(dying), set(stillborn), latency_s
        self.asked: list[tuple[int, str]] = []
        self.all: list[Made] = []
        self.most = 0

    def __call__(self) -> Made:
        self.all.append(Made(self, len(self.all)))
        return self.all[-1]

    def set(self, most=2, calls=1, *, paid=False, timeout_s=5.0) -> ReplicaSet:
        return ReplicaSet("vlm", self, most, calls, timeout_s, paid=paid)


async def ask_all(replicas: ReplicaSet, tokens: list[str]) -> list[object]:
    try:
        return await asyncio.gather(*(replicas.ask(Request((), token, "scene")) for token in tokens))
    finally:
        await replicas.aclose()


def test_replicas_are_started_as_calls_need_them_and_all_are_ended():
    launcher = Launcher()
    asyncio.run(ask_all(launcher.set(most=4), ["a", "b"]))
    assert len(launcher.all) == 2
    many = Launcher()
    asyncio.run(ask_all(many.set(most=4), [f"f{n}" for n in range(40)]))
    assert len(many.all) == 4
    assert many.most == 1, "as many calls in a replica as its model takes"
    assert all(replica.closed for replica in launcher.all + many.all)
    shares = Counter(number for number, _ in many.asked)
    assert min(shares.values()) >= 5, "no replica is idle while another has a queue"


def test_a_frame_stays_with_the_replica_that_knows_its_picture():
    launcher = Launcher()

    async def drive() -> None:
        replicas = launcher.set(most=3, calls=8)
        await asyncio.gather(*(replicas.ask(Request((), f"f{n}", "scene")) for n in range(6)))
        for stage in ("intent", "action"):
            await asyncio.gather(*(replicas.ask(Request((), f"f{n}", stage)) for n in reversed(range(6))))
        await replicas.aclose()

    asyncio.run(drive())
    homes: dict[str, set[int]] = {}
    for number, token in launcher.asked:
        homes.setdefault(token, set()).add(number)
    assert all(len(numbers) == 1 for numbers in homes.values())


def test_a_lost_replica_is_replaced_and_its_calls_are_asked_again():
    launcher = Launcher(dying={0})
    replicas = launcher.set()
    replies = asyncio.run(ask_all(replicas, [f"f{n}" for n in range(6)]))
    assert len(replies) == 6
    assert replicas.lost == 1
    answered = Counter(token for number, token in launcher.asked if number != 0)
    assert answered == Counter({f"f{n}": 1 for n in range(6)})


def test_a_call_that_may_have_been_paid_for_is_not_asked_again_behind_the_budgets_back():
    launcher = Launcher(dying={0})
    with pytest.raises(CallError) as caught:
        asyncio.run(ask_all(launcher.set(most=1, paid=True), ["a"]))
    assert caught.value.kind == "timeout"
    assert [token for _, token in launcher.asked] == ["a"]


def test_a_call_during_which_replicas_die_fails_alone():
    launcher = Launcher(dying=range(LOSSES_PER_CALL))
    with pytest.raises(CallError, match="replicas were lost during this call") as caught:
        asyncio.run(ask_all(launcher.set(most=1), ["poison"]))
    assert caught.value.kind == "server_error"
    assert len(launcher.asked) == LOSSES_PER_CALL


def test_a_replica_that_fails_every_call_is_replaced_and_does_not_draw_them_all():
    launcher = Launcher(broken={0})

    async def drive() -> list[object]:
        replicas = launcher.set(most=2)
        replies = []
        for number in range(20):  # one after the other: the broken one is always free
            replies.append(await replicas.ask(Request((), f"f{number}", "scene")))
        await replicas.aclose()
        return replies

    replies = asyncio.run(drive())
    assert sum(isinstance(reply, Failed) for reply in replies) == MOST_FAILURES
    assert launcher.all[0].closed


def test_replicas_that_never_come_up_end_the_run():
    launcher = Launcher(stillborn=range(100))
    with pytest.raises(UserError, match="were lost in a row without an answer"):
        asyncio.run(ask_all(launcher.set(most=1), ["a"]))
    assert len(launcher.all) == MOST_LOSSES
    assert all(replica.closed for replica in launcher.all)


def test_an_answer_that_takes_too_long_is_a_timeout_of_the_call():
    launcher = Launcher(latency_s=5.0)
    with pytest.raises(CallError, match=r"no answer within 0\.02 s"):
        asyncio.run(ask_all(launcher.set(timeout_s=0.02), ["a"]))


def test_another_version_over_there_is_refused(monkeypatch):
    launcher = Launcher()
    there = dataclasses.replace(introduction(), version="0.0.0", host="node7")

    async def hello(_: object) -> object:
        return there

    monkeypatch.setattr(Made, "hello", hello)
    with pytest.raises(UserError, match=r"machine node7 has lightemma 0\.0\.0"):
        asyncio.run(ask_all(launcher.set(), ["a"]))


def test_limits_are_per_replica_where_it_holds_the_model():
    from lightemma.executors.cluster import Cluster
    from lightemma.executors.replicated import spread

    cluster = Cluster((GPU_NODE,))
    held = backend(gpus="1 x 24 GB", limits=Limits(concurrency=4, requests_per_minute=60))
    wide = spread(held, cluster, choose_executor("ray"))
    assert (wide.config.limits.concurrency, wide.config.limits.requests_per_minute) == (32, 60)
    shared = backend("openai", limits=Limits(concurrency=4))
    assert spread(shared, cluster, choose_executor("ray")).config.limits.concurrency == 4
    assert wide.rate_key != held.rate_key
    assert spread(shared, cluster, choose_executor("ray")).rate_key == shared.rate_key
    assert (wide.reads_pictures, wide.cacheable) == (held.reads_pictures, held.cacheable)
