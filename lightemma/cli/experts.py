"""lightemma experts: lists the tools that a planner can call, and tries them on a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lightemma.cli.output import echo

if TYPE_CHECKING:
    from lightemma.experts.executor import Done
    from lightemma.frame import Camera, Frame

app = typer.Typer(
    help="List and try the tools of the planner expert-tools.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("list")
def list_experts() -> None:
    """List the experts: what each does, its licences, and whether it can be used here."""
    from lightemma.errors import UserError
    from lightemma.experts.registry import experts, make_expert
    from lightemma.outside_text import one_line

    for name, one in experts().items():
        of = "" if one.package == "lightemma" else f"; from {one.package}"
        try:
            expert = make_expert(name)
        except UserError as error:
            echo(f"{name}  (cannot be used{of})\n    {error}")
            continue
        card, absent = expert.card, expert.absent()
        kind = "; a control that knows the truth" if card.privileged else ""
        weights = f", weights {card.weights_licence}" if card.weights_licence else ""
        echo(f"{name}  ({card.task}, {card.endpoint}, rank {card.rank}, about {card.cost:g} s{kind}{of})")
        echo(f"    {one_line(card.description)}")
        takes, gives = ", ".join(card.inputs) or "nothing", ", ".join(dict.fromkeys(("words", *card.outputs)))
        echo(f"    takes {takes}; gives {gives}; licence of code {card.code_licence}{weights}")
        if absent:
            echo(f"    cannot be used here: {absent}")


@app.command("run")
def run_experts(
    image: Annotated[Path, typer.Argument(help="A picture of a front camera, JPEG or PNG.")],
    earlier: Annotated[Path | None, typer.Option(help="The picture half a second before.", show_default=False)] = None,
    expert: Annotated[
        list[str] | None,
        typer.Option(
            "--expert",
            help="Only this expert, and what it needs; may be given several times. All that can be used here if left out.",
            show_default=False,
        ),
    ] = None,
    focal: Annotated[
        float | None,
        typer.Option(help="Focal length in pixels of a level camera; with --height, distances are known.", min=1.0),
    ] = None,
    height: Annotated[float | None, typer.Option(help="Metres of the camera above the road.", min=0.1)] = None,
    speed: Annotated[float, typer.Option(help="Our own speed, m/s.", min=0.0, max=80.0)] = 0.0,
    repeat: Annotated[int, typer.Option(help="Times that everything is done, for its seconds.", min=1)] = 1,
) -> None:
    """Try the experts on a picture, by the default plan of tasks, and print what each finds."""
    import asyncio

    from lightemma.data.pictures import PicturePolicy, load_picture
    from lightemma.errors import UserError
    from lightemma.experts.executor import Scene, execute
    from lightemma.experts.motion_words import motion_in_words
    from lightemma.experts.places import places
    from lightemma.experts.registry import chosen_experts
    from lightemma.experts.selection import by_rank
    from lightemma.experts.task_plan import default_plan

    if (focal is None) != (height is None):
        raise UserError("--focal and --height together say how the camera looks at the road; give both, or none.")
    pictures = {"picture": load_picture(image, PicturePolicy())}
    if earlier is not None:
        pictures["earlier-picture"] = load_picture(earlier, PicturePolicy())
    size = pictures["picture"].size
    frame = _frame(_level_camera(focal, height, size) if focal and height else None, speed)
    made = chosen_experts(expert or ["all"])
    scene = Scene(frame, pictures, {"motion": motion_in_words(frame.history)[0]})
    tasks = default_plan([one.card for one in made], scene.given)
    if not tasks:
        raise UserError(
            "None of these experts can do anything with this picture alone; add those whose results they need."
        )
    chosen, _ = by_rank(tasks, made)

    async def times() -> list[list[Done]]:
        by = {number: one.expert for number, one in chosen.items()}
        return [await execute(tasks, by, scene, places()) for _ in range(repeat)]

    runs = asyncio.run(times())
    for place, one in enumerate(runs[-1]):
        seconds = sorted(run[place].seconds for run in runs)[len(runs) // 2]
        echo(f"{one.task.id}. {one.task.task} by {one.expert or 'no expert'}: {one.outcome}, {seconds:.3f} s")
        for name, text in one.task.args.items():
            echo(f"    {name}: {text}")
        if one.found is None:
            echo(f"    {one.why}")
            continue
        echo(f"    {one.found.words}")
        for key, value in one.found.numbers.items():
            echo(f"    {key} = {value:g}")
        for box in one.found.boxes:
            echo(f"    {box.label} {box.score:.2f} at {box.left:.0f}, {box.top:.0f}, {box.right:.0f}, {box.bottom:.0f}")


@app.command("bench")
def bench_experts(
    frames: Annotated[int, typer.Option(help="Pictures to look at, about.", min=1)] = 66,
    data: Annotated[
        str | None,
        typer.Option(help="Annotated data, as of run --data, in place of drives of the city.", show_default=False),
    ] = None,
    detector: Annotated[
        list[str] | None,
        typer.Option(
            "--detector",
            help="An expert that detects objects, as of run --planner-option experts; may be given several times. All that can "
            "be used here if left out; none for no detector.",
            show_default=False,
        ),
    ] = None,
    first_seed: Annotated[
        int, typer.Option(help="Seed of the first drive; from 1000 on nothing was trained on.")
    ] = 1000,
    scenarios: Annotated[str, typer.Option(help="Drives, with commas.")] = "all",
    conditions: Annotated[str, typer.Option(help="Light and weather of the drives.")] = "day",
    renderer: Annotated[str, typer.Option(help="Renderer: auto, panda3d or painter.")] = "auto",
    scenes: Annotated[list[str] | None, typer.Option(help="Scenes of the data.", show_default=False)] = None,
) -> None:
    """Compare the experts with the truth: what can be seen in drives of the city, or the annotations of data.

    Detection by class and distance, light state, distance, lane and lead speed, with 95 % intervals of shares, and seconds.
    """
    from lightemma.errors import UserError
    from lightemma.expert_bench.annotated import look_at_recordings
    from lightemma.expert_bench.city import PROMISES, look_at_city
    from lightemma.experts.detections import Detector
    from lightemma.experts.registry import chosen_experts

    names = detector or ["all"]
    made = [] if names == ["none"] else chosen_experts(names)
    found = [one for one in made if isinstance(one, Detector)]
    wrong = [one.card.id for one in made if not isinstance(one, Detector)]
    if wrong and "all" not in names:
        raise UserError(f"The expert '{wrong[0]}' detects no objects; the others are compared without being named.")
    if data is not None:
        from lightemma.data.sources import open_source

        for line in look_at_recordings(open_source(data, Path("results")), frames, found, scenes).lines():
            echo(line)
        return
    tally = look_at_city(frames, first_seed, found, renderer, conditions, scenarios)  # type: ignore[arg-type]
    for line in tally.lines():
        echo(line)
    for promise in PROMISES:
        kept = {True: "kept", False: "BROKEN", None: "nothing to compare"}[tally.keeps(promise)]
        bound = f"at least {promise.bound:.0%}" if promise.share else f"median at most {promise.bound:g}"
        echo(f"promised: {promise.name}, {bound}: {kept}")


@app.command("plan")
def plan(
    model: Annotated[
        list[str],
        typer.Option(
            "--model", help="A name in configs/models, a YAML, or package.module:Class; may be given several times."
        ),
    ],
    guided: Annotated[
        bool | None,
        typer.Option(
            "--guided/--free",
            help="Hold the answers to the schema of a plan, or not; both, one after the other, where a model can be held and "
            "this is left out.",
            show_default=False,
        ),
    ] = None,
    concurrency: Annotated[int, typer.Option(help="Situations that are planned for at the same time.", min=1)] = 4,
    prompts: Annotated[
        str, typer.Option(help="Prompt set (`lightemma prompts`), or a folder with one.")
    ] = "three-stage",
    out: Annotated[
        Path | None,
        typer.Option(help="Folder in which the table is written too (planning.csv, .md, .tex).", show_default=False),
    ] = None,
) -> None:
    """Measure how well models plan tasks: their plans for twelve situations against plans written by hand.

    This sends at most 24 calls per row; nothing is cached. Exit status 1 if a model did not answer.
    """
    import asyncio
    from dataclasses import asdict

    from lightemma.cli.show import show
    from lightemma.errors import UserError
    from lightemma.prompts.sets import load_prompts
    from lightemma.sessions.models import make_backend
    from lightemma.sessions.planning_check import check_planning
    from lightemma.table_files import write_table

    wording = load_prompts(prompts)
    backends = [make_backend(name) for name in model]
    rows = []
    for backend in backends:
        able = "json" in backend.constraints
        if guided and not able:
            raise UserError(f"The answers of '{backend.config.name}' cannot be held to a schema; leave --guided out.")
        echo(f"Asking {backend.config.name} …", err=True)
        rows += asyncio.run(
            check_planning(backend, wording, [False, True] if guided is None and able else [bool(guided)], concurrency)
        )
    cells = [asdict(row) for row in rows]
    columns = [{name: value for name, value in row.items() if name != "complaint"} for row in cells]
    caption = f"Plans of tasks for {rows[0].plans} situations against plans written by hand."
    show(columns, caption, ("model", "guided"))
    for row in rows:
        if row.complaint:
            echo(f"{row.model}, {'guided' if row.guided == 'yes' else 'free'}, most often: {row.complaint}")
    if out is not None:
        write_table(out, "planning", cells, caption, columns=list(cells[0]))
        echo(f"-> {out / 'planning.csv'}")
    if any(row.failed for row in rows):
        raise typer.Exit(1)


def _frame(camera: Camera | None, speed: float) -> Frame:
    """A frame of a car that has driven straight on at one speed."""
    import numpy as np

    from lightemma.frame import EgoHistory, Frame, Pose
    from lightemma.protocol import LIGHTEMMA

    count = LIGHTEMMA.history_positions
    positions = np.column_stack([speed * LIGHTEMMA.dt * np.arange(1 - count, 1), np.zeros(count)])
    actions = np.tile([speed, 0.0], (LIGHTEMMA.history_actions, 1))
    return Frame(
        "picture", 0, "picture", 0, "", None, camera, Pose(0.0, 0.0, 0.0), EgoHistory(positions, actions), None
    )


def _level_camera(focal: float, height: float, size: tuple[int, int]) -> Camera:
    """A camera that looks straight ahead, its principal point in the middle of the picture, above nuScenes' place."""
    import numpy as np

    from lightemma.frame import Camera

    across, down = (size[0] - 1) / 2, (size[1] - 1) / 2
    intrinsic = np.array([[focal, 0.0, across], [0.0, focal, down], [0.0, 0.0, 1.0]])
    return Camera(intrinsic, np.array([0.5, -0.5, 0.5, -0.5]), np.array([1.7, 0.0, height]), size)
