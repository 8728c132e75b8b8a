"""Makes a closed-loop session from a benchmark: the world, its episodes, the rules and the runs."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from lightemma.closed_loop.blind_twin import SUFFIX, twins
from lightemma.closed_loop.drivers import own_driver, run_names
from lightemma.closed_loop.episodes_of_world import EpisodesOfWorld, HostMaker, draws
from lightemma.closed_loop.hidden_suite import HiddenSuite, refuse_reserved, reserved_seeds
from lightemma.closed_loop.hosts import InProcessHost, ProcessHost
from lightemma.closed_loop.mixture import parse_mixture
from lightemma.closed_loop.records import SOURCE
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules, TwoStageRules, parse_size
from lightemma.closed_loop.world_factory import EpisodeChoice, WorldFactory
from lightemma.closed_loop.worlds import choose_episodes, open_factory, prepare
from lightemma.errors import UserError
from lightemma.run_folder.places import data_folder
from lightemma.sessions.benchmark import Benchmark, WorldSettings
from lightemma.sessions.jobs import Job, make_jobs
from lightemma.sessions.models import make_backend
from lightemma.sessions.roles import BackendMaker
from lightemma.sessions.session import Session, check_writable

#: From this number of episodes on, separate processes save more time than their start takes.
MANY = 12


def open_drives(
    benchmark: Benchmark,
    results: Path,
    backends: BackendMaker = make_backend,
    workers: int | None = None,
    *,
    by_data: bool = False,
) -> tuple[Session[EpisodesOfWorld], str]:
    """The runs of a benchmark in a world, ready to be driven.

    Args:
        benchmark: what to drive.
        results: folder of runs.
        backends: makes the backend of a model's name.
        workers: processes that simulate and draw; 0 for this one only; chosen automatically if left out.
        by_data: puts the runs into a folder for their world, inside ``results``.

    Returns:
        The session, and a sentence about the renderer if it is not the preferred one.

    Raises:
        UserError: if anything is wrong that can be found before the first picture.
    """
    if benchmark.world is None:
        raise UserError("This benchmark drives recorded data; give it to `lightemma run` or `lightemma study`.")
    rules, factory = rules_of(benchmark.world), open_factory(benchmark.world.name)
    prepare(factory, rules, pictures=False)  # a size that no renderer takes is refused now
    suite = suite_of(factory, benchmark.world)
    rules, specs = replace(rules, suite=suite.description), suite.specs
    jobs = make_jobs(benchmark, backends, run_names(rules, *suite.names), own_driver(factory.drivers))
    if benchmark.world.blind_twin:
        # Made anew, since a planner may keep something between the frames of its run.
        named = benchmark.model_copy(update={"name": benchmark.name and f"{benchmark.name}+{SUFFIX}"})
        jobs += twins(make_jobs(named, backends, run_names(rules, *suite.names, SUFFIX), own_driver(factory.drivers)))
    for job in jobs:
        _check_inputs(job, rules)
    check_writable(results)
    drawing = any(draws(job, rules) for job in jobs)
    prepared = prepare(factory, rules, pictures=drawing)
    if workers is None:
        many = drawing or len(specs) * len(jobs) >= MANY
        # A world that computes many episodes at once does so in one process.
        workers = min(os.cpu_count() or 1, len(specs) * len(jobs)) if many and not factory.batched else 0
    work = EpisodesOfWorld(
        specs,
        prepared.rules,
        host_maker(factory, workers),
        renderer=prepared.pictures,
        place=factory.place,
        version=factory.version,
        world=type(factory),
        parser=benchmark.parser,
        max_episodes_open=max_episodes_open(factory.memory_bytes) if drawing else None,
        ceiling=benchmark.world.blind_ceiling,
    )
    data = data_folder(SOURCE, factory.place) if by_data else ""
    return Session(work, jobs, results, benchmark.concurrency, data=data), prepared.note


@dataclass(frozen=True, slots=True)
class ChosenSuite:
    """The chosen episodes, and where they are from.

    Attributes:
        specs: the episodes.
        description: what the rules say of their suite.
        names: parts of the runs' names.
    """

    specs: list[EpisodeSpec]
    description: str
    names: tuple[str, ...] = ()


def suite_of(factory: WorldFactory, world: WorldSettings) -> ChosenSuite:
    """The chosen episodes: public ones, or those of reserved seeds under a key.

    Raises:
        UserError: if a seed is reserved and there is no key, or one is public and there is; or the world has no such suite.
    """
    choice, public = choice_of(world), factory.public_seeds
    if world.hidden_suite is None:
        specs = choose_episodes(factory, choice)
        if public is not None:
            refuse_reserved(specs, public)
        return ChosenSuite(specs, factory.suite)
    if public is None:
        raise UserError(f"The world '{factory.place}' has no hidden suite; leave `hidden_suite` out.", "hidden_suite")
    hidden = HiddenSuite.read(Path(world.hidden_suite))
    specs = choose_episodes(factory, replace(choice, seeds=reserved_seeds(choice.seeds, public)))
    description = f"{factory.suite}, hidden {hidden.digest}".removeprefix(", ")
    return ChosenSuite([hidden.hide(spec) for spec in specs], description, (f"hidden-{hidden.digest}",))


def _check_inputs(job: Job, rules: LoopRules) -> None:
    needs = job.planner.needs()
    if rules.two_stage is not None and needs.pictures > 1:
        raise UserError(
            f"'{job.name}' needs {needs.pictures} pictures, but a start of a two-stage drive has only its own; leave "
            "`pictures` or `two_stage` out.",
            "two_stage",
        )
    if needs.cameras != "front":
        raise UserError(
            f"'{job.name}' needs the pictures of {needs.cameras}, but worlds show the front camera only; leave `cameras` out.",
            "cameras",
        )
    if needs.examples:
        raise UserError(
            f"'{job.name}' needs examples from other scenes, which a world does not have; leave `few_shot` out.",
            "few_shot",
        )


def rules_of(world: WorldSettings) -> LoopRules:
    """The rules of the loop.

    Raises:
        UserError: if a number is out of range.
    """
    two = TwoStageRules() if world.two_stage else None
    return LoopRules(
        world.replan,
        world.real_time,
        world.car_limits,
        parse_size(world.size),
        world.draw,
        world.renderer,
        two_stage=two,
        mixture=parse_mixture(world.driver),
        disturb=world.disturb,
        early_end=world.early_end,
        facts=world.record_facts,
    )


def choice_of(world: WorldSettings) -> EpisodeChoice:
    """The chosen episodes, as a command line writes them; a list of one seed means that seed."""
    seeds = ",".join([*map(str, world.seeds), ""]) if isinstance(world.seeds, list) else str(world.seeds)
    return EpisodeChoice(",".join(world.scenarios), seeds, ",".join(world.conditions), world.left_hand)


def max_episodes_open(memory_bytes: int) -> int:
    """Number of drawing worlds that may be open at a time, ``memory_bytes`` each; at least two, at most 32."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        free = 8 * 2**30  # a system that does not report its memory
    return min(max(free // memory_bytes, 2), 32)


def host_maker(factory: WorldFactory, workers: int) -> HostMaker:
    """Opens a host with this many processes, or in this process for 0."""
    return lambda: ProcessHost(factory, workers) if workers else InProcessHost(factory)
