"""Checks what docs/tiny-driver.md promises of the tiny driver, on drives that nobody trained on; exits with 1 if one is broken.

    lightemma simulate data --out held-out --seeds 2450, --conditions day --size 320x180
    python scripts/check_tiny_driver.py --data held-out --rivals work/rivals --twin work/twin

``--rivals`` are networks on the motion alone, ``--twin`` the same network trained blind; ``scripts/train_tiny_driver.py`` makes
both. Everything is measured by answers, never by a loss.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import script_input
from tiny_driver.judging import (
    LEAD,
    NEAR,
    RED,
    SIGHT,
    Ratio,
    answers,
    errors,
    fact_shares,
    formula,
    frames_of,
    lit,
    ratio,
    right_light,
    words_follow,
)
from tiny_driver.loops import read_loops

from lightemma.data.collected import CollectedFrame

FORMULAS = ("constant-action", "constant-acceleration", "damped-acceleration", "constant-speed-straight", "stop")
MEGABYTES = 25.0
_broken = 0


def promise(name: str, figure: object, kept: bool) -> None:
    """Prints a promise with its figure."""
    global _broken  # noqa: PLW0603
    _broken += not kept
    print(f"{'kept  ' if kept else 'BROKEN'} {name}: {figure}", flush=True)


def note(name: str, figure: object) -> None:
    """Prints a figure that nothing is promised of."""
    print(f"       {name}: {figure}", flush=True)


def drive_of(one: CollectedFrame) -> str:
    """The drive that a frame is of, by name and folder."""
    return f"{one.scene.name}{one.frame.image_path.parts[-4] if one.frame.image_path else ''}"


def check_lights(frames: list[CollectedFrame], model: Path | None) -> None:
    """The promise of the light's colour, over all moments with a light: of a thinned choice too few are left."""
    texts = [text.get("scene", "") for text in answers(frames, model, planner="chain-of-thought").texts]
    right = np.array([right_light(text, one) for text, one in zip(texts, frames, strict=True)], float)
    metres = np.array([one.facts.light.distance if one.facts and one.facts.light else np.nan for one in frames])
    drives = np.array([drive_of(one) for one in frames])
    for name, low, high in (("within 50 m", 0.0, 50.0), ("within 40 m", 0.0, 40.0), ("from 40 to 50 m", 40.0, 50.0)):
        rows = (metres >= low) & (metres < high)
        if not rows.any():
            continue
        share = ratio(right, np.ones(len(right)), drives, rows)
        figure = f"{share.value:.1%} [{share.low:.1%}, {share.high:.1%}] of {rows.sum()} ({share.drives} drives)"
        if high - low == NEAR:
            promise(f"light colour at least 95 %, scene stage, {name}", figure, share.value >= 0.95)
        else:
            note(f"light colour, scene stage, {name}", figure)


def check_loops(folder: Path) -> None:
    """The promises of the closed loop."""
    loops = read_loops(folder)
    for name in loops.runs:
        note(f"closed loop, {name}", f"score {loops.mean(name):.1f}, {loops.off_road(name):.0%} off road, "
             f"{loops.red_lights(name)} of {len(loops.runs[name])} ran a red light")  # fmt: skip
    for name, kind in (("constant-action", promise), ("twin", promise), ("grey", promise), ("idm", None)):
        if name in loops.runs:
            gain, low, high, count = loops.above(name)
            figure = f"{gain:+.1f} [{low:+.1f}, {high:+.1f}] over {count} episodes"
            if kind:
                promise(f"closed loop: score above {name}", figure, low > 0)
            else:
                note(f"closed loop: score above {name}", figure)
    if "idm" in loops.runs:
        ran, idm = loops.red_lights("tiny"), loops.red_lights("idm")
        promise("closed loop: fewer red lights run than by idm", f"{ran} against {idm}", ran < idm)
    off = loops.off_road("tiny")
    promise("closed loop: off road in at most 20 %", f"{off:.0%}", off <= 0.2)


def main() -> int:  # noqa: PLR0915 -- one figure after the other
    """Measures."""
    take = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    take.add_argument(
        "--data", type=script_input.folder, nargs="+", required=True, help="folders of simulate data, test seeds"
    )
    take.add_argument("--rivals", type=script_input.folder, help="folder of the blind networks")
    take.add_argument("--twin", type=script_input.folder, help="folder of the twin that was trained blind")
    take.add_argument("--model", type=script_input.folder, help="folder of another tiny driver than the package's")
    take.add_argument(
        "--loop",
        type=script_input.folder,
        help="runs of lightemma drive: tiny-driver, its blind twin, idm, constant-action",
    )
    take.add_argument("--every", type=script_input.count, default=1, help="of the frames only each Nth")
    given = take.parse_args()

    whole = frames_of(given.data)
    frames = whole[:: given.every]
    scenario = np.array([one.scene.scenario for one in frames])
    drives = np.array([drive_of(one) for one in frames])
    everything = np.ones(len(frames), bool)
    red, sight, lead = (np.isin(scenario, names) for names in (RED, SIGHT, LEAD))
    print(f"{len(frames)} frames of {len(set(drives))} drives, {len(set(scenario))} scenarios")

    single = answers(frames, given.model)
    own = errors(single.actions, frames)
    faults = np.mean([outcome != "ok" for outcome in single.outcomes])
    promise("format errors at most 0.5 %", f"{faults:.2%} of {len(frames)}", bool(faults <= 0.005))

    blind = {f"formula {name}": errors(formula(name, frames), frames) for name in FORMULAS}
    best_formula = min(blind, key=lambda name: blind[name].mean())
    trained: dict[str, np.ndarray] = {}
    if given.rivals:
        import torch
        from tiny_driver.rivals import BlindMlp

        history = torch.from_numpy(np.array([one.frame.history.actions for one in frames])).float()
        for path in sorted(given.rivals.glob("*.pt")):
            net = BlindMlp()
            net.load_state_dict(torch.load(path, weights_only=True))
            with torch.no_grad():
                trained[path.stem] = errors(net.eval()(history).numpy().astype(float), frames)
    if given.twin:
        trained["blind twin"] = errors(answers(frames, given.twin, shown="grey").actions, frames)
    grey = errors(answers(frames, given.model, shown="grey").actions, frames)
    other = errors(answers(frames, given.model, shown="other").actions, frames)
    one = errors(answers(frames, given.model, pictures=1).actions, frames)

    print("\nL2 average in metres: all, red lights, sight scenes, lead scenes")
    rows = {
        "tiny-driver": own,
        "with one picture": one,
        "with a grey picture": grey,
        "with another drive's picture": other,
    }
    for name, error in {**rows, **trained, **blind}.items():
        print(f"  {name:32s} " + " ".join(f"{np.nanmean(error[part]):7.3f}" for part in (everything, red, sight, lead)))
    print()

    def against(mine: np.ndarray, theirs: np.ndarray, part: np.ndarray) -> Ratio:
        return ratio(mine, theirs, drives, part)

    found = against(own, blind[best_formula], everything)
    promise(f"better than every formula (best: {best_formula})", found, found.high < 1)
    if trained:
        best = min(trained, key=lambda name: np.nanmean(trained[name]))
        found = against(own, trained[best], everything)
        promise(f"no worse than the best blind, {best}", found, found.low <= 1)
        found = against(own, trained[best], sight)
        promise(
            "the five scenarios of sight together at most 0.90 x blind", found, found.value <= 0.9 and found.high < 1
        )
        found = against(own, trained[best], lead)
        promise("lead scenes at most 1.0 x blind", found, found.value <= 1)
    for name, error in (("a grey picture", grey), ("another drive's picture", other)):
        found = against(error, own, red)
        promise(f"{name} at least 1.2 x the own one on red scenes", found, found.value >= 1.2 and found.low > 1)
        note(f"{name} over all scenes", against(error, own, everything))

    staged = answers(frames[::3], given.model, planner="chain-of-thought")
    for name, (share, count) in fact_shares([text.get("scene", "") for text in staged.texts], frames[::3]).items():
        if name == "leader yes or no":
            promise(f"{name} at least 95 %, scene stage", f"{share:.1%} of {count}", share >= 0.95)
        elif name != "light colour":
            note(f"{name}, scene stage", f"{share:.2f} over {count}")
    check_lights([one for one in whole if lit(one)], given.model)
    for name, (share, count) in fact_shares([text["action"] for text in single.texts], frames).items():
        note(f"{name}, single call", f"{share:.3f} of {count}")
    share, count = words_follow([text["action"] for text in single.texts], single.actions, frames)
    promise("plans follow the words in at least 95 %, single call", f"{share:.1%} of {count}", share >= 0.95)
    share, count = words_follow([text.get("intent", "") for text in staged.texts], staged.actions, frames[::3])
    promise("the same, three stages", f"{share:.1%} of {count}", share >= 0.95)
    note(
        "three stages against a single call",
        ratio(errors(staged.actions, frames[::3]), own[::3], drives[::3], everything[::3]),
    )
    mean, slow = float(np.mean(single.seconds)), np.quantile(single.seconds, 0.99)
    promise("at most 0.3 s a call on one thread", f"{mean:.3f} s, 99 % {slow:.3f} s", mean <= 0.3)
    from lightemma.backends.tiny.engine import SHIPPED

    size = sum(path.stat().st_size for path in (given.model or SHIPPED).iterdir()) / 1e6
    promise(f"at most {MEGABYTES:g} MB", f"{size:.1f} MB", size <= MEGABYTES)
    if given.loop:
        check_loops(given.loop)
    print("\nby scenario: tiny-driver, best blind" if trained else "\nby scenario")
    for name in sorted(set(scenario)):
        here = scenario == name
        beside = f" {np.nanmean(trained[best][here]):.2f}" if trained else ""
        print(f"  {name:28s} {np.nanmean(own[here]):.2f}{beside}")
    return 1 if _broken else 0


if __name__ == "__main__":
    script_input.ends(main)
