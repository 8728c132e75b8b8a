"""Who drives in the closed loop: the planners of the open loop, and drivers that know the world."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from lightemma.backends.base import Backend
from lightemma.closed_loop.privileged import PrivilegedDriver
from lightemma.closed_loop.spec import LoopRules
from lightemma.closed_loop.world_factory import WorldFactory
from lightemma.errors import UserError, near_names
from lightemma.parsing import Tier
from lightemma.planners.registry import PLANNERS, make_planner, planner_class
from lightemma.prompts.sets import load_prompts
from lightemma.sessions.job import DEFAULT_PLANNER, DEFAULT_PROMPTS, Job

#: Names of closed-loop runs begin so, and never meet those of the open loop in one folder.
PREFIX = "drive-"


def make_jobs(
    planners: Sequence[str],
    models: Sequence[str],
    rules: LoopRules,
    backends: Callable[[str], Backend],
    prompts: str = DEFAULT_PROMPTS,
    tier: Tier = "strict",
    name: str | None = None,
    drivers: Mapping[str, type[PrivilegedDriver]] = WorldFactory.drivers,
) -> list[Job]:
    """The runs of a command: every planner, those that ask a model once per model; and the world's own drivers.

    Raises:
        UserError: if a name is unknown, a planner lacks its model, or two runs would be called alike.
    """
    wording = load_prompts(prompts)
    jobs: list[Job] = []
    for planner_name in planners:
        if planner_name in drivers:
            driver = drivers[planner_name]()
            jobs.append(Job(_run_name(planner_name, rules), driver, None, None))
            continue
        if ":" not in planner_name and planner_name not in PLANNERS:
            raise UserError(f"There is no planner '{planner_name}'; {near_names(planner_name, [*PLANNERS, *drivers])}")
        planner = make_planner(planner_name, wording, tier)
        if not planner_class(planner_name).asks_model:
            jobs.append(Job(_run_name(planner.name, rules), planner, None, None))
            continue
        if not models:
            raise UserError(
                f"The planner '{planner_name}' asks a model; name one with --model (`lightemma models` lists them)."
            )
        for spec in models:
            backend = backends(spec)
            parts = [backend.config.name]
            parts += [planner.name] if planner.name != DEFAULT_PLANNER else []
            parts += [wording.name] if wording.name != DEFAULT_PROMPTS else []
            jobs.append(Job(_run_name("+".join(parts), rules), planner, backend, wording))
    if name is not None:
        if len(jobs) > 1:
            raise UserError(
                f"--name names one run, but this makes {len(jobs)}; leave it out, or drive them one by one."
            )
        jobs = [Job(name, jobs[0].planner, jobs[0].backend, jobs[0].prompts)]
    names = [job.name for job in jobs]
    twice = sorted({one for one in names if names.count(one) > 1})
    if twice:
        raise UserError(f"Two runs would be called '{twice[0]}'; drive them one by one with --name.")
    return jobs


def _run_name(driver: str, rules: LoopRules) -> str:
    parts = [PREFIX + driver]
    parts += [f"replan-{rules.replan}"] if rules.replan != 1 else []
    parts += ["real-time"] if rules.real_time else []
    parts += [] if rules.limits else ["no-limits"]
    return "+".join(parts)
