"""The experts by name: those of lightemma, those of installed packages, classes by dotted name, and services by YAML."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from lightemma.errors import UserError
from lightemma.experts.base import Card, Expert
from lightemma.plugins import Offered, describe, error_line, find_class, offered

#: Installed packages offer experts under this group of entry points.
ENTRY_POINTS = "lightemma.experts"

#: name -> "module:Class", imported when needed. An expert is one file and one line here. The order is that of default plans.
EXPERTS = {
    "motion-words": "lightemma.experts.motion_words:MotionWords",
    "ssd-detector": "lightemma.experts.ssd_detector:SsdDetector",
    "ssd-tiles": "lightemma.experts.ssd_detector:SsdTiles",
    "yolo-tiny": "lightemma.experts.yolo_tiny:YoloTiny",
    "hog-people": "lightemma.experts.hog_people:HogPeople",
    "light-state": "lightemma.experts.light_state:LightState",
    "ground-distance": "lightemma.experts.ground_distance:GroundDistance",
    "lead-speed": "lightemma.experts.lead_speed:LeadSpeed",
    "lane-geometry": "lightemma.experts.lane_geometry:LaneGeometry",
    "free-space": "lightemma.experts.free_space:FreeSpace",
    "candidates": "lightemma.experts.candidates:Candidates",
    "oracle-road-users": "lightemma.experts.oracle_road_users:OracleRoadUsers",
    "oracle-light": "lightemma.experts.oracle_light:OracleLight",
    "oracle-lane": "lightemma.experts.oracle_lane:OracleLane",
}

ALL = "all"


def experts() -> dict[str, Offered]:
    """Every expert by name: lightemma's own, and those that installed packages offer as ``lightemma.experts``."""
    return offered(ENTRY_POINTS, EXPERTS)


def make_expert(name: str) -> Expert:
    """An expert.

    Args:
        name: of one of lightemma's or of an installed package, ``package.module:Class``, or the path of a service's YAML.

    Raises:
        UserError: if there is none, or it does not follow the contract of experts.
    """
    if name.endswith((".yaml", ".yml")):
        return _of_file(name)
    cls = find_class(name, ENTRY_POINTS, EXPERTS, Expert, "expert")
    wrong = _contract_fault(cls)
    if wrong:
        raise UserError(f"The expert '{name}' ({describe(cls)}) {wrong}; see docs/experts.md.")
    try:
        made = cls()
        made.absent()
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"The expert '{name}' ({describe(cls)}) cannot be made: {error_line(error)}; see docs/experts.md."
        ) from error
    return made


def chosen_experts(names: Sequence[str]) -> list[Expert]:
    """The experts that are named, each once.

    Args:
        names: as of ``make_expert``; ``all`` for every expert that can be used here and is no control.

    Raises:
        UserError: if one cannot be made or, named by itself, cannot be used here; or if two have the same id.
    """
    made: dict[str, Expert] = {}
    for name in names:
        for expert in _usable() if name == ALL else [_wanted(name)]:
            before = made.get(expert.card.id)
            if before is not None and type(before) is not type(expert):
                raise UserError(f"Two experts are called '{expert.card.id}'; leave one out, or give it another id.")
            made.setdefault(expert.card.id, expert)
    return list(made.values())


def oracle_experts() -> list[Expert]:
    """The experts that know the truth, those of installed packages included."""
    made = [make_expert(name) for name in experts()]
    return [one for one in made if one.card.privileged and not one.absent()]


def _of_file(path: str) -> Expert:
    """The expert that a YAML describes: by its key ``folder`` or ``mcp``, else a service."""
    from lightemma.experts.card_file import keys_of

    keys = keys_of(path)
    if "folder" in keys:
        from lightemma.experts.hf_model import HfModel

        return HfModel.from_file(path)
    if "mcp" in keys:
        from lightemma.experts.mcp_tool import McpTool

        return McpTool.from_file(path)
    from lightemma.experts.http_service import HttpService

    return HttpService.from_file(path)


def _usable() -> list[Expert]:
    made = [make_expert(name) for name in experts()]
    return [one for one in made if not one.card.privileged and not one.absent()]


def _wanted(name: str) -> Expert:
    expert = make_expert(name)
    absent = expert.absent()
    if absent:
        raise UserError(f"The expert '{name}' cannot be used: {absent}.")
    return expert


def _contract_fault(cls: type[Expert]) -> str:
    """Why a class cannot be an expert, as a clause; empty if it can."""
    if not isinstance(getattr(cls, "card", None), Card):
        return "has no card; give it one, such as card = Card(...)"
    missing = sorted(getattr(cls, "__abstractmethods__", ()))
    if missing:
        return f"does not write {', '.join(missing)}"
    look: Any = inspect.unwrap(cls.look)
    if inspect.iscoroutinefunction(look):
        return "has a look() that is `async def`; write a plain function, it runs in a thread"
    try:
        inspect.signature(look).bind(0, 1)
        inspect.signature(cls).bind()
    except TypeError:
        return "must have look(self, question), and be made without arguments"
    except ValueError:  # not written in Python
        return ""
    return ""
