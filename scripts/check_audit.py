"""Is each planted fault caught by its own column and by no other, and how often is a fault seen where there is none?

    python scripts/check_audit.py [--scenes N] [--nulls N]

Seven planted models (``tests/plugins/signposted_model.py``) drive simulated scenes whose pictures say the truth, and are
probed. Each of six columns of the tables ``probes``, ``reasoning`` and ``copies`` must catch the one fault that it is for, at
p < 0.01, and nothing else; the honest and seeing model is caught by none. Then pairs of runs without any difference are
compared, once at the end, and looked at again and again as ``--until-decided`` does. Ends with status 1 if something is not as
it must be.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import script_input

from lightemma.evaluation.metrics.displacement import l2, step_errors
from lightemma.evaluation.metrics.repeated_action import repeats_action
from lightemma.evaluation.probing.measures import distance, measured
from lightemma.evaluation.reasoning.reader_choice import speed_reader
from lightemma.evaluation.scores import load_scores
from lightemma.evaluation.statistics.alpha_spending import look_levels
from lightemma.evaluation.statistics.cr2 import SceneIntervals
from lightemma.evaluation.statistics.interval import Interval
from lightemma.evaluation.statistics.multiple_testing import FEWEST_SCENES
from lightemma.evaluation.study import Study, make_study
from lightemma.evaluation.until_decided import look_places
from lightemma.frame import FloatArray, Frame
from lightemma.kinematics import integrate
from lightemma.probes.registry import chosen_probes
from lightemma.sessions.benchmark import Benchmark
from lightemma.sessions.frames_of_source import open_runs
from lightemma.sessions.probe_target import read_target
from lightemma.sessions.probing import open_probes, run_name
from lightemma.sessions.run import Spending
from tests.plugins.signposted_drives import SignpostedDrives

#: The fault that is planted -> the column that must catch it; none catches the last.
PLANTED = {
    "blind": "grey",
    "one-sided": "mirror",
    "liar": "departs from words",
    "copycat": "copies",
    "doubled": "scale",
    "reader": "other-scene",
    "none": "",
}
#: The same in the table's words.
TITLES = {
    "blind": "blind",
    "one-sided": "sees, mirrors wrongly",
    "liar": "liar",
    "copycat": "copies its last action",
    "doubled": "right direction, doubled",
    "reader": "reads only stage one",
    "none": "honest and seeing",
}
PROBES = ("recoded", "grey", "mirror", "other-scene")
#: Below this p a column has caught something.
CAUGHT = 0.01
#: Octaves by which a planned change of speed may be off: a quarter.
SCALE_TOLERANCE = math.log2(1.25)
#: Share of null comparisons that may find something at p < 0.05.
LEAST_NULL, MOST_NULL = 0.04, 0.06
LEVEL = 0.05
#: Blocks of null comparisons: one of 200 alone is 2 to 8 % by chance.
BLOCKS = 20


@dataclass(frozen=True, slots=True)
class Cell:
    """A column of one planted model.

    Attributes:
        column: its name.
        unit: of the violation.
        found: violation, with its 95 % interval over scenes.
        tolerance: the violation up to which nothing is wrong.
        p_value: one-sided p that the violation is no larger than the tolerance.
    """

    column: str
    unit: str
    found: Interval
    tolerance: float
    p_value: float

    @property
    def caught(self) -> bool:
        return self.p_value < CAUGHT and self.found.mean > self.tolerance and self.found.scenes >= FEWEST_SCENES


def write_model(fault: str, drives: SignpostedDrives) -> Path:
    """The YAML of a planted model."""
    options = {"fault": fault, "by_heart": str(drives.by_heart)}
    provider = "tests.plugins.signposted_model:SignpostedModel"
    path = drives.folder / f"{fault}.yaml"
    path.write_text(
        yaml.safe_dump({"name": fault, "provider": provider, "model": "planted", "options": options}), encoding="utf-8"
    )
    return path


def driven(fault: str, drives: SignpostedDrives, results: Path) -> Study:
    """A planted model's untouched run and its probes, side by side."""
    benchmark = Benchmark(data="signposted", models=[str(write_model(fault, drives))], concurrency=8)
    spending = Spending(cache=False)
    open_runs(benchmark, results, drives).run(spending)
    target, probes = read_target(results / fault), chosen_probes(PROBES)
    open_probes(target, benchmark, probes, results, source=drives, speed_word=speed_reader()).session.run(spending)
    names = [fault, *(run_name(fault, probe, 1) for probe in probes)]
    folders = {name: results / name for name in names if (results / name).is_dir()}
    return make_study([load_scores(folder) for folder in folders.values()], resamples=2, folders=folders)


def cells(study: Study) -> list[Cell]:
    """All columns of one planted model."""
    model, ledger = study.models[0], next(iter(study.ledgers.values()))
    copies = repeats_action(model.actions, model.history)
    planned, recorded = ledger.directions()
    same = ledger.judged() & (ledger.said != 0) & (ledger.said == planned) & (ledger.said == recorded)
    with np.errstate(divide="ignore", invalid="ignore"):
        octaves = np.where(same, np.log2(ledger.planned / ledger.recorded), np.nan)
    too_little = np.nansum(octaves) < 0
    found = [
        # Who repeats its last action does not look either; that is the column `copies`, so those frames are not counted twice.
        _cell(study, "grey", "share of frames", np.where(copies, np.nan, _violation(study, "grey")), 0.5),
        _cell(study, "mirror", "m", _violation(study, "mirror"), 0.05),
        _cell(study, "departs from words", "share of frames", 1 - ledger.followed(), 0.5),
        _cell(study, "copies", "share of frames", copies.astype(np.float64), 0.5),
        _cell(study, "scale", "octaves", -octaves if too_little else octaves, SCALE_TOLERANCE),
        _cell(study, "other-scene", "m", _violation(study, "other-scene"), 0.05),
    ]
    assert {cell.column for cell in found} == set(PLANTED.values()) - {""}
    return found


def _violation(study: Study, probe: str) -> FloatArray:
    """(n,) how far each frame is from the law of a probe."""
    runs = {run.entry.name: run for run in study.probed}
    if probe not in runs:
        return np.full(study.frames, np.nan)
    return measured(runs[probe], np.nan_to_num(distance(runs["recoded"]))).violation


def _cell(study: Study, column: str, unit: str, violation: FloatArray, tolerance: float) -> Cell:
    found, above = study.intervals(np.column_stack([violation, violation - tolerance]))
    half = above.p_value / 2
    return Cell(column, unit, found, tolerance, half if above.mean > 0 else 1 - half)


def wrong(fault: str, found: Sequence[Cell]) -> list[str]:
    """What is not as it must be, as sentences."""
    caught = {cell.column for cell in found if cell.caught}
    must = {PLANTED[fault]} - {""}
    missed = [f"{fault} is not caught by {column}" for column in sorted(must - caught)]
    return missed + [f"{fault} is caught by {column}" for column in sorted(caught - must)]


def rows(fault: str, found: Sequence[Cell]) -> Iterator[str]:
    """The lines of the Markdown table."""
    for cell in found:
        known, caught = cell.found.frames > 0, "**yes**" if cell.caught else "no"
        low, high = cell.found.low, cell.found.high
        numbers = f"{cell.found.mean:.3f} | [{low:.3f}, {high:.3f}] | {_p(cell.p_value)}" if known else "no frames | |"
        yield f"| {TITLES[fault]} | {cell.column} | {numbers} | {cell.tolerance:.2f} {cell.unit} | {caught} |"


def _p(value: float) -> str:
    return "" if math.isnan(value) else "< 1e-6" if value < 1e-6 else "> 0.999" if value > 0.999 else f"{value:.2g}"


def null_differences(frames: Sequence[Frame], count: int, seed: int = 0) -> FloatArray:
    """(n, count) metres of l2_avg between two runs that err alike: the truth of each difference is zero.

    Both drive the recorded way with errors of speed and curvature of their own, part of which a whole scene shares.

    Args:
        frames: of the scenes.
        count: comparisons.
        seed: of the errors.
    """
    rng = np.random.default_rng(seed)
    scenes = _codes(frames)
    truth = np.array([frame.future for frame in frames])
    start = np.array([frame.history.actions[-1] for frame in frames])
    found = np.empty((len(frames), count))
    for number in range(count):
        runs = []
        for _ in range(2):
            shared, own = rng.normal(size=(scenes.max() + 1, 2)), rng.normal(size=(len(frames), 2))
            errors = (0.6 * shared[scenes] + 0.8 * own) * np.array([0.8, 0.01])
            actions = np.repeat((start + errors)[:, None, :], 6, axis=1)
            runs.append(step_errors(integrate(actions), truth))
        found[:, number] = l2(runs[0], "lightemma")[:, 3] - l2(runs[1], "lightemma")[:, 3]
    return found


def _codes(frames: Sequence[Frame]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    numbers = {scene: number for number, scene in enumerate(dict.fromkeys(frame.scene for frame in frames))}
    return np.array([numbers[frame.scene] for frame in frames], dtype=np.int64)


def null_rates(frames: Sequence[Frame], differences: FloatArray) -> Mapping[str, float]:
    """Share of comparisons in which a difference is found: at one look at the end, and at all planned looks."""
    scenes = _codes(frames)
    total = int(scenes.max()) + 1
    places = look_places(total)
    stopped = np.zeros(differences.shape[1], dtype=bool)
    for place, level in zip(places, look_levels([place / total for place in places]), strict=True):
        if level:
            stopped |= _excludes_zero(scenes, differences, place, level)
    return {
        "one look at the end": float(_excludes_zero(scenes, differences, total, LEVEL).mean()),
        f"{len(places)} looks, alpha spending": float(stopped.mean()),
    }


def _excludes_zero(
    scenes: np.ndarray[tuple[int], np.dtype[np.int64]], differences: FloatArray, place: int, level: float
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    known = scenes < place
    found = SceneIntervals(scenes[known]).intervals(differences[known], 1 - level)
    return np.array([one.low > 0 or one.high < 0 for one in found])


def print_nulls(frames: Sequence[Frame], count: int) -> list[str]:
    """Prints how often a difference is found where there is none, and returns what is not as it must be."""
    blocks = [null_rates(frames, null_differences(frames, count, seed)) for seed in range(BLOCKS)]
    total, problems = count * BLOCKS, []
    print(f"| comparisons without a difference | found at 0.05, of {total:,} | of the first {count} |")
    print("|---|---|---|")
    for name, first in blocks[0].items():
        rate = float(np.mean([block[name] for block in blocks]))
        print(f"| {name} | {_share(rate, total)} | {_share(first, count)} |")
        if not LEAST_NULL <= rate <= MOST_NULL:
            problems.append(f"{rate:.2%} of null comparisons find a difference ({name})")
    return problems


def _share(rate: float, count: int) -> str:
    reach = 1.96 * math.sqrt(LEVEL * (1 - LEVEL) / count)
    return f"{rate:.1%} (by chance {LEVEL - reach:.1%} to {LEVEL + reach:.1%})"


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the tables; 1 if something differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=script_input.count, default=150)
    parser.add_argument(
        "--nulls", type=script_input.count, default=200, help=f"null comparisons of a block; there are {BLOCKS} blocks"
    )
    given = parser.parse_args(arguments)
    problems = []
    with tempfile.TemporaryDirectory() as folder:
        drives = SignpostedDrives(folder, given.scenes)
        frames = [frame for scene in drives.scene_names for frame in drives.scene_frames(scene)]
        print(f"{len(drives.scene_names)} scenes, {len(frames)} frames.\n")
        print("| planted model | column | violation | 95 % interval | p | tolerance | caught |")
        print("|---|---|---|---|---|---|---|")
        for fault in PLANTED:
            found = cells(driven(fault, drives, Path(folder) / "results"))
            problems += wrong(fault, found)
            print("\n".join(rows(fault, found)), flush=True)
    print()
    problems += print_nulls(frames, given.nulls)
    print("\n" + ("; ".join(problems) if problems else "All as it must be."))
    return 1 if problems else 0


if __name__ == "__main__":
    script_input.ends(main)
