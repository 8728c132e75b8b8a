"""What the data behind runs adds to their scores: pictures, who was around, maps, and where and when a scene was driven."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from lightemma.agents import AgentLookup, Surroundings, Unknown
from lightemma.closed_loop.driven_source import DrivenSource
from lightemma.closed_loop.records import SOURCE as CLOSED_LOOP
from lightemma.data import sources
from lightemma.data.base import FrameSource
from lightemma.data.data_locations import notes_folder, recall_source
from lightemma.data.frame_lookup import FrameLookup
from lightemma.data.source_answers import agents_of, facts_of, maps_of
from lightemma.data.surroundings import SceneSurroundings, surroundings_of_frames
from lightemma.errors import UserError
from lightemma.evaluation.scene_context import NO_AGENTS, NO_MAPS, SceneContext
from lightemma.evaluation.scores import RunScores
from lightemma.run_folder.manifest import Manifest
from lightemma.run_folder.store import is_run

log = logging.getLogger(__name__)


def context_for(
    runs: Sequence[RunScores], results: Path, *, source: FrameSource | None = None, data: str | None = None
) -> SceneContext:
    """Opens the data behind runs, with all that it says about them.

    Args:
        runs: what is compared.
        results: the folder of the runs; it also holds table indices and the note where the data is.
        source: the data, if it is open already.
        data: the data, as ``--data``; None takes what was noted when the runs were driven; without a note, or if the
            data has moved, there is none.

    Raises:
        UserError: if ``data`` is given and cannot be opened, or has none of the runs' frames.
    """
    if source is None:
        source = data_behind([run.manifest for run in runs if run.manifest], results, data)
    if source is None:
        return SceneContext()
    if data is not None:
        _check_frames(source, runs[0], data)
    return context_of(source)


def context_of(source: FrameSource) -> SceneContext:
    """All that an open source says; what it does not know stays unknown, with a sentence.

    Raises:
        UserError: if its annotations or maps are broken, or a source of the user's own fails.
    """
    lookup = FrameLookup(source)
    agents, maps = agents_of(source), maps_of(source)
    if maps is not None and not isinstance(maps, Unknown) and agents is None:
        # The frames alone say where the car was, which is all that judging plans by a map needs.
        agents = Unknown(NO_AGENTS, _motion(source))
    return SceneContext(
        frames=lookup.frame,
        facts=facts_of(source),
        agents=agents.motion if isinstance(agents, Unknown) else agents,
        maps=None if isinstance(maps, Unknown) else maps,
        no_agents=agents.reason if isinstance(agents, Unknown) else NO_AGENTS,
        no_maps=maps.reason if isinstance(maps, Unknown) else NO_MAPS,
        truth_name="expert" if isinstance(source, DrivenSource) else "recorded",
    )


def _motion(source: FrameSource) -> AgentLookup:
    names = frozenset(source.scene_names)

    @lru_cache(maxsize=4)
    def scene(name: str) -> SceneSurroundings | None:
        frames = source.checked_frames(name) if name in names else []
        return surroundings_of_frames(frames) if frames else None

    def get_surroundings(name: str, token: str) -> Surroundings | None:
        found = scene(name)
        return found.at(token) if found else None

    return get_surroundings


def data_behind(manifests: Sequence[Manifest], results: Path, data: str | None = None) -> FrameSource | None:
    """The data that runs were driven on.

    Args:
        manifests: of the runs.
        results: their folder.
        data: as ``--data``; None takes what was noted when the runs were driven.

    Returns:
        None if it was not noted, or has moved since.

    Raises:
        UserError: if ``data`` is given and cannot be opened.
    """
    if data is not None:
        return sources.open_source(data, notes_folder(results))
    for manifest in manifests:
        entry = manifest.data
        if entry.source == CLOSED_LOOP and is_run(results / manifest.run):
            return DrivenSource(results / manifest.run)
        spec = recall_source(results, entry.source, entry.name, entry.version, entry.frame_set)
        if spec is None:
            continue
        try:
            return sources.open_source(spec, notes_folder(results))
        except UserError as error:  # scores do not need it
            log.info("the data noted for %s cannot be opened: %s", manifest.run, error)
    return None


def _check_frames(source: FrameSource, run: RunScores, data: str) -> None:
    lookup = FrameLookup(source)
    if not any(lookup.frame(scene, token) for scene, token in zip(run.scenes, run.tokens, strict=True)):
        raise UserError(
            f"'{data}' has none of the frames of run '{run.name}'; give the data that the run was driven on."
        )
