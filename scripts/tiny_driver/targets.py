"""What the tiny driver is to say: the plan and the facts that its own heads see, in its words.

Never the truth: a recorded future holds what nobody could know, and with it as target the first tokens of a plan tell the later
ones about it while learning, but not while driving. What the heads see follows from the prompt alone, so that the likeliest
answer is the one that is wanted, and the words say no more than is seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from tiny_driver.frames import KINDS, LIGHTS, NUMBERS, SKIES
from tiny_driver.network import PROMPT, SCALES, bent, constant
from torch import Tensor

from lightemma.backends.tiny import vocabulary as words
from lightemma.backends.tiny.vocabulary import VOCABULARY as V

_COLUMN = {name: place for place, name in enumerate(NUMBERS)}
#: 1/m from which a road bends, and bends sharply.
BENDS, SHARPLY = 0.005, 0.03
STANDING = 0.5
#: Phrases of a scene, at most; and tokens of an answer after the prompt, at most: one phrase may be said twice.
PHRASES = 8
LONGEST = 1 + PHRASES + 1 + 1 + 2 + 1 + 13


@dataclass(frozen=True)
class Soft:
    """Tokens that stand for a number: those near the value are nearly as right.

    Attributes:
        first: id of the first.
        places: (k,) where the tokens lie.
        sigma: how far from the value a token may be.
    """

    first: int
    places: tuple[float, ...]
    sigma: float


def _soft(phrases: tuple[str, ...], values: list[float], sigma: float) -> Soft:
    return Soft(V.phrases[phrases[0]], tuple(values), sigma)


_BENT = tuple(bent(torch.tensor(words.CURVATURES)).tolist())
_GAPS = [float(one) for one in words.GAPS]
SOFT = (
    Soft(V.plan_speed.first, words.SPEEDS, 0.25),
    Soft(V.plan_curvature.first, _BENT, 0.12),
    Soft(V.last_curvature.first, _BENT, 0.12),
    _soft(words.LEADERS, _GAPS, 1.5),
    _soft(words.OBSTACLES, _GAPS, 1.5),
    _soft(words.LINES[1:], [float(one) for one in range(0, 42, 2)], 1.5),
    _soft(words.PACES, [float(one) for one in range(17)], 0.7),
)
S_SPEED, S_CURVE, S_LAST, S_GAP, S_BLOCK, S_LINE, S_PACE = range(len(SOFT))


def split_kinds(facts: Tensor) -> dict[str, Tensor]:
    """Logits of the kinds by name."""
    return dict(zip(KINDS, facts[:, len(NUMBERS) :].split(list(KINDS.values()), 1), strict=True))


@dataclass
class Said:
    """Phrases or pairs of B rows, a column for each.

    Attributes:
        ids: (B, n); soft: (B, n) place in SOFT or -1; value: (B, n); there: (B, n) whether it is said at all.
    """

    ids: Tensor
    soft: Tensor
    value: Tensor
    there: Tensor

    def __add__(self, other: Said) -> Said:
        mine, theirs = (vars(self), vars(other))
        return Said(*(torch.cat([mine[name], theirs[name]], 1) for name in mine))


def _table(phrases: list[str], device: torch.device) -> Tensor:
    return constant(tuple(V.phrases[one] for one in phrases), device)


def hard(ids: Tensor) -> Said:
    """(B, n) ids that stand for no number."""
    return Said(
        ids, torch.full_like(ids, -1), torch.zeros(ids.shape, device=ids.device), torch.ones_like(ids, dtype=torch.bool)
    )


def near(soft: int, value: Tensor) -> Said:
    """(B,) values as the tokens nearest to them."""
    places = constant(SOFT[soft].places, value.device)
    value = value.clamp(SOFT[soft].places[0], SOFT[soft].places[-1])
    right = torch.searchsorted(places, value.contiguous()).clamp(1, len(places) - 1)
    place = right - ((value - places[right - 1]) <= (places[right] - value)).long()
    ids = (place + SOFT[soft].first)[:, None]
    return Said(ids, torch.full_like(ids, soft), value[:, None], torch.ones_like(ids, dtype=torch.bool))


def either(first: Tensor, one: Said, other: Said) -> Said:
    """One of two columns, row by row."""
    mine, theirs = vars(one), vars(other)
    return Said(*(torch.where(first[:, None], mine[name], theirs[name]) for name in mine))


def scene_words(numbers: Tensor, kinds: dict[str, Tensor]) -> Said:
    """The scene in phrases.

    Args:
        numbers: (B, k) as of ``frames.NUMBERS``.
        kinds: (B,) each, as of ``frames.KINDS``.
    """
    device = numbers.device
    curve = numbers[:, _COLUMN["k15"] : _COLUMN["k30"] + 1].mean(1)
    roads = _table(
        [words.ROADS[one] for one in ("hard-right", "right", "straight", "left", "hard-left", "unknown")], device
    )
    bins = constant((-SHARPLY, -BENDS, BENDS, SHARPLY), device)
    road = torch.where(kinds["lane"] > 0, torch.bucketize(curve, bins), 5)

    def of(table: list[str], place: Tensor) -> Said:
        return hard(_table(table, device)[place][:, None])

    line = either(
        kinds["stop_line"] > 0,
        near(S_LINE, numbers[:, _COLUMN["stop_line"]]),
        of([words.LINES[0]], torch.zeros_like(road)),
    )
    gap = numbers[:, _COLUMN["gap"]]
    somebody = kinds["leader"] > 0
    ahead = either(
        somebody,
        either(kinds["leader"] == 1, near(S_GAP, gap), near(S_BLOCK, gap)),
        of([words.NOBODY], torch.zeros_like(road)),
    )
    pace = near(S_PACE, numbers[:, _COLUMN["leader_speed"]])
    pace.there = somebody[:, None]
    return (
        of([words.SKIES[one] for one in SKIES], kinds["sky"])
        + hard(roads[road][:, None])
        + of([words.LIGHTS[one] for one in LIGHTS], kinds["light"])
        + line
        + of(list(words.PERSONS), kinds["person"])
        + of(list(words.WORKS), kinds["works"])
        + ahead
        + pace
    )


def intent_words(plan: Tensor, speed: Tensor) -> Said:
    """What plans do, by the rules that words are held against: the change of speed to the end, and where it heads then."""
    end = plan[:, -1, 0]
    change, limit = end - speed, (0.05 * speed).clamp(min=0.3)
    place = torch.where(change > limit, 0, torch.where(change < -limit, 2, 1))
    place = torch.where((end < 0.3) & (change < -limit), 3, place)
    place = torch.where((speed < STANDING) & (change <= limit), 4, place)
    paces = _table([words.SPEEDING[one] for one in ("accelerate", "keep", "decelerate", "stop", "stay")], plan.device)
    heading = (plan[:, :-1, 0] * plan[:, :-1, 1]).sum(1) * 0.5
    five = 5.0 * torch.pi / 180.0
    sides = _table([words.STEERING[one] for one in ("right", "straight", "left")], plan.device)
    side = 1 + (heading > five).long() - (heading < -five).long()
    return hard(torch.stack([paces[place], sides[side]], 1))


def plan_words(plan: Tensor) -> Said:
    """Six pairs."""
    said = hard(torch.full((len(plan), 1), V.opening, device=plan.device))
    for place in range(6):
        said = said + near(S_SPEED, plan[:, place, 0])
        said = said + near(S_LAST if place == 5 else S_CURVE, bent(plan[:, place, 1]))
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
    plan: Tensor, facts: Tensor, history: Tensor, random: torch.Generator, *, alone: float, wrong: float
) -> Answers:
    """The answers that a batch is to give.

    Args:
        plan: (B, 6, 2) of the heads.
        facts: (B, k) of the heads.
        history: (B, 6, 2), for the speed now.
        random: for the rest.
        alone: share that is asked for the plan alone.
        wrong: half the share of scenes of which something is changed, so that a plan does not lean on them.
    """
    device, count = plan.device, len(plan)

    def chance(share: float, *shape: int) -> Tensor:
        return torch.rand(shape or (count,), generator=random, device=device) < share

    def one(token: int) -> Said:
        return hard(torch.full((count, 1), token, device=device))

    scales = constant(SCALES, device)
    numbers = facts[:, : len(NUMBERS)] * scales
    numbers[:, _COLUMN["leader_speed"]] += history[:, -1, 0]  # the heads tell it less the car's own
    kinds = {name: logits.argmax(1) for name, logits in split_kinds(facts).items()}
    true = scene_words(numbers, kinds)
    other = {}
    for name, values in KINDS.items():
        drawn = torch.randint(values, (count,), generator=random, device=device)
        other[name] = torch.where(chance(0.5), drawn, kinds[name])
    shaken = numbers + torch.randn(numbers.shape, generator=random, device=device) * 0.2 * scales
    false, changed, only = scene_words(shaken, other), chance(2 * wrong), chance(alone)
    scene = either(changed, false, true)
    # A phrase is missing, or said twice.
    place = torch.randint(PHRASES, (count, 1), generator=random, device=device)
    here = changed[:, None] & (torch.arange(PHRASES, device=device)[None] == place)
    times = torch.randint(3, (count, 1), generator=random, device=device)
    again = Said(scene.ids, scene.soft, scene.value, scene.there & here & (times == 2))
    scene.there = scene.there & ~(here & (times == 0))
    twice = Said(*(torch.stack([vars(scene)[n], vars(again)[n]], 2).flatten(1) for n in vars(scene)))
    judged = one(words.JUDGE) + intent_words(plan, history[:, -1, 0]) + one(words.ACT)
    front = one(words.DESCRIBE) + twice + judged
    front.ids[:, 0] = torch.where(only, words.ONLY, words.DESCRIBE)
    front.there[:, 1:] &= ~only[:, None]
    said = front + plan_words(plan) + one(words.END)
    asked = torch.ones_like(said.there)
    asked[:, 1 : 2 + 2 * PHRASES] = ~changed[:, None]  # a scene that is not what is seen is not to be said
    asked[:, 0] = False
    # What is not there is left out: the rest moves up.
    order = (~said.there).long().argsort(dim=1, stable=True)[:, : LONGEST + 1]
    ids, soft, value, there, asked = (
        part.gather(1, order) for part in (said.ids, said.soft, said.value, said.there, asked)
    )
    ids = torch.where(there, ids, words.PAD)
    target = torch.where(there & asked, ids, -1)
    return Answers(ids[:, :-1], target[:, 1:], soft[:, 1:], value[:, 1:])


def said_loss(states: Tensor, table: Tensor, answers: Answers) -> Tensor:
    """Cross-entropy with soft targets for numbers.

    Args:
        states: (B, PROMPT + n, width) last states of prompts and answers.
        table: (V, width) output layer.
        answers: what is to be said.
    """
    asked = answers.target >= 0
    scores = (states[:, PROMPT:] @ table.T.to(states.dtype)).float()
    # A soft target's loss is the logarithm of sums, less a weighted sum of a few columns. Nothing is picked out by a mask,
    # which would make a GPU wait.
    loss = scores.logsumexp(2)
    right = scores.gather(2, answers.target.clamp(min=0)[..., None])[..., 0]
    for place, one in enumerate(SOFT):
        places = constant(one.places, scores.device)
        weight = torch.exp(-0.5 * ((places - answers.value[..., None]) / one.sigma) ** 2)
        weight = weight / weight.sum(2, keepdim=True).clamp(min=1e-9)
        soft = (weight * scores[:, :, one.first : one.first + len(one.places)]).sum(2)
        right = torch.where(answers.soft == place, soft, right)
    return torch.where(asked, loss - right, 0.0).sum() / asked.sum()


def fact_loss(facts: Tensor, numbers: Tensor, kinds: Tensor, balance: dict[str, Tensor]) -> Tensor:
    """Facts against the truth: only the heads are ever shown it."""
    known = ~torch.isnan(numbers)
    told = facts[:, : len(NUMBERS)]
    wrong = F.smooth_l1_loss(told, numbers.nan_to_num(0.0).clamp(-8, 8), beta=0.5, reduction="none") * known
    loss = wrong.sum() / known.sum().clamp(min=1) * 2
    for place, (name, logits) in enumerate(split_kinds(facts).items()):
        loss = loss + F.cross_entropy(logits, kinds[:, place], weight=balance[name]) * (0.6 if name == "light" else 0.3)
    return loss


def balance_of(kinds: Tensor) -> dict[str, Tensor]:
    """Weights of the kinds' values: rare ones count more, up to three times."""
    weights = {}
    for place, (name, count) in enumerate(KINDS.items()):
        share = torch.bincount(kinds[:, place], minlength=count) / len(kinds)
        weights[name] = (1 / (count * share.clamp(min=0.01)) ** 0.5).clamp(0.6, 2.0).float()
    return weights
