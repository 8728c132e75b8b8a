"""A closed-loop command from its options: a world, scenarios, seeds, drivers and models to a tour."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from lightemma.backends.base import Backend
from lightemma.closed_loop.drive import HostMaker, Tour, draws
from lightemma.closed_loop.drivers import make_jobs
from lightemma.closed_loop.hosts import InProcessHost, ProcessHost
from lightemma.closed_loop.spec import LoopRules
from lightemma.closed_loop.world_factory import EpisodeChoice, WorldFactory
from lightemma.closed_loop.worlds import DEFAULT_WORLD, choose_episodes, open_factory
from lightemma.parsing import check_tier
from lightemma.prompts.sets import DEFAULT_PROMPTS
from lightemma.sessions.models import make_backend

#: From so many episodes on, processes of their own are worth their start.
MANY = 12


def make_tour(
    *,
    planners: Sequence[str],
    out: Path,
    models: Sequence[str] = (),
    world: str = DEFAULT_WORLD,
    scenarios: str = "all",
    seeds: str = "3",
    conditions: str = "day",
    left_hand: bool = False,
    rules: LoopRules | None = None,
    prompts: str = DEFAULT_PROMPTS,
    parser: str = "strict",
    name: str | None = None,
    concurrency: int | None = None,
    max_cost: float | None = None,
    backends: Callable[[str], Backend] = make_backend,
    workers: int | None = None,
) -> tuple[Tour, str]:
    """A tour over a world.

    Args:
        planners: names of drivers.
        out: folder of runs.
        models: for the drivers that ask one.
        world: where to drive, as ``--world``.
        scenarios: names with commas, or ``all``.
        seeds: how many, or which.
        conditions: names with commas, or ``all``.
        left_hand: whether traffic keeps to the left.
        rules: how the loop is closed.
        prompts: a shipped set, or a folder.
        parser: how answers are read.
        name: of the run, where there is a single one.
        concurrency: calls at once.
        max_cost: dollars.
        backends: makes a backend of an entry of ``models``.
        workers: processes that hold worlds and draw; 0 for none but this one; as fits if left out.

    Returns:
        The tour, and a sentence about the renderer if it is not who was hoped for.

    Raises:
        UserError: if anything is wrong that can be known before the first picture.
    """
    rules = rules or LoopRules()
    factory = open_factory(world)
    factory.prepare(rules, pictures=False)  # a size that no renderer takes is refused now
    specs = choose_episodes(factory, EpisodeChoice(scenarios, seeds, conditions, left_hand))
    tier = check_tier(parser)
    jobs = make_jobs(planners, models, rules, backends, prompts, tier, name, factory.drivers)
    drawing = any(draws(job, rules) for job in jobs)
    prepared = factory.prepare(rules, pictures=drawing)
    rules = prepared.rules
    if workers is None:
        many = drawing or len(specs) * len(jobs) >= MANY
        workers = min(os.cpu_count() or 1, len(specs) * len(jobs)) if many else 0
    tour = Tour(
        jobs,
        specs,
        rules,
        out,
        host_maker(factory, workers),
        renderer=prepared.pictures,
        place=factory.place,
        parser=tier,
        concurrency=concurrency,
        max_cost=max_cost,
        most_open=most_open(factory.memory_bytes) if drawing else None,
    )
    return tour, prepared.note


def most_open(memory_bytes: int) -> int:
    """How many worlds that draw may be open at once, ``memory_bytes`` each; at least two, at most 32."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        free = 8 * 2**30  # a system that does not say so
    return min(max(free // memory_bytes, 2), 32)


def host_maker(factory: WorldFactory, workers: int) -> HostMaker:
    """Opens a host with that many processes, or in this process for 0."""
    return lambda: ProcessHost(factory, workers) if workers else InProcessHost(factory)
