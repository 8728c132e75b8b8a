"""Two findings of DIAMOND (Alonso et al., 2024, section 5) on small drawn drives: which diffusion, and how many steps?

1. EDM and DDPM with the same network, data and steps of training, rolled out for long with few network evaluations (their
   figure 3): the PSNR to what the drawing shows for the same actions, and how far the colours drift.
2. One evaluation against three where the future is open (their figure 4): a ball goes left or right. The mean of both is what
   one evaluation gives; three decide.

    python scripts/compare_diffusion.py                     # about 16 minutes of one processor
    python scripts/compare_diffusion.py --steps 500 --out results/diffusion.json
"""

from __future__ import annotations

import argparse
import json
import math
import time

import numpy as np
import script_input
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from lightemma.worldmodel.clips import Clip
from lightemma.worldmodel.denoiser import Denoiser, DenoiserShape, from_bytes, to_bytes
from lightemma.worldmodel.edm import Preconditioner, Sampler
from lightemma.worldmodel.fitting import Fit
from lightemma.worldmodel.imagination import Imagination
from lightemma.worldmodel.rollouts import psnr, roll
from lightemma.worldmodel.training import DenoiserLoss, Hardening
from lightemma.worldmodel.unet import NetworkShape
from lightemma.worldmodel.windows import Windows

SIZE, DT = (64, 40), 0.2
#: Share of the old weights in the running mean of the weights, which is what is rolled out.
AVERAGE = 0.99
#: Steps of training that the ball needs at most.
BALL_STEPS = 500
NETWORK = NetworkShape((32, 48, 64), 1, 128, patch=2, attention=False)


def road(rng: np.random.Generator, frames: int) -> Clip:
    """A drive on a winding road, drawn row by row: grass, asphalt with dashes and edge lines, sky."""
    bend, phase = rng.uniform(-0.01, 0.01), rng.uniform(0.0, 2.0 * math.pi)
    along, beside, askew, speed = rng.uniform(0.0, 50.0), rng.uniform(-0.8, 0.8), 0.0, rng.uniform(4.0, 10.0)
    pictures, actions, poses, push = [], [], [], 0.0
    for _ in range(frames):
        pictures.append(drawn(along, beside, askew, bend, phase))
        poses.append((along, beside, askew))
        push = 0.8 * push + rng.normal(0.0, 0.008)
        turn = curve(along, bend, phase) - 0.02 * beside - 0.25 * askew + push
        speed = float(np.clip(speed + rng.normal(0.0, 0.5), 2.0, 12.0))
        actions.append((speed, turn, DT))
        askew += (turn - curve(along, bend, phase)) * speed * DT
        askew = float(np.clip(askew, -0.3, 0.3))
        along += speed * DT
        beside = float(np.clip(beside + askew * speed * DT, -2.5, 2.5))
    return Clip("road", np.stack(pictures), np.array(actions[:-1]), np.array(poses))


def curve(along: float, bend: float, phase: float) -> float:
    return bend + 0.01 * math.sin(along / 30.0 + phase)


def drawn(along: float, beside: float, askew: float, bend: float, phase: float) -> np.ndarray:
    width, height = SIZE
    picture = np.zeros((height, width, 3))
    horizon = 14
    picture[:horizon] = (140, 180, 230)
    columns = np.arange(width) - (width - 1) / 2.0
    for row in range(horizon, height):
        far = 45.0 / (row - horizon + 1.5)
        middle = -beside - askew * far + 0.5 * curve(along + far / 2, bend, phase) * far**2
        metres = -columns * far / 36.0 - middle
        line = picture[row]
        line[:] = (60, 130, 60)
        line[np.abs(metres) < 3.7] = (95, 95, 100)
        line[np.abs(np.abs(metres) - 3.5) < 0.15 + 0.02 * far] = (235, 235, 235)
        if (along + far) % 9.0 < 4.0:
            line[np.abs(metres) < 0.12 + 0.02 * far] = (240, 230, 60)
    return picture.astype(np.uint8)


def trained(kind: str, clips: list, shape: DenoiserShape, plan: Fit) -> Denoiser:
    torch.manual_seed(plan.seed)
    model = Denoiser(shape).to(memory_format=torch.channels_last)
    windows = Windows(clips, shape.past + 2, mirror=False)
    loss_of = DenoiserLoss(model, windows, plan, Hardening(0.0, 0.0))
    optimizer = torch.optim.AdamW(model.parameters(), plan.rate)
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(AVERAGE))
    started = time.process_time()
    for step in range(plan.steps):
        for group in optimizer.param_groups:
            group["lr"] = plan.rate_at(step)
        with plan.autocast():
            loss = loss_of(step)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        average.update_parameters(model)
        if (step + 1) % 100 == 0:
            print(
                f"{kind}: step {step + 1}, loss {loss.item():.4f}, {time.process_time() - started:.0f} s of processor",
                flush=True,
            )
    model.load_state_dict(average.module.state_dict())
    return model.eval().requires_grad_(False)


def figure_3(steps: int, seed: int, horizon: int) -> dict[str, dict[str, list[float]]]:
    rng = np.random.default_rng(seed)
    clips = [road(rng, 60) for _ in range(120)]
    held_out = [road(rng, 5 + horizon) for _ in range(8)]
    found: dict[str, dict[str, list[float]]] = {}
    shown = [at for at in (1, 5, 10, 20, 50, 100, 200) if at <= horizon]
    colours = np.concatenate([clip.pictures for clip in clips]).mean(axis=(0, 1, 2))
    copied = np.array([psnr(np.repeat(c.pictures[3:4], horizon, 0), c.pictures[4 : 4 + horizon]) for c in held_out])
    for kind in ("edm", "ddpm"):
        model = trained(kind, clips, DenoiserShape(kind=kind, network=NETWORK), Fit(steps, 32, 5e-4, seed))
        for evaluations in (1, 3, 10):
            imagination = Imagination(model, Sampler(evaluations), together=8)
            rolled = roll(imagination, [(clip, 4) for clip in held_out], 4, horizon)
            good = np.array([psnr(one.imagined, one.recorded) for one in rolled]).mean(axis=0)
            drift = np.array([np.abs(one.imagined.mean(axis=(1, 2)) - colours).mean(axis=1) for one in rolled]).mean(
                axis=0
            )
            name = f"{kind} n={evaluations}"
            found[name] = {"psnr": [good[at - 1] for at in shown], "drift": [drift[at - 1] for at in shown]}
            values = ", ".join(f"{at}: {good[at - 1]:.1f} dB / {drift[at - 1]:.0f}" for at in shown)
            print(f"{name}: PSNR / drift of the mean colour (levels of 255) at step {values}", flush=True)
    found["copy"] = {"psnr": [float(copied[:, at - 1].mean()) for at in shown], "drift": []}
    print(
        "copy of the last picture: " + ", ".join(f"{at}: {copied[:, at - 1].mean():.1f} dB" for at in shown), flush=True
    )
    return found


def ball(rng: np.random.Generator) -> Clip:
    """A ball in the middle; in the last picture it is left or right of it, with the same probability."""
    pictures = np.full((6, 16, 16, 3), 40, dtype=np.uint8)
    pictures[:4, 6:10, 6:10] = 220
    column = int(rng.choice((1, 11)))
    pictures[4:, 6:10, column : column + 4] = 220
    return Clip("ball", pictures, np.tile([1.0, 0.0, 0.5], (5, 1)), np.zeros((6, 3)))


def figure_4(steps: int, seed: int) -> dict[str, dict[str, float]]:
    rng = np.random.default_rng(seed)
    clips = [ball(rng) for _ in range(64)]
    network = NetworkShape((32, 64), 1, 64, patch=1, attention=False)
    shape = DenoiserShape(network=network, precondition=Preconditioner(offset=0.0))
    model = trained("ball", clips, shape, Fit(steps, 32, 1e-3, seed))
    past = from_bytes(torch.from_numpy(clips[0].pictures[:4])).permute(0, 3, 1, 2)[None].repeat(64, 1, 1, 1, 1)
    actions = torch.tensor([[[1.0, 0.0, 0.5]] * 4] * 64)
    noise = torch.randn((64, 3, 16, 16), generator=torch.Generator().manual_seed(seed))
    found = {}
    for evaluations in (1, 3, 10):
        drawn_balls = to_bytes(model.draw(past, actions, Sampler(evaluations), noise)).double().numpy()
        left = (drawn_balls[:, :, 6:10, 1:5].mean(axis=(1, 2, 3)) - 40.0) / 180.0
        right = (drawn_balls[:, :, 6:10, 11:15].mean(axis=(1, 2, 3)) - 40.0) / 180.0
        decided = np.abs(left - right)
        found[f"n={evaluations}"] = {
            "decided": float(decided.mean()),
            "left": float((left > right).mean()),
            "blurred": float((decided < 0.5).mean()),
        }
        print(
            f"ball, n={evaluations}: brightness of the two sides differs by {decided.mean():.2f} of a whole ball, "
            f"{(decided < 0.5).mean():.0%} of 64 pictures show half a ball on either side, {(left > right).mean():.0%} go left",
            flush=True,
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=script_input.count, default=1200, help="of training")
    parser.add_argument("--horizon", type=script_input.count, default=200, help="pictures of a rollout")
    parser.add_argument("--seed", type=script_input.amount, default=0)
    parser.add_argument("--out", type=script_input.new_file, help="JSON file of the figures")
    given = parser.parse_args()
    torch.set_num_threads(1)
    started = time.process_time()
    found = {
        "figure 4": figure_4(min(given.steps, BALL_STEPS), given.seed),
        "figure 3": figure_3(given.steps, given.seed, given.horizon),
    }
    print(f"{time.process_time() - started:.0f} s of processor time")
    if given.out:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    script_input.ends(main)
