"""Trains a world on recorded drives: the denoiser, and the reward and end model where maps say where the road is."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch

from lightemma.camera import CameraEntry
from lightemma.data.sources import open_source
from lightemma.errors import UserError, near_names
from lightemma.sessions.session import check_writable
from lightemma.simulation.dataset.split import Part
from lightemma.worldmodel.checkpoint import (
    DENOISER,
    FORMAT,
    LARGEST,
    REWARD_END,
    STARTS,
    Checkpoint,
    WorldCard,
    write_card,
)
from lightemma.worldmodel.clips import Clip, load_clips
from lightemma.worldmodel.denoiser import Denoiser, DenoiserShape, Kind, from_bytes
from lightemma.worldmodel.dreams import driving_choices
from lightemma.worldmodel.edm import Sampler
from lightemma.worldmodel.fitting import Fit, Say, Settings, fit
from lightemma.worldmodel.imagined_clips import imagined_clips
from lightemma.worldmodel.lane_test import SPEED, STEERING
from lightemma.worldmodel.reward_end import RewardEnd, RewardEndShape
from lightemma.worldmodel.road_labels import RoadLoss
from lightemma.worldmodel.starts import Start, starts_of, write_starts
from lightemma.worldmodel.training import DenoiserLoss, Hardening
from lightemma.worldmodel.unet import PUBLISHED, NetworkShape, count_parameters
from lightemma.worldmodel.weights import load_into, read_state, write_state
from lightemma.worldmodel.windows import TEMPO, Windows

#: Sizes of the network by name.
NETWORKS = {
    "published": PUBLISHED,
    "medium": NetworkShape((48, 64, 64), 1, 128, patch=2, attention=False),
    "small": NetworkShape((32, 48, 64), 1, 128, patch=2, attention=False),
    "tiny": NetworkShape((8, 16), 1, 16, patch=2, attention=False),
}
#: Seconds that must follow a start, and most starts of a scene.
_START_S, _PER_SCENE = 10.0, 2


@dataclass(frozen=True, slots=True)
class WorldTraining:
    """What is trained.

    Attributes:
        data: data sets, as ``--data`` has them.
        starts: data sets whose drives are the world's starts; those of ``data`` if there are none.
        out: folder of the checkpoint.
        size: width and height of the pictures.
        dt: seconds between two pictures.
        network: a name of ``NETWORKS``.
        kind: ``edm``, or ``ddpm`` for the twin.
        fit: of the denoiser.
        road_steps: of the reward and end model; 0 trains none.
        mirror: whether half of the examples are mirrored.
        hardening: of past pictures.
        tempo: share of the examples that are replayed in another tempo, see ``Windows``.
        compiled: whether the network is compiled first, which pays on a GPU.
        begin: a checkpoint whose denoiser is trained further (fine-tuning); None begins anew.
        sampler_steps: network evaluations of a picture of this world.
    """

    data: tuple[str, ...]
    out: Path
    fit: Fit
    starts: tuple[str, ...] = ()
    size: tuple[int, int] = (64, 40)
    dt: float = 0.5
    network: str = "small"
    kind: Kind = "edm"
    road_steps: int = 0
    mirror: bool = True
    hardening: Hardening = field(default_factory=Hardening)
    tempo: float = TEMPO
    compiled: bool = False
    begin: Path | None = None
    sampler_steps: int = 3


def train_world(training: WorldTraining, say: Say) -> Checkpoint:
    """Trains a world, or continues it.

    Raises:
        UserError: if the data or a setting do not do.
    """
    if training.network not in NETWORKS:
        raise UserError(
            f"There is no network '{training.network}'; {near_names(training.network, NETWORKS)}", "network"
        )
    network = NETWORKS[training.network]
    if any(side % network.divides or not 0 < side <= LARGEST for side in training.size):
        raise UserError(
            f"`size` is {training.size[0]}x{training.size[1]}; both sides must be multiples of {network.divides}, up to "
            f"{LARGEST}.",
            "size",
        )
    clips = clips_of(training.data, training.size, training.dt, "train")
    camera = next((clip.camera for clip in clips if clip.camera is not None), None)
    if camera is None:
        raise UserError("No drive says which camera took its pictures; a world needs to know, to show it to planners.")
    say(f"{len(clips)} clips with {sum(len(clip.pictures) for clip in clips)} pictures to learn from")
    shape = DenoiserShape(kind=training.kind, network=network)
    # Before hours of training, not after: drives that nothing can begin in are found now.
    begins = _begins(training, shape.past)
    denoiser = _denoiser(training, shape)
    check_writable(training.out)
    say(f"denoiser with {count_parameters(denoiser) / 1e6:.2f} million parameters on {training.fit.device}")
    windows = Windows(clips, shape.past + 2, mirror=training.mirror, tempo=training.tempo, device=training.fit.device)
    loss = DenoiserLoss(denoiser, windows, training.fit, training.hardening)
    if training.compiled:
        denoiser.network.compile()
    fit(denoiser, loss, training.fit, training.out / "denoiser.training.pt", say, _settings(training))
    write_state(training.out / DENOISER, denoiser.state_dict())
    road = _road(training, clips, denoiser, say)
    write_starts(training.out / STARTS, begins)
    names = [open_source(spec, Path("results")).info.name for spec in training.data]
    card = WorldCard(
        FORMAT,
        training.size,
        training.dt,
        shape,
        CameraEntry.of(camera),
        names,
        training.fit.steps,
        road,
        training.sampler_steps,
    )
    write_card(training.out, card)
    return Checkpoint(training.out)


def _settings(training: WorldTraining) -> Settings:
    """What a denoiser's training must have been begun with to be continued; data may grow."""
    return {
        "kind": training.kind,
        "network": training.network,
        "size": _words_of(training.size),
        "dt": training.dt,
        "mirror": training.mirror,
        "tempo": training.tempo,
        "begin": "" if training.begin is None else Checkpoint(training.begin).weights,
    }


def _words_of(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def clips_of(data: tuple[str, ...], size: tuple[int, int], dt: float, part: Part | None) -> list[Clip]:
    """The clips of several data sets.

    Raises:
        UserError: if one has none.
    """
    return [clip for spec in data for clip in load_clips(spec, size, dt, part)]


def _begins(training: WorldTraining, past: int) -> list[Start]:
    """Where the world's drives will begin.

    Raises:
        UserError: if ``starts`` cannot be read, or none of its drives is long enough.
    """
    try:
        clips = clips_of(training.starts or training.data, training.size, training.dt, None)
        return starts_of(clips, past, _START_S, _PER_SCENE)
    except UserError as error:
        if not training.starts:
            raise
        raise UserError(f"`starts` {', '.join(training.starts)}: {error}", "starts") from error


def _denoiser(training: WorldTraining, shape: DenoiserShape) -> Denoiser:
    torch.manual_seed(training.fit.seed)
    denoiser = Denoiser(shape).to(training.fit.device).to(memory_format=torch.channels_last)
    if training.begin is not None:
        begun = Checkpoint(training.begin)
        if begun.card.denoiser != shape or begun.card.size != training.size or begun.card.dt != training.dt:
            raise UserError(
                f"'{training.begin}' has another network, size or `dt`; give the same, or begin anew.", "dt"
            )
        load_into(denoiser, read_state(training.begin / DENOISER, training.fit.device), training.begin / DENOISER)
    return denoiser


def _road(training: WorldTraining, clips: list[Clip], denoiser: Denoiser, say: Say) -> RewardEndShape | None:
    """Trains the reward and end model; its shape, or None without one."""
    mapped = [clip for clip in clips if clip.off_road is not None]
    if not training.road_steps:
        return None
    if not mapped:
        say("no map says where the road is: no reward and end model")
        return None
    shape = RewardEndShape(training.size, channels=(32, 32, 64), memory=128, patch=2)
    torch.manual_seed(training.fit.seed)
    model = RewardEnd(shape).to(training.fit.device)
    plan = Fit(
        training.road_steps,
        training.fit.batch,
        training.fit.rate,
        training.fit.seed,
        every=training.fit.every,
        device=training.fit.device,
        half=training.fit.half,
    )
    sampler = Sampler(training.sampler_steps)
    choices = driving_choices(SPEED, STEERING, training.dt)
    imagined = imagined_clips(denoiser.eval(), mapped, sampler, training.fit.seed, choices, training.fit.device)
    say(f"the reward and end model also learns from {len(imagined)} stretches as the world imagines them")
    loss = RoadLoss(model, [*mapped, *imagined], plan)
    settings: Settings = {"size": _words_of(training.size), "dt": training.dt}
    fit(model, loss, plan, training.out / "reward_end.training.pt", say, settings)
    write_state(training.out / REWARD_END, model.state_dict())
    return shape


def validation_loss(denoiser: Denoiser, clips: list[Clip], count: int = 64, seed: int = 0) -> float:
    """The mean denoising loss on held-out clips, at noise levels that are always the same."""
    past = denoiser.shape.past
    windows = Windows(clips, past + 1)
    window = windows.draw(count, (seed, 2))
    pictures = from_bytes(window.pictures)
    with torch.no_grad():
        random = torch.Generator().manual_seed(seed)
        return float(denoiser.loss(pictures[:, past], pictures[:, :past], window.actions, random))
