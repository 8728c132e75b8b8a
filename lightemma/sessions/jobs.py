"""The runs of a command: planners with their models, and the names of the runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from lightemma.backends.base import Backend
from lightemma.errors import UserError
from lightemma.planners.base import Planner, PlannerSettings
from lightemma.planners.registry import check_options, planner_class
from lightemma.prompts.sets import DEFAULT_PROMPTS, PromptSet, load_prompts
from lightemma.run_folder.manifest import distributions_of
from lightemma.run_folder.store import check_run_name
from lightemma.sessions.benchmark import Benchmark, Cell
from lightemma.sessions.constraints_check import check_samples
from lightemma.sessions.roles import BackendMaker, equip, model_choices
from lightemma.sessions.views import pictures_needed

DEFAULT_PLANNER = "chain-of-thought"

#: Makes a planner that only one loop has, by its name; returns None for other names.
OwnPlanner = Callable[[str], Planner | None]


@dataclass(frozen=True)
class Job:
    """A run to be made: a planner with its models.

    Attributes:
        name: of the run and its folder.
        planner: makes the plans.
        backends: its models by role, the main one first; empty for planners without models.
        prompts: the prompt set, for planners with a model.
        blind: whether it is the blind twin of another run: the same planner, which is given grey pictures.
    """

    name: str
    planner: Planner
    backends: Mapping[str, Backend] = field(default_factory=dict)
    prompts: PromptSet | None = None
    blind: bool = False

    @property
    def models(self) -> list[Backend]:
        """Its models, each once: two roles may share a model."""
        return unique(self.backends.values())

    @property
    def pictures(self) -> int:
        """Number of pictures loaded per frame."""
        return pictures_needed(self.planner.needs(), self.backends)

    @property
    def packages(self) -> tuple[str, ...]:
        """Packages that can change the run's numbers, in addition to those of every run."""
        models = [name for backend in self.models for name in backend.packages]
        return (*dict.fromkeys(models), *distributions_of(type(self.planner).__module__))


@dataclass(frozen=True, slots=True)
class RunNames:
    """What one loop adds to the names of its runs.

    Attributes:
        prefix: before every name.
        suffix: after every name, joined by ``+``.
    """

    prefix: str = ""
    suffix: tuple[str, ...] = ()

    def name(self, planner: Planner, model: str = "", prompts: str = DEFAULT_PROMPTS) -> str:
        """The name of a run: its models, then planner, style and prompt set where they differ from the defaults.

        Args:
            planner: of the run.
            model: names of its models; an empty string without models.
            prompts: name of the prompt set.
        """
        parts = [model] if model else []
        parts += [planner.name] if planner.name != DEFAULT_PLANNER or not model else []
        parts += planner.suffix
        parts += [prompts] if model and prompts != DEFAULT_PROMPTS else []
        return self.prefix + "+".join([*parts, *self.suffix])


def make_jobs(
    benchmark: Benchmark,
    backends: BackendMaker,
    names: RunNames = RunNames(),
    own: OwnPlanner = lambda name: None,
    prompts: PromptSet | None = None,
) -> list[Job]:
    """The runs of a benchmark: one per planner, and for planners with models one per choice of models.

    Args:
        benchmark: planners, models and prompt style.
        backends: makes a backend from a model's name.
        names: additions to the runs' names.
        own: makes the planners that only this loop has.
        prompts: the wording, in place of the set that the benchmark names.

    Raises:
        UserError: if a name is unknown, a planner lacks its model, or two runs would have one name.
    """
    prompts = prompts or load_prompts(benchmark.prompts)
    owned = {name: planner for name in benchmark.planners if (planner := own(name)) is not None}
    others = [name for name in benchmark.planners if name not in owned]
    cells = benchmark.cells
    for cell in cells:
        check_options(others, cell.options)
        if cell.own and not any(_concerns(cell, planner_class(name)) for name in others):
            raise UserError(
                f"No planner here has all of the options {', '.join(cell.own)}, which a cell of the grid names together; make "
                "it several cells."
            )
    choices = model_choices(benchmark.models)
    jobs: list[Job] = []
    for name in benchmark.planners:
        if name in owned:
            jobs.append(Job(names.name(owned[name]), owned[name]))
            continue
        settings = [
            PlannerSettings(prompts, benchmark.parser, cell.style, options=cell.options)
            for cell in cells
            if _concerns(cell, planner_class(name))
        ]
        for one in (equipped for cell in settings for equipped in equip(name, cell, choices, backends)):
            check_samples(one.planner, one.backends)
            used = one.planner.prompts if one.backends else None
            run = names.name(one.planner, one.model_name, prompts.name)
            jobs.append(Job(run, one.planner, one.backends, used))
    return _named(jobs, benchmark.name)


def unique(backends: Iterable[Backend]) -> list[Backend]:
    """The backends without repetitions."""
    return list({id(backend): backend for backend in backends}.values())


def _concerns(cell: Cell, planner: type[Planner]) -> bool:
    """Whether a planner has a run for a cell: it takes the style that differs, and has all options of the cell's own."""
    return (cell.plain or planner.takes_style) and all(name in planner.Options.model_fields for name in cell.own)


def _named(jobs: list[Job], name: str | None) -> list[Job]:
    """The runs; a single run is renamed to ``name`` if that is given.

    Raises:
        UserError: if a name cannot be a folder name, or two runs have the same name.
    """
    if name is not None:
        if len(jobs) > 1:
            raise UserError(
                f"`name` names one run, but this makes {len(jobs)}; leave it out, or run them one by one.", "name"
            )
        jobs = [replace(jobs[0], name=name)]
    called = [job.name for job in jobs]
    for one in called:
        check_run_name(one)
    twice = sorted({one for one in called if called.count(one) > 1})
    if twice:
        raise UserError(f"Two runs would be called '{twice[0]}'; run them one by one with `name`.", "name")
    return jobs
