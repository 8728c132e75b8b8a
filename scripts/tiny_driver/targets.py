"""What the tiny driver is to say: the plan and the facts that its own heads see, in its words.

Never the truth: a recorded future holds what nobody could know, and with it as target the first tokens of a plan tell the later
ones about it while learning, but not while driving. What the heads see follows from the prompt alone, so that the likeliest
answer is the one that is wanted, and the words say no more than is seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from tiny_driver.frames import KINDS, LIGHTS, NUMBERS, SKIES
from tiny_driver.network import PROMPT, SCALES, bent
from torch import Tensor

from lightemma.backends.tiny import vocabulary as words
from lightemma.backends.tiny.vocabulary import VOCABULARY as V

_COLUMN = {name: place for place, name in enumerate(NUMBERS)}
#: 1/m from which a road bends, and bends sharply.
BENDS, SHARPLY = 0.005, 0.03
STANDING = 0.5


@dataclass(frozen=True)
class Soft:
    """Tokens that stand for a number: those near the value are nearly as right.

    Attributes:
        first: id of the first.
        places: (k,) where the tokens lie.
        sigma: how far from the value a token may be.
    """

    first: int
    places: Tensor
    sigma: float


def _soft(phrases: tuple[str, ...], values: list[float], sigma: float) -> Soft:
    return Soft(V.phrases[phrases[0]], torch.tensor(values), sigma)


_GAPS = [float(one) for one in words.GAPS]
SOFT = (
    Soft(V.plan_speed.first, torch.tensor(words.SPEEDS), 0.25),
    Soft(V.plan_curvature.first, bent(torch.tensor(words.CURVATURES)), 0.12),
    Soft(V.last_curvature.first, bent(torch.tensor(words.CURVATURES)), 0.12),
    _soft(words.LEADERS, _GAPS, 1.5),
    _soft(words.OBSTACLES, _GAPS, 1.5),
    _soft(words.LINES[1:], [float(one) for one in range(0, 42, 2)], 1.5),
    _soft(words.PACES, [float(one) for one in range(17)], 0.7),
)
S_SPEED, S_CURVE, S_LAST, S_GAP, S_BLOCK, S_LINE, S_PACE = range(len(SOFT))

Said = list[tuple[int, int, float]]  # id, place in SOFT or -1, value


def split_kinds(facts: Tensor) -> dict[str, Tensor]:
    """Logits of the kinds by name."""
    return dict(zip(KINDS, facts[:, len(NUMBERS) :].split(list(KINDS.values()), 1), strict=True))


def _one(phrase: str) -> tuple[int, int, float]:
    return V.phrases[phrase], -1, 0.0


def _near(soft: int, value: float) -> tuple[int, int, float]:
    places = SOFT[soft].places
    value = float(np.clip(value, float(places[0]), float(places[-1])))
    return SOFT[soft].first + int((places - value).abs().argmin()), soft, value


def scene_words(numbers: np.ndarray, kinds: dict[str, int]) -> Said:
    """The scene in phrases.

    Args:
        numbers: as of ``frames.NUMBERS``.
        kinds: as of ``frames.KINDS``.
    """
    curve = float(np.mean(numbers[_COLUMN["k15"] : _COLUMN["k30"] + 1]))
    road = (
        "straight"
        if abs(curve) < BENDS
        else f"{'hard-' if abs(curve) > SHARPLY else ''}{'left' if curve > 0 else 'right'}"
    )
    said = [
        _one(words.SKIES[SKIES[kinds["sky"]]]),
        _one(words.ROADS[road if kinds["lane"] else "unknown"]),
        _one(words.LIGHTS[LIGHTS[kinds["light"]]]),
        _near(S_LINE, numbers[_COLUMN["stop_line"]]) if kinds["stop_line"] else _one(words.LINES[0]),
        _one(words.PERSONS[kinds["person"]]),
        _one(words.WORKS[kinds["works"]]),
    ]
    if not kinds["leader"]:
        return [*said, _one(words.NOBODY)]
    return [
        *said,
        _near(S_GAP if kinds["leader"] == 1 else S_BLOCK, numbers[_COLUMN["gap"]]),
        _near(S_PACE, numbers[_COLUMN["leader_speed"]]),
    ]


def intent_words(plan: np.ndarray, speed: float) -> Said:
    """What a plan does, by the rules that words are held against: the change of speed to its end, and where it heads then."""
    end = plan[-1, 0]
    limit = max(0.3, 0.05 * speed)
    if speed < STANDING and end - speed <= limit:
        pace = "stay"
    elif end < 0.3 and end - speed < -limit:
        pace = "stop"
    else:
        pace = "accelerate" if end - speed > limit else "decelerate" if end - speed < -limit else "keep"
    heading = float(np.sum(plan[:-1, 0] * plan[:-1, 1]) * 0.5)
    side = "left" if heading > np.radians(5) else "right" if heading < -np.radians(5) else "straight"
    return [_one(words.SPEEDING[pace]), _one(words.STEERING[side])]


def plan_words(plan: np.ndarray) -> Said:
    """Six pairs."""
    said: Said = [(V.opening, -1, 0.0)]
    for place, (speed, curve) in enumerate(plan):
        said += [_near(S_SPEED, speed), _near(S_LAST if place == 5 else S_CURVE, float(np.arcsinh(curve / 0.01)))]
    return said


@dataclass
class Answers:
    """Sequences after the prompt, and what is to be said.

    Attributes:
        ids: (B, n) after the prompt.
        target: (B, n) id to follow each; -1 where nothing is asked.
        soft: (B, n) place in SOFT or -1; value: (B, n).
    """

    ids: Tensor
    target: Tensor
    soft: Tensor
    value: Tensor


def answers_of(
    plan: np.ndarray, facts: Tensor, history: np.ndarray, random: np.random.Generator, *, alone: float, wrong: float
) -> Answers:
    """The answers that a batch is to give.

    Args:
        plan: (B, 6, 2) of the heads.
        facts: (B, k) of the heads.
        history: (B, 6, 2), for the speed now.
        random: for the rest.
        alone: share that is asked for the plan alone.
        wrong: share of phrases of the scene that are changed, so that a plan does not lean on them.
    """
    numbers = (facts[:, : len(NUMBERS)] * SCALES).numpy()
    chosen = {name: logits.argmax(1).numpy() for name, logits in split_kinds(facts).items()}
    rows: list[tuple[list[int], list[tuple[int, int, float]]]] = []
    none = (-1, -1, 0.0)
    for i in range(len(plan)):
        tail: Said = [*plan_words(plan[i]), (words.END, -1, 0.0)]
        if random.random() < alone:
            rows.append(([words.ONLY, *(one[0] for one in tail[:-1])], tail))
            continue
        kinds = {name: int(value[i]) for name, value in chosen.items()}
        scene = scene_words(numbers[i], kinds)
        said = [*scene, (words.JUDGE, -1, 0.0), *intent_words(plan[i], history[i, -1, 0]), (words.ACT, -1, 0.0), *tail]
        ids = [words.DESCRIBE, *(one[0] for one in said[:-1])]
        if random.random() < 2 * wrong:
            fake = {
                name: int(random.integers(count)) if random.random() < 0.5 else kinds[name]
                for name, count in KINDS.items()
            }
            changed = scene_words(numbers[i] + random.normal(0, 0.4, len(NUMBERS)) * SCALES.numpy() * 0.5, fake)
            place = int(random.integers(len(changed)))  # a phrase is missing, or said twice
            changed[place : place + 1] = changed[place : place + 1] * int(random.choice([0, 1, 2]))
            said = [*[none] * (len(changed) + 1), *said[len(scene) + 1 :]]
            ids = [words.DESCRIBE, *(one[0] for one in changed), *ids[1 + len(scene) :]]
        rows.append((ids, said))
    longest = max(len(ids) for ids, _ in rows)
    shape = (len(rows), longest)
    out = Answers(
        torch.zeros(shape, dtype=torch.long), torch.full(shape, -1), torch.full(shape, -1), torch.zeros(shape)
    )
    for i, (ids, said) in enumerate(rows):
        out.ids[i, : len(ids)] = torch.tensor(ids)
        out.target[i, : len(said)] = torch.tensor([one[0] for one in said])
        out.soft[i, : len(said)] = torch.tensor([one[1] for one in said])
        out.value[i, : len(said)] = torch.tensor([one[2] for one in said])
    return out


def said_loss(states: Tensor, table: Tensor, answers: Answers) -> Tensor:
    """Cross-entropy with soft targets for numbers.

    Args:
        states: (B, PROMPT + n, width) last states of prompts and answers.
        table: (V, width) output layer.
        answers: what is to be said.
    """
    states = states[:, PROMPT:]
    asked = answers.target >= 0
    target, soft, value = answers.target[asked], answers.soft[asked], answers.value[asked]
    told = F.log_softmax(states[asked] @ table.T, -1)
    total = told.new_zeros(())
    hard = soft < 0
    total = total - told[hard].gather(1, target[hard][:, None]).sum()
    for place, one in enumerate(SOFT):
        here = soft == place
        if not here.any():
            continue
        weight = torch.exp(-0.5 * ((one.places - value[here][:, None]) / one.sigma) ** 2)
        weight = weight / weight.sum(1, keepdim=True)
        total = total - (weight * told[here][:, one.first : one.first + len(one.places)]).sum()
    return total / len(target)


def fact_loss(facts: Tensor, numbers: Tensor, kinds: Tensor, balance: dict[str, Tensor]) -> Tensor:
    """Facts against the truth: only the heads are ever shown it."""
    known = ~torch.isnan(numbers)
    told = facts[:, : len(NUMBERS)]
    loss = F.smooth_l1_loss(told[known], numbers[known].clamp(-4, 4), beta=0.5) * 2
    for place, (name, logits) in enumerate(split_kinds(facts).items()):
        loss = loss + F.cross_entropy(logits, kinds[:, place], weight=balance[name]) * (0.6 if name == "light" else 0.3)
    return loss


def balance_of(kinds: np.ndarray) -> dict[str, Tensor]:
    """Weights of the kinds' values: rare ones count more, up to three times."""
    weights = {}
    for place, (name, count) in enumerate(KINDS.items()):
        share = np.bincount(kinds[:, place], minlength=count) / len(kinds)
        weights[name] = torch.tensor((1 / (count * np.maximum(share, 0.01)) ** 0.5).clip(0.6, 2.0), dtype=torch.float32)
    return weights
