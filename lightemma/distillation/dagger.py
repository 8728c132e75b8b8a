"""DAgger (Ross, Gordon and Bagnell, 2011): the student drives, the expert labels where it came to, and it is trained again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from lightemma.closed_loop.records import read_episodes
from lightemma.closed_loop.set_up import open_drives
from lightemma.closed_loop.spec import parse_seeds
from lightemma.distillation.collect import collect
from lightemma.distillation.collect_options import CollectOptions
from lightemma.distillation.form import StudentForm
from lightemma.distillation.partition import Partition
from lightemma.distillation.recipe import DaggerSettings, Recipe
from lightemma.distillation.student_data import StudentData
from lightemma.distillation.student_model import STUDENT
from lightemma.distillation.train import Say, Training, read_result
from lightemma.errors import UserError
from lightemma.files import private_folder, write_whole
from lightemma.sessions.benchmark import Benchmark, InputSettings, PictureSettings, WorldSettings
from lightemma.simulation.dataset.split import Part, split_of

ROUNDS = "rounds.json"


class Round(msgspec.Struct, frozen=True):
    """What a round came to.

    Attributes:
        number: 0 is the student before the first round.
        beta: share of the decisions that the expert steered while its states were collected; None for round 0.
        states: visited states with a valid label that were added.
        validation_l2: metres, of the student's answers about recorded frames.
        format_errors: share of these without a plan.
        score: mean driving score of the student alone on the seeds of the validation.
        success: share of these episodes without a fault and at the goal.
        episodes: how many.
    """

    number: int
    beta: float | None
    states: int
    validation_l2: float
    format_errors: float
    score: float
    success: float
    episodes: int


def rounds(folder: Path, recipe: Recipe, data: StudentData, count: int, say: Say) -> list[Round]:
    """Drives and trains in turns; an interrupted one goes on where it was.

    Args:
        folder: of a training that is done.
        recipe: of it.
        data: of it; each round adds to it.
        count: of rounds.
        say: shows a line to the user.

    Raises:
        UserError: if seeds are of the wrong part, or a student cannot drive.
    """
    settings, form = recipe.dagger, data.form
    if any(picture.grey for row in data.sft for picture in row.pictures):
        raise UserError("A student that learns without eyes visits nothing worth seeing; leave `dagger` out.", "dagger")
    learning = seeds_of(settings.seeds, "train")
    scoring = seeds_of(settings.validation_seeds, "validation")
    found: list[Round] = []
    folders, student = list(data.folders), folder
    last = _last_validation(folder, recipe)
    found.append(_scored(folder, 0, None, 0, last, student, settings, form, scoring, say))
    for number in range(1, count + 1):
        own = folder / "rounds" / str(number)
        beta = settings.first_beta * settings.decay ** (number - 1)
        run = _drive(own, f"collect-{number}", student, settings, form, learning, f"mixture:{beta:g}", collecting=True)
        options = CollectOptions(form, partition=Partition())
        added = own / "data"
        manifest = collect([run], added, options)
        folders.append(added)
        one = recipe.model_copy(
            update={"stages": ["sft"], "sft": recipe.sft.model_copy(update={"steps": settings.steps})}
        )
        training = Training(student_of(folder, number), one, StudentData.read(folders), say)
        (result,) = training.run(["sft"], start=str((student / "model").resolve()))
        student = training.folder
        worth = (result.best.validation.l2, result.best.validation.format_errors)
        states = sum(part.sft for part in manifest.parts.values())
        found.append(_scored(folder, number, beta, states, worth, student, settings, form, scoring, say))
        write_whole(folder / ROUNDS, json.dumps([msgspec.to_builtins(one) for one in found], indent=2).encode() + b"\n")
    return found


def student_of(folder: Path, number: int) -> Path:
    """The folder of a round's student; that of the training itself for round 0."""
    return folder / "rounds" / str(number) / f"{folder.resolve().name}-round-{number}" if number else folder


def seeds_of(text: str, part: Part) -> list[int]:
    """The seeds of a text that belong to a part.

    Raises:
        UserError: if there are none.
    """
    found = [seed for seed in parse_seeds(text) if split_of("", seed) == part]
    if not found:
        ends = {"train": "0 to 7", "validation": "8", "test": "9"}[part]
        raise UserError(f"None of the seeds '{text}' is for the {part} part: these end in {ends}, and are below 1000.")
    return found


def _last_validation(folder: Path, recipe: Recipe) -> tuple[float, float]:
    result = read_result(folder / recipe.stages[-1])
    if result is None:
        raise UserError(f"'{folder}' holds no finished training; train first.")
    return result.best.validation.l2, result.best.validation.format_errors


def _scored(
    folder: Path,
    number: int,
    beta: float | None,
    states: int,
    worth: tuple[float, float],
    student: Path,
    settings: DaggerSettings,
    form: StudentForm,
    seeds: Sequence[int],
    say: Say,
) -> Round:
    own = folder / "rounds" / str(number)
    run = _drive(own, f"score-{number}", student, settings, form, seeds, "planner", collecting=False)
    episodes = read_episodes(run)
    scores = [episode.score.score for episode in episodes if episode.score.score is not None]
    successes = [bool(episode.score.success) for episode in episodes]
    if not scores:
        raise UserError(f"No episode of '{run}' has a score; look at its frames.jsonl for what the student answered.")
    found = Round(
        number, beta, states, worth[0], worth[1], float(np.mean(scores)), float(np.mean(successes)), len(episodes)
    )
    say(line_of_round(found))
    return found


def line_of_round(one: Round) -> str:
    """A round in one line."""
    collected = "" if one.beta is None else f"{one.states} states added (the expert steered {one.beta:.0%}); "
    return (
        f"round {one.number}: {collected}driving score {one.score:.1f} and success {one.success:.0%} over {one.episodes} "
        f"episodes; L2 {one.validation_l2:.3f} m, {one.format_errors:.1%} without a plan"
    )


def _drive(
    results: Path,
    name: str,
    student: Path,
    settings: DaggerSettings,
    form: StudentForm,
    seeds: Sequence[int],
    driver: str,
    *,
    collecting: bool,
) -> Path:
    """Lets a student drive; what it visited is in the returned folder of the run."""
    private_folder(results)
    world = WorldSettings(
        scenarios=settings.scenarios,
        seeds=list(seeds),
        size=settings.size,
        renderer=settings.renderer,
        draw=True if collecting else None,
        driver=driver,
        disturb=collecting and settings.disturb,
        early_end=not collecting,
        blind_ceiling=False,
    )
    benchmark = Benchmark(
        name=name,
        world=world,
        planners=["single-call"],
        planner_options=form.planner_options,
        models=[str(student / STUDENT)],
        prompts=form.prompts,
        pictures=PictureSettings(count=form.pictures),
        inputs=InputSettings(history=form.history, command=form.command),
    )
    session, _ = open_drives(benchmark, results, workers=settings.workers)
    (outcome,) = session.run()
    if outcome.stopped:
        raise UserError(f"The drive '{name}' stopped ({outcome.stopped}); the same command resumes there.")
    return results / session.jobs[0].name
