"""lightemma worldmodel: trains worlds that draw what a car sees, rolls them out, and checks how far they can be believed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lightemma.cli.output import echo

if TYPE_CHECKING:
    from lightemma.worldmodel.actor_critic import ActorCritic

app = typer.Typer(
    help="Learned worlds: train one on recorded drives, look at it, check it, drive in it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Data = Annotated[
    list[str], typer.Option("--data", help="Recorded drives, such as nuscenes:ROOT@VERSION; may be repeated.")
]
World = Annotated[Path, typer.Argument(help="Folder of a trained world.")]
#: Bounds beyond which a number is a slip: network evaluations of a picture, and examples of a step.
MOST_EVALUATIONS, LARGEST_BATCH = 1000, 65_536
Device = Annotated[str, typer.Option(help="cpu, cuda, or auto.")]


@app.command("train")
def train(
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder of the world; a training that was stopped goes on.")],
    steps: Annotated[int, typer.Option(help="Steps of the denoiser.", min=1)] = 10_000,
    starts: Annotated[
        list[str] | None, typer.Option(help="Drives that its episodes begin in; those of --data if left out.")
    ] = None,
    size: Annotated[str, typer.Option(help="Width and height of the pictures in pixels.")] = "64x40",
    dt: Annotated[float, typer.Option(help="Seconds between two pictures.", min=0.05, max=1.0)] = 0.5,
    network: Annotated[str, typer.Option(help="Size of the network: tiny, small, medium or published.")] = "small",
    kind: Annotated[str, typer.Option(help="edm, or ddpm for comparison.")] = "edm",
    batch: Annotated[int, typer.Option(help="Examples of a step.", min=1, max=LARGEST_BATCH)] = 32,
    rate: Annotated[float, typer.Option(help="Learning rate.", min=0.0, max=1.0)] = 4e-4,
    seed: Annotated[int, typer.Option(help="Of weights, examples and noise.", min=0)] = 0,
    road_steps: Annotated[
        int,
        typer.Option(help="Steps of the reward and end model, where maps say where the road is; 0 trains none.", min=0),
    ] = 1500,
    mirror: Annotated[bool, typer.Option(help="Mirror half of the examples.")] = True,
    begin: Annotated[
        Path | None, typer.Option(help="A trained world that is trained further on this data.", show_default=False)
    ] = None,
    tempo: Annotated[
        float, typer.Option(help="Share of the examples that are replayed slower or faster.", min=0.0, max=1.0)
    ] = 0.5,
    sampler_steps: Annotated[
        int, typer.Option(help="Network evaluations of a picture of this world.", min=1, max=MOST_EVALUATIONS)
    ] = 3,
    compiled: Annotated[bool, typer.Option("--compile", help="Compile the network first (torch.compile).")] = False,
    every: Annotated[int, typer.Option(help="Steps between two checkpoints.", min=1)] = 250,
    device: Device = "auto",
) -> None:
    """Train a world on recorded drives; the same command goes on where it stopped."""
    _need_torch()
    from lightemma.closed_loop.spec import parse_size
    from lightemma.errors import UserError
    from lightemma.worldmodel.fitting import Fit
    from lightemma.worldmodel.train_world import WorldTraining, train_world

    if kind not in ("edm", "ddpm"):
        raise UserError(f"`kind` is '{kind}'; give edm or ddpm.", "kind")
    fit = Fit(steps, batch, rate, seed, every=every, device=_device(device))
    training = WorldTraining(
        tuple(data),
        out,
        fit,
        tuple(starts or ()),
        parse_size(size),
        dt,
        network,
        "edm" if kind == "edm" else "ddpm",
        road_steps,
        mirror,
        tempo=tempo,
        compiled=compiled,
        begin=begin,
        sampler_steps=sampler_steps,
    )
    trained = train_world(training, echo)
    echo(f"{len(trained.starts())} starts -> {out}")
    echo(f"Check it: lightemma worldmodel check {out}; drive in it: lightemma drive --world imagined:{out}")


@app.command("rollout")
def rollout(
    world: World,
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for strips and films.")] = Path("rollouts"),
    steps: Annotated[int, typer.Option(help="Pictures to imagine.", min=1, max=2000)] = 20,
    count: Annotated[int, typer.Option(help="Most drives.", min=1)] = 4,
    first: Annotated[int, typer.Option(help="Recorded pictures before the first imagined one.", min=4)] = 8,
    sampler_steps: Annotated[
        int | None,
        typer.Option(help="Network evaluations of a picture.", min=1, max=MOST_EVALUATIONS, show_default=False),
    ] = None,
    device: Device = "auto",
) -> None:
    """Imagine drives by their recorded actions, beside what was recorded: strips, films, and PSNR against a mere copy."""
    _need_torch()
    import numpy as np

    from lightemma.errors import UserError
    from lightemma.sessions.session import check_writable
    from lightemma.worldmodel.checkpoint import Checkpoint
    from lightemma.worldmodel.edm import Sampler
    from lightemma.worldmodel.imagination import MANY, Imagination
    from lightemma.worldmodel.rollouts import psnr, roll, write_film, write_strip
    from lightemma.worldmodel.train_world import clips_of

    checkpoint, where = Checkpoint(world), _device(device)
    card = checkpoint.card
    sampler = Sampler(sampler_steps or card.sampler_steps)
    imagination = Imagination(checkpoint.denoiser(where), sampler, None, where, MANY)
    clips = clips_of(tuple(data), card.size, card.dt, None)
    long = [clip for clip in clips if len(clip.pictures) >= first + steps]
    if not long:
        longest = max(len(clip.pictures) for clip in clips)
        raise UserError(
            f"No drive has {first + steps} pictures, the longest has {longest}; give fewer `steps`.",
            "steps",
        )
    check_writable(out)
    rolled = roll(imagination, [(clip, first) for clip in long[:count]], card.denoiser.past, steps)
    for one in rolled:
        write_strip(out / f"{one.name}.png", one, max(1, steps // 10))
        write_film(out / f"{one.name}.gif", one, card.dt)
        ours = psnr(one.imagined, one.recorded)
        copied = psnr(np.repeat(one.start[None], steps, axis=0), one.recorded)
        shown = ", ".join(
            f"{card.dt * (step + 1):g} s {ours[step]:.1f} / {copied[step]:.1f}"
            for step in sorted({0, 1, 3, 9, steps - 1} & set(range(steps)))
        )
        echo(f"{one.name}: PSNR in dB imagined / copied: {shown}")
    echo(f"{len(rolled)} strips (recorded above, imagined below) and films -> {out}")


@app.command("check")
def check(
    world: World,
    data: Data,
    learn: Annotated[
        list[str], typer.Option(help="Recorded drives from which the inverse-dynamics net learns; none of --data.")
    ],
    steps: Annotated[int, typer.Option(help="Steps of its training.", min=1)] = 1500,
    batch: Annotated[int, typer.Option(help="Examples of a step of it.", min=1, max=LARGEST_BATCH)] = 32,
    simulator: Annotated[
        float, typer.Option(help="Seconds for which drivers are compared with the simulator; 0 leaves it out.", min=0.0)
    ] = 8.0,
    starts: Annotated[int, typer.Option(help="Most starts of that comparison.", min=1)] = 10,
    device: Device = "auto",
) -> None:
    """Measure how far a world can be believed: actions, trust horizon, counterfactuals, ranking of drivers, exploits."""
    _need_torch()
    from lightemma.worldmodel.check import CheckSettings, check_world
    from lightemma.worldmodel.checkpoint import Checkpoint

    settings = CheckSettings(tuple(data), tuple(learn), steps, batch, simulator, starts, _device(device))
    check_world(Checkpoint(world), settings, echo)


@app.command("play")
def play(
    world: World,
    port: Annotated[int, typer.Option(help="Port on this machine; 0 takes a free one.", min=0, max=65535)] = 8765,
    seed: Annotated[int, typer.Option(help="Of starts and noise.", min=0)] = 0,
    device: Device = "auto",
) -> None:
    """Steer a trained world by the arrow keys, on a page that is served on this machine only."""
    _need_torch()
    from lightemma.errors import UserError
    from lightemma.worldmodel.checkpoint import Checkpoint
    from lightemma.worldmodel.play import Player, make_server

    player = Player(Checkpoint(world), _device(device), seed)
    try:
        server = make_server(player, port)
    except OSError as error:
        raise UserError(f"Port {port} cannot be used ({error.strerror}); give another, or 0.", "port") from error
    with server:
        echo(f"http://127.0.0.1:{server.server_address[1]}/  (Ctrl-C ends it)")
        server.serve_forever()


@app.command("agent")
def agent(
    world: World,
    data: Data,
    steps: Annotated[
        int, typer.Option(help="Updates; --passes of them learn from the same imagined drives.", min=1)
    ] = 480,
    batch: Annotated[int, typer.Option(help="Imagined drives of an update.", min=1, max=LARGEST_BATCH)] = 32,
    horizon: Annotated[int, typer.Option(help="Imagined steps of an update.", min=1, max=1000)] = 15,
    rate: Annotated[float, typer.Option(help="Learning rate.", min=0.0, max=1.0)] = 1e-3,
    entropy: Annotated[float, typer.Option(help="Weight of the entropy.", min=0.0, max=100.0)] = 0.01,
    passes: Annotated[int, typer.Option(help="Updates from the same imagined drives.", min=1)] = 3,
    warm: Annotated[bool, typer.Option(help="Begin with the convolutions of the reward and end model.")] = True,
    blind: Annotated[
        bool, typer.Option("--blind", help="Also train agents that see grey pictures alone, as rivals.")
    ] = False,
    sampler_steps: Annotated[
        int | None,
        typer.Option(
            help="Network evaluations of an imagined picture.", min=1, max=MOST_EVALUATIONS, show_default=False
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of weights, starts and choices.", min=0)] = 0,
    agents: Annotated[int, typer.Option(help="Agents with seeds that follow each other.", min=1)] = 1,
    every: Annotated[int, typer.Option(help="Updates between two checkpoints; 0: a tenth of all.", min=0)] = 0,
    seconds: Annotated[float, typer.Option(help="Of a drive of the test; 0 leaves it out.", min=0.0)] = 12.0,
    perturb: Annotated[
        bool, typer.Option("--perturb", help="Test from starts beside the lane's middle, turned.")
    ] = False,
    scenarios: Annotated[str, typer.Option(help="Of the simulator, for the test.")] = "cruise,bend",
    seeds: Annotated[
        str, typer.Option(help="Of the simulator, for the test; none that the world was trained on.")
    ] = "209,219",
    device: Device = "auto",
) -> None:
    """Let an agent learn to keep its lane in imagination alone, and test it in the simulator beside simple rivals."""
    _need_torch()
    from dataclasses import replace

    from lightemma.closed_loop.spec import parse_seeds
    from lightemma.closed_loop.world_factory import EpisodeChoice
    from lightemma.closed_loop.worlds.city import CityFactory
    from lightemma.worldmodel.agents import LEARNING, AgentTraining, train_agent
    from lightemma.worldmodel.agents_tried import try_agents, words_of_kept
    from lightemma.worldmodel.checkpoint import Checkpoint
    from lightemma.worldmodel.fitting import Fit
    from lightemma.worldmodel.passes import Passes
    from lightemma.worldmodel.train_world import clips_of

    parse_seeds(seeds)
    specs = CityFactory().episodes(EpisodeChoice(scenarios, seeds))
    checkpoint = Checkpoint(world)
    card = checkpoint.card
    clips = clips_of(tuple(data), card.size, card.dt, "train")
    where = _device(device)
    # A checkpoint lies between two batches of drives, so that a training that goes on dreams the same.
    often = -(-(every or max(1, steps // 10)) // passes) * passes
    learned: dict[bool, dict[str, ActorCritic]] = {False: {}, True: {}}
    for one in range(seed, seed + agents):
        plan = Fit(steps, batch, rate, one, every=often, device=where, half=False, rise=20)
        learning = replace(LEARNING, horizon=horizon, entropy=entropy)
        for sees_nothing in (False, True) if blind else (False,):
            training = AgentTraining(plan, learning, Passes(passes), sampler_steps, warm, sees_nothing)
            name = f"{'blind ' if sees_nothing else ''}agent of seed {one}"
            learned[sees_nothing][name] = train_agent(checkpoint, clips, training, echo).cpu()
    if seconds:
        how = ", disturbed starts" if perturb else ""
        echo(f"In the simulator, {len(specs)} drives of {seconds:g} s at 5 m/s ({scenarios}; seeds {seeds}{how}):")
        tried = try_agents(learned[False], specs, card.size, seconds, disturbed=perturb, blind=learned[True])
        for line in words_of_kept(tried):
            echo(line)


@app.command("atari")
def atari(
    out: Annotated[Path, typer.Option(help="Folder; a run that was stopped goes on as if it had not.")],
    game: Annotated[str, typer.Option(help="Such as CrazyClimber, Breakout or Pong.")] = "CrazyClimber",
    size: Annotated[str, typer.Option(help="Width and height of its pictures; 64x64 as published.")] = "",
    skip: Annotated[int, typer.Option(help="Frames of one action; 4 as published.", min=0, max=120)] = 0,
    actions: Annotated[str, typer.Option(help="Those that may be done, such as UP,DOWN; or all.")] = "",
    box: Annotated[str, typer.Option(help="What is shown of the screen: left,upper,right,lower in pixels.")] = "",
    epochs: Annotated[int, typer.Option(help="Rounds of playing and learning.", min=1)] = 3,
    play: Annotated[int, typer.Option(help="Steps played in a round.", min=100)] = 6000,
    updates: Annotated[
        int, typer.Option(help="Steps of learning of the world in a round; its reward model has half as many.", min=1)
    ] = 700,
    agent_updates: Annotated[int, typer.Option(help="Steps of learning of the agent in a round.", min=1)] = 480,
    network: Annotated[
        str, typer.Option(help="Size of the denoiser: fast, tiny, small, medium or published.")
    ] = "fast",
    past: Annotated[int, typer.Option(help="Past pictures that the denoiser sees; 4 as published.", min=1)] = 2,
    batch: Annotated[int, typer.Option(help="Examples of a step of the world.", min=1, max=LARGEST_BATCH)] = 32,
    dreams: Annotated[
        int, typer.Option(help="Imagined games of an update of the agent.", min=2, max=LARGEST_BATCH)
    ] = 64,
    passes: Annotated[
        int, typer.Option(help="Updates of the agent from the same dreams, each from half of them.", min=1)
    ] = 8,
    seed: Annotated[int, typer.Option(help="Of everything.", min=0)] = 0,
    minutes: Annotated[
        float, typer.Option(help="No round is begun that would probably end later; 0 begins all.", min=0.0)
    ] = 0.0,
    only_test: Annotated[bool, typer.Option("--only-test", help="Test the agent that is there.")] = False,
    episodes: Annotated[int, typer.Option(help="Games of the test; 0 leaves it out.", min=0)] = 20,
    epsilon: Annotated[
        float,
        typer.Option(help="Share of random actions of the agent in the test; a tenth in its play.", min=0.0, max=1.0),
    ] = 0.0,
    longest: Annotated[int, typer.Option(help="Most frames of a game of the test.", min=100)] = 108_000,
    device: Device = "auto",
) -> None:
    """Run DIAMOND's own task at a reduced size: learn a game, learn to play in imagination, test in the true game.

    Size, skip, actions and box that are left out are those that CrazyClimber was tried with, and as published for other games.
    """
    _need_torch()
    from lightemma.errors import UserError, near_names
    from lightemma.worldmodel.atari_run import GAME_NETWORKS, AtariPlan, train_atari
    from lightemma.worldmodel.game_cut import check_network, cut_of
    from lightemma.worldmodel.game_tried import try_atari, words_of_points

    if network not in GAME_NETWORKS:
        raise UserError(f"There is no network '{network}'; {near_names(network, GAME_NETWORKS)}", "network")
    cut = cut_of(game, size, skip, actions, box)
    sizes = GAME_NETWORKS[network]
    check_network(cut, past, max(8, sizes.divides), sizes.condition)
    plan = AtariPlan(
        game,
        cut,
        epochs,
        play,
        updates,
        agent_updates,
        network,
        past,
        batch,
        dreams,
        passes,
        seed=seed,
        episodes=episodes,
        epsilon=epsilon,
        longest=longest,
        minutes=minutes,
    )
    if not only_test:
        steps = train_atari(plan, out, _device(device), echo)
        echo(f"A reduced run: {steps} steps played with seed {seed}, not the 100,000 of Atari 100k.")
    if episodes:
        for line in words_of_points(game, try_atari(plan, out)):
            echo(line)


@app.command("hns")
def hns(
    scores: Annotated[Path, typer.Argument(help="JSON object of Atari 100k games, each with the scores of its runs.")],
    draws: Annotated[int, typer.Option(help="Draws of the bootstrap.", min=100)] = 2000,
) -> None:
    """Human-normalised scores of Atari 100k: mean, median, interquartile mean, with intervals over runs."""
    from lightemma.worldmodel.hns import read_scores, summaries

    found = read_scores(scores)
    runs = sorted({len(one) for one in found.values()})
    each = f"{runs[0]}" if len(runs) == 1 else f"{runs[0]} to {runs[-1]}"
    echo(f"{len(found)} games, {each} runs each; 95 % intervals by a bootstrap of the runs within each game")
    for one in summaries(found, draws):
        digits = 0 if one.name == "games above human" else 3
        echo(f"{one.name:20} {one.value:8.{digits}f}  [{one.low:.{digits}f}, {one.high:.{digits}f}]")


def _need_torch() -> None:
    from importlib.util import find_spec

    from lightemma.errors import UserError

    if find_spec("torch") is None:
        raise UserError("A learned world needs torch; install lightemma[worldmodel].")


def _device(wanted: str) -> str:
    import torch

    from lightemma.errors import UserError

    there = torch.cuda.is_available()
    if wanted not in ("auto", "cpu", "cuda") or (wanted == "cuda" and not there):
        raise UserError(f"`device` is '{wanted}'; give cpu{', cuda' if there else ''} or auto.", "device")
    return "cuda" if wanted != "cpu" and there else "cpu"
