"""A command that ends without warning at any change of a file, given again: as if nothing had happened, and nothing left."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import stat
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from lightemma import files
from lightemma.backends.base import BatchStatus, BatchUnknownYet, Completion
from lightemma.calls.cache import ResponseCache
from lightemma.calls.cancellation import Cancellation, Cancelled
from lightemma.data.pictures import PicturePolicy
from lightemma.evaluation.scores import RunScores
from lightemma.frame import Frame
from lightemma.planners.base import View
from lightemma.planners.chain_of_thought import ChainOfThought
from lightemma.prompts.sets import PromptSet, load_prompts, save_prompts
from lightemma.report.figures.writing import save_figure
from lightemma.report.frame_scores import write_frame_scores
from lightemma.report.page import files as page_files
from lightemma.run_folder.store import read_frames, read_manifest
from lightemma.sessions.batch import BatchRun
from lightemma.sessions.importing import import_archive
from lightemma.sessions.views import Views
from lightemma.simulation.dataset.writer import DatasetWriter, Layout
from lightemma.table_files import write_table
from tests.calls.test_cache import filled, question
from tests.conftest import lines_of_run, write_archive
from tests.crashes import changes_of, crashes
from tests.report.page_runs import make_runs
from tests.sessions.test_batch import Faulty, frames  # noqa: F401 -- a fixture
from tests.sessions.test_every_loop import LOOPS, Counting, folder_of, only
from tests.simulation.made_up_drive import Plain, made_up_recording

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def at_every_change(
    folder: Path,
    begin: Callable[[Path], Callable[[], object]],
    check: Callable[[Path], object],
    every: int = 1,
    last: int = 1,
) -> int:
    """Crashes at every change in turn, each time from a new beginning, and then does the work to its end.

    Args:
        folder: for the work.
        begin: makes the beginning in a folder; returns the work.
        check: is given the folder after the crash; and again after the work's end.
        every: how many changes lie between two crashes.
        last: of so many last changes each is tried.

    Returns:
        How often it crashed.
    """
    (folder / "counted").mkdir(parents=True)
    count = changes_of(folder / "counted", begin(folder / "counted"))
    points = sorted({*range(1, count + 1, every), *range(max(1, count - last + 1), count + 1)})
    for point in points:
        place = folder / f"{point}"
        place.mkdir()
        work = begin(place)
        crashes(place, work, point)  # or not, where the number of changes is not the same every time
        check(place)
        files._cleared.clear()  # the next process looks for drafts that were left
        work()
        check(place)
    return len(points)


ROWS = [{"run": "a", "x": 1.0}, {"run": "b", "x": 2.0}]


def begin_table(folder: Path) -> Callable[[], object]:
    write_table(folder, "t", [{"run": "old", "x": 0.0}] * 3, "The old one.", columns=["run", "x"])
    return lambda: write_table(folder, "t", ROWS, "The new one.", columns=["run", "x"])


def begin_scores(folder: Path) -> Callable[[], object]:
    (folder / "scores.csv").write_text("old\n" * 3)
    return lambda: write_frame_scores(_a_run(folder.parents[1]), folder)


@cache
def _a_run(folder: Path) -> RunScores:
    return make_runs(folder / "made", 1, 1).runs[0]


def begin_prompts(folder: Path) -> Callable[[], object]:
    old = load_prompts("three-stage")
    new = PromptSet("new", {name: f"{text} new" for name, text in old.templates.items()}, old.settings, old.dialogue)
    save_prompts(old, folder)
    return lambda: save_prompts(new, folder)


def begin_figure(folder: Path) -> Callable[[], object]:
    from matplotlib.figure import Figure

    figure = Figure((1, 1))
    (folder / "f.svg").write_text("<svg>old</svg>")
    return lambda: save_figure(figure, folder / "f.svg")


@pytest.mark.parametrize("begin", [begin_table, begin_scores, begin_prompts, begin_figure])
def test_every_file_is_the_old_one_or_the_new_one(tmp_path, begin):
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    begin(tmp_path / "old")
    begin(tmp_path / "new")()
    old, new = contents(tmp_path / "old"), contents(tmp_path / "new")
    seen = []

    def check(folder: Path) -> None:
        found = {name: data for name, data in contents(folder).items() if not name.startswith(".")}
        assert all(data in (old.get(name), new[name]) for name, data in found.items())
        seen.append(contents(folder))

    assert at_every_change(tmp_path / "crashed", begin, check) >= 2
    assert all(end == new for end in seen[1::2]), "drafts of the dead are removed as well"
    assert any(crashed != old for crashed in seen[::2])


def test_a_page_and_the_files_next_to_it(tmp_path, monkeypatch):
    monkeypatch.setattr(page_files, "SINGLE_FILE", 0)
    made = make_runs(tmp_path / "made", 2, 1)

    def begin(folder: Path) -> Callable[[], object]:
        (folder / "page_data").mkdir()
        (folder / "page.html").write_text("an older page of other scenes")
        (folder / "page_data" / "0009-other.js").write_bytes(page_files.CALL + b"old);\n")
        return lambda: made.write(folder / "page.html", max_thumbnails=0)

    def check(folder: Path) -> None:
        if (folder / "page.html").read_text().startswith("an older page"):
            assert (folder / "page_data" / "0009-other.js").exists(), "the older page still has its files"
        else:
            assert len(list((folder / "page_data").glob("000[12]*.js"))) == 2
        for path in (folder / "page_data").glob("*.js"):
            assert path.read_bytes().endswith(b");\n")
        seen.append(sorted(contents(folder)))

    seen: list[list[str]] = []
    assert at_every_change(tmp_path / "crashed", begin, check) >= 4
    (tmp_path / "whole").mkdir()
    made.write(tmp_path / "whole" / "page.html", max_thumbnails=0)
    whole = sorted(contents(tmp_path / "whole"))
    assert {"page.html", "page_data/0001-scene-0001.js", "page_data/0002-scene-0002.js"} <= set(whole)
    assert all(end == whole for end in seen[1::2])


def test_an_import(tmp_path):
    archive = write_archive(tmp_path / "tiny")
    folder = import_archive(archive, tmp_path / "whole")
    whole, lines = contents(folder), lines_of_run(folder)
    states = []

    def check(results: Path) -> None:
        folder = results / "tiny"
        if (folder / "manifest.json").exists():
            ended = read_manifest(folder).ended is not None
            assert not ended or lines_of_run(folder) == lines, "a part passes for the whole"
            states.append(ended)

    def begin(results: Path) -> Callable[[], object]:
        def work() -> None:
            import_archive(archive, results)
            assert sorted(contents(results / "tiny")) == sorted(whole), "nothing is left over"

        return work

    assert at_every_change(tmp_path / "crashed", begin, check, every=3, last=3) > 8
    assert not all(states)


@pytest.mark.parametrize("name", LOOPS)
def test_a_run(tmp_path, name):
    """Also that what only a session knows is not lost with it: which model answered, and the time on GPUs."""
    loop = LOOPS[name]
    results = "results"
    loop.open(tmp_path / "whole", only(Counting(gpus=1))).run()
    whole = folder_of(loop, tmp_path / "whole" / results)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in whole.rglob("*")}
    asked: list[Counting] = []

    def begin(folder: Path) -> Callable[[], object]:
        def work() -> None:
            backend = Counting(gpus=1)
            asked.append(backend)
            loop.open(folder, only(backend)).run()

        return work

    def check(folder: Path) -> None:
        run = folder_of(loop, folder / results)
        if not asked or asked[-1].log[-1:] != ["closed"]:
            return  # crashed
        asked.clear()
        assert sorted(contents(folder)) == sorted(contents(tmp_path / "whole"))
        assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in run.rglob("*")} == modes
        mine, theirs = read_manifest(run), read_manifest(whole)
        assert mine.model is not None
        assert (mine.model.answered_as, mine.data, mine.calls) == ("m-2026", theirs.data, theirs.calls)
        assert mine.ended is not None
        assert mine.gpu_seconds
        assert sorted(json.loads(line)["sample_token"] for line in lines_of_run(run)) == sorted(
            frame.sample_token for frame in read_frames(whole)
        )
        with sqlite3.connect(folder / results / "responses.sqlite") as database:
            assert database.execute("SELECT COUNT(*) FROM claims").fetchone() == (0,)

    every, last = {"open": (31, 4), "closed": (97, 6)}[name]
    assert at_every_change(tmp_path / "crashed", begin, check, every, last) > 4


def test_a_data_set(tmp_path):
    recording = made_up_recording(key_frames=2)
    layout = Layout(size=(160, 90), renderer="plain")

    def begin(folder: Path) -> Callable[[], object]:
        def work() -> None:
            writer = DatasetWriter(folder, layout)
            if not writer.finished(recording.drive):
                writer.write(recording, Plain())
            writer.write_tables()

        return work

    (tmp_path / "whole").mkdir()
    begin(tmp_path / "whole")()
    seen = []
    assert (
        at_every_change(tmp_path / "crashed", begin, lambda folder: seen.append(contents(folder)), every=41, last=2) > 2
    )
    assert all(end == contents(tmp_path / "whole") for end in seen[1::2])


def test_a_damaged_cache_that_is_moved_aside(tmp_path):
    def begin(folder: Path) -> Callable[[], object]:
        path = folder / "c.sqlite"
        filled(path, 100)
        os.truncate(path, path.stat().st_size - 8192)

        def work() -> None:
            with ResponseCache(path) as cache:
                saved.append(sum(cache.get(question(f"{n}")) is not None for n in range(100)))

        return work

    saved: list[int] = []
    (tmp_path / "whole").mkdir()
    begin(tmp_path / "whole")()
    names = set(contents(tmp_path / "whole"))
    seen: list[set[str]] = []
    assert at_every_change(tmp_path / "crashed", begin, lambda folder: seen.append(set(contents(folder))), every=2) > 4
    assert saved[0] >= 10
    assert set(saved) == {saved[0]}
    assert all(end == names for end in seen[1::2])


class Kept(Faulty):
    """Batches in a file, which outlive the process that handed them over. Some providers cannot tell them at once."""

    def __init__(self, folder: Path, tells_later: bool) -> None:
        super().__init__(looks=1)
        self._file, self._later = folder / "provider.json", tells_later

    def _all(self) -> dict[str, dict[str, str]]:
        return json.loads(self._file.read_text()) if self._file.exists() else {}

    async def submit_batch(self, requests: Any) -> str:
        known = self._all()
        name = f"batch-{len(known)}"
        known[name] = {key: f"{request.stage} {request.messages}" for key, request in requests.items()}
        self._file.write_text(json.dumps(known))
        return name

    async def find_batch(self, label: str) -> str | None:
        if self._later:
            self._later = False
            raise BatchUnknownYet("later")
        found = [name for name, keys in self._all().items() if next(iter(keys)).startswith(f"{label}-")]
        return found[0] if found else None

    async def batch_status(self, batch_id: str) -> BatchStatus:
        return BatchStatus(True, 0, 0, "ended")

    async def fetch_batch(self, batch_id: str) -> dict[str, Any]:
        answer = Completion("[" + ", ".join(["(5.0, 0.0)"] * 6) + "]")
        text = Completion("text")
        return {key: answer if said.startswith("action") else text for key, said in self._all()[batch_id].items()}

    @property
    def paid(self) -> list[str]:
        return [said for keys in self._all().values() for said in keys.values()]


def drive_batch(provider: Kept, results: Path, run: str, made: list[Frame], stop: Cancellation | None = None) -> None:
    async def drive() -> None:
        (results / run).mkdir(exist_ok=True, parents=True)
        ending = stop or Cancellation()

        def said(sentence: str) -> None:
            if stop is not None and "another run" in sentence:
                stop.request("waited for another run")

        with ResponseCache(results / "c.sqlite") as cache:
            waves = BatchRun({"main": provider}, cache, results / run, ending, said, poll_s=0.0)
            calls = await waves.answer(lambda: made, ChainOfThought(), Views(1, PicturePolicy()))
            plans = [await ChainOfThought().plan(frame, View(), calls) for frame in made]
            assert {plan.outcome for plan in plans} == {"ok"}

    asyncio.run(drive())


@pytest.mark.parametrize("tells_later", [False, True])
def test_batches_are_paid_once_also_where_two_runs_ask_the_same(tmp_path, frames, tells_later):  # noqa: F811
    whole = Kept(tmp_path, tells_later)
    drive_batch(whole, tmp_path / "whole", "one", frames)
    waited = []

    def begin(results: Path) -> Callable[[], object]:
        provider = Kept(results.parent / f"{results.name}-provider", tells_later)
        provider._file.parent.mkdir()
        providers[results] = provider
        return lambda: drive_batch(provider, results, "one", frames)

    def check(results: Path) -> None:
        provider = providers[results]
        try:
            # Before the first run is given again, and after it, another one asks the same.
            drive_batch(provider, results, "two", frames, Cancellation())
        except Cancelled:
            waited.append(results)
        assert len(provider.paid) == len(set(provider.paid)), "a call was paid twice"

    providers: dict[Path, Kept] = {}
    assert at_every_change(tmp_path / "crashed", begin, check, every=19) > 2
    assert waited, "an open batch of a run that has ended is nobody else's to ask again"
    assert all(sorted(provider.paid) == sorted(whole.paid) for results, provider in providers.items() if provider.paid)
    for results in waited:
        left = sqlite3.connect(results / "c.sqlite").execute("SELECT COUNT(*) FROM claims").fetchone()
        assert left == (0,)
