"""Checks of what a world returns, before it is used: a world may be the user's own."""

from __future__ import annotations

import math
import reprlib
from dataclasses import replace
from typing import Any

import msgspec
import numpy as np

from lightemma.closed_loop.records import EpisodeOutcome
from lightemma.closed_loop.replay import ActorEntry, Replay, ReplayGround, ReplayStep
from lightemma.closed_loop.world import CarState, ExpertLabel, ExpertWords, Observation, World
from lightemma.closed_loop.world_info import EXPERT, JUDGED, SOMETIMES_NONE, WorldInfo
from lightemma.errors import UserError
from lightemma.frame import Camera, FloatArray, Picture
from lightemma.observed_facts import ObservedFacts
from lightemma.plugins import describe
from lightemma.prompts.inputs import COMMANDS
from lightemma.protocol import LIGHTEMMA
from lightemma.simulation.ego import Limits

#: Metres, radians, m/s or 1/m that nothing in a world is beyond: no road leads farther, and squares of it are still finite.
FARTHEST = 1e8


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
    past = _numbers(world, "history", world.history(), (count, 3))
    if np.abs(past).max() > FARTHEST:
        raise broken(world, f"its history has a number beyond {FARTHEST:g}; give metres and radians")
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
    if max(map(abs, (pose.x, pose.y, pose.heading, car.speed, car.curvature))) > FARTHEST:
        raise broken(world, f"its car has a number beyond {FARTHEST:g}; give metres, radians, m/s and 1/m")
    return car


def limits_of(world: World) -> Limits | None:
    """What the car can do."""
    limits: Any = world.limits
    if limits is not None and not isinstance(limits, Limits):
        raise broken(world, f"its limits are {type(limits).__name__}; they must be Limits or None")
    return limits


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
    if seen.command is not None and (not isinstance(seen.command, str) or seen.command not in COMMANDS):
        raise broken(world, f"its command is {seen.command!r}; it must be {', '.join(COMMANDS)} or None")
    metres: Any = seen.command_m
    number = isinstance(metres, int | float) and not isinstance(metres, bool)
    if metres is not None and not (number and 0.0 <= metres <= FARTHEST):
        raise broken(world, f"its command_m is {reprlib.repr(metres)}; it must be metres from 0 on, or None")
    if seen.facts is not None:
        _check_facts(world, seen.facts)
    if seen.ground_truth is None:
        return seen
    truth = _numbers(world, "ground truth", seen.ground_truth, (LIGHTEMMA.plan_steps, 2))
    if EXPERT not in info.knows:
        raise broken(world, "it shows a ground truth, but its info does not know 'expert'; add it, or give None")
    return replace(seen, ground_truth=truth)


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
    actions = _numbers(world, "label's actions", label.actions, (LIGHTEMMA.plan_steps, 2))
    valid: Any = label.valid
    if not isinstance(valid, bool | np.bool_) or not isinstance(label.reason, str):
        raise broken(world, "its label must have True or False as `valid`, and a text as `reason`")
    words: Any = label.words
    if words is not None and not (
        isinstance(words, ExpertWords)
        and all(isinstance(text, str) for text in (words.scene, words.intent, words.reason))
    ):
        raise broken(world, f"its label's words are {type(words).__name__}; they must be ExpertWords of texts, or None")
    return replace(label, actions=actions, valid=bool(valid))


def _numbers(world: World, what: str, value: object, shape: tuple[int, ...]) -> FloatArray:
    """Finite numbers of a shape.

    Args:
        world: that gave them.
        what: they are called.
        value: anything.
        shape: that they must have.
    """
    try:
        found = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise broken(world, f"its {what} cannot be read as numbers; it must be an array of shape {shape}") from error
    if found.shape != shape or not np.isfinite(found).all():
        raise broken(world, f"its {what} has the shape {found.shape} or is not finite; it must be {shape}")
    return found


def _check_facts(world: World, facts: Any) -> None:
    if not isinstance(facts, ObservedFacts):
        raise broken(world, f"its facts are {type(facts).__name__}; they must be ObservedFacts or None")
    _plain(
        world,
        facts,
        wrong="its facts hold something of a wrong type",
        endless="its facts hold a number that is not finite; it must be None where it is unknown",
    )


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
    built = _plain(
        world,
        outcome,
        wrong="the numbers of its outcome() are of a wrong type",
        endless="outcome() has a number that is not finite; it must be None where it is unknown",
    )
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
    _plain(
        world,
        replay,
        wrong="its replay_step(), actors() or ground() hold something of a wrong type",
        endless="its replay_step(), actors() or ground() hold a number that is not finite",
    )
    return replay


def replay_step_of(world: World) -> ReplayStep | None:
    """This moment of the replay."""
    step: Any = world.replay_step()
    if step is not None and not isinstance(step, ReplayStep):
        raise broken(world, f"replay_step() gives {type(step).__name__}; it must give a ReplayStep or None")
    return step


def ground_of(world: World) -> ReplayGround | None:
    """Streets and lights of the replay."""
    ground: Any = world.ground()
    if ground is not None and not isinstance(ground, ReplayGround):
        raise broken(world, f"ground() gives {type(ground).__name__}; it must give a ReplayGround or None")
    return ground


def actors_of(world: World) -> list[ActorEntry]:
    """The road users that are there now."""
    there: Any = world.actors()
    if not isinstance(there, list | tuple) or not all(isinstance(one, ActorEntry) for one in there):
        raise broken(world, "actors() must give a list of ActorEntry")
    return list(there)


def broken(world: World, what: str) -> WorldFault:
    """The sentence about a world that breaks its contract."""
    return WorldFault(f"The world ({describe(type(world))}) breaks its contract: {what}.")


def _plain(world: World, value: msgspec.Struct, *, wrong: str, endless: str) -> dict[str, Any]:
    """A struct as plain values whose file can be read again: of the right types, all numbers finite.

    Args:
        world: that gave it.
        value: the struct.
        wrong: what is said of wrong types.
        endless: what is said of numbers that are not finite.
    """
    try:
        built: dict[str, Any] = msgspec.to_builtins(value)
        finite = _all_finite(built)
        if finite:
            msgspec.convert(built, type(value))
    except (msgspec.ValidationError, TypeError) as error:
        raise broken(world, f"{wrong} ({error})") from error
    if not finite:
        raise broken(world, endless)
    return built


def _all_finite(value: object) -> bool:
    """Whether all numbers in plain lists, tuples and dictionaries are finite."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, dict):
        return all(map(_all_finite, value.values()))
    return all(map(_all_finite, value)) if isinstance(value, list | tuple) else True
