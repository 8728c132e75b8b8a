"""What plans are worth when they are driven: each in a copy of the world, at the very moment at which it was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from lightemma.closed_loop.episode import Episode
from lightemma.closed_loop.records import SETTINGS, EpisodeOutcome, EpisodeRecord, read_episodes
from lightemma.closed_loop.rollout import Rollout, rollout
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules, TwoStageRules
from lightemma.closed_loop.world import World
from lightemma.closed_loop.world_factory import EpisodeChoice, WorldFactory
from lightemma.closed_loop.worlds import choose_episodes, open_factory, world_names
from lightemma.distillation.cases import Case
from lightemma.errors import UserError
from lightemma.files import read_whole
from lightemma.frame import FloatArray
from lightemma.run_folder.records import FrameRecord
from lightemma.run_folder.store import read_frames, read_manifest

#: Metres and m/s by which a world that is driven again may differ from what was recorded, before it is another one.
SAME = 0.01
#: Cost of a fault, beside which no distance matters; costs without one are metres.
FAULT = 100.0


class _Settings(msgspec.Struct):
    rules: dict[str, Any]


def roll_out(folder: Path, cases: Mapping[str, Case]) -> int:
    """Drives every answer of a closed-loop run in a copy of the world at its decision, and notes what it costs.

    The cost of an answer is the mean distance in metres of where it leads to where the expert's label leads in the same
    world, 100 more for every fault that the expert's does not make. So a plan that runs into the car ahead, which braked
    because the ego car came too close, is judged by what happens and not by what was recorded.

    Args:
        folder: of the run.
        cases: sample token -> the frame, whose ``costs`` are written.

    Returns:
        How many plans were driven.

    Raises:
        UserError: if the run cannot be driven again, since its world is not the same any more.
    """
    manifest = read_manifest(folder)
    rules, factory = _rules(folder), _factory(manifest.data.name, folder)
    records: dict[str, list[FrameRecord]] = {}
    for record in read_frames(folder):
        records.setdefault(record.scene, []).append(record)
    driven = 0
    for episode in read_episodes(folder):
        decisions = sorted(records.get(episode.name, []), key=lambda one: one.frame_index)
        if any(record.sample_token in cases for record in decisions):
            driven += _again(folder, rules, factory, episode, decisions, cases)
    return driven


def _again(
    folder: Path,
    rules: LoopRules,
    factory: WorldFactory,
    episode: EpisodeRecord,
    decisions: Sequence[FrameRecord],
    cases: Mapping[str, Case],
) -> int:
    spec = _spec(factory, episode)
    world = factory.open(spec, rules, pictures=False)
    driven = 0
    try:
        loop = Episode(spec, rules, world, folder)
        for record in decisions:
            point = loop.look()
            if point.frame is None or not _same(point.frame.history.actions, record):
                raise UserError(
                    f"'{record.scene}' of the run '{folder}' cannot be driven again: at decision {record.frame_index} the car "
                    "is not where it was; it was driven by another version or other rules, so rank by l2 instead."
                )
            case = cases.get(record.sample_token)
            if case is not None:
                case.costs = costs_of(world, case)
                driven += sum(cost is not None for cost in case.costs)
            loop.follow(None if record.actions is None else np.array(record.actions, dtype=np.float64))
    finally:
        world.close()
    return driven


def costs_of(world: World, case: Case) -> list[float | None]:
    """What each answer of a frame costs; None for those without a plan, and for all where the expert knows no way.

    Args:
        world: at the frame's decision; it is not touched.
        case: with the answers.
    """
    label = world.label()
    if label is None or not label.valid:
        return [None] * len(case.answers)
    expert = rollout(world, np.asarray(label.actions, dtype=np.float64))
    return [None if one.actions is None else _cost(rollout(world, one.actions), expert) for one in case.answers]


def _cost(one: Rollout, expert: Rollout) -> float:
    count = min(len(one.trace), len(expert.trace))
    away = np.hypot(*(one.trace[:count, :2] - expert.trace[:count, :2]).T).mean()
    faults = _faults(one.outcome) - _faults(expert.outcome)
    return float(away) + FAULT * max(faults, 0)


def _faults(outcome: EpisodeOutcome) -> int:
    known = (
        len(outcome.crashes_at_fault),
        outcome.red_lights or 0,
        int(bool(outcome.off_road)),
        outcome.wrong_side or 0,
        int(bool(outcome.off_route)),
        outcome.hindered or 0,
    )
    return sum(known)


def _same(actions: FloatArray, record: FrameRecord) -> bool:
    recorded = np.array(record.history, dtype=np.float64)
    return recorded.shape == actions.shape and bool(np.abs(actions[:, 0] - recorded[:, 0]).max() < SAME)


def _rules(folder: Path) -> LoopRules:
    path = folder / SETTINGS
    try:
        rules = dict(msgspec.json.decode(read_whole(path), type=_Settings).rules)
        two = rules.get("two_stage")
        size = tuple(rules.get("size", (800, 450)))
        found = LoopRules(
            **{
                **rules,
                "two_stage": None if two is None else TwoStageRules(**two),
                "size": size,
                "draw": False,
                "facts": False,
            }
        )
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, TypeError, ValueError) as error:
        raise UserError(f"'{path}' cannot be read ({error}); rank by l2 instead, or drive again.") from error
    if found.two_stage is not None or found.real_time:
        kind = "two-stage drive" if found.two_stage else "drive in real time"
        raise UserError(f"The run '{folder}' is a {kind}, which is not driven again; rank by l2 instead.")
    return found


def _factory(place: str, folder: Path) -> WorldFactory:
    # A run may come from anyone: only worlds that are installed here are opened, no class that its manifest names.
    names = world_names()
    if place.partition(":")[0] in names:
        return open_factory(place)
    for name in names:
        with suppress(UserError):  # such as a world that cannot be made without an argument
            factory = open_factory(name)
            if factory.place == place:
                return factory
    raise UserError(
        f"The run '{folder}' was driven in the world '{place}', which is not installed here; rank by l2 instead."
    )


def _spec(factory: WorldFactory, episode: EpisodeRecord) -> EpisodeSpec:
    public = factory.public_seeds
    if public is not None and episode.seed >= public:
        raise UserError(
            f"'{episode.name}' is of a hidden suite and can only be driven again with its key; rank by l2 instead."
        )
    choice = EpisodeChoice(episode.scenario, f"{episode.seed},", episode.conditions or "day", episode.left_hand)
    for spec in choose_episodes(factory, choice):
        if spec.name == episode.name:
            return spec
    raise UserError(f"The world '{factory.place}' has no episode '{episode.name}' any more; rank by l2 instead.")
