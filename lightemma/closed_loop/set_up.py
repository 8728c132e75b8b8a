"""A closed-loop command from words: scenarios, seeds, drivers and models to a tour over the city."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from lightemma.backends.base import Backend
from lightemma.closed_loop.city_world import open_world
from lightemma.closed_loop.drive import StageMaker, Tour, draws
from lightemma.closed_loop.drivers import make_jobs
from lightemma.closed_loop.episode import WorldDriver
from lightemma.closed_loop.pictures import CityArtist, camera_of, decide_renderer
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules, choose, episodes, parse_seeds
from lightemma.closed_loop.stage import Company, HereStage, ProcessStage
from lightemma.closed_loop.world_drivers import ExpertDriver, IdmDriver, LotteryDriver
from lightemma.parsing import check_tier
from lightemma.sessions.job import DEFAULT_PROMPTS
from lightemma.sessions.models import make_backend

#: From so many episodes on, processes of their own are worth their start.
MANY = 12
#: Memory of one city in panda3d with Mesa's software driver, with something to spare.
CITY_BYTES = 600 * 2**20


def city_company() -> Company:
    """What episodes in the city are made of."""
    drivers: dict[str, Callable[[EpisodeSpec], WorldDriver]] = {
        "expert": ExpertDriver,
        "idm": IdmDriver,
        "random": LotteryDriver,
    }
    return Company(open_world, CityArtist, camera_of, drivers)


def make_tour(
    *,
    planners: Sequence[str],
    out: Path,
    models: Sequence[str] = (),
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
    """A tour over the city.

    Args:
        planners: names of drivers.
        out: folder of runs.
        models: for the drivers that ask one.
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
    from lightemma.simulation.scenarios import CONDITIONS, SCENARIOS

    rules = rules or LoopRules()
    camera_of(rules.size)  # a size that no renderer takes is refused now
    specs = episodes(
        choose(scenarios, SCENARIOS, "scenario"),
        parse_seeds(seeds),
        choose(conditions, CONDITIONS, "condition"),
        left_hand=left_hand,
    )
    tier = check_tier(parser)
    jobs = make_jobs(planners, models, rules, backends, prompts, tier, name)
    drawing = any(draws(job, rules) for job in jobs)
    renderer, note = None, ""
    if drawing:
        decided = decide_renderer(rules)
        rules, renderer, note = decided.rules, decided.words, decided.note
    if workers is None:
        many = drawing or len(specs) * len(jobs) >= MANY
        workers = min(os.cpu_count() or 1, len(specs) * len(jobs)) if many else 0
    tour = Tour(
        jobs,
        specs,
        rules,
        out,
        stage_maker(city_company(), workers),
        renderer=renderer,
        parser=tier,
        concurrency=concurrency,
        max_cost=max_cost,
        most_open=most_open() if drawing else None,
    )
    return tour, note


def most_open() -> int:
    """How many cities may be drawn side by side: each takes memory of its own; at least two, at most 32."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError):
        free = 8 * 2**30  # a system that does not say so
    return min(max(free // CITY_BYTES, 2), 32)


def stage_maker(company: Company, workers: int) -> StageMaker:
    """Opens a stage with so many processes of its own, or in this one."""
    return lambda: ProcessStage(company, workers) if workers else HereStage(company)
