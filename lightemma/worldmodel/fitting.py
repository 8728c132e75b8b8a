"""Fits a network step by step, with checkpoints from which the same training goes on as if it had never stopped."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lightemma.errors import UserError
from lightemma.worldmodel.weights import all_finite, load_into, read_state, write_state

#: Share of the steps at the end over which the rate falls to 0.
_FALL = 0.25
#: Longest gradient.
_CLIP = 1.0

Say = Callable[[str], None]
#: Settings by the names of their options, as plain values.
Settings = Mapping[str, str | float | bool]


@dataclass(frozen=True, slots=True)
class Fit:
    """How a network is fitted.

    Attributes:
        steps: in all.
        batch: examples of a step.
        rate: of AdamW.
        seed: of examples and noise.
        decay: weight decay.
        every: steps between two checkpoints and lines of progress.
        device: ``cpu`` or ``cuda``.
        half: whether it computes in bfloat16 where that is safe.
        fall: whether the rate falls to 0 over the last quarter.
        rise: steps at the start over which it rises.
    """

    steps: int
    batch: int = 32
    rate: float = 1e-4
    seed: int = 0
    decay: float = 1e-2
    every: int = 250
    device: str = "cpu"
    half: bool = True
    fall: bool = True
    rise: int = 100

    def rate_at(self, step: int) -> float:
        """The rate of a step."""
        falling = (self.steps - step) / (_FALL * self.steps) if self.fall else 1.0
        return self.rate * min(1.0, (step + 1) / self.rise, falling)

    def autocast(self) -> AbstractContextManager[Any]:
        """The context in which a loss is computed."""
        return torch.autocast(self.device, dtype=torch.bfloat16) if self.half else nullcontext()

    def generator(self, step: int) -> torch.Generator:
        """Random numbers of a step on the device, the same after a resume."""
        return torch.Generator(self.device).manual_seed(self.seed * 1_000_003 + step)


def fit(
    module: nn.Module,
    loss_of: Callable[[int], Tensor],
    plan: Fit,
    path: Path,
    say: Say,
    about: Settings | None = None,
    *,
    may_be_ahead: bool = False,
) -> list[float]:
    """Fits a module, or continues it.

    Args:
        module: on the plan's device.
        loss_of: the loss of a step, by its number alone.
        plan: how.
        path: file of the state of the training; it is begun anew if there is none.
        say: is told of the progress.
        about: what else decides the training; one that is continued must have been begun with the same.
        may_be_ahead: whether the file may hold more steps than the plan has, as where rounds are gone through again.

    Returns:
        The mean loss between two checkpoints, as far as this call went.

    Raises:
        UserError: if the file is of another training or cannot be written, or if the loss or the weights are no numbers any
            longer; what was written before that stays.
    """
    optimizer = torch.optim.AdamW(module.parameters(), lr=plan.rate, weight_decay=plan.decay)
    settings: Settings = {"seed": plan.seed, "batch": plan.batch, "rate": plan.rate, **(about or {})}
    first = _resumed(module, optimizer, plan, path, settings)
    if first > plan.steps and not may_be_ahead:
        raise UserError(
            f"'{path}' has {first} steps already, more than the {plan.steps} that are wanted; give `steps` {first} or more, or "
            "move the file away to train anew.",
            "steps",
        )
    if first:
        say(f"{path.stem}: goes on at step {first} of {plan.steps}")
    module.train()
    losses: list[float] = []
    run: list[Tensor] = []
    since, started = time.perf_counter(), first
    for step in range(first, plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = plan.rate_at(step)
        with plan.autocast():
            loss = loss_of(step)
        if plan.device == "cpu" and not bool(torch.isfinite(loss)):
            raise _lost(path, step)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), _CLIP)
        optimizer.step()
        run.append(loss.detach())  # a number only when it is said: to ask for it would wait for the GPU
        done = step + 1
        if done % plan.every == 0 or done == plan.steps:
            mean = float(torch.stack(run).mean())
            if not (math.isfinite(mean) and all_finite(module.state_dict())):
                raise _lost(path, done)
            losses.append(mean)
            run = []
            pace = (time.perf_counter() - since) / (done - started)
            say(f"{path.stem}: step {done} of {plan.steps}, loss {mean:.4f}, {pace:.2f} s a step")
            state = {
                "step": done,
                "settings": dict(settings),
                "weights": module.state_dict(),
                "optimizer": optimizer.state_dict(),
            }
            write_state(path, state)
    module.eval()
    return losses


def _lost(path: Path, step: int) -> UserError:
    return UserError(
        f"{path.stem}: at step {step} the loss or the weights are no numbers any longer; nothing of it is kept. Give a lower "
        "`rate`.",
        "rate",
    )


def same_settings(path: Path, state: Mapping[str, Any], settings: Settings) -> str | None:
    """The first setting in which a kept training differs, in words; None where it is the same one.

    Args:
        path: of the training.
        state: as it was read.
        settings: that are wanted.
    """
    # Older files know their seed alone.
    known = state.get("settings", {"seed": state.get("seed")})
    for name, wanted in settings.items():
        if name in known and known[name] != wanted:
            return f"'{path}' is of a training with `{name}` {_shown(known[name])}, not {_shown(wanted)}"
    return None


def _shown(value: Any) -> str:
    return "on" if value is True else "off" if value is False else str(value)


def _resumed(module: nn.Module, optimizer: Any, plan: Fit, path: Path, settings: Settings) -> int:
    """The step to continue at; 0 where there is nothing to continue."""
    if not path.exists():
        return 0
    state = read_state(path, plan.device)
    other = same_settings(path, state, settings)
    if other is not None:
        raise UserError(f"{other}; give that, or move the file away to train anew.", *settings)
    try:
        load_into(module, state["weights"], path)
        optimizer.load_state_dict(state["optimizer"])
        return int(state["step"])
    except (KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise UserError(f"'{path}' holds no training of this program; remove it to train anew.") from error
