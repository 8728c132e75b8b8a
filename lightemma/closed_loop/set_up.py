"""From a benchmark to a closed-loop session: the world, its episodes, the rules and the runs."""

from __future__ import annotations

import os
from pathlib import Path

from lightemma.closed_loop.drivers import own_driver, run_names
from lightemma.closed_loop.episodes_of_world import EpisodesOfWorld, HostMaker, draws
from lightemma.closed_loop.hosts import InProcessHost, ProcessHost
from lightemma.closed_loop.spec import LoopRules, parse_size
from lightemma.closed_loop.world_factory import EpisodeChoice, WorldFactory
from lightemma.closed_loop.worlds import choose_episodes, open_factory
from lightemma.errors import UserError
from lightemma.sessions.benchmark import Benchmark, WorldSettings
from lightemma.sessions.jobs import make_jobs
from lightemma.sessions.models import make_backend
from lightemma.sessions.roles import BackendMaker
from lightemma.sessions.session import Session, check_writable

#: From this many episodes on, processes of their own are worth their start.
MANY = 12


def open_drives(
    benchmark: Benchmark,
    results: Path,
    backends: BackendMaker = make_backend,
    workers: int | None = None,
) -> tuple[Session[EpisodesOfWorld], str]:
    """The runs of a benchmark in a world, ready to be driven.

    Args:
        benchmark: what to drive.
        results: folder of runs.
        backends: makes the backend of a model's name.
        workers: processes that hold worlds and draw; 0 for none but this one; as fits if left out.

    Returns:
        The session, and a sentence about the renderer if it is not the one that was hoped for.

    Raises:
        UserError: if anything is wrong that can be known before the first picture.
    """
    if benchmark.world is None:
        raise UserError("This benchmark drives recorded data; give it to `lightemma run` or `lightemma study`.")
    rules, factory = rules_of(benchmark.world), open_factory(benchmark.world.name)
    factory.prepare(rules, pictures=False)  # a size that no renderer takes is refused now
    specs = choose_episodes(factory, choice_of(benchmark.world))
    jobs = make_jobs(benchmark, backends, run_names(rules), own_driver(factory.drivers))
    check_writable(results)
    drawing = any(draws(job, rules) for job in jobs)
    prepared = factory.prepare(rules, pictures=drawing)
    if workers is None:
        many = drawing or len(specs) * len(jobs) >= MANY
        workers = min(os.cpu_count() or 1, len(specs) * len(jobs)) if many else 0
    work = EpisodesOfWorld(
        specs,
        prepared.rules,
        host_maker(factory, workers),
        renderer=prepared.pictures,
        place=factory.place,
        world=type(factory),
        parser=benchmark.parser,
        most_open=most_open(factory.memory_bytes) if drawing else None,
    )
    return Session(work, jobs, results, benchmark.concurrency), prepared.note


def rules_of(world: WorldSettings) -> LoopRules:
    """How the loop is closed.

    Raises:
        UserError: if a number is out of range.
    """
    return LoopRules(
        world.replan, world.real_time, world.car_limits, parse_size(world.size), world.draw, world.renderer
    )


def choice_of(world: WorldSettings) -> EpisodeChoice:
    """Which episodes are wanted, as a command line writes it; a list of one seed is that one."""
    seeds = ",".join([*map(str, world.seeds), ""]) if isinstance(world.seeds, list) else str(world.seeds)
    return EpisodeChoice(",".join(world.scenarios), seeds, ",".join(world.conditions), world.left_hand)


def most_open(memory_bytes: int) -> int:
    """How many worlds that draw may be open at a time, ``memory_bytes`` each; at least two, at most 32."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        free = 8 * 2**30  # a system that does not say so
    return min(max(free // memory_bytes, 2), 32)


def host_maker(factory: WorldFactory, workers: int) -> HostMaker:
    """Opens a host with this many processes, or in this process for 0."""
    return lambda: ProcessHost(factory, workers) if workers else InProcessHost(factory)
