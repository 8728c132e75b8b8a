"""Training of the tiny driver: first the eyes, then the words. Either can be repeated."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from tiny_driver.batches import Batch, Source
from tiny_driver.frames import KINDS, NUMBERS, Frames, Growing, scenario_and_seed
from tiny_driver.network import SCALES, Shape, TinyDriver, apart, integrated
from tiny_driver.targets import answers_of, balance_of, fact_loss, said_loss, split_kinds
from torch import Tensor, nn

SIGHT = ("red-light", "light-turns-green", "green-but-blocked", "bend", "pedestrian-crossing")


def plan_loss(plan: Tensor, batch: Batch) -> Tensor:
    """Metres to where the expert's plan leads, and where it is known also to where the expert then drove."""
    known = ~torch.isnan(batch.future).any(-1).any(-1)
    loss = apart(plan, batch.places)
    loss = torch.where(known, 0.5 * loss + 0.5 * apart(plan, torch.nan_to_num(batch.future)), loss)
    # Metres say little of a small steering error, which a car that drives for long does not forgive.
    step = (plan - batch.plan) / torch.tensor([3.0, 0.006])
    return loss.mean() + 0.3 * nn.functional.smooth_l1_loss(step, torch.zeros_like(step), beta=0.3)


def train(  # noqa: PLR0915 -- a loop of training
    net: TinyDriver, drives: Growing, steps: int, *, words: bool, rate: float = 2e-3, size: int = 48, seed: int = 0,
    tower: bool = True,
) -> None:  # fmt: skip
    """Trains for some steps.

    Args:
        net: is changed.
        drives: to learn from; those that are added meanwhile are taken in after each epoch.
        steps: batches to learn from.
        words: with the words; without, only what the heads see.
        rate: highest learning rate.
        size: of a batch.
        seed: of order and noise.
        tower: whether the tower learns too; else its batch statistics stand still as well.
    """
    torch.manual_seed(seed)
    tower = tower and not net.blind
    random = np.random.default_rng(seed)
    source: Source | None = None
    eyes = list(net.vlm.model.vision_tower.parameters())
    rest = [p for n, p in net.named_parameters() if "vision_tower" not in n]
    groups = [{"params": rest, "peak": rate}] + ([{"params": eyes, "peak": rate}] if tower else [])
    optimizer = torch.optim.AdamW(groups, rate, weight_decay=0.02, betas=(0.9, 0.98))
    began, step = time.time(), 0
    order = np.zeros(0, int)
    sums: list[list[float]] = []
    net.train()
    if not tower:
        net.vlm.model.vision_tower.eval()
    while step < steps:
        done = step / steps
        pace = min(done / 0.06 + 0.02, 1.0) * (0.5 + 0.5 * np.cos(np.pi * done))
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * pace
        if source is None or len(order) < size:
            frames = drives.frames()
            if frames is not None:
                source, balance = Source(frames, seed + step, blind=net.blind), balance_of(frames.kinds)
                print(f"{len(frames)} frames", flush=True)
            assert source is not None, "no drives"
            order = random.permutation(len(source.frames))
        rows, order = order[:size], order[size:]
        batch = source.batch(rows, learn=True)
        with torch.set_grad_enabled(tower):
            maps = net.maps(batch.pixels)
        taught, told = net.teacher(maps, batch.past, batch.base)
        images = net.image_tokens(maps)
        ids, answers = batch.prompt, None
        with torch.no_grad():
            plan, facts = see(net, maps, batch)
        if words:
            answers = answers_of(plan.numpy(), facts, batch.history, random, alone=0.3, wrong=0.12)
            ids = torch.cat([ids, answers.ids], 1)
            states, state = net.states(ids, images)
        else:
            with net.lower():
                states, state = net.states(ids, images)
        read, seen = net.reader(state, batch.base)
        losses = [
            plan_loss(taught, batch),
            fact_loss(told, batch.numbers, batch.kinds, balance),
            0.5 * plan_loss(read, batch) + apart(read, integrated(plan)).mean(),
            fact_loss(seen, batch.numbers, batch.kinds, balance),
        ]
        loss = losses[0] + 0.7 * losses[1] + losses[2] + 0.7 * losses[3]
        if answers is not None:
            losses.append(said_loss(states, net.output_table(), answers))
            loss = 0.5 * loss + losses[4] * 2
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 2.0)
        optimizer.step()
        sums.append([one.item() for one in losses])
        step += 1
        if step % 50 == 0:
            spent = time.time() - began
            shown = " ".join(f"{one:.3f}" for one in np.mean(sums[-50:], 0))
            print(f"{step}/{steps} {spent / 60:.1f} min {size * step / spent:.0f}/s {shown}", flush=True)


def see(net: TinyDriver, maps: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Plan and facts that the teacher sees, without what is random."""
    look, teach = net.look.training, net.teach.training
    net.look.eval()
    net.teach.eval()
    plan, facts = net.teacher(maps, batch.past, batch.base)
    net.look.train(look)
    net.teach.train(teach)
    return torch.cat([plan[..., :1].clamp(min=0), plan[..., 1:].clamp(-0.2, 0.2)], -1), facts


@torch.no_grad()
def heads(net: TinyDriver, frames: Frames, *, every: int = 1, **given: object) -> dict[str, np.ndarray]:
    """Plans of the heads for some frames, with errors in metres against what was driven."""
    net.eval()
    source = Source(frames, 1, blind=net.blind)
    rows = np.arange(0, len(frames), every)
    rows = rows[~np.isnan(frames.driven[rows]).any((1, 2))]
    out: dict[str, list[np.ndarray]] = {name: [] for name in ("teacher", "reader", "both", "facts", "const")}
    for part in np.array_split(rows, max(1, len(rows) // 64)):
        batch = source.batch(part, learn=False, **given)
        maps = net.maps(batch.pixels)
        taught, _ = net.teacher(maps, batch.past, batch.base)
        seen, facts = see(net, maps, batch)
        with net.lower():
            _, state = net.states(batch.prompt, net.image_tokens(maps))
        read, _ = net.reader(state, batch.base)
        truth = torch.from_numpy(frames.driven[part]).float()
        for name, plan in (("teacher", taught), ("reader", read), ("both", (seen + read) / 2), ("const", batch.base)):
            out[name].append(apart(plan, truth).numpy())
        out["facts"].append(facts.numpy())
    found = {name: np.concatenate(values) for name, values in out.items()}
    found["rows"] = rows
    net.train()
    return found


def report(net: TinyDriver, frames: Frames, every: int = 1, **given: object) -> str:
    """One line of figures of the heads."""
    found = heads(net, frames, every=every, **given)
    rows = found["rows"]
    scenario = np.array([scenario_and_seed(one.split("/")[1])[0] for one in frames.scene[rows]])
    sight = np.isin(scenario, SIGHT)
    text = f"n {len(rows)} const {found['const'].mean():.3f} "
    for name in ("teacher", "reader", "both"):
        error = found[name]
        text += (
            f"| {name} {error.mean():.3f} ({error.mean() / found['const'].mean():.2f}) sight {error[sight].mean():.3f} "
        )
    kinds = split_kinds(torch.from_numpy(found["facts"]))
    for place, name in enumerate(KINDS):
        truth, said = frames.kinds[rows, place], kinds[name].argmax(1).numpy()
        text += f"| {name} {(truth == said).mean():.3f} "
        if name == "light":
            lit = truth > 0
            text += f"(lit {(truth == said)[lit].mean():.3f}) "
    for place, name in enumerate(NUMBERS[:7]):
        truth = frames.numbers[rows, place]
        known = ~np.isnan(truth)
        text += f"| {name} {np.abs(found['facts'][known, place] * float(SCALES[place]) - truth[known]).mean():.2f} "
    return text


def save(net: TinyDriver, path: Path, **about: object) -> None:
    """Weights and shape."""
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"net": net.state_dict(), "shape": asdict(net.shape), "blind": net.blind, **about}, path)


def restore(path: Path) -> TinyDriver:
    """The network of a file."""
    held = torch.load(path, weights_only=True)
    shape = Shape(**{name: tuple(value) if isinstance(value, list) else value for name, value in held["shape"].items()})
    net = TinyDriver(shape, blind=held["blind"])
    net.load_state_dict(held["net"])
    net.to(memory_format=torch.channels_last)
    return net
