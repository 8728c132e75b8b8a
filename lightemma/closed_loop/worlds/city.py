"""The simulated city as a world of the closed loop: which episodes there are, who drives, and how they are opened."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from lightemma.closed_loop.blind import BlindTimer, Crawl, schedule_scores
from lightemma.closed_loop.noisy_expert import NoisyExpertDriver
from lightemma.closed_loop.privileged import ExpertDriver, IdmDriver, PrivilegedDriver, RandomDriver
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules, parse_seeds
from lightemma.closed_loop.world_factory import EpisodeChoice, Prepared, WorldFactory
from lightemma.closed_loop.worlds.city_camera import CameraRenderer, decide_renderer
from lightemma.closed_loop.worlds.city_disturbance import disturbed
from lightemma.closed_loop.worlds.city_imitator import ImitatorDriver
from lightemma.closed_loop.worlds.city_pool import SimulationPool
from lightemma.closed_loop.worlds.city_world import CityWorld
from lightemma.errors import UserError
from lightemma.simulation.conditions import conditions_name, parse_conditions
from lightemma.simulation.render import front_camera
from lightemma.simulation.scenarios import choose_scenarios


class CityFactory(WorldFactory):
    """Episodes in the city: every scenario, under every condition, with every seed.

    Raises:
        UserError: if there is an argument.
    """

    name: ClassVar[str] = "city"
    drivers: ClassVar[Mapping[str, type[PrivilegedDriver]]] = {
        driver.name: driver
        for driver in (ExpertDriver, NoisyExpertDriver, IdmDriver, RandomDriver, BlindTimer, Crawl, ImitatorDriver)
    }
    #: Raised when scenarios are added, removed or changed.
    suite: ClassVar[str] = "suite 1"
    public_seeds: ClassVar[int | None] = 1000
    #: One city in panda3d with Mesa's software driver, with a margin.
    memory_bytes: ClassVar[int] = 600 * 2**20
    #: What is opened; a subclass may watch more.
    world: ClassVar[type[CityWorld]] = CityWorld

    def __init__(self, argument: str = "") -> None:
        if argument:
            raise UserError(f"The world 'city' takes nothing after its name; leave ':{argument}' out.")
        super().__init__(argument)
        self._free: list[CameraRenderer] = []
        self._made = SimulationPool()

    @property
    def place(self) -> str:
        """``data.name`` of every run in the city."""
        return "made-up city"

    def episodes(self, choice: EpisodeChoice) -> list[EpisodeSpec]:
        """Every scenario under every condition with every seed.

        Raises:
            UserError: if a scenario, a condition or a seed is unknown.
        """
        scenarios = choose_scenarios(choice.scenarios)
        seeds = parse_seeds(choice.seeds)
        conditions = [conditions_name(each) for each in parse_conditions(choice.conditions)]
        return [
            EpisodeSpec(
                scenario.name,
                seed,
                when,
                choice.left_hand,
                {} if text == scenario.name else {"scenario": text},
                scenario.family,
            )
            for text, scenario in scenarios.items()
            for when in conditions
            for seed in seeds
        ]

    def prepare(self, rules: LoopRules, *, pictures: bool) -> Prepared:
        """Refuses a size that no renderer can draw, and chooses the renderer.

        Raises:
            UserError: if the size is not possible, or the requested renderer cannot draw.
        """
        front_camera(rules.size)
        return decide_renderer(rules) if pictures else Prepared(rules)

    def open(self, spec: EpisodeSpec, rules: LoopRules, *, pictures: bool) -> CityWorld:
        """The city of an episode, after its warm-up.

        Raises:
            UserError: if there is no such scenario, or the renderer fails.
        """
        simulation = self._made.at_start(spec, rules)
        if rules.disturb:
            simulation = disturbed(simulation, spec)
        camera = None
        if pictures:
            camera = self._free.pop() if self._free else CameraRenderer(rules)
            try:
                camera.load(simulation.city)
            except BaseException:
                camera.close()
                raise
        return self.world(simulation, spec, rules, camera, self._free.append)

    def blind_scores(self, spec: EpisodeSpec, rules: LoopRules) -> dict[str, tuple[float, bool]]:
        """Those of every blind schedule; about 1.5 s of a processor."""
        return schedule_scores(self.open(spec, rules, pictures=False), rules)

    def close(self) -> None:
        """Closes the renderers of episodes that have ended, and forgets how episodes begin."""
        self._made.clear()
        while self._free:
            self._free.pop().close()
