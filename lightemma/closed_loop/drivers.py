"""Who drives in the closed loop: the planners of the open loop, and drivers that know the world."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from lightemma.backends.base import Backend
from lightemma.closed_loop.privileged import PrivilegedDriver
from lightemma.closed_loop.spec import LoopRules
from lightemma.closed_loop.world_factory import WorldFactory
from lightemma.errors import UserError, near_names
from lightemma.parsing import Tier
from lightemma.planners.base import PlannerSettings
from lightemma.planners.registry import planners as known_planners
from lightemma.prompts.sets import DEFAULT_PROMPTS, load_prompts
from lightemma.sessions.job import DEFAULT_PLANNER, Job
from lightemma.sessions.roles import equip, model_choices

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
    settings, choices = PlannerSettings(wording, tier), model_choices(models)
    jobs: list[Job] = []
    for planner_name in planners:
        if planner_name in drivers:
            driver = drivers[planner_name]()
            jobs.append(Job(_run_name(planner_name, rules), driver, {}, None))
            continue
        if ":" not in planner_name and planner_name not in known_planners():
            raise UserError(
                f"There is no planner '{planner_name}'; {near_names(planner_name, [*known_planners(), *drivers])}"
            )
        for one in equip(planner_name, settings, choices, backends):
            planner = one.planner
            parts = [one.model_name] if one.backends else []
            parts += [planner.name] if planner.name != DEFAULT_PLANNER or not parts else []
            parts += planner.suffix
            parts += [wording.name] if one.backends and wording.name != DEFAULT_PROMPTS else []
            prompts_used = planner.prompts if one.backends else None
            jobs.append(Job(_run_name("+".join(parts), rules), planner, one.backends, prompts_used))
    if name is not None:
        if len(jobs) > 1:
            raise UserError(
                f"--name names one run, but this makes {len(jobs)}; leave it out, or drive them one by one."
            )
        jobs = [replace(jobs[0], name=name)]
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
