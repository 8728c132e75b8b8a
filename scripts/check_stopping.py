"""Does a run that stops once it is decided say what the whole run says, how much does it save, and how often is it wrong?

    python scripts/check_stopping.py RUN... [--orders N] [--margin METRES]

For each run folder, its scenes are put into many random orders and looked at as `lightemma run --until-decided` would. Then the
same over studies without any difference, made from the runs: each scene's differences to the baseline keep their size and their
shape, and get a random sign, so that the truth is zero.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import script_input

from lightemma.evaluation.scores import load_scores
from lightemma.evaluation.statistics.alpha_spending import look_levels
from lightemma.evaluation.statistics.cr2 import SceneIntervals
from lightemma.evaluation.statistics.multiple_testing import FEWEST_SCENES
from lightemma.evaluation.study import make_study
from lightemma.evaluation.until_decided import look_places, verdict
from lightemma.frame import FloatArray


def looked(scenes: Sequence[FloatArray], margin: float) -> tuple[str, float]:
    """What is said about scenes in this order, and the share of frames that were driven until then."""
    places = look_places(len(scenes))
    total = sum(map(len, scenes))
    for place, level in zip(places, look_levels([place / len(scenes) for place in places]), strict=True):
        if not level:
            continue
        said = whole(scenes[:place], margin, 1 - level)
        if said != "undecided":
            return said, sum(map(len, scenes[:place])) / total
    return "undecided", 1.0


def whole(scenes: Sequence[FloatArray], margin: float, confidence: float = 0.95) -> str:
    """What one look at these scenes says."""
    codes = np.repeat(np.arange(len(scenes)), [len(one) for one in scenes])
    found = SceneIntervals(codes).interval(np.concatenate(scenes), confidence)
    if found.scenes < FEWEST_SCENES:
        return "undecided"
    return verdict(found.low, found.high, margin) or "undecided"


def differences(folder: Path) -> tuple[str, list[FloatArray]]:
    """A run's name, and per scene its differences to the baseline in metres."""
    study = make_study([load_scores(folder)])
    run = next(one for one in study.runs if one is not study.baseline)
    apart = study.averages[run.name] - study.averages[study.baseline.name]
    return run.name, [apart[study.scene_codes == code] for code in range(study.scenes)]


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=script_input.folder)
    parser.add_argument("--orders", type=script_input.count, default=400)
    parser.add_argument("--margin", type=script_input.positive, default=0.05)
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    known: Mapping[str, list[FloatArray]] = dict(differences(folder) for folder in given.runs)
    print("| run | whole run says | same word | other words | frames saved, median | mean |")
    print("|---|---|---|---|---|---|")
    same = 0
    for name, scenes in known.items():
        says = whole(scenes, given.margin)
        found = [looked([scenes[i] for i in rng.permutation(len(scenes))], given.margin) for _ in range(given.orders)]
        words = Counter(word for word, _ in found)
        saved = 100 * (1 - np.array([share for _, share in found]))
        same += words[says]
        others = ", ".join(f"{word} {count}" for word, count in words.most_common() if word != says) or "none"
        print(
            f"| {name} | {says} | {words[says] / given.orders:.1%} | {others} | {np.median(saved):.0f} % | "
            f"{saved.mean():.0f} % |"
        )
    print(f"\nSame word in {same / given.orders / len(known):.1%} of {given.orders * len(known):,} orders.\n")
    print("| no difference, made from | scenes | better or worse said | 95 % of chance |")
    print("|---|---|---|---|")
    for name, scenes in known.items():
        for count in sorted({30, len(scenes)}):
            wrong = 0
            for _ in range(given.orders):
                picked = [scenes[i] * rng.choice([-1.0, 1.0]) for i in rng.permutation(len(scenes))[:count]]
                wrong += looked(picked, given.margin)[0] in ("better", "worse")
            band = 1.96 * np.sqrt(0.05 * 0.95 / given.orders)
            print(f"| {name} | {count} | {wrong / given.orders:.1%} | {0.05 - band:.1%} to {0.05 + band:.1%} |")


if __name__ == "__main__":
    script_input.ends(main)
