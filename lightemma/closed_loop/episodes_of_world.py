"""The closed loop's work: planners through the episodes of a world, many concurrently, everything recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType

from lightemma.calls.concurrency import run_concurrently
from lightemma.closed_loop.blind_twin import GreyCamera
from lightemma.closed_loop.collected_facts import append_facts, facts_asked, facts_rows
from lightemma.closed_loop.driving_score import score_of
from lightemma.closed_loop.episode import DecisionPoint, Finished
from lightemma.closed_loop.host_core import BlindScores, EpisodeTask
from lightemma.closed_loop.hosts import WorldHost
from lightemma.closed_loop.privileged import PrivilegedDriver
from lightemma.closed_loop.records import (
    SOURCE,
    EpisodeRecord,
    EpisodeWriter,
    ScoreParts,
    failed_calls,
    keep_only,
    read_episodes,
    write_settings,
)
from lightemma.closed_loop.replay import write_replay
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.closed_loop.two_stage_score import score_of_rolls
from lightemma.closed_loop.world import ExpertLabel
from lightemma.closed_loop.world_checks import WorldFault
from lightemma.errors import UserError
from lightemma.frame import EarlierPicture, FloatArray, Picture
from lightemma.label_rows import FactsRow
from lightemma.planners.base import Needs, Plan, View
from lightemma.planners.planning import Planned, PlannerRunner
from lightemma.probes.grey import LEVEL
from lightemma.protocol import LIGHTEMMA
from lightemma.run_folder.inputs import ROUTE
from lightemma.run_folder.manifest import FRAME_SET, DataEntry, Manifest, distributions_of, frame_set_digest
from lightemma.run_folder.records import OK, PLANNER_ERROR, FrameRecord, LabelRecord, WordsRecord, call_outcome
from lightemma.run_folder.store import RunWriter, is_run, read_manifest
from lightemma.sessions.jobs import Job
from lightemma.sessions.manifests import run_manifest
from lightemma.sessions.open_loop import frame_record
from lightemma.sessions.run import Prices, Run, RunOutcome

#: Episodes driven concurrently for planners that ask no model: enough to keep all processors busy.
AT_ONCE = 8

#: A run ends if this many of its episodes failed in the world and none was finished: they will all fail.
MOST_WORLD_FAULTS = 3
#: Seconds below which a planner that needs nothing is a formula, whose time counts as 0.
FORMULA_S = 0.05

#: Opens the host in which the episodes of a command are driven.
HostMaker = Callable[[], AbstractContextManager[Any]]


@dataclass
class EpisodesOfWorld:
    """The same episodes under the same rules for every run.

    Attributes:
        specs: the episodes.
        rules: how the loop is closed.
        make_host: opens the host of the worlds.
        renderer: facts about the pictures for the manifest; None where nothing is drawn.
        place: the world's name in manifests.
        version: of the world itself, empty where the version of the program says it.
        world: class of the world factory, for the manifest's packages.
        parser: how answers are read.
        ceiling: whether drivers that see nothing are driven in every episode; None does so for runs that are given pictures.
        blind: scores of drivers that see nothing by episode, shared by the runs of a session.
        max_episodes_open: episodes with pictures in progress at a time, over all runs; None for as many as there are calls.
    """

    unit: ClassVar[str] = "episodes"
    batches: ClassVar[bool] = False

    specs: Sequence[EpisodeSpec]
    rules: LoopRules
    make_host: HostMaker
    renderer: dict[str, Any] | None = None
    place: str = ""
    version: str = ""
    world: type = object
    parser: str = "strict"
    max_episodes_open: int | None = None
    ceiling: bool | None = None
    blind: dict[str, BlindScores] = field(default_factory=dict)
    _host: WorldHost | None = None
    alone: AbstractAsyncContextManager[Any] = field(default_factory=nullcontext, init=False)
    _room: AbstractAsyncContextManager[Any] = field(default_factory=nullcontext)

    @property
    def size(self) -> int:
        """Number of episodes of every run."""
        return len(self.specs)

    @property
    def default_concurrency(self) -> int:
        """Episodes of a planner without models: enough to keep all processors busy."""
        return AT_ONCE

    def manifest(self, job: Job, prices: Prices) -> Manifest:
        """The manifest of a run over these episodes.

        ``data.scenes`` counts episodes; ``data.frames`` is 0 until the run is complete, since how many decisions it takes is
        unknown before; ``data.frame_set`` is a digest of the episodes' names; ``data.version`` says the rules of the loop.
        """
        data = DataEntry(
            source=SOURCE,
            name=self.place,
            version=", ".join(
                part for part in (self.rules.description, self.version and f"world {self.version}") if part
            ),
            scenes=self.size,
            frames=0,
            frame_set=frame_set_digest(spec.name for spec in self.specs),
        )
        drawn = self.renderer is not None and draws(job, self.rules)
        images = {"size": list(self.rules.size), **(self.renderer or {})} if drawn else None
        if job.blind:
            images = {"size": list(self.rules.size), "grey": LEVEL}
        packages = distributions_of(self.world.__module__)
        inputs = job.planner.inputs()
        if inputs.command:
            inputs = msgspec.structs.replace(inputs, command=ROUTE)
        if job.blind:
            inputs = msgspec.structs.replace(inputs, blind=True)
        return run_manifest(job, prices, data, LIGHTEMMA, self.parser, images, packages, inputs)

    def open_writer(self, folder: Path, manifest: Manifest) -> RunWriter:
        """Opens a run's folder and removes records of episodes that an earlier session did not finish."""
        names = [spec.name for spec in self.specs]
        kept: set[str] = set()
        if is_run(folder) and set(read_manifest(folder).differences(manifest)) <= {FRAME_SET}:
            kept = {one.name for one in read_episodes(folder) if not one.failed_calls}
            # Episodes that were driven before facts were asked for have none, so they are driven again.
            kept = kept if facts_asked(folder) or not self.rules.facts else set()
            keep_only(folder, kept)
        return RunWriter(folder, manifest, names, kept)

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Opens the host, and closes it at the end."""
        with self.make_host() as host:
            self._host = host
            self.alone = asyncio.Lock()
            self._room = asyncio.Semaphore(self.max_episodes_open) if self.max_episodes_open else nullcontext()
            yield

    async def drive(self, run: Run) -> RunOutcome:
        """Drives one run through all episodes that it has not finished."""
        assert self._host is not None, "driven while opened"
        finished = {one.name: one for one in read_episodes(run.writer.folder)}
        names = [spec.name for spec in self.specs]
        kept = {name: finished[name] for name in names if name in finished}
        run.monitor.kept = len(kept)
        settings = {"rules": self.rules.as_dict(), "renderer": self.renderer, "world_version": self.version}
        write_settings(run.writer.folder, {**settings, "episodes": list(dict.fromkeys([*names, *finished]))})
        todo = (spec for spec in self.specs if spec.name not in kept)
        driving = _Driving(self, run, self._host, self._room)
        try:
            await run_concurrently(
                todo, driving.one, *run.contexts, count=self.size - len(kept) if run.job.backends else None
            )
        finally:
            driving.close()
        driving.raise_faults()
        decisions = driving.decisions + sum(one.decisions for one in finished.values())
        manifest = run.writer.manifest
        data = msgspec.structs.replace(manifest.data, frames=decisions)
        run.writer.manifest = msgspec.structs.replace(manifest, data=data)
        return run.outcome(
            self.size,
            driving.done,
            len(kept),
            driving.failed,
            driving.planner_errors,
            driving.runner.first_error,
            driving.runner.first_call_error,
        )


class _Driving:
    """A run in progress."""

    def __init__(
        self, work: EpisodesOfWorld, run: Run, host: WorldHost, room: AbstractAsyncContextManager[Any]
    ) -> None:
        self.done = self.failed = self.planner_errors = self.decisions = 0
        self.runner = PlannerRunner(run.job.planner, run.calls)
        self._work, self._run, self._host, self._room = work, run, host, room
        self._planner, self._needs = run.job.planner, run.job.planner.needs()
        self._draws = draws(run.job, work.rules)
        self._grey = GreyCamera(run.writer.folder, work.rules.size) if run.job.blind else None
        sees = self._needs.pictures > 0 and (self._draws or run.job.blind)
        # Blind drivers are driven from start to goal, by the rules of scored drives; they are no measure of anything else.
        measured = work.rules.two_stage is None and not work.rules.collecting
        self._ceiling = (sees if work.ceiling is None else work.ceiling) and measured
        self._episodes = EpisodeWriter(run.writer.folder)
        self._faults: list[WorldFault] = []
        # What one planner computes must not count as another's thinking.
        alone = work.rules.real_time and not run.job.backends
        self._alone: AbstractAsyncContextManager[Any] = work.alone if alone else nullcontext()

    def raise_faults(self) -> None:
        """Ends the run with the first error of its world, if there was one.

        Raises:
            WorldFault: if so; the other episodes are kept.
        """
        if self._faults:
            others = f" {len(self._faults)} episodes failed." if len(self._faults) > 1 else ""
            raise WorldFault(f"{self._faults[0]}{others}")

    def close(self) -> None:
        self._episodes.close()

    async def one(self, spec: EpisodeSpec) -> None:
        try:
            if not self._draws:
                return await self._drive(spec)
            async with self._room:
                return await self._drive(spec)
        except WorldFault as fault:
            self._faults.append(fault)
            if len(self._faults) >= MOST_WORLD_FAULTS and not self.done:
                raise

    async def _drive(self, spec: EpisodeSpec) -> None:
        driver = self._planner if isinstance(self._planner, PrivilegedDriver) else None
        rules = replace(self._work.rules, facts=True) if self._needs.truth else self._work.rules
        task = EpisodeTask(self._run.writer.folder, spec, rules, driver, self._draws)
        frames: list[FrameRecord] = []
        seen_facts: list[FactsRow] = []
        seen: list[tuple[EarlierPicture, Picture]] = []
        finished: Finished | None = None
        try:
            point = await self._host.begin(task)
            while point.finished is None:
                actions, latency = await self._decide(point, frames, seen)
                seen_facts += facts_rows(point) if self._work.rules.facts else []
                point = await self._host.advance(task, actions, latency)
            finished = point.finished
        finally:
            if finished is None:
                await self._host.leave(task)
        if self._ceiling and spec.name not in self._work.blind:
            self._work.blind[spec.name] = await self._host.blind_scores(task)
        self._record(spec, finished, frames, seen_facts)

    async def _decide(
        self, point: DecisionPoint, frames: list[FrameRecord], seen: list[tuple[EarlierPicture, Picture]]
    ) -> tuple[FloatArray | None, float]:
        """Asks the planner: the plan, and the seconds it took.

        Args:
            point: the decision to be made.
            frames: of the episode so far; the new one is added.
            seen: pictures of earlier decisions, up to the number the planner needs; the new one is added.
        """
        self._run.cancellation.check()
        frame, picture = point.frame, point.picture
        assert frame is not None
        if not self._needs.command:
            frame = replace(frame, command=None, command_m=None)
        elif frame.command is None:
            raise UserError(
                f"The world '{self._work.place}' has no route that says where to go next; leave `command` out.",
                "command",
            )
        if self._needs.truth and point.facts is None:
            raise UserError(
                f"The world '{self._work.place}' does not say what can be seen, which this planner needs to know; take "
                "another planner or world.",
                "planner_options",
            )
        view = View()
        if self._grey is not None:
            frame, picture = self._grey.show(frame)
        if picture is not None:
            del seen[: max(0, len(seen) - max(self._needs.pictures - 1, 0))]
            frame = replace(frame, earlier=tuple(one for one, _ in seen))
            view = View((*(earlier for _, earlier in seen), picture))
            if frame.image_path is not None:
                seen.append((EarlierPicture(frame.image_path, frame.timestamp), picture))
        view = replace(view, facts=point.facts if self._needs.truth else None)
        if isinstance(self._planner, PrivilegedDriver):
            planned = self._driver_planned(point)
        else:
            async with self._alone:
                planned = await self.runner.plan(frame, view)
        seconds = planned.seconds
        # So that its episodes are the same every time.
        if self._needs == Needs() and planned.plan.latency_s is None and seconds < FORMULA_S:
            seconds = 0.0
        record = msgspec.structs.replace(
            frame_record(frame, view, planned, LIGHTEMMA), label=_label_record(point.label)
        )
        if self._work.rules.real_time:
            record = msgspec.structs.replace(record, moved_on_s=round(seconds, 6))
        if self._work.rules.mixture is not None:
            record = msgspec.structs.replace(record, steered=point.steered)
        frames.append(record)
        self._run.monitor.plan_made(record.outcome)
        self.runner.end_if_hopeless()
        return planned.plan.actions, seconds

    def _driver_planned(self, point: DecisionPoint) -> Planned:
        """The plan of a driver that knows the world; it thinks in no time."""
        if point.driver_plan is None:
            self.runner.fail(point.driver_error or "no plan")
            return Planned(Plan(None, call_outcome(PLANNER_ERROR)), None, point.driver_error)
        self.runner.succeed()
        return Planned(Plan(point.driver_plan, OK), None)

    def _record(
        self,
        spec: EpisodeSpec,
        finished: Finished,
        frames: Sequence[FrameRecord],
        facts: Sequence[FactsRow],
    ) -> None:
        """Writes an episode: its replay, facts and frames, then the line that says that it is finished."""
        write_replay(self._run.writer.folder, spec.name, finished.replay)
        append_facts(self._run.writer.folder, facts)
        for frame in frames:
            self._run.append(frame)
            self._run.tally.add(frame.calls)
        record = EpisodeRecord(
            name=spec.name,
            scenario=spec.scenario,
            seed=spec.shown_seed,
            conditions=spec.conditions,
            left_hand=spec.left_hand,
            decisions=len(frames),
            missing=sum(frame.actions is None for frame in frames),
            failed_calls=failed_calls(frames),
            outcome=finished.outcome,
            score=self._score(finished),
            family=spec.family,
            blind=self._work.blind.get(spec.name) if self._ceiling else None,
            rolls=msgspec.UNSET if finished.rolls is None else finished.rolls,
        )
        self._episodes.append(record)
        self.done += 1
        self.decisions += len(frames)
        self.failed += record.failed_calls > 0
        self.planner_errors += any(frame.error is not None for frame in frames)
        self._run.monitor.unit_done(failed=record.failed_calls > 0)
        self._run.progress(record)

    def _score(self, finished: Finished) -> ScoreParts:
        two = self._work.rules.two_stage
        if two is None or finished.rolls is None:
            return score_of(finished.outcome, finished.knows)
        return score_of_rolls(finished.rolls, two.sigma)


def _label_record(label: ExpertLabel | None) -> LabelRecord | UnsetType:
    if label is None:
        return UNSET
    words = WordsRecord(label.words.scene, label.words.intent, label.words.reason) if label.words else None
    return LabelRecord(np.asarray(label.actions).tolist(), bool(label.valid), label.reason, words)


def draws(job: Job, rules: LoopRules) -> bool:
    """Whether pictures are drawn: for planners that want them, unless the rules say otherwise; never for a blind twin."""
    if job.blind:
        return False
    return job.planner.needs().pictures > 0 if rules.draw is None else rules.draw
