"""Checks of what a world returns, before it is used: a world may be the user's own."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import numpy as np

from lightemma.closed_loop.records import EpisodeOutcome
from lightemma.closed_loop.replay import ActorEntry, Replay, ReplayStep
from lightemma.closed_loop.world import CarState, ExpertLabel, Observation, World
from lightemma.closed_loop.world_info import EXPERT, JUDGED, SOMETIMES_NONE, WorldInfo
from lightemma.errors import UserError
from lightemma.frame import Camera, FloatArray, Picture
from lightemma.plugins import describe
from lightemma.prompts.inputs import COMMANDS
from lightemma.protocol import LIGHTEMMA


class WorldFault(UserError):  # noqa: N818 -- the name says what it is
    """A world broke its contract, or raised: it costs the episode in which it did."""


def info_of(world: World) -> WorldInfo:
    """What a world says about itself."""
    info: Any = world.info
    if not isinstance(info, WorldInfo):
        raise broken(world, f"its info is {type(info).__name__}; it must be a WorldInfo")
    return info


def history_of(world: World) -> FloatArray:
    """(7, 3) the poses before the episode."""
    count = LIGHTEMMA.history_positions - 1
    past = np.asarray(world.history(), dtype=np.float64)
    if past.shape != (count, 3) or not np.isfinite(past).all():
        raise broken(world, f"its history has the shape {past.shape} or is not finite; it must be ({count}, 3)")
    return past


def car_of(world: World) -> CarState:
    """The car now."""
    car: Any = world.car
    if not isinstance(car, CarState):
        raise broken(world, f"its car is {type(car).__name__}; it must be a CarState")
    pose = car.pose
    try:
        placed = all(map(math.isfinite, (pose.x, pose.y, pose.heading)))
        moves = math.isfinite(car.speed) and math.isfinite(car.curvature)
    except (TypeError, AttributeError) as error:
        raise broken(world, f"its car has something that is no number ({error})") from error
    if not placed:
        raise broken(world, "its car has a pose that is not finite")
    if not moves:
        raise broken(world, "its car has a speed or a curvature that is not finite")
    return car


def is_over(world: World) -> bool:
    """Whether the episode has ended."""
    over: Any = world.over
    if not isinstance(over, bool | np.bool_):
        raise broken(world, f"its over is {type(over).__name__}; it must be True or False")
    return bool(over)


def checked_observation(world: World, info: WorldInfo, seen: object) -> Observation:
    """What a world showed.

    Args:
        world: which showed it.
        info: its own.
        seen: of ``observe`` or ``observe_many``.
    """
    if not isinstance(seen, Observation):
        raise broken(world, f"observe() gives {type(seen).__name__}; it must give an Observation")
    _check_camera(world, seen.camera)
    if seen.picture is not None:
        _check_picture(world, seen.picture, seen.camera)
    if seen.command is not None and seen.command not in COMMANDS:
        raise broken(world, f"its command is {seen.command!r}; it must be {', '.join(COMMANDS)} or None")
    metres: Any = seen.command_m
    number = isinstance(metres, int | float) and not isinstance(metres, bool)
    if metres is not None and not (number and math.isfinite(metres) and metres >= 0.0):
        raise broken(world, f"its command_m is {metres!r}; it must be metres from 0 on, or None")
    truth: Any = seen.ground_truth
    if truth is not None:
        if np.shape(truth) != (LIGHTEMMA.plan_steps, 2) or not np.isfinite(truth).all():
            raise broken(
                world, f"its ground truth has the shape {np.shape(truth)} or is not finite; it must be (6, 2) or None"
            )
        if EXPERT not in info.knows:
            raise broken(world, "it shows a ground truth, but its info does not know 'expert'; add it, or give None")
    return seen


def label_of(world: World, info: WorldInfo) -> ExpertLabel | None:
    """What the world's expert would do now; None exactly where it has none."""
    label: Any = world.label()
    if (label is not None) != (EXPERT in info.knows):
        if label is None:
            raise broken(world, "its info knows 'expert', but label() gives None; leave it out of `knows`")
        raise broken(world, "label() gives one, but its info does not know 'expert'; add it to `knows`")
    if label is None:
        return None
    if not isinstance(label, ExpertLabel):
        raise broken(world, f"label() gives {type(label).__name__}; it must give an ExpertLabel or None")
    if np.shape(label.actions) != (LIGHTEMMA.plan_steps, 2) or not np.isfinite(label.actions).all():
        raise broken(
            world, f"its label has actions of the shape {np.shape(label.actions)} or not finite; they must be (6, 2)"
        )
    return label


def _check_camera(world: World, camera: Any) -> None:
    if not isinstance(camera, Camera):
        raise broken(world, f"its camera is {type(camera).__name__}; it must be a Camera")
    shapes = {"intrinsic": (3, 3), "rotation": (4,), "translation": (3,)}
    for name, shape in shapes.items():
        values: Any = getattr(camera, name)
        if not isinstance(values, np.ndarray) or values.shape != shape or not np.isfinite(values).all():
            raise broken(world, f"its camera's {name} must be an array of shape {shape} with finite numbers")


def _check_picture(world: World, picture: Any, camera: Camera) -> None:
    if not isinstance(picture, Picture) or not isinstance(picture.data, bytes) or not picture.data:
        raise broken(world, f"its picture is {type(picture).__name__}; it must be a Picture with the bytes of a file")
    if camera.size is None or tuple(camera.size) != tuple(picture.size):
        raise broken(
            world, f"its picture has {picture.size} pixels, but its camera {camera.size}; they must be the same"
        )


def outcome_of(world: World, info: WorldInfo) -> EpisodeOutcome:
    """The numbers of an episode: of the right types, finite, and exactly those that the world says it knows."""
    outcome: Any = world.outcome()
    if not isinstance(outcome, EpisodeOutcome):
        raise broken(world, f"outcome() gives {type(outcome).__name__}; it must give an EpisodeOutcome")
    try:
        built = msgspec.to_builtins(outcome)
        finite = _all_finite(built)
        if finite:
            msgspec.convert(built, EpisodeOutcome)
    except (msgspec.ValidationError, TypeError) as error:
        raise broken(world, f"the numbers of its outcome() are of a wrong type ({error})") from error
    if not finite:
        raise broken(world, "outcome() has a number that is not finite; it must be None where it is unknown")
    below = [
        name for name, value in built.items() if isinstance(value, int | float) and value < 0 and name != "progress"
    ]
    if below:
        raise broken(
            world, f"outcome() has a negative '{below[0]}' ({built[below[0]]:g}); counts and seconds are 0 or more"
        )
    if outcome.progress is not None and not -1e-3 <= outcome.progress <= 1.001:
        raise broken(world, f"outcome() has the progress {outcome.progress:g}; it must be a share, 0 to 1")
    for name in sorted(JUDGED):
        given = getattr(outcome, name) is not None
        if given and name not in info.knows:
            raise broken(
                world, f"outcome() reports '{name}', which its info does not know; add it to `knows`, or give None"
            )
        if not given and name in info.knows and name not in SOMETIMES_NONE:
            raise broken(
                world, f"its info knows '{name}', but outcome() leaves it None; leave it out of `knows`, or judge it"
            )
    return outcome


def checked_replay(world: World, replay: Replay) -> Replay:
    """A replay whose file can be read again."""
    try:
        built = msgspec.to_builtins(replay)
        finite = _all_finite(built)
        if finite:
            msgspec.convert(built, Replay)
    except (msgspec.ValidationError, TypeError) as error:
        raise broken(world, f"its replay_step() or actors() hold something of a wrong type ({error})") from error
    if not finite:
        raise broken(world, "its replay_step() or actors() hold a number that is not finite")
    return replay


def replay_step_of(world: World) -> ReplayStep | None:
    """This moment of the replay."""
    step: Any = world.replay_step()
    if step is not None and not isinstance(step, ReplayStep):
        raise broken(world, f"replay_step() gives {type(step).__name__}; it must give a ReplayStep or None")
    return step


def actors_of(world: World) -> list[ActorEntry]:
    """The road users that are there now."""
    there: Any = world.actors()
    if not isinstance(there, list | tuple) or not all(isinstance(one, ActorEntry) for one in there):
        raise broken(world, "actors() must give a list of ActorEntry")
    return list(there)


def broken(world: World, what: str) -> WorldFault:
    """The sentence about a world that breaks its contract."""
    return WorldFault(f"The world ({describe(type(world))}) breaks its contract: {what}.")


def _all_finite(value: object) -> bool:
    """Whether all numbers in plain lists, tuples and dictionaries are finite."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_all_finite, value.values()))
    return all(map(_all_finite, value)) if isinstance(value, list | tuple) else True
