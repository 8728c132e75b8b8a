"""A trained world on disk: a folder with its description, weights, starts, and what a check has found."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import torch

from lightemma.camera import CameraEntry
from lightemma.errors import UserError
from lightemma.files import read_whole, write_whole
from lightemma.worldmodel.denoiser import Denoiser, DenoiserShape
from lightemma.worldmodel.edm import MOST_EVALUATIONS
from lightemma.worldmodel.reward_end import RewardEnd, RewardEndShape
from lightemma.worldmodel.starts import Start, read_starts
from lightemma.worldmodel.weights import load_into, read_state

CARD, DENOISER, REWARD_END, STARTS, TRUST = "world.json", "denoiser.pt", "reward_end.pt", "starts.npz", "trust.json"
#: Raised when older checkpoints cannot be used any longer.
FORMAT: Final = 1
#: Pixels of a side of its pictures at most; parts of a network at most, such as channels or units.
LARGEST, _WIDEST = 2048, 4096
#: Seconds for which a world is trusted that was never checked.
UNCHECKED_S: Final = 2.0


class WorldCard(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a trained world is.

    Attributes:
        format: of the folder.
        size: width and height of the pictures.
        dt: seconds between two pictures.
        denoiser: what decides its weights.
        camera: of the pictures.
        data: names of the data sets that it was trained on.
        steps: of its training, so far.
        reward_end: of the reward and end model; None without one.
        sampler_steps: network evaluations of one picture.
    """

    format: int
    size: tuple[int, int]
    dt: float
    denoiser: DenoiserShape
    camera: CameraEntry
    data: list[str]
    steps: int
    reward_end: RewardEndShape | None = None
    sampler_steps: int = 3


#: Seconds of an imagined drive at most over which an end model is checked.
ROAD_S = 4.0


class Trust(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a check has found about how far a world can be believed.

    Attributes:
        horizon_s: seconds for which its pictures are nearer to the truth than the picture at the start.
        weights: digest of the weights that were checked.
        end_threshold: probability of the end model from which the car counts as off the road; None where it is not used.
        end_auc: area under the curve of the end model on held-out recorded drives; None without one.
        end_error: expected calibration error of its probability.
        end_s: seconds of an imagined drive over which the end model was checked; it judges no later ones.
    """

    horizon_s: float
    weights: str
    end_threshold: float | None = None
    end_auc: float | None = None
    end_error: float | None = None
    end_s: float = ROAD_S


def _impossible(card: WorldCard) -> str:
    """What no world of this program has, in words; an empty string where all is possible."""
    network, ends, levels = card.denoiser.network, card.reward_end, card.denoiser.levels

    def within(*values: float, least: float = 1, most: float = _WIDEST) -> bool:
        return all(least <= one <= most for one in values)

    checks = {
        "time step": within(card.dt, least=0.01, most=10.0),
        "number of evaluations": within(card.sampler_steps, most=MOST_EVALUATIONS),
        "camera": _is_camera(card.camera),
        "network": 1 <= len(network.channels) <= 8
        and within(*network.channels, network.blocks, network.condition)
        and within(network.patch, most=64)
        and within(card.denoiser.past, most=64)
        and within(card.denoiser.times, most=100_000)
        and within(levels.least, levels.most, card.denoiser.precondition.data, least=1e-9, most=1e9),
        "size": within(*card.size, most=LARGEST) and card.camera.size == card.size,
        "actions": within(card.denoiser.actions.count, least=0),
    }
    if ends is not None:
        checks["reward and end model"] = (
            tuple(ends.size) == tuple(card.size)
            and 1 <= len(ends.channels) <= 8
            and within(*ends.channels, ends.condition, ends.memory)
            and within(ends.patch, most=64)
        )
    if checks["network"]:
        checks["size"] = checks["size"] and not any(one % network.divides for one in card.size)
    return next((name for name, fine in checks.items() if not fine), "")


def _is_camera(camera: CameraEntry) -> bool:
    shapes = ((camera.intrinsic, (3, 3)), (camera.rotation, (4,)), (camera.translation, (3,)))
    try:
        found = [np.array(values, dtype=np.float64) for values, _ in shapes]
    except ValueError:  # rows of different lengths
        return False
    fits = all(one.shape == shape and np.isfinite(one).all() for one, (_, shape) in zip(found, shapes, strict=True))
    return bool(fits and abs(np.linalg.norm(found[1]) - 1.0) < 0.01 and found[0][0, 0] > 0.0 and found[0][1, 1] > 0.0)


@dataclass(frozen=True)
class Checkpoint:
    """A trained world.

    Attributes:
        folder: where it is.

    Raises:
        UserError: if there is none, or it is of another format.
    """

    folder: Path

    def __post_init__(self) -> None:
        _ = self.card

    @cached_property
    def card(self) -> WorldCard:
        """Its description."""
        path = self.folder / CARD
        try:
            card = msgspec.json.decode(read_whole(path), type=WorldCard)
        except OSError as error:
            raise UserError(
                f"'{self.folder}' is no trained world ({error.strerror or error}); give a folder that `lightemma worldmodel "
                "train` wrote."
            ) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
            raise UserError(f"'{path}' is damaged ({error}); train the world again.") from error
        if card.format != FORMAT:
            raise UserError(f"'{path}' has the format {card.format}, not {FORMAT}; train the world again.")
        wrong = _impossible(card)
        if wrong:
            raise UserError(f"'{path}' is damaged (its {wrong} cannot be); train the world again.")
        return card

    @cached_property
    def weights(self) -> str:
        """12 digits of a digest of the weights and the starts."""
        digest = hashlib.sha256()
        for name in (CARD, DENOISER, REWARD_END, STARTS):
            path = self.folder / name
            try:
                digest.update(read_whole(path, 2_000_000_000) if path.exists() else b"-")
            except OSError as error:
                raise UserError(f"'{path}' cannot be read ({error.strerror or error}).") from error
        return digest.hexdigest()[:12]

    @cached_property
    def trust(self) -> Trust | None:
        """What a check of these weights has found; None where none was made."""
        path = self.folder / TRUST
        try:
            found = msgspec.json.decode(read_whole(path), type=Trust)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UserError(f"'{path}' is damaged ({error}); check the world again.") from error
        return found if found.weights == self.weights else None

    @property
    def version(self) -> str:
        """Of the world: its weights, and what was found about them."""
        trust = self.trust
        if trust is None:
            return self.weights
        road = "" if trust.end_threshold is None else f"+road{min(trust.end_s, trust.horizon_s):g}s"
        return f"{self.weights}+{trust.horizon_s:g}s{road}"

    @property
    def horizon_s(self) -> float:
        """Seconds for which it is driven."""
        return self.trust.horizon_s if self.trust else UNCHECKED_S

    def denoiser(self, device: str = "cpu") -> Denoiser:
        """The denoiser, for drawing."""
        model = Denoiser(self.card.denoiser)
        load_into(model, read_state(self.folder / DENOISER, device), self.folder / DENOISER)
        return model.to(device).to(memory_format=torch.channels_last).eval().requires_grad_(False)

    def reward_end(self, device: str = "cpu") -> RewardEnd | None:
        """The reward and end model; None without one."""
        if self.card.reward_end is None:
            return None
        model = RewardEnd(self.card.reward_end)
        load_into(model, read_state(self.folder / REWARD_END, device), self.folder / REWARD_END)
        return model.to(device).eval().requires_grad_(False)

    def starts(self) -> list[Start]:
        """Where its drives begin."""
        return read_starts(self.folder / STARTS)


def write_card(folder: Path, card: WorldCard | Trust) -> None:
    """Writes the description, or what a check found.

    Raises:
        UserError: if it cannot be written.
    """
    path = folder / (CARD if isinstance(card, WorldCard) else TRUST)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, msgspec.json.format(msgspec.json.encode(card), indent=2) + b"\n")
    except OSError as error:
        raise UserError(f"'{path}' cannot be written ({error.strerror}); make room.") from error
