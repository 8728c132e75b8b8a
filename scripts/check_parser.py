"""The parser against Python's literals and the published rescue, over every answer of the published archives.

``strict`` is compared with ``ast.literal_eval`` and the published check of its value, ``first-numbers`` with a second
writing of the published rescue. Counts and mean L2 are printed; the exit status is 1 if any answer is read differently.
"""

from __future__ import annotations

import argparse
import ast
import sys
import time
import warnings

import numpy as np
import script_input

from lightemma.data.archive_frames import ArchiveFrame
from lightemma.data.published import PublishedArchive
from lightemma.kinematics import integrate
from lightemma.parsing import TIERS, Parsed, parse_answer

Pairs = list[tuple[float, float]]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument(
        "folder", type=script_input.archives, help="the folder with the archives, one .zip for each model"
    )
    archives = sorted(arguments.parse_args().folder.glob("*.zip"))
    if not archives:
        sys.exit("There is no .zip archive in that folder.")
    warnings.simplefilter("ignore")  # literal_eval warns of what it is about to refuse
    differing = 0
    print(f"{'archive':20} {'frames':>6} {'tier':14} {'refused':>7} {'differ':>6} {'mean L2 (m)':>12} {'us/answer':>9}")
    for path in archives:
        frames = [frame for _, frame in PublishedArchive(path).frames()]
        texts = [frame.answer("action") for frame in frames]
        for tier in TIERS:
            started = time.process_time()
            parsed = [parse_answer(text, tier) for text in texts]
            spent = (time.process_time() - started) / len(texts) * 1e6
            refused = sum(one.actions is None for one in parsed)
            wrong = 0 if tier == "tolerant" else _differences(tier, texts, parsed)
            differing += wrong
            checked = "-" if tier == "tolerant" else str(wrong)
            error = _mean_error(frames, parsed)
            print(f"{path.stem:20} {len(texts):6d} {tier:14} {refused:7d} {checked:>6} {error:12.6g} {spent:9.1f}")
    print(f"\n{differing} answers are read differently.")
    sys.exit(1 if differing else 0)


def _differences(tier: str, texts: list[str], parsed: list[Parsed]) -> int:
    reference = literal_pairs if tier == "strict" else published_rescue
    wrong = 0
    for text, one in zip(texts, parsed, strict=True):
        found = None if one.actions is None else [tuple(pair) for pair in one.actions.tolist()]
        expected = reference(text)
        if found != expected:
            wrong += 1
            if wrong <= 5:
                print(f"  {tier}: {text[:120]!r} is {found}, by the reference {expected}")
    return wrong


def literal_pairs(text: str) -> Pairs | None:
    """Python's own reading, checked as the published evaluation checks it: a list of six tuples of two int or float."""
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    if not (
        isinstance(value, list)
        and len(value) == 6
        and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value)
    ):
        return None
    if not all(isinstance(number, int | float) for pair in value for number in pair):
        return None
    return [(float(speed), float(curvature)) for speed, curvature in value]


def published_rescue(text: str) -> Pairs | None:
    """Runs of digits, points and minus signs; those that are a plain decimal number count, the first twelve are the plan."""
    numbers: list[float] = []
    run = ""
    for character in text + " ":
        if character.isdigit() or character in "-.":
            run += character
            continue
        digits = run.removeprefix("-")
        whole, point, part = digits.partition(".")
        if whole.isdecimal() and (not point or part.isdecimal()):
            numbers.append(float(run))
        run = ""
    return None if len(numbers) < 12 else list(zip(numbers[0:12:2], numbers[1:12:2], strict=True))


def _mean_error(frames: list[ArchiveFrame], parsed: list[Parsed]) -> float:
    read = [(frame, one.actions) for frame, one in zip(frames, parsed, strict=True) if one.actions is not None]
    if not read:
        return float("nan")
    plans = integrate(np.array([actions for _, actions in read]))
    truth = np.array([frame.ego_info.gt_positions for frame, _ in read], dtype=np.float64)
    return float(np.linalg.norm(plans - truth, axis=-1).mean())


if __name__ == "__main__":
    script_input.ends(main)
