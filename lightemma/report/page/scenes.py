"""What the page loads scene by scene: plans, texts and pictures of every frame."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from lightemma.evaluation.reasoning.ledger import Ledger
from lightemma.evaluation.scores import RunScores
from lightemma.evaluation.tables.errors import outcomes_of
from lightemma.files import digest_of
from lightemma.frame import FloatArray, Frame
from lightemma.report.camera_view import paths_in_picture
from lightemma.report.page.prompts import PromptTemplates
from lightemma.report.page.search import SearchTexts
from lightemma.report.page.stages import shown_stages
from lightemma.report.page.tools import shown_tools
from lightemma.report.page.words import ReadWords
from lightemma.report.thumbnails import WIDTH, make_thumbnail
from lightemma.run_folder.records import OK
from lightemma.run_folder.texts import FrameText, FrameTexts

#: Failed answers shown per run and kind, and characters of each.
EXAMPLES = 2
EXAMPLE_CHARACTERS = 700

#: Name of the recorded path among those in a picture; a run cannot be called so (its name is a folder's).
TRUTH = "/"


@dataclass(frozen=True, slots=True)
class _Motion:
    """One frame's numbers as the page has them: history, recorded drive, and run number -> plan."""

    history: list[list[float]]
    truth: list[Any]
    plans: dict[int, dict[str, Any]]


@dataclass
class SceneData:
    """Builds the data of one scene after another, and gathers on the way which texts the page itself shows.

    Attributes:
        runs: all over the same frames in the same order.
        texts: run name -> its texts; runs without a model have none.
        pictures: frame number -> the frame, for those whose picture is wanted.
        ledgers: run name -> how its words were read.
        templates: the wordings met so far.
        examples: run number -> outcome -> failed answers.
        prompts: wordings' set (name and digest) -> one whole prompt per stage.
        changed: numbers of frames whose picture is left out, since it is no longer the one that the runs were shown.
        picture_width: pixels of a picture's width at the most.
        search: gathers texts for the search, where they are in files next to the page.
    """

    runs: Sequence[RunScores]
    texts: Mapping[str, FrameTexts]
    pictures: Mapping[int, Frame]
    ledgers: Mapping[str, Ledger] = field(default_factory=dict)
    templates: PromptTemplates = field(default_factory=PromptTemplates)
    examples: dict[int, dict[str, list[dict[str, Any]]]] = field(default_factory=dict)
    prompts: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    changed: list[int] = field(default_factory=list)
    picture_width: int = WIDTH
    search: SearchTexts | None = None

    def __iter__(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each scene's name and data, in order; only one scene is in memory at a time."""
        outcomes = [outcomes_of(run) for run in self.runs]
        words = [ReadWords(self.ledgers.get(run.name)) for run in self.runs]
        places: dict[str, list[int]] = {}
        for number, scene in enumerate(self.runs[0].scenes):
            places.setdefault(scene, []).append(number)
        for scene, numbers in places.items():
            tokens = [self.runs[0].tokens[number] for number in numbers]
            found = {name: texts.read(tokens) for name, texts in self.texts.items()}
            motion = self._motion(np.array(numbers))
            frames = {
                number: self._frame(
                    number, {name: said.get(token) for name, said in found.items()}, outcomes, words, driven
                )
                for number, token, driven in zip(numbers, tokens, motion, strict=True)
            }
            yield scene, {"scene": scene, "frames": frames}

    def _motion(self, rows: npt.NDArray[np.int64]) -> Iterator[_Motion]:
        """What was driven and planned in some frames: all of a scene at once, since a frame's few numbers cost as much."""
        first = self.runs[0]
        plans = [
            (
                index,
                zip(
                    (~np.isnan(run.errors[rows, 0])).tolist(),
                    _rounded(run.actions[rows], 4),
                    _rounded(run.trajectory[rows]),
                    _rounded(run.errors[rows], 4),
                    strict=True,
                ),
            )
            for index, run in enumerate(self.runs)
        ]
        for history, truth in zip(first.history[rows].tolist(), _rounded(first.truth[rows]), strict=True):
            of_frame = [(index, next(of_run)) for index, of_run in plans]
            yield _Motion(
                history,
                truth,
                {
                    index: {"actions": actions, "path": path, "errors": errors}
                    for index, (ok, actions, path, errors) in of_frame
                    if ok
                },
            )

    def _frame(
        self,
        number: int,
        texts: Mapping[str, FrameText | None],
        outcomes: list[list[str]],
        words: Sequence[ReadWords],
        motion: _Motion,
    ) -> dict[str, Any]:
        first = self.runs[0]
        lists = [str([pair[place] for pair in motion.history]) for place in range(2)]
        said = {}
        tools = {}
        for index, run in enumerate(self.runs):
            text = texts.get(run.name)
            if text is not None and text.calls:
                said[index] = shown_stages(text.calls, lists, self.templates, words[index].of(number))
                self._note(index, outcomes[index][number], text, number)
            if self.search is not None and run.name in self.texts:
                self.search.add(index, said.get(index, ()))
            if text is not None and text.tools:
                tools[index] = shown_tools(text.tools)
        return {
            "image": first.images[number],
            "time": int(first.timestamps[number]),
            "history": motion.history,
            "lists": lists,
            "truth": motion.truth,
            "plans": motion.plans,
            "texts": said,
            "tools": tools,
            "picture": self._picture(number),
        }

    def _note(self, index: int, outcome: str, text: FrameText, number: int) -> None:
        """Keeps an example of a failure, and of a whole set of prompts."""
        manifest = self.runs[index].manifest
        if manifest is not None and manifest.prompts is not None:
            name = f"{manifest.prompts.name} ({manifest.prompts.sha256[:12]})"
            if len(text.calls) > len(self.prompts.get(name, [])):
                self.prompts[name] = [{"stage": stage.stage, "prompt": stage.prompt} for stage in text.calls]
        if outcome == OK:
            return
        kept = self.examples.setdefault(index, {}).setdefault(outcome, [])
        scene = self.runs[0].scenes[number]
        if len(kept) >= EXAMPLES or any(self.runs[0].scenes[other["frame"]] == scene for other in kept):
            return
        failed = next((stage for stage in text.calls if stage.outcome != OK), text.calls[-1])
        answer = failed.response if failed.response is not None else failed.error or ""
        cut = answer if len(answer) <= EXAMPLE_CHARACTERS else answer[:EXAMPLE_CHARACTERS] + " …"
        kept.append({"frame": number, "stage": failed.stage, "text": cut})

    def _picture(self, number: int) -> dict[str, Any] | None:
        frame = self.pictures.get(number)
        if frame is None or frame.image_path is None:
            return None
        shown = {run.pictures[number] for run in self.runs if run.pictures[number]}
        if shown and frame.image_path.is_file() and digest_of(frame.image_path) not in shown:
            self.changed.append(number)
            return None
        thumbnail = make_thumbnail(frame.image_path, self.picture_width)
        if thumbnail is None:
            return None
        trajectories = {TRUTH: self.runs[0].truth[number]}
        for run in self.runs:
            if not np.isnan(run.errors[number, 0]):
                trajectories[run.name] = run.trajectory[number]
        drawn = paths_in_picture(frame.camera, trajectories, thumbnail.size) if frame.camera else {}
        return {
            "src": thumbnail.uri,
            "size": list(thumbnail.size),
            "truth": [_rounded(piece, 1) for piece in drawn.get(TRUTH, [])],
            "paths": {
                index: [_rounded(piece, 1) for piece in drawn[run.name]]
                for index, run in enumerate(self.runs)
                if drawn.get(run.name)
            },
        }


def _rounded(values: FloatArray, places: int = 3) -> list[Any]:
    rounded: list[Any] = np.round(values, places).tolist()
    return rounded
