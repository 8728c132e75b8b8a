"""How often a 95 % interval holds the true mean: many synthetic studies whose frames are correlated, as real ones are.

Every study has scenes of unequal length. An error is its scene's common part plus a part that continues from frame to frame
(AR(1)); "skewed" and "very skewed" take the exponential of half of it and of all of it, since errors have long tails. Three
intervals are compared: the program's (scenes resampled, studentised), the percentiles of the same draws, and the interval
that treats frames as independent. The exit status is 1 if the program's interval misses 93-97 % at 150 scenes.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lightemma.evaluation.statistics.bootstrap import SceneBootstrap

FRAMES_PER_SCENE = 26
SCENE_SHARE = 0.36  # of a frame's variance
CARRIED_OVER = 0.8  # correlation of neighbouring frames, without the common part of the scene
TAILS = {"even": 0.0, "skewed": 0.5, "very skewed": 1.0}
ACCEPTED = (0.93, 0.97)
REQUIRED_SCENES = 150


@dataclass(frozen=True)
class Coverage:
    """Share of studies whose interval contains the true mean, by kind of interval."""

    clustered: float
    percentile: float
    naive: float


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--studies", type=int, default=1000, help="studies per line (default 1000)")
    arguments.add_argument("--scenes", type=int, nargs="+", default=[150, 30, 10], help="scenes per study")
    arguments.add_argument("--resamples", type=int, default=2000, help="bootstrap draws per study (default 2000)")
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    print(f"{options.studies} studies per line, about {FRAMES_PER_SCENE} frames per scene, 95 % intervals\n")
    print(f"{'scenes':>6}  {'errors':<12} {'clustered':>10}  {'':<13} {'percentile':>10} {'frames alone':>13}")
    missed = False
    for scenes in options.scenes:
        for errors, tail in TAILS.items():
            found = coverage(scenes, tail, options.studies, options.resamples, options.seed)
            within = ACCEPTED[0] <= found.clustered <= ACCEPTED[1]
            missed |= scenes == REQUIRED_SCENES and not within
            print(
                f"{scenes:>6}  {errors:<12} {found.clustered:>10.1%}  {'in 93-97 %' if within else 'NOT in 93-97 %':<14}"
                f"{found.percentile:>10.1%} {found.naive:>13.1%}",
                flush=True,
            )
    sys.exit(1 if missed else 0)


def coverage(scenes: int, tail: float, studies: int, resamples: int, seed: int) -> Coverage:
    """Counts over ``studies`` studies of one kind."""
    rng = np.random.default_rng([seed, scenes, round(100 * tail)])
    lengths = rng.integers(FRAMES_PER_SCENE // 2, FRAMES_PER_SCENE * 3 // 2 + 1, size=scenes)
    codes = np.repeat(np.arange(scenes), lengths)
    clustered = SceneBootstrap(codes, resamples, seed)
    naive = SceneBootstrap(np.arange(codes.size), resamples, seed)
    held = np.zeros(3)
    for start in range(0, studies, 100):
        values = made_up_errors(lengths, tail, min(100, studies - start), rng)
        low, high = np.quantile(clustered.drawn_means(values), [0.025, 0.975], axis=1)
        held += [
            sum(found.low <= 0 <= found.high for found in clustered.intervals(values)),
            ((low <= 0) & (high >= 0)).sum(),
            sum(found.low <= 0 <= found.high for found in naive.intervals(values)),
        ]
    return Coverage(*(held / studies).tolist())


def made_up_errors(
    lengths: npt.NDArray[np.int64], tail: float, studies: int, rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Errors of true mean 0.

    Args:
        lengths: frames per scene.
        tail: 0 for normal errors, else the exponent's size.
        studies: number of columns.
        rng: the random generator.

    Returns:
        (frames, studies), ordered by scene.
    """
    longest = int(lengths.max())
    own = np.sqrt(SCENE_SHARE) * rng.normal(size=(len(lengths), 1, studies))
    running = rng.normal(size=(len(lengths), longest, studies))
    for frame in range(1, longest):
        running[:, frame] = CARRIED_OVER * running[:, frame - 1] + np.sqrt(1 - CARRIED_OVER**2) * running[:, frame]
    whole = own + np.sqrt(1 - SCENE_SHARE) * running
    values = np.concatenate([whole[scene, :length] for scene, length in enumerate(lengths)])
    return values if tail == 0 else np.exp(tail * values) - np.exp(tail**2 / 2)


if __name__ == "__main__":
    main()
