"""Reads what a closed-loop run collected: every visited state as a frame, with the expert's label and what was seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lightemma.closed_loop.driven_source import DrivenSource
from lightemma.closed_loop.records import read_episodes
from lightemma.errors import UserError
from lightemma.frame import FloatArray, Frame
from lightemma.label_rows import FACTS, FactsRow, read_rows
from lightemma.observed_facts import ObservedFacts, PrivilegedFacts
from lightemma.run_folder.records import LabelRecord
from lightemma.run_folder.store import read_frames
from lightemma.simulation.dataset.split import Part, split_of


@dataclass(frozen=True, slots=True)
class VisitedState:
    """One decision of a run.

    Attributes:
        frame: history, camera and picture, as the planner was given them.
        label: what the expert would have done; learn from it only where ``label.valid``.
        part: train, validation or test, by the episode's scenario and seed.
        facts: what the camera sees; None in a world that does not tell.
        privileged: what no camera shows: for teachers and for checks, never for what is to drive.
    """

    frame: Frame
    label: LabelRecord
    part: Part
    facts: ObservedFacts | None = None
    privileged: PrivilegedFacts | None = None

    @property
    def target(self) -> FloatArray | None:
        """(6, 2) the label's pairs; None where it is not valid."""
        return np.array(self.label.actions) if self.label.valid else None


def visited_states(folder: Path, part: Part | None = None) -> Iterator[VisitedState]:
    """The decisions of a run's finished episodes, of one part or of all.

    Args:
        folder: of a run in a world with an expert; facts are there if it was driven with ``--record-facts``.
        part: train, validation or test; None for all.

    Raises:
        UserError: if it is no such run, or damaged.
    """
    source = DrivenSource(folder)
    records = {record.sample_token: record for record in read_frames(folder)}
    has_facts = (folder / FACTS).is_file()
    facts = {row.sample_token: row.facts for row in read_rows(folder / FACTS, FactsRow)} if has_facts else {}
    for episode in read_episodes(folder):
        own = split_of(episode.scenario, episode.seed)
        if part not in (None, own):
            continue
        for frame in source.scene_frames(episode.name):
            label, seen = records[frame.sample_token].label, facts.get(frame.sample_token)
            if not isinstance(label, LabelRecord):
                raise UserError(f"The run '{folder}' has no labels; drive again, in a world with an expert.")
            if seen is None:
                yield VisitedState(frame, label, own)
            else:
                yield VisitedState(frame, label, own, seen.visible(), seen.privileged)
