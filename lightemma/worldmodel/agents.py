"""An agent that learns to drive in imagination alone, and how it drives then: in the simulator, beside simple rivals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lightemma.closed_loop.plan_follower import PlanFollower
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.closed_loop.worlds.city import CityFactory
from lightemma.errors import UserError
from lightemma.protocol import LIGHTEMMA
from lightemma.worldmodel.actor_critic import ActorCritic, AgentShape, Learning, imagined_loss
from lightemma.worldmodel.checkpoint import Checkpoint
from lightemma.worldmodel.clips import ByteArray, Clip
from lightemma.worldmodel.counterfactuals import pixels_of
from lightemma.worldmodel.denoiser import from_bytes
from lightemma.worldmodel.dreams import ImaginedDrives, driving_choices, mean_reward
from lightemma.worldmodel.edm import Sampler
from lightemma.worldmodel.fitting import Fit, Say, fit
from lightemma.worldmodel.reward_end import Memory

#: The agent keeps this speed, m/s, and steers by one of these curvatures, 1/m.
SPEED = 5.0
STEERING = (-0.08, -0.04, -0.015, 0.0, 0.015, 0.04, 0.08)
#: Metres beside its route at which a car no longer keeps its lane: half of what a lane leaves it at either side of its middle.
IN_LANE = 1.0
#: How an agent of the driving world learns: as published, but for values and advantages of about 1 and more entropy. With
#: rewards of 1 in every step, the published entropy lets an agent settle on one action before it has tried the others.
LEARNING = Learning(entropy=0.01, scaled=True)


def agent_file(folder: Path, seed: int) -> Path:
    """File of an agent's training in a world's folder."""
    return folder / f"agent-{seed}.training.pt"


def new_agent(size: tuple[int, int], seed: int = 0) -> ActorCritic:
    """An agent that has learned nothing."""
    torch.manual_seed(seed)
    return ActorCritic(AgentShape(size, len(STEERING), (32, 32, 64), 128, patch=2))


def train_agent(
    checkpoint: Checkpoint,
    clips: Sequence[Clip],
    plan: Fit,
    learning: Learning,
    say: Say,
    sampler_steps: int | None = None,
) -> ActorCritic:
    """Lets an agent learn to keep its lane in a trained world, or continues it.

    Args:
        checkpoint: the world; it must have a reward and end model.
        clips: where imagined drives begin.
        plan: steps, batch, rate, seed and device.
        learning: discount, trace, entropy and horizon.
        say: is told of the progress.
        sampler_steps: network evaluations of a picture; those of the world if left out.

    Raises:
        UserError: if the world has no reward model.
    """
    reward_end = checkpoint.reward_end(plan.device)
    if reward_end is None:
        raise UserError(f"'{checkpoint.folder}' has no reward model; train the world with --road-steps.")
    card = checkpoint.card
    agent = new_agent(card.size, plan.seed).to(plan.device)
    choices = driving_choices(SPEED, STEERING, card.dt)
    dream = ImaginedDrives(
        checkpoint.denoiser(plan.device),
        reward_end,
        clips,
        choices,
        plan.batch,
        Sampler(sampler_steps or card.sampler_steps),
        plan.device,
        # Who begins off the road cannot learn to stay on it.
        [np.ones(len(one.pictures), dtype=np.bool_) if one.off_road is None else ~one.off_road for one in clips],
    )
    rewards: list[Tensor] = []

    def loss(step: int) -> Tensor:
        return imagined_loss(agent, dream, plan.seed * 1_000_003 + step, learning, rewards.append)

    fit(
        agent,
        loss,
        plan,
        agent_file(checkpoint.folder, plan.seed),
        lambda text: say(f"{text}, reward {mean_reward(rewards):+.3f}" if rewards else text),
    )
    return agent.eval().requires_grad_(False)


#: Chooses a curvature by what is seen, (h, w, 3) bytes; one is made for each drive, by its number.
Steer = Callable[[ByteArray], float]


def agent_steers(agent: ActorCritic) -> Callable[[int], Steer]:
    """The agent, which takes its likeliest action."""

    def begin(_: int) -> Steer:
        memory: Memory | None = None

        def steer(pixels: ByteArray) -> float:
            nonlocal memory
            pictures = from_bytes(torch.from_numpy(pixels.copy()).permute(2, 0, 1))[None]
            with torch.no_grad():
                logits, _, memory = agent(pictures, memory)
            return STEERING[int(logits[0].argmax())]

        return steer

    return begin


def random_steers(number: int) -> Steer:
    """Any action, with the same probability."""
    rng = np.random.default_rng(number)
    return lambda _: STEERING[int(rng.integers(len(STEERING)))]


def constant_steers(curvature: float) -> Callable[[int], Steer]:
    """Always the same."""
    return lambda _: lambda _: curvature


@dataclass(frozen=True, slots=True)
class Kept:
    """How a driver kept its lane in the simulator.

    Attributes:
        name: of the driver.
        in_lane: (drives,) share of the time in its lane; what comes after leaving the road counts as out of it.
        metres: (drives,) along the route before it left its lane for the first time.
    """

    name: str
    in_lane: np.ndarray[tuple[int], np.dtype[np.float64]]
    metres: np.ndarray[tuple[int], np.dtype[np.float64]]


def keep_lane(
    name: str,
    begin: Callable[[int], Steer],
    specs: Sequence[EpisodeSpec],
    size: tuple[int, int],
    seconds: float = 12.0,
    drawn: tuple[int, int] = (160, 90),
    *,
    disturbed: bool = False,
) -> Kept:
    """Lets a driver steer at 5 m/s in the simulator, half second by half second, from what its camera shows.

    Args:
        name: of the driver.
        begin: makes it.
        specs: episodes of the city.
        size: of the pictures that the driver is given.
        seconds: of a drive.
        drawn: size at which the simulator draws.
        disturbed: whether the car starts beside its place and turned.
    """
    city, rules = CityFactory(), LoopRules(size=drawn, renderer="painter", disturb=disturbed)
    shares, ways = [], []
    try:
        for number, spec in enumerate(specs):
            world, steer = city.open(spec, rules, pictures=True), begin(number)
            path = world.simulation.route.path
            first, _ = path.project(world.car.pose.x, world.car.pose.y)
            inside, way, whole = 0, 0.0, True
            per_action = world.info.steps_per_action
            ticks = round(seconds / LIGHTEMMA.dt)
            for _ in range(ticks):
                if world.over:
                    break
                picture = world.observe().picture
                assert picture is not None
                curvature = steer(pixels_of(picture.data, size))
                plan = np.tile([SPEED, curvature], (LIGHTEMMA.plan_steps, 1))
                follower = PlanFollower(plan, per_action, world.limits)
                for tick in range(per_action):
                    if not world.over:
                        world.step(*follower.command(tick))
                along, beside = path.project(world.car.pose.x, world.car.pose.y)
                kept = abs(beside) <= IN_LANE and not world.outcome().off_road
                inside += kept
                whole = whole and kept
                way = along - first if whole else way
            shares.append(inside / ticks)
            ways.append(way)
            world.close()
    finally:
        city.close()
    return Kept(name, np.array(shares), np.array(ways))
