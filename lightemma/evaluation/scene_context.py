"""What is known about compared frames apart from their plans: pictures, facts about the scenes, agents around, maps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lightemma.agents import AgentLookup, MapLookup
from lightemma.frame import Frame
from lightemma.scene_facts import SceneFacts

#: Finds a frame, with its camera and picture, by scene name and sample token; None where there is none.
FrameFinder = Callable[[str, str], Frame | None]

NO_AGENTS = "The data do not say who was around these frames, so collisions are unknown."
NO_MAPS = "There is no map under these scenes, so leaving the road is unknown."


@dataclass(frozen=True, slots=True)
class SceneContext:
    """The data behind a set of runs, as far as it is there.

    Attributes:
        frames: finds a frame by scene name and sample token; None without data.
        facts: scene name to place, light and weather; scenes may be missing.
        agents: finds who is around a frame by scene name and sample token; None where this is unknown.
        maps: finds a scene's map by the scene's name; None where there are no maps.
        no_agents: the sentence that says why no frame's agents are known.
        no_maps: the sentence that says why no scene has a map.
        truth_name: what the ground truth is called: ``recorded``, or ``expert`` where it is the plan of a world's expert.
    """

    frames: FrameFinder | None = None
    facts: Mapping[str, SceneFacts] = field(default_factory=dict)
    agents: AgentLookup | None = None
    maps: MapLookup | None = None
    no_agents: str = NO_AGENTS
    no_maps: str = NO_MAPS
    truth_name: str = "recorded"
