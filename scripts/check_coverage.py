"""How often a 95 % interval holds the true mean or share, by several ways to make it, and how wide it is.

Means: many synthetic studies whose frames know each other, as real ones do. Scenes are of unequal length (10 to 40 frames; with
--lengths very-unequal, 2 to 80). A frame's error is a scene's own share plus a part that runs on from frame to frame (AR(1)):
"even" is normal, "skewed" and "very skewed" take the exponential of half and of the whole of it, as errors have long tails, and
"ties" are 0 on half of the scenes' frames, as the difference of a run that often copies the baseline. "published" draws scenes
with replacement from runs given by --runs; the truth is the mean over all their frames.

    cr2         the program's: CR2 with Satterthwaite's degrees of freedom, never below the spread within scenes
    t           the usual cluster-robust error times sqrt(scenes / (scenes - 1)), Student's t with scenes - 1
    boot-t      scenes resampled, studentised (the program's boot_low and boot_high)
    wild        wild cluster bootstrap-t with the truth imposed, Rademacher weights; it gives p, and no width
    percentile  the percentiles of the same draws
    frames      frames taken for independent

Shares: Korn & Graubard (the program's) beside a symmetric interval of the CR2 error, for events that come scene by scene.

The exit status is 1 if the program's interval of a mean misses 93-97 % at 150 scenes of made-up errors.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import script_input

from lightemma.evaluation.metrics.displacement import l2
from lightemma.evaluation.scores import BASELINE, baseline_scores, load_scores
from lightemma.evaluation.statistics.bootstrap import SceneBootstrap
from lightemma.evaluation.statistics.cr2 import SceneIntervals
from lightemma.evaluation.statistics.scene_totals import SceneTotals, scene_totals
from lightemma.evaluation.statistics.shares import shares
from lightemma.evaluation.statistics.student_t import quantile
from lightemma.frame import FloatArray

SCENE_SHARE = 0.36  # of a frame's variance
CARRIED_OVER = 0.8  # correlation of a scene's neighbouring frames, beyond what the scene shares
TAILS = {"even": 0.0, "skewed": 0.5, "very skewed": 1.0, "ties": 0.5}
LENGTHS = {"unequal": (10, 40), "very-unequal": (2, 80)}
#: Event -> (share of scenes that can have it, chance in a frame of these).
EVENTS = {
    "5 %: half of 1 scene in 10": (0.10, 0.5),
    "0.5 %: 1 scene in 50": (0.02, 0.25),
    "30 %: every scene": (1.0, 0.3),
}
WAYS = ("cr2", "t", "boot-t", "wild", "percentile", "frames")
ACCEPTED = (0.93, 0.97)
REQUIRED_SCENES = 150
#: Studies of the same lengths of scenes.
CHUNK = 50


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--studies", type=script_input.count, default=1000, help="studies per line (default 1000)")
    arguments.add_argument(
        "--scenes", type=script_input.count, nargs="+", default=[3, 5, 8, 12, 30, 150], help="scenes per study"
    )
    arguments.add_argument("--resamples", type=script_input.count, default=999, help="draws per study (default 999)")
    arguments.add_argument("--lengths", choices=list(LENGTHS), default="unequal", help="how unequal scenes are")
    arguments.add_argument(
        "--runs", type=script_input.folder, nargs="*", default=[], help="folders of runs to draw scenes from"
    )
    arguments.add_argument("--seed", type=script_input.amount, default=1)
    options = arguments.parse_args()
    print(
        f"{options.studies} studies per line, scenes {options.lengths}, 95 % intervals: coverage (width beside cr2's)\n"
    )
    print(f"{'scenes':>6}  {'errors':<22}" + "".join(f"{way:>17}" for way in WAYS))
    published = dict(differences(options.runs))
    missed = False
    for scenes in options.scenes:
        kinds = [*TAILS, *published]
        for kind in kinds:
            rng = np.random.default_rng([options.seed, scenes, kinds.index(kind)])
            if kind in TAILS:
                studies = made_up(scenes, kind, LENGTHS[options.lengths], options.studies, rng)
            else:
                studies = drawn(published[kind], scenes, options.studies, rng)
            held, widths = counted(studies, options.resamples, options.seed)
            cells = [
                f"{held[way]:.1%}" + (f" ({widths[way] / widths['cr2']:.2f})" if way in widths else "") for way in WAYS
            ]
            print(f"{scenes:>6}  {kind[:22]:<22}" + "".join(f"{cell:>17}" for cell in cells), flush=True)
            missed |= scenes == REQUIRED_SCENES and kind in TAILS and not ACCEPTED[0] <= held["cr2"] <= ACCEPTED[1]
    print(
        f"\n{'scenes':>6}  {'events':<28}{'Korn-Graubard':>15}{'width':>8}{'symmetric':>12}{'width':>8}{'too few':>10}"
    )
    for scenes in options.scenes:
        for number, (name, event) in enumerate(EVENTS.items()):
            rng = np.random.default_rng([options.seed, scenes, 100 + number])
            print(
                f"{scenes:>6}  {name:<28}" + shares_line(scenes, event, LENGTHS[options.lengths], options.studies, rng)
            )
    sys.exit(1 if missed else 0)


def differences(folders: list[Path]) -> Iterator[tuple[str, tuple[FloatArray, FloatArray]]]:
    """Run name to (n,) scene codes and (n,) metres above the constant-action baseline."""
    for folder in folders:
        run = load_scores(folder)
        if run.planner == BASELINE:
            continue
        apart = (l2(run.errors, "lightemma") - l2(baseline_scores(run).errors, "lightemma"))[:, 3]
        known = ~np.isnan(apart)
        yield run.name, (np.unique(run.scenes, return_inverse=True)[1][known], apart[known])


def made_up(
    scenes: int, kind: str, lengths: tuple[int, int], studies: int, rng: np.random.Generator
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Chunks of studies: (n,) scene codes, and (n, k) errors of true mean 0."""
    tail = TAILS[kind]
    for start in range(0, studies, CHUNK):
        count = min(CHUNK, studies - start)
        sizes = np.exp(rng.uniform(*np.log(lengths), size=scenes)).round().astype(int)
        longest = int(sizes.max())
        own = np.sqrt(SCENE_SHARE) * rng.normal(size=(scenes, 1, count))
        running = rng.normal(size=(scenes, longest, count))
        for frame in range(1, longest):
            running[:, frame] = CARRIED_OVER * running[:, frame - 1] + np.sqrt(1 - CARRIED_OVER**2) * running[:, frame]
        whole = own + np.sqrt(1 - SCENE_SHARE) * running
        values = np.concatenate([whole[scene, :size] for scene, size in enumerate(sizes)])
        if tail:
            values = np.exp(tail * values) - np.exp(tail**2 / 2)
        codes = np.repeat(np.arange(scenes), sizes)
        if kind == "ties":
            values *= rng.random((scenes, count))[codes] < 0.5
        yield codes, values


def drawn(
    pool: tuple[FloatArray, FloatArray], scenes: int, studies: int, rng: np.random.Generator
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Chunks of studies: scenes drawn from a run, less the run's own mean; NaN fills up short scenes."""
    codes, values = pool
    sizes = np.bincount(codes)
    table = np.full((sizes.size, int(sizes.max())), np.nan)
    for scene in range(sizes.size):
        table[scene, : sizes[scene]] = values[codes == scene] - values.mean()
    table = table[sizes > 0]
    for start in range(0, studies, CHUNK):
        chosen = rng.integers(0, len(table), size=(scenes, min(CHUNK, studies - start)))
        # (scenes, studies, frames) to one column per study.
        yield np.repeat(np.arange(scenes), table.shape[1]), table[chosen].swapaxes(1, 2).reshape(-1, chosen.shape[1])


def counted(
    studies: Iterator[tuple[FloatArray, FloatArray]], resamples: int, seed: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Coverage of the truth 0, and median width, by the way an interval is made."""
    held: dict[str, list[bool]] = {way: [] for way in WAYS}
    widths: dict[str, list[float]] = {way: [] for way in WAYS if way != "wild"}
    for codes, values in studies:
        totals = scene_totals(codes, values)
        bootstrap = SceneBootstrap(codes, resamples, seed, fewest=2)
        means = bootstrap.drawn_means(values)
        ends = {
            "cr2": [(one.low, one.high) for one in SceneIntervals(codes).intervals(values)],
            "t": usual(totals),
            "boot-t": bootstrap.ends(values),
            "percentile": list(zip(*np.nanquantile(means, [0.025, 0.975], axis=1), strict=True)),
            "frames": independent(values),
        }
        for way, found in ends.items():
            held[way] += [low <= 0 <= high for low, high in found]
            widths[way] += [high - low for low, high in found]
        held["wild"] += (wild(totals, resamples, seed) >= 0.05).tolist()
    return (
        {way: float(np.mean(found)) for way, found in held.items()},
        {way: float(np.median(found)) for way, found in widths.items()},
    )


def usual(totals: SceneTotals) -> list[tuple[float, float]]:
    """The cluster-robust interval with scenes - 1 degrees of freedom."""
    scenes, frames = len(totals.counts), totals.counts.sum(axis=0)
    means = totals.sums.sum(axis=0) / frames
    squares = ((totals.sums - totals.counts * means) ** 2).sum(axis=0)
    reach = quantile(0.975, scenes - 1) * np.sqrt(scenes / (scenes - 1) * squares) / frames
    return list(zip((means - reach).tolist(), (means + reach).tolist(), strict=True))


def independent(values: FloatArray) -> list[tuple[float, float]]:
    """The interval of frames taken for independent."""
    means, frames = np.nanmean(values, axis=0), (~np.isnan(values)).sum(axis=0)
    reach = 1.96 * np.nanstd(values, axis=0, ddof=1) / np.sqrt(frames)
    return list(zip((means - reach).tolist(), (means + reach).tolist(), strict=True))


def wild(totals: SceneTotals, resamples: int, seed: int) -> FloatArray:
    """(k,) p that the mean is 0: signs of scenes' sums drawn, t value against t value."""
    sums, counts = totals.sums, totals.counts
    frames = counts.sum(axis=0)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], size=(resamples, len(sums)))

    def ratios(mean: FloatArray, cross: FloatArray) -> FloatArray:
        squares = (sums**2).sum(axis=0) - 2 * mean * cross + mean**2 * (counts**2).sum(axis=0)
        size: FloatArray = np.abs(mean) / np.sqrt(np.maximum(squares, 1e-300))
        return size

    observed = ratios(sums.sum(axis=0) / frames, (sums * counts).sum(axis=0))
    found = ratios(signs @ sums / frames, signs @ (sums * counts))
    p: FloatArray = (found >= observed - 1e-9).mean(axis=0)
    return p


def shares_line(
    scenes: int, event: tuple[float, float], lengths: tuple[int, int], studies: int, rng: np.random.Generator
) -> str:
    """Coverage and median width of both intervals of a share, and how many studies the mark "too few events" has."""
    prone, chance = event
    truth = prone * chance
    good, symmetric, few = [], [], 0
    for start in range(0, studies, CHUNK):
        count = min(CHUNK, studies - start)
        sizes = np.exp(rng.uniform(*np.log(lengths), size=scenes)).round().astype(int)
        codes = np.repeat(np.arange(scenes), sizes)
        # Scenes that can have the event differ in how often they do.
        often = np.where(
            rng.random((scenes, count)) < prone, rng.beta(4 * chance, 4 * (1 - chance), (scenes, count)), 0.0
        )
        happened = (rng.random((codes.size, count)) < often[codes]).astype(float)
        over = SceneIntervals(codes)
        found = shares(over, happened)
        good += [(one.low, one.high) for one in found]
        few += sum(bool(one.mark) for one in found)
        symmetric += [(one.low, one.high) for one in over.intervals(happened)]
    cells = [
        (np.mean([low <= truth <= high for low, high in ends]), np.median([high - low for low, high in ends]))
        for ends in (good, symmetric)
    ]
    return f"{cells[0][0]:>15.1%}{cells[0][1]:>8.3f}{cells[1][0]:>12.1%}{cells[1][1]:>8.3f}{few / studies:>10.0%}"


if __name__ == "__main__":
    script_input.ends(main)
