"""Checks what a source says about its scenes apart from their frames: agents, maps, place and weather, other cameras."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from lightemma.agents import KINDS, AgentLookup, Agents, GroundMap, MapLookup, Surroundings, Unknown, plan_times
from lightemma.data.base import CameraLookup, FrameSource
from lightemma.data.source_faults import failures_of
from lightemma.errors import UserError
from lightemma.plugins import describe
from lightemma.scene_facts import SceneFacts

_TIMES = len(plan_times())


def agents_of(source: FrameSource) -> AgentLookup | Unknown | None:
    """The source's ``agents()``, asked for the source's own scenes only; every answer is checked.

    Raises:
        UserError: if the source fails or gives something else; the function that is returned raises it, too.
    """
    with failures_of(type(source), "agents"):
        lookup = source.agents()
    if isinstance(lookup, Unknown):
        return lookup if lookup.motion is None else Unknown(lookup.reason, _checked_agents(source, lookup.motion))
    if lookup is None:
        return None
    if not callable(lookup):
        raise _wrong(source, "agents", lookup, "a function of scene name and sample token")
    return _checked_agents(source, lookup)


def maps_of(source: FrameSource) -> MapLookup | Unknown | None:
    """The source's ``maps()``, asked for the source's own scenes only; every answer is checked.

    Raises:
        UserError: if the source fails or gives something else; the function that is returned raises it, too.
    """
    with failures_of(type(source), "maps"):
        lookup = source.maps()
    if lookup is None or isinstance(lookup, Unknown):
        return lookup
    if not callable(lookup):
        raise _wrong(source, "maps", lookup, "a function of the scene's name")

    names = frozenset(source.scene_names)

    def checked(scene: str) -> GroundMap | None:
        if scene not in names:
            return None
        with failures_of(type(source), "maps"):
            found = lookup(scene)
        if found is not None and not (hasattr(found, "contains") and hasattr(found, "lanes_at")):
            raise _wrong(source, "maps", found, "a map with `contains` and `lanes_at`, or None")
        return found

    return checked


def facts_of(source: FrameSource) -> Mapping[str, SceneFacts]:
    """The source's ``facts()``; empty if the source knows none.

    Raises:
        UserError: if the source fails or answers something else.
    """
    with failures_of(type(source), "facts"):
        facts = source.facts()
    if facts is None:
        return {}
    if not isinstance(facts, Mapping):
        raise _wrong(source, "facts", facts, "scene names to SceneFacts")
    for name, known in facts.items():
        if not isinstance(name, str) or not isinstance(known, SceneFacts):
            raise _wrong(source, "facts", {name: known}, "scene names to SceneFacts")
    return facts


def cameras_of(source: FrameSource) -> CameraLookup | None:
    """The source's ``cameras()``; every answer is checked.

    Raises:
        UserError: if the source fails or gives something else; the function that is returned raises it, too.
    """
    with failures_of(type(source), "cameras"):
        lookup = source.cameras()
    if lookup is None:
        return None
    if not callable(lookup):
        raise _wrong(source, "cameras", lookup, "a function of scene name and sample token")

    def checked(scene: str, token: str) -> Mapping[str, Path]:
        with failures_of(type(source), "cameras"):
            found = lookup(scene, token)
        if not isinstance(found, Mapping):
            raise _wrong(source, "cameras", found, "channels to paths")
        for channel, path in found.items():
            if not isinstance(channel, str) or not isinstance(path, Path):
                raise _wrong(source, "cameras", {channel: path}, "channels to paths")
        return found

    return checked


def _checked_agents(source: FrameSource, lookup: AgentLookup) -> AgentLookup:
    names = frozenset(source.scene_names)

    def checked(scene: str, token: str) -> Surroundings | None:
        if scene not in names:
            return None
        with failures_of(type(source), "agents"):
            found = lookup(scene, token)
        if found is None:
            return None
        if not isinstance(found, Surroundings):
            raise _wrong(source, "agents", found, "Surroundings or None")
        wrong = _wrong_surroundings(found)
        if wrong:
            raise UserError(
                f"In {describe(type(source))} `agents` gave {wrong} for frame '{token}'; correct the class."
            )
        return found

    return checked


def _wrong_surroundings(found: Surroundings) -> str:
    pose = found.pose
    if not np.isfinite((pose.x, pose.y, pose.heading)).all():
        return "a pose that is not finite"
    if np.shape(found.ego) != (_TIMES, 3):
        return f"`ego` of shape {np.shape(found.ego)} instead of {(_TIMES, 3)}"
    if np.ndim(found.route) != 2 or np.shape(found.route)[1] != 2:
        return f"`route` of shape {np.shape(found.route)} instead of (m, 2)"
    return "" if found.agents is None else _wrong_agents(found.agents)


def _wrong_agents(agents: Agents) -> str:
    count = len(agents.kinds)
    shapes = {
        "centres": (count, _TIMES, 2), "yaws": (count, _TIMES), "sizes": (count, 2), "kinds": (count,),
        "valid": (count, _TIMES),
    }  # fmt: skip
    for name, shape in shapes.items():
        if np.shape(getattr(agents, name)) != shape:
            return f"agents with `{name}` of shape {np.shape(getattr(agents, name))} instead of {shape}"
    for name in ("seen", "has_lidar"):
        told = getattr(agents, name)
        if told is not None and np.shape(told) != (count,):
            return f"agents with `{name}` of shape {np.shape(told)} instead of {(count,)}"
    if not np.isfinite(agents.centres[agents.valid]).all() or not np.isfinite(agents.yaws[agents.valid]).all():
        return "agents whose places or headings are not finite where they are said to be valid"
    if not (np.isfinite(agents.sizes).all() and (np.asarray(agents.sizes) > 0).all()):
        return "agents whose sizes are not positive metres"
    if not np.isin(agents.kinds, np.arange(len(KINDS))).all():
        return f"agents of kinds that are no codes of lightemma.agents.KINDS (0 to {len(KINDS) - 1})"
    return ""


def _wrong(source: FrameSource, what: str, given: object, wanted: str) -> UserError:
    return UserError(
        f"In {describe(type(source))} `{what}` gave {type(given).__name__} instead of {wanted}; correct the class."
    )
