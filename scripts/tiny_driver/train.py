"""Training of the tiny driver, for as long as there is time: first the eyes, then the words too, while drives are added."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tiny_driver.batches import Batch, Source
from tiny_driver.frames import KINDS, NUMBERS
from tiny_driver.network import SCALES, Shape, TinyDriver, apart, constant, integrated
from tiny_driver.pool import Pool
from tiny_driver.targets import answers_of, balance_of, fact_loss, said_loss, split_kinds
from torch import Tensor, nn

SIGHT = ("red-light", "light-turns-green", "green-but-blocked", "bend", "pedestrian-crossing")
LEAD = ("lead-car-braking", "lead-car-steady", "stopped-queue", "queue-moves-off", "cut-in")
#: Errors of a plan's six pairs that count alike.
STEPS = ((1.0, 0.006), (1.0, 0.006), (2.0, 0.006), *[(3.0, 0.006)] * 3)


@dataclass(frozen=True)
class Course:
    """When what is learned.

    Attributes:
        began, end: seconds since 1970.
        words_from: share of the time after which the words are learned too.
        still_from: share after which the tower stands still, so that the words catch up with it.
        falls_from: share after which the learning rate falls.
        rate: highest learning rate.
        size: of a batch.
        steps: most steps; 0 for as many as there is time for.
    """

    began: float
    end: float
    words_from: float = 0.6
    still_from: float = 0.88
    falls_from: float = 0.5
    rate: float = 2e-3
    size: int = 384
    steps: int = 0

    def share(self, step: int = 0) -> float:
        """How much of it is over."""
        spent = (time.time() - self.began) / (self.end - self.began)
        return min(1.0, max(spent, step / self.steps if self.steps else 0.0))

    def pace(self, share: float, step: int) -> float:
        """Share of the highest learning rate."""
        left = (1.0 - share) / (1.0 - self.falls_from)
        return min((step + 1) / 200, 1.0) * (0.5 - 0.5 * np.cos(np.pi * min(left, 1.0)) + 0.004)


def plan_loss(plan: Tensor, batch: Batch) -> Tensor:
    """Metres to where the expert's plan leads, and where it is known also to where the expert then drove."""
    known = ~torch.isnan(batch.future).any(-1).any(-1)
    loss = apart(plan, batch.places)
    loss = torch.where(known, 0.5 * loss + 0.5 * apart(plan, torch.nan_to_num(batch.future)), loss)
    # Metres say little of a small steering error, which a car that drives for long does not forgive; and of a plan the first
    # second is driven before the next is made. How the wheels of a car stand that stands is all the same.
    step = (plan - batch.plan) / constant(STEPS, plan.device)
    weight = torch.stack([torch.ones_like(loss), (batch.plan[..., 0].mean(1) / 2.0).clamp(0.1, 1.0)], -1)[:, None]
    wrong = nn.functional.smooth_l1_loss(step, torch.zeros_like(step), beta=0.3, reduction="none")
    return loss.mean() + 0.3 * (weight * wrong).mean()


def train(  # noqa: PLR0912, PLR0915 -- a loop of training
    net: TinyDriver, pool: Pool, course: Course, *, seed: int = 0,
    every: tuple[float, Callable[[TinyDriver, float], None]] | None = None, checks: Pool | None = None,
    count: Path | None = None,
) -> int:  # fmt: skip
    """Trains until the course is over.

    Args:
        net: is changed.
        pool: to learn from; drives that are added meanwhile are taken in.
        course: when what is learned.
        seed: of order and noise.
        every: seconds, and what is done each time they have passed, with the share that is over.
        checks: moments of the validation part, for the log.
        count: a file with the number of steps: the tiny driver writes it, and its twin waits where it would be ahead.

    Returns:
        The number of steps.
    """
    torch.manual_seed(seed)
    device, name = pool.device, "twin" if net.blind else "tiny"
    net.to(device)
    source = Source(pool, seed, blind=net.blind)
    eyes = [] if net.blind else list(net.vlm.model.vision_tower.parameters())
    rest = [p for n, p in net.named_parameters() if "vision_tower" not in n]
    groups = [{"params": one} for one in (rest, eyes) if one]
    optimizer = torch.optim.AdamW(
        groups, course.rate, weight_decay=0.02, betas=(0.9, 0.98), fused=device.type == "cuda"
    )
    step, sums, told, grown, done, still = 0, [], time.time(), 0.0, time.time(), False
    balance: dict[str, Tensor] = {}
    net.train()
    while (share := course.share(step)) < 1.0:
        now = time.time()
        if count is not None and net.blind and step % 20 == 0 and step > counted(count):
            time.sleep(0.05)
            continue
        if now - grown > 2.0:
            grown = now
            if pool.grow() or not balance:
                balance = balance_of(pool.data["kinds"])
        if not still and (net.blind or share >= course.still_from):
            still = True
            net.vlm.model.vision_tower.eval()
            del optimizer.param_groups[1:]
        for group in optimizer.param_groups:
            group["lr"] = course.rate * course.pace(share, step)
        batch = source.batch(pool.rows(course.size, source.random), learn=True)
        losses = losses_of(net, batch, source, balance, words=share >= course.words_from, tower=not still)
        loss = losses[0] + 0.7 * losses[1] + losses[2] + 0.7 * losses[3]
        if len(losses) > 4:
            loss = 0.5 * loss + 2 * losses[4]
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], 2.0)
        optimizer.step()
        step += 1
        if step % 20 == 0:
            if count is not None and not net.blind:
                count.write_text(str(step))
            sums.append([one.detach() for one in losses])
        if every is not None and now - done > every[0]:
            if not torch.isfinite(loss):
                raise FloatingPointError(f"the loss is {loss.item()} at step {step}")
            every[1](net, share)
            net.train()
            if still:
                net.vlm.model.vision_tower.eval()
            done = time.time()
        if now - told > 15.0 and sums:
            shown = torch.stack([torch.stack(one) for one in sums if len(one) == len(sums[-1])]).mean(0).tolist()
            print(f"{name} {share:.2f} step {step} {len(pool)} moments of {len(pool.about)} drives | "
                  + " ".join(f"{one:.3f}" for one in shown) + f" | {driving(pool)}", flush=True)  # fmt: skip
            sums, told = [], now
            if checks is not None and (checks.grow() or len(checks)):
                print(f"{name} {report(net, checks)}", flush=True)
    return step


def counted(path: Path) -> int:
    """Steps that were written down; 0 before the first."""
    try:
        return int(path.read_text() or 0)
    except FileNotFoundError:
        return 0


def losses_of(
    net: TinyDriver, batch: Batch, source: Source, balance: dict[str, Tensor], *, words: bool, tower: bool
) -> list[Tensor]:
    """Plan and facts of the teacher, plan and facts of the language model's heads, and the words where they are learned."""
    half = torch.autocast("cuda", torch.bfloat16) if batch.past.is_cuda else nullcontext()
    with half:
        with torch.set_grad_enabled(tower):
            maps = net.maps(batch.pixels)
        taught, told = net.teacher(maps, batch.past, batch.base)
        images = net.image_tokens(maps)
        with torch.no_grad():
            plan, facts = see(net, maps, batch)
        answers = None
        if words:
            answers = answers_of(plan, facts, batch.history, source.random, alone=0.35, wrong=0.12)
            states, state = net.states(torch.cat([batch.prompt, answers.ids], 1), images)
        else:
            with net.lower():
                states, state = net.states(batch.prompt, images)
        read, seen = net.reader(state, batch.base)
    # Scores of neighbouring numbers differ by little: not in 16 bits.
    said = None if answers is None else said_loss(states.float(), net.output_table(), answers)
    losses = [
        plan_loss(taught, batch),
        fact_loss(told, batch.numbers, batch.kinds, balance),
        0.5 * plan_loss(read, batch) + apart(read, integrated(plan)).mean(),
        fact_loss(seen, batch.numbers, batch.kinds, balance),
    ]
    return losses if said is None else [*losses, said]


def see(net: TinyDriver, maps: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Plan and facts that the teacher sees, without what is random."""
    look, teach = net.look.training, net.teach.training
    net.look.eval()
    net.teach.eval()
    plan, facts = net.teacher(maps, batch.past, batch.base)
    net.look.train(look)
    net.teach.train(teach)
    return torch.cat([plan[..., :1].clamp(min=0), plan[..., 1:].clamp(-0.2, 0.2)], -1), facts


def driving(pool: Pool, last: int = 120) -> str:
    """How the student drove of late, alone and from an undisturbed start."""
    own = [a for a in pool.about if a["who"] == "student" and not a["beta"] and not a["bumps"] and not a["disturb"]][
        -last:
    ]
    if not own:
        return "no drives of its own yet"
    means = {key: np.mean([float(bool(one[key])) for one in own]) for key in ("off_road", "red", "crashes")}
    scores = [one["score"] or 0.0 for one in own]
    lead = [one["score"] or 0.0 for one in own if one["scenario"] in LEAD]
    bend = [one["score"] or 0.0 for one in own if one["scenario"] == "bend"]
    return (
        f"{own[-1]['driver']}: score {np.mean(scores):.1f} of {len(own)}, lead {np.mean(lead or [0]):.0f}, bend "
        f"{np.mean(bend or [0]):.0f}, " + ", ".join(f"{key} {share:.0%}" for key, share in means.items())
    )


@torch.no_grad()
def heads(net: TinyDriver, pool: Pool, rows: Tensor, **given: Any) -> dict[str, np.ndarray]:
    """Errors of the heads' plans in metres against what was driven, and their facts."""
    was = net.training
    net.eval()
    source = Source(pool, 1, blind=net.blind)
    out: dict[str, list[np.ndarray]] = {name: [] for name in ("teacher", "reader", "facts", "const", "numbers")}
    for part in rows.split(512):
        batch = source.batch(part, learn=False, noise=True, **given)
        maps = net.maps(batch.pixels)
        taught, _ = net.teacher(maps, batch.past, batch.base)
        _, facts = see(net, maps, batch)
        with net.lower():
            _, state = net.states(batch.prompt, net.image_tokens(maps))
        read, _ = net.reader(state, batch.base)
        for name, plan in (("teacher", taught), ("reader", read), ("const", batch.base)):
            out[name].append(apart(plan, batch.future).cpu().numpy())
        out["facts"].append(facts.cpu().numpy())
        out["numbers"].append(batch.numbers.cpu().numpy())
    net.train(was)
    return {name: np.concatenate(values) for name, values in out.items()}


def report(net: TinyDriver, pool: Pool, most: int = 2048, **given: Any) -> str:
    """One line of figures of the heads."""
    rows = torch.nonzero(~torch.isnan(pool.data["future"]).any(-1).any(-1))[:, 0]
    rows = rows[:: max(1, len(rows) // most)]
    if not len(rows):
        return "nothing to check yet"
    found = heads(net, pool, rows, **given)
    scenario = np.array([one["scenario"] for one in pool.about])[pool.data["scene"][rows].cpu().numpy()]
    sight, lead = np.isin(scenario, SIGHT), np.isin(scenario, LEAD)
    text = f"check n {len(rows)} const {found['const'].mean():.3f} "
    for name in ("teacher", "reader"):
        error = found[name]
        parts = [error[part].mean() if part.any() else np.nan for part in (sight, lead)]
        text += f"| {name} {error.mean():.3f} sight {parts[0]:.3f} lead {parts[1]:.3f} "
    told = split_kinds(torch.from_numpy(found["facts"]))
    truth = pool.data["kinds"][rows].cpu().numpy()
    for place, name in enumerate(KINDS):
        right = truth[:, place] == told[name].argmax(1).numpy()
        text += f"| {name} {right.mean():.3f} "
    near = pool.data["numbers"][rows, 0].cpu().numpy() < 50
    for place, name in enumerate(NUMBERS[:7]):
        off = (found["facts"][:, place] - found["numbers"][:, place]) * SCALES[place]
        off = np.abs(off[near if place < 2 else ~np.isnan(off)])
        text += f"| {name} {off.mean() if len(off) else np.nan:.2f} "
    return text


def save(net: TinyDriver, path: Path) -> None:
    """Weights and shape."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".part")
    torch.save({"net": net.state_dict(), "shape": asdict(net.shape), "blind": net.blind}, draft)
    draft.rename(path)


def restore(path: Path) -> TinyDriver:
    """The network of a file."""
    held = torch.load(path, weights_only=True, map_location="cpu")
    shape = Shape(**{name: tuple(value) if isinstance(value, list) else value for name, value in held["shape"].items()})
    net = TinyDriver(shape, blind=held["blind"])
    net.load_state_dict(held["net"])
    net.to(memory_format=torch.channels_last)
    return net
