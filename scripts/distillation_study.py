"""The article's ablations on a small scale: a student without DPO, without the expert, without eyes, and teachers alone.

    lightemma simulate data --out DRIVES --seeds 100,101,102,118,109 --size 320x180 --renderer painter
    lightemma run --data nuscenes:DRIVES@v1.0-sim --model tiny-driver --stride 2 --out RUNS
    lightemma run --data nuscenes:DRIVES@v1.0-sim --planner constant-action,constant-acceleration --stride 2 --out RUNS
    python scripts/distillation_study.py rows DRIVES RUNS/* --out ROWS
    python scripts/distillation_study.py train ROWS --out OUT --seeds 0,1,2
    python scripts/distillation_study.py table OUT --rows ROWS --runs RUNS/*

A model of some two and a half million random weights learns from the expert's labels of simulated drives, and from the
teachers' answers. Every arm of a seed has the same start and as many updates; what it is worth is measured by its answers
about frames of the test part, whose towns it never saw.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import script_input
from ablation.arms import CORE, MORE, STUDENT, Study
from ablation.figures import Measured, of_runs, table
from ablation.rows import prepare, unpack
from ablation.student import prompts

from lightemma.distillation.form import StudentForm
from lightemma.distillation.rows import SFT, SftRow, read_file

RESULTS = "study.jsonl"


def settings(given: argparse.Namespace) -> dict[str, Any]:
    """The recipe of all arms."""
    sft = {"steps": given.steps, "learning_rate": 1.5e-3, "batch": given.batch}
    return {
        "device": given.device,
        "max_answer_tokens": 90,
        "sft": sft,
        "dpo": {
            "steps": given.dpo_steps,
            "learning_rate": 5e-5,
            "batch": given.batch // 2,
            "beta": 0.1,
            "likelihood": 1.0,
        },
        "grpo": {"steps": given.grpo_steps, "learning_rate": 5e-5, "batch": given.batch, "answers": 8, "beta": 0.0},
        "on_policy": {"steps": given.grpo_steps, "learning_rate": 5e-5, "batch": given.batch},
        "validation": {
            "frames": 128,
            "every": max(1, min(given.steps // 4, given.dpo_steps // 2, given.grpo_steps // 2)),
        },
        "checkpoint_every": 10_000,
    }


def train(given: argparse.Namespace) -> None:
    """Trains and measures the arms of some seeds."""
    import torch

    torch.set_float32_matmul_precision("high")
    rows = given.rows if given.unpacked else given.out / "rows"
    if not (rows / "blind" / "distillation.json").is_file():
        unpack(given.rows, rows)
    given.out.mkdir(parents=True, exist_ok=True)
    results = (given.results or given.out) / given.name
    study = Study(rows, given.out, results, settings(given), given.deadline, given.test_frames)
    if given.share:
        study.data("expert")
        seconds = study.time_steps()
        # The steps of the first arms, those of a preference stage half as dear again, and 8 s of questions for each arm.
        room = given.share * (given.deadline - time.time()) / len(given.seeds) - 8 * (len(CORE) + 1)
        fit = max(60, min(int(room / seconds / (3 + 4 / 6 * 1.5)), 4000))
        fitting = {**vars(given), "steps": fit, "dpo_steps": fit // 6, "grpo_steps": fit // 12}
        study.settings = settings(argparse.Namespace(**fitting))
        study.say(f"{seconds:.3f} s a step: {fit} steps of SFT")
    study.run((arm, seed) for seed in given.seeds for arm in CORE[: given.only])
    if given.more:
        study.run((arm, seed) for arm in MORE for seed in given.seeds)


def show(given: argparse.Namespace) -> None:
    """Prints the table."""
    found = [
        msgspec.json.decode(line, type=Measured) for path in given.results for line in path.read_bytes().splitlines()
    ]
    asked = {frame for one in found for frame in one.frames}
    kept = [row for row in read_file(given.rows / "expert" / SFT, SftRow) if f"{row.scene}/{row.sample_token}" in asked]
    print("\n".join(table([*found, *of_runs(given.runs, kept)], STUDENT)))


def main() -> None:
    """One of three steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(dest="step", required=True)
    own = steps.add_parser("rows", help="collect")
    own.add_argument("places", type=script_input.folder, nargs="+")
    own.add_argument("--out", type=script_input.new_folder, required=True)
    own.add_argument("--teacher", default="tiny-driver")
    own.add_argument("--quality", type=script_input.percent, default=60)
    own = steps.add_parser("unpack", help="write the rows of an archive, as `train` does by itself")
    own.add_argument("rows", type=script_input.folder)
    own.add_argument("--out", type=script_input.new_folder, required=True)
    own = steps.add_parser("train", help="train and measure")
    own.add_argument("rows", type=script_input.folder)
    own.add_argument("--out", type=script_input.new_folder, required=True)
    own.add_argument("--results", type=script_input.new_folder, help="another folder for the results")
    own.add_argument("--name", default=RESULTS, help="file of the results")
    own.add_argument("--unpacked", action="store_true", help="the rows are unpacked already")
    own.add_argument("--only", type=script_input.count, help="only so many of the arms")
    own.add_argument("--seeds", type=script_input.seeds, default=[0, 1, 2])
    own.add_argument("--steps", type=script_input.count, default=800)
    own.add_argument("--dpo-steps", type=script_input.amount, default=120)
    own.add_argument("--grpo-steps", type=script_input.amount, default=60)
    own.add_argument("--batch", type=script_input.count, default=64)
    own.add_argument(
        "--share",
        type=script_input.share,
        help="of the time to the deadline for the first arms; decides how many steps",
    )
    own.add_argument("--test-frames", type=script_input.count, default=2000)
    own.add_argument("--device", default="auto")
    own.add_argument("--deadline", type=script_input.positive, default=float("inf"), help="seconds since 1970")
    own.add_argument(
        "--more", action="store_true", help="imitation, GRPO, pairs of own answers and on-policy distillation too"
    )
    own = steps.add_parser("table", help="print the table")
    own.add_argument("results", type=script_input.file, nargs="+", help="files of the results")
    own.add_argument("--rows", type=script_input.folder, required=True)
    own.add_argument("--runs", type=script_input.folder, nargs="*", default=[])
    given = parser.parse_args()
    if given.step == "rows":
        form = StudentForm(prompts=str(prompts(given.out / "prompts").resolve()))
        prepare(given.places, given.teacher, given.out, form, given.quality)
    elif given.step == "unpack":
        unpack(given.rows, given.out)
    elif given.step == "train":
        train(given)
    else:
        show(given)


if __name__ == "__main__":
    script_input.ends(main)
