"""lightemma distill: from runs of teachers to a small student that answers in one call."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lightemma.cli import options
from lightemma.cli.output import echo

app = typer.Typer(
    help="Make training data from runs of teachers, and train a student on it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("collect")
def collect(
    places: Annotated[
        list[Path], typer.Argument(help="Runs of teachers, and data sets that `lightemma simulate data` wrote.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the rows.")],
    reasoning: Annotated[
        bool, typer.Option("--reasoning", help="The student says a few sentences before the six pairs.")
    ] = False,
    command: Annotated[bool, typer.Option("--command", help="The student is told where the drive goes next.")] = False,
    pictures: Annotated[int, typer.Option(help="Pictures per frame: its own and those before it.", min=1, max=8)] = 1,
    history: Annotated[int, typer.Option(help="Seconds of the car's own motion that are shown: 0, 1 or 3.")] = 3,
    prompts: Annotated[
        str, typer.Option(help="Prompt set with the wording of the question, or a folder.")
    ] = "three-stage",
    rank: Annotated[
        str,
        typer.Option(
            help="What answers are ranked by: l2 to the truth, or rollout in a copy of the closed loop's world."
        ),
    ] = "l2",
    margin: Annotated[float, typer.Option(help="Least difference of two answers, metres.", min=0.0)] = 0.1,
    pairs: Annotated[int, typer.Option(help="Most pairs of one frame.", min=0)] = 2,
    learn: Annotated[
        str, typer.Option(help="Whose answers are learnt: the expert's where it has one, or the best of the others.")
    ] = "expert",
    critic: Annotated[
        bool, typer.Option("--critic", help="Reject answers that contradict what is seen, where facts were recorded.")
    ] = False,
    every: Annotated[int, typer.Option(help="Every n-th frame of a scene.", min=1)] = 1,
    blind: Annotated[
        bool, typer.Option("--blind", help="Show the pictures grey: for a twin that learns without eyes.")
    ] = False,
    held_out: Annotated[
        str, typer.Option(help="Scenarios, recorded scenes or places for the test only, separated by commas.")
    ] = "",
    first_seed: Annotated[int, typer.Option(help="Simulated seeds below this are for the test only.", min=0)] = 0,
    data: Annotated[
        str | None,
        typer.Option(help="Data behind recorded runs; as noted when they were driven if left out.", show_default=False),
    ] = None,
) -> None:
    """Write rows for training from what teachers answered, split by scene, with a manifest of where they come from."""
    from lightemma.distillation.collect import collect
    from lightemma.distillation.collect_options import CollectOptions, chosen
    from lightemma.distillation.data_manifest import summary
    from lightemma.distillation.form import student_form
    from lightemma.distillation.partition import Partition

    wanted = CollectOptions(
        student_form(reasoning=reasoning, command=command, pictures=pictures, history=history, prompts=prompts),
        chosen(rank, ("l2", "rollout"), "rank"),  # type: ignore[arg-type]
        margin,
        pairs,
        chosen(learn, ("expert", "best"), "learn"),  # type: ignore[arg-type]
        critic,
        every,
        blind,
        Partition(frozenset(name.strip() for name in held_out.split(",") if name.strip()), first_seed),
        data,
    )
    for line in summary(collect(places, out, wanted)):
        echo(line)
    echo(f"Rows: {out}")


@app.command("train")
def train(
    recipe: Annotated[str, typer.Argument(help="A recipe: a name in configs/distill, or the path of such a YAML.")],
    data: Annotated[list[Path], typer.Option("--data", help="Folder that `lightemma distill collect` wrote.")],
    out: Annotated[Path, typer.Option(help="Folder of the training; continues one that is not finished.")],
    stages: Annotated[
        str | None,
        typer.Option(
            help="Stages in place of the recipe's, separated by commas: sft, dpo, grpo, on-policy.", show_default=False
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Model that it starts from, in place of the recipe's.", show_default=False)
    ] = None,
    dagger: Annotated[
        int, typer.Option(help="Rounds of driving, labelling and training after the stages.", min=0, max=20)
    ] = 0,
) -> None:
    """Train a student; the same command goes on after an interruption. With several GPUs: accelerate launch -m lightemma …"""
    from lightemma.distillation.recipe import changed, read_recipe
    from lightemma.distillation.stages import check_training_packages
    from lightemma.distillation.student_data import StudentData
    from lightemma.distillation.student_model import STUDENT
    from lightemma.distillation.train import Training

    wanted = changed(read_recipe(recipe), stages, model)
    check_training_packages()
    rows = StudentData.read(data)
    Training(out, wanted, rows, echo).run(wanted.stages)
    last = out
    if dagger:
        from lightemma.distillation.dagger import rounds, student_of

        rounds(out, wanted, rows, dagger, echo)
        last = student_of(out, dagger)
    echo(f"Drive it: lightemma drive --model {last / STUDENT} {' '.join(rows.form.options)}")


@app.command("compare")
def compare(
    places: Annotated[
        list[Path],
        typer.Argument(help="Runs of teacher and student over the same frames, of probes too, and drives of both."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the table (.csv, .md, .tex).")],
    teacher: options.TeacherOption = None,
    data: options.DataOption = None,
    shared_frames: options.SharedFrames = False,
) -> None:
    """Write one table of students beside their teachers: cost, L2 by convention and stratum, format, words, probes, driving."""
    from lightemma.distillation.side_by_side import side_by_side
    from lightemma.evaluation.tables.files import write_tables

    write_tables(side_by_side(places, teacher, data, shared=shared_frames), out)
    echo((out / "teacher_and_student.md").read_text("utf-8"))
    echo(f"Table: {out}")


@app.command("memory")
def memory(
    rows: Annotated[Path, typer.Argument(help="Folder that `lightemma distill collect --critic` wrote.")],
    out: Annotated[Path, typer.Option(help="Folder of the new prompt set.")],
    prompts: Annotated[str, typer.Option(help="Prompt set that gets the memory.")] = "three-stage",
    most: Annotated[int, typer.Option(help="Most sentences.", min=1, max=20)] = 6,
) -> None:
    """Write a prompt set that tells teachers what the critic held against earlier plans; name it by --prompts."""
    from lightemma.distillation.memory import remembered, with_memory
    from lightemma.distillation.rows import CORRECTIONS, CorrectionRow, read_file
    from lightemma.prompts.sets import load_prompts, save_prompts

    sentences = remembered(read_file(rows / CORRECTIONS, CorrectionRow), most)
    save_prompts(with_memory(load_prompts(prompts), sentences), out)
    for sentence in sentences:
        echo(f"- {sentence}")
    echo(f"Ask teachers with it: --prompts {out}")
