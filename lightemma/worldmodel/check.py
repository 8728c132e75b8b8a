"""The check that decides how far a world may be believed; it writes what it finds beside the weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from lightemma.errors import UserError
from lightemma.files import write_whole
from lightemma.worldmodel.checkpoint import ROAD_S, Checkpoint, Trust, write_card
from lightemma.worldmodel.clips import Clip
from lightemma.worldmodel.edm import Sampler
from lightemma.worldmodel.fidelity import Fidelity, Horizon, Share, fidelity, horizon
from lightemma.worldmodel.fitting import Fit, Say
from lightemma.worldmodel.imagination import MANY, Imagination
from lightemma.worldmodel.inverse import InverseDynamics, train_inverse
from lightemma.worldmodel.road_check import RoadCheck, check_road, check_road_imagined
from lightemma.worldmodel.train_world import clips_of

FOUND = "check.json"
#: Seconds that a drive is imagined for the trust horizon.
LONGEST_S = 10.0
#: The road is judged by an end model from this area under its curve on, on imagined pictures.
_LEAST_AUC = 0.7


@dataclass(frozen=True, slots=True)
class CheckSettings:
    """What is checked.

    Attributes:
        data: held-out drives with varied actions.
        learn: recorded drives on which the inverse-dynamics net is trained; none of them is in ``data``.
        steps: of its training.
        batch: examples of a step of it.
        simulator: seconds for which drivers are compared with the simulator; 0 leaves that out.
        starts: most starts of that.
        device: ``cpu`` or ``cuda``.
    """

    data: tuple[str, ...]
    learn: tuple[str, ...]
    steps: int = 1500
    batch: int = 32
    simulator: float = 8.0
    starts: int = 10
    device: str = "cpu"


def check_world(checkpoint: Checkpoint, settings: CheckSettings, say: Say) -> dict[str, Any]:
    """Checks a world, says what it finds, and writes it.

    Returns:
        Everything that was found, as written.

    Raises:
        UserError: if there is too little data.
    """
    card = checkpoint.card
    clips = clips_of(settings.data, card.size, card.dt, None)
    imagination = Imagination(
        checkpoint.denoiser(settings.device), Sampler(card.sampler_steps), None, settings.device, MANY
    )
    long = [clip for clip in clips if len(clip.pictures) > card.denoiser.past + 1]
    if not long:
        raise UserError("No held-out drive is long enough; give others.")
    found: dict[str, Any] = {"weights": checkpoint.weights}
    learned = clips_of(settings.learn, card.size, card.dt, "train")
    both = {(one.name, one.poses.tobytes()) for one in learned} & {(one.name, one.poses.tobytes()) for one in clips}
    if both:
        raise UserError(
            f"The drive '{min(both)[0]}' is in `data` and in `learn`: what is checked must be held out; give other drives.",
            "data",
            "learn",
        )
    net = train_inverse(
        learned,
        card.size,
        Fit(settings.steps, settings.batch, 1e-3, every=max(1, settings.steps // 4), device=settings.device),
        checkpoint.folder / "inverse.training.pt",
        say,
    )
    actions = fidelity(imagination, net, long, card.denoiser.past)
    found["fidelity"] = asdict(actions)
    for line in words_of_fidelity(actions):
        say(line)
    steps = min(round(LONGEST_S / card.dt), max(len(clip.pictures) for clip in long) - card.denoiser.past)
    reach = horizon(imagination, long, card.denoiser.past, steps, card.dt)
    found["horizon"] = {
        name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in asdict(reach).items()
    }
    for line in words_of_horizon(reach):
        say(line)
    # One picture is the least that is driven, whatever it is worth; the report says that it is worth nothing then.
    trusted = max(reach.trusted_s, card.dt)
    seen = round(min(trusted, ROAD_S) / card.dt)
    road = _road(checkpoint, settings, clips, seen, found, say)
    trust = Trust(
        trusted,
        checkpoint.weights,
        road.threshold if road and road.auc >= _LEAST_AUC else None,
        road.auc if road else None,
        road.error if road else None,
        seen * card.dt,
    )
    write_card(checkpoint.folder, trust)
    if settings.simulator:
        _against_city(checkpoint.folder, settings, net, found, say)
    _write(checkpoint.folder / FOUND, found)
    return found


def _road(
    checkpoint: Checkpoint, settings: CheckSettings, clips: Sequence[Clip], steps: int, found: dict[str, Any], say: Say
) -> RoadCheck | None:
    """What the end model is worth on imagined pictures, up to the horizon; None where that cannot be said."""
    reward_end = checkpoint.reward_end(settings.device)
    if reward_end is None:
        say("end model: none")
        return None
    card = checkpoint.card
    reads = Imagination(
        checkpoint.denoiser(settings.device), Sampler(card.sampler_steps), reward_end, settings.device, MANY
    )
    recorded, imagined = check_road(reward_end, clips), check_road_imagined(reads, clips, card.denoiser.past, steps)
    for name, road in (("recorded", recorded), ("imagined", imagined)):
        if road is None:
            say(f"end model on {name} pictures: too few held-out steps on and off the road to judge it")
            continue
        found[f"road {name}"] = asdict(road)
        say(
            f"end model on {road.steps} {name} held-out pictures ({road.off_road:.0%} off the road): area under the curve "
            f"{road.auc:.3f}, calibration error {road.error:.3f}, balanced accuracy {road.balanced:.0%} at {road.threshold:.2f}"
        )
    return imagined if recorded is not None else None


def _against_city(folder: Path, settings: CheckSettings, net: InverseDynamics, found: dict[str, Any], say: Say) -> None:
    from lightemma.closed_loop.worlds.imagined import ImaginedFactory
    from lightemma.worldmodel.against_city import compare_scores, exact_specs, exploit
    from lightemma.worldmodel.agreement import ranking
    from lightemma.worldmodel.counterfactuals import counterfactuals, instrument_ceiling

    factory = ImaginedFactory(str(folder))
    exact = exact_specs(factory)
    # Spread over all of them: those of one scenario follow each other.
    specs = (
        [exact[one] for one in np.unique(np.linspace(0, len(exact) - 1, settings.starts).round().astype(int))]
        if exact
        else []
    )
    if not specs:
        say(
            "the simulator: no start is the beginning of one of its episodes; give expert drives without --perturb as --starts"
        )
        return
    ceiling = instrument_ceiling(net, specs, factory.checkpoint.card.size)
    found["ceiling"] = asdict(ceiling)
    say(
        f"instrument on the simulator's own pictures after the same changes, {len(specs)} starts: slope of speed "
        f"{words(ceiling.speed_slope, False)}, of changes of speed {words(ceiling.speed_within, False)}, of curvature "
        f"{words(ceiling.curvature_slope, False)}"
    )
    seen = counterfactuals(factory, specs)
    found["counterfactuals"] = {
        "told_apart": asdict(_mean(seen.told_apart)),
        "better_than_copy": asdict(_mean(seen.better_than_copy)),
        "chance": 1.0 / len(seen.actions),
    }
    say(
        f"counterfactuals in the simulator, {len(specs)} starts, five actions held for 1 s: "
        f"{words(_mean(seen.told_apart))} of the imagined pictures are nearest to the truth of their own "
        f"action (chance {1 / len(seen.actions):.0%}), "
        f"{words(_mean(seen.better_than_copy))} nearer to it than the picture at the start"
    )
    found["ranking"] = {}
    # The world is asked beyond its horizon on purpose: where does its ranking break?
    moments = sorted({*(one for one in (2.0, 4.0) if one < settings.simulator), settings.simulator})
    for seconds, scores in compare_scores(factory, specs, moments).items():
        ours, line = ranking(scores.true, scores.imagined), ranking(scores.true, scores.line)
        found["ranking"][f"{seconds:g}"] = {
            "imagined": asdict(ours),
            "line": asdict(line),
            "drivers": scores.names,
            "true": scores.true.mean(axis=1).tolist(),
            "scores": scores.imagined.mean(axis=1).tolist(),
        }
        for name, one in (("imagined", ours), ("without its pictures", line)):
            say(
                f"ranking of {one.drivers} drivers after {seconds:g} s, {one.starts} starts, {name}: Spearman "
                f"{_figure(one.spearman)}, Pearson {_figure(one.pearson)}, mean maximum rank violation "
                f"{_figure(one.violation, 1)}"
            )
    gamed = exploit(factory, specs, settings.simulator)
    found["exploit"] = {
        name: getattr(gamed, name).tolist() for name in ("imagined", "true", "expert_imagined", "expert_true")
    }
    say(
        f"exploit: the best of 24 blind plans has {gamed.imagined.mean():.1f} in the imagined world and "
        f"{gamed.true.mean():.1f} in the simulator; the recorded driver {gamed.expert_imagined.mean():.1f} and "
        f"{gamed.expert_true.mean():.1f}; overrated by {gamed.gap:+.1f} points"
    )


def _mean(values: Any) -> Share:
    from lightemma.worldmodel.fidelity import share

    return share(values, np.arange(len(values)))


def words(one: Share, percent: bool = True) -> str:
    """A figure with its interval."""
    form = ".0%" if percent else ".2f"
    return f"{one.value:{form}} [{one.low:{form}}, {one.high:{form}}]"


def _figure(one: Any, digits: int = 2) -> str:
    return f"{one.value:.{digits}f} [{one.low:.{digits}f}, {one.high:.{digits}f}]"


def words_of_fidelity(found: Fidelity) -> list[str]:
    """Sentences about action fidelity."""
    return [
        f"instrument on recorded held-out pictures: speed ±{found.own_speed_error:.2f} m/s, slope {found.own_speed_slope:.2f}; "
        f"turn ±{found.own_turn_error:.3f} rad/s, slope of curvature {found.own_curvature_slope:.2f}",
        f"left and right told apart rightly in {words(found.steering)} of {found.steering.count} starts, faster and slower in "
        f"{words(found.speeding)}",
        f"slope of recovered over commanded speed {words(found.speed_slope, False)}, of changes of speed "
        f"{words(found.speed_within, False)}, curvature {words(found.curvature_slope, False)}",
    ]


def words_of_horizon(found: Horizon) -> list[str]:
    """Sentences about the trust horizon."""
    lines = []
    for step in sorted({0, 1, 3, 7, 11, len(found.seconds) - 1} & set(range(len(found.seconds)))):
        lines.append(
            f"after {found.seconds[step]:g} s: imagined {found.imagined[step]:.2f} dB, copied {found.copied[step]:.2f} dB, "
            f"difference [{found.low[step]:+.2f}, {found.high[step]:+.2f}]"
        )
    return [*lines, f"trust horizon: {found.trusted_s:g} s"]


def _write(path: Path, found: dict[str, Any]) -> None:
    try:
        write_whole(path, msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    except OSError as error:
        raise UserError(f"'{path}' cannot be written ({error.strerror}); make room.") from error
