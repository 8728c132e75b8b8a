"""A learned world: a diffusion model draws what the car sees; ``imagined:CHECKPOINT``, or ``imagined:CHECKPOINT,DATA``.

A drive begins with recorded pictures, and ends where the check found that the world can be trusted no longer. What happens in
between: see ``imagined_world``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from lightemma.closed_loop.blind import BlindTimer, Crawl
from lightemma.closed_loop.noisy_expert import NoisyExpertDriver
from lightemma.closed_loop.plan_follower import TICKS_PER_S
from lightemma.closed_loop.privileged import ExpertDriver, IdmDriver, PrivilegedDriver, RandomDriver
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules, choose, parse_seeds
from lightemma.closed_loop.world import World
from lightemma.closed_loop.world_factory import EpisodeChoice, Prepared, WorldFactory
from lightemma.closed_loop.world_info import WorldInfo
from lightemma.closed_loop.worlds.imagined_world import KNOWS, ImaginedWorld, advance
from lightemma.errors import UserError
from lightemma.frame import FloatArray
from lightemma.simulation.ego import Limits

if TYPE_CHECKING:
    from lightemma.worldmodel.checkpoint import Checkpoint
    from lightemma.worldmodel.imagination import Imagination
    from lightemma.worldmodel.starts import Start


class ImaginedFactory(WorldFactory):
    """Drives in a trained world, from its own starts or from those of other data.

    Args:
        argument: ``CHECKPOINT``, or ``CHECKPOINT,DATA`` with DATA as ``--data`` has it.

    Raises:
        UserError: if there is no trained world.
    """

    name: ClassVar[str] = "imagined"
    drivers: ClassVar[Mapping[str, type[PrivilegedDriver]]] = {
        driver.name: driver for driver in (ExpertDriver, NoisyExpertDriver, RandomDriver, BlindTimer, Crawl, IdmDriver)
    }

    def __init__(self, argument: str = "") -> None:
        super().__init__(argument)
        folder, _, self._data = argument.partition(",")
        if not folder:
            raise UserError(
                "Which trained world? Write imagined:CHECKPOINT with the folder of `lightemma worldmodel train`."
            )
        self._folder = Path(folder).expanduser()
        self._imagination: Imagination | None = None
        _ = self.checkpoint

    def __getstate__(self) -> dict[str, Any]:
        """What is sent to other processes: no weights."""
        kept = ("argument", "_data", "_folder")
        return {**{name: getattr(self, name) for name in kept}, "_imagination": None}

    @cached_property
    def checkpoint(self) -> Checkpoint:
        """The trained world."""
        try:
            from lightemma.worldmodel.checkpoint import Checkpoint
        except ImportError as error:
            raise UserError("A learned world needs torch; install lightemma[worldmodel].") from error

        return Checkpoint(self._folder)

    @property
    def place(self) -> str:
        """The checkpoint's and the data's names, without the paths that lead to them."""
        data = f", starts of {Path(self._data.rpartition(':')[2].partition('@')[0]).name}" if self._data else ""
        return f"{self.name}:{self._folder.resolve().name}{data}"

    @property
    def version(self) -> str:
        """Of the weights and the horizon."""
        return self.checkpoint.version

    @cached_property
    def starts(self) -> list[Start]:
        """Where its drives begin."""
        from lightemma.worldmodel.clips import load_clips
        from lightemma.worldmodel.starts import starts_of

        if not self._data:
            return self.checkpoint.starts()
        card = self.checkpoint.card
        clips = load_clips(self._data, card.size, card.dt)
        return starts_of(clips, card.denoiser.past, self.checkpoint.horizon_s)

    @cached_property
    def info(self) -> WorldInfo:
        """Of all its drives."""
        trust = self.checkpoint.trust
        judges_road = trust is not None and trust.end_threshold is not None
        knows = KNOWS | {"off_road"} if judges_road else KNOWS
        return WorldInfo(self.name, self.version, 1.0 / TICKS_PER_S, knows, self.checkpoint.horizon_s)

    def beginning_in(self, data: str) -> ImaginedFactory:
        """The same weights with starts from other recordings.

        Raises:
            UserError: if the name of the world has recordings already.
        """
        if self._data:
            raise UserError(
                f"`data` is '{data}', and the world's name says '{self._data}'; give the recorded drives once.", "data"
            )
        return ImaginedFactory(f"{self._folder},{data}")

    def episodes(self, choice: EpisodeChoice) -> list[EpisodeSpec]:
        """Every start of every chosen scene; a number of seeds takes the first ones of each.

        Raises:
            UserError: if there is no such scene.
        """
        if choice.left_hand or choice.conditions not in ("day", ""):
            raise UserError(
                "A learned world has the conditions of its pictures; leave `conditions` and `left_hand` out.",
                "conditions",
                "left_hand",
            )
        known = list(dict.fromkeys(start.scenario for start in self.starts))
        wanted = parse_seeds(choice.seeds)
        specs = []
        for scene in choose(choice.scenarios, known, "scene"):
            seeds = [start.seed for start in self.starts if start.scenario == scene]
            taken = (
                seeds[: len(wanted)] if choice.seeds.strip().isdecimal() else [one for one in seeds if one in wanted]
            )
            specs += [EpisodeSpec(scene, seed, "") for seed in taken]
        return specs

    def prepare(self, rules: LoopRules, *, pictures: bool) -> Prepared:
        """Says of which size the pictures are, and whether the world was checked.

        Raises:
            UserError: if two-stage drives are wanted.
        """
        if rules.two_stage is not None:
            raise UserError("A learned world cannot put the car elsewhere; leave `two_stage` out.", "two_stage")
        card = self.checkpoint.card
        note = ""
        if self.checkpoint.trust is None:
            note = (
                f"This world was never checked (`lightemma worldmodel check {self._folder}`), so drives end after "
                f"{self.checkpoint.horizon_s:g} s."
            )
        facts = {"size": list(card.size), "renderer": "worldmodel", "steps": card.sampler_steps} if pictures else None
        return Prepared(rules, facts, note)

    def open(self, spec: EpisodeSpec, rules: LoopRules, *, pictures: bool) -> ImaginedWorld:
        """A drive at its start.

        Raises:
            UserError: if there is no such start, or the weights cannot be read.
        """
        start = next((one for one in self.starts if (one.scenario, one.seed) == (spec.scenario, spec.seed)), None)
        if start is None:
            raise UserError(f"The learned world has no start '{spec.name}'.")
        trust = self.checkpoint.trust
        threshold = trust.end_threshold if trust else None
        card = self.checkpoint.card
        drawn = pictures or threshold is not None
        return ImaginedWorld(
            self.info,
            start,
            spec.picture_seed(0),
            card.camera.camera(),
            self._drawing() if drawn else None,
            card.dt,
            Limits() if rules.car_limits else None,
            threshold,
            trust.end_s if trust else 0.0,
            looked_at=pictures,
        )

    def _drawing(self) -> Imagination:
        if self._imagination is None:
            import torch

            from lightemma.worldmodel.edm import Sampler
            from lightemma.worldmodel.imagination import Imagination

            device = "cuda" if torch.cuda.is_available() else "cpu"
            checkpoint = self.checkpoint
            trust = checkpoint.trust
            reads = checkpoint.reward_end(device) if trust and trust.end_threshold is not None else None
            sampler = Sampler(checkpoint.card.sampler_steps)
            self._imagination = Imagination(checkpoint.denoiser(device), sampler, reads, device)
        return self._imagination

    def step_many(
        self, worlds: Sequence[World], speeds: FloatArray, curvatures: FloatArray
    ) -> Sequence[Exception | None]:
        """Moves all cars, and draws all pictures that are due together."""
        advance([world for world in worlds if isinstance(world, ImaginedWorld)], speeds, curvatures)
        return [None] * len(worlds)

    def close(self) -> None:
        """Lets the weights go."""
        self._imagination = None
