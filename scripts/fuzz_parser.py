"""Answers as models write them, damaged at random: the parser may not crash, hang, read two ways or differ from Python.

Every input is made from a number: ``--seed`` and its place. A plan is written in one of the forms that models use, words are
put around it, and characters are lost, doubled and exchanged. Looked for:

crash          an exception, or an outcome that is no outcome
slow           more computing time than an answer of that length may take
literal        ``strict`` differs from ``ast.literal_eval``
rescue         ``first-numbers`` differs from the published rescue
double         ``tolerant`` reads a plan that is not the only one in the text (see ``second_reading``)
contradiction  ``tolerant`` reads a plan that the words around it forbid, or one of two different plans

Each finding is printed with its input; the exit status is 1 if there is any.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable

import script_input
from check_parser import Pairs, literal_pairs, published_rescue

from lightemma.parsing import KINDS, Parsed, parse_answer

OUTCOMES = {"ok", *(f"format:{kind}" for kind in KINDS)}
Form = Callable[[Pairs], str]


def by_rows(row: str, between: str = "\n", before: str = "", behind: str = "") -> Form:
    """A form by rows; ``row`` has {i}, {t}, {v} and {c}."""

    def write(plan: Pairs) -> str:
        rows = (row.format(i=i + 1, t=(i + 1) / 2, v=v, c=c) for i, (v, c) in enumerate(plan))
        return before + between.join(rows) + behind

    return write


def two_lists(form: str) -> Form:
    """Six speeds and six curvatures by name."""
    return lambda plan: form.format(v=[v for v, _ in plan], c=[c for _, c in plan])


#: Forms of nothing but numbers, brackets and commas, of which every reading can be counted.
BARE: list[Form] = [
    str,
    by_rows("({v}, {c})", ", ", "[", "]"),
    by_rows("({v}, {c})", " ", "[", "]"),
    by_rows("[{v}, {c}]", ", ", "[", "]"),
    by_rows("({v} {c})", ", ", "[", "]"),
    by_rows("({v}, {c})", ", "),
    by_rows("({v}, {c})", "\n"),
    by_rows("{v}, {c}", "\n"),
    by_rows("{v} {c}", "\n"),
    by_rows("{v}, {c}", ", ", "[", "]"),
    by_rows("{v}, {c}", "; "),
    by_rows("({v}, {c})", ", ", "```\n[", "]\n```"),
]
WORDED: list[Form] = [
    by_rows("{i}. ({v}, {c})"),
    by_rows("Step {i}: ({v}, {c})"),
    by_rows("{t}s: ({v}, {c})"),
    by_rows("{i}. speed {v} m/s, curvature {c} 1/m"),
    by_rows("v={v}, c={c}"),
    by_rows("({v} m/s, {c} 1/m)", ", ", "[", "]"),
    by_rows("| {i} | {v} | {c} |", "\n", "| Step | Speed (m/s) | Curvature (1/m) |\n|---|---|---|\n"),
    by_rows("{i},{v},{c}", "\n", "step,speed,curvature\n"),
    by_rows('{{"speed": {v}, "curvature": {c}}}', ", ", '{"actions": [', "]}"),
    by_rows("{{'v': {v}, 'c': {c}}}", ", ", "[", "]"),
    by_rows("({v}, {c}),  # {t} s", "\n", "[\n", "\n]"),
    by_rows("{v} & {c}", " \\\\ ", "\\begin{bmatrix} ", " \\end{bmatrix}"),
    two_lists("Speeds: {v}\nCurvatures: {c}"),
    two_lists("v = {v}\nc = {c}"),
    two_lists('{{"speeds": {v}, "curvatures": {c}}}'),
]
AROUND = [
    ("", ""),
    ("", ""),
    ("", ""),
    ("Here is the plan: ", ""),
    ("Over the next 3 seconds:\n", ""),
    ("", "\nThe car stays in its lane."),
    ("I slow down (2-3 m/s less).\n\n", ""),
    ("未来3秒：\n", ""),
    ("План на 3 с:\n", ""),
    ("```\n", "\n```"),
    ("# Plan\n", "\n- 2 cars"),
]
AGAINST = [
    ("Speeds in km/h:\n", ""),
    ("", "\nSpeeds are in mph."),
    ("Waypoints (x, y):\n", ""),
    ("(curvature, speed):\n", ""),
    ("Curvature x 1000:\n", ""),
    ("For example: ", ""),
    ("I'm sorry, I can't help with that. ", ""),
    ("The format is ", ""),
]
PIECES: list[str] = [
    *"0123456789.,;:()[]{}-+*/|'\"`#\\= \t\n\r\f",
    *(
        "e",
        "E",
        "x",
        "_",
        "0x1F",
        "00",
        "1e999",
        "- ",
        " -0.5",
        "+0.1",
        "*2",
        "−",
        "‑",
        "，",
        "（",
        "）",
        "５",
        "٣",
        "²",
    ),
    *("\u00a0", "\u200b", "\ufeff", "\ud800", "\x00", "\x0b", " m/s", " 1/m", " km/h", "m^-1", "(", "])", "[(", "nan"),
    *("true", "null", "...", "//", "/*", "```", "$", "\\(", "\\times 10^{-3}", "1. ", "7. (5.6, 0.0)", "(5.6, 0.0)"),
    *("speed", "curvature", "a"),
]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument(
        "--inputs", type=script_input.count, default=100_000, help="how many answers (default 100,000)"
    )
    arguments.add_argument("--seed", type=script_input.amount, default=0, help="another seed makes other answers")
    arguments.add_argument(
        "--show", type=script_input.amount, default=5, help="findings of each kind to print (default 5)"
    )
    options = arguments.parse_args()
    warnings.simplefilter("ignore")  # literal_eval warns of what it is about to refuse
    found: Counter[str] = Counter()
    read: Counter[str] = Counter()
    started, slowest = time.process_time(), 0.0
    for place in range(options.inputs):
        chance = random.Random(f"{options.seed}/{place}")
        text, forbidden, bare = make(chance)
        for finding, spent in check(text, forbidden, bare, read):
            slowest = max(slowest, spent)
            if finding:
                found[finding] += 1
                if found[finding] <= options.show:
                    print(f"{finding} at seed {options.seed}, input {place}: {text!r}", flush=True)
    spent = time.process_time() - started
    print(
        f"{options.inputs} inputs of seed {options.seed} in {spent:.0f} s of computing; slowest {slowest * 1e3:.1f} ms"
    )
    print("read: " + ", ".join(f"{tier} {count}" for tier, count in sorted(read.items())))
    print("found: " + (", ".join(f"{kind} {count}" for kind, count in sorted(found.items())) or "nothing"))
    sys.exit(1 if found else 0)


def make(chance: random.Random) -> tuple[str, bool, bool]:
    """One answer; whether words forbid its plan; and whether every reading of it can be counted."""
    bare = chance.random() < 0.5
    form = chance.choice(BARE if bare else WORDED)
    plan = a_plan(chance)
    kind = chance.random()
    if kind < 0.05:
        before, behind = chance.choice(AGAINST)
        return before + str(plan) + behind, True, False
    if kind < 0.1:
        other = a_plan(chance)
        return f"{plan}\n{chance.choice(['', 'Or: ', 'So:', '或者：'])}\n{other}", other != plan, False
    count = chance.choice([6] * 8 + [5, 7, 12])
    text = form((plan * 2)[:count])
    damages = chance.choice([0, 1, 1, 1, 2, 2, 3, 4])
    for _ in range(damages):
        text = damaged(chance, text)
    before, behind = chance.choice(AROUND)
    if kind > 0.98:
        text += chance.choice(PIECES) * chance.randrange(1_000)
    return before + text + behind, False, bare and (before, behind) == ("", "")


def a_plan(chance: random.Random) -> Pairs:
    """Six plausible pairs."""
    slow = chance.random() < 0.3
    return [
        (round(chance.uniform(0, 1 if slow else 20), 2), round(chance.uniform(-0.1, 0.1), chance.choice([1, 3])))
        for _ in range(6)
    ]


def damaged(chance: random.Random, text: str) -> str:
    """The text with one place changed."""
    at = chance.randrange(len(text) + 1)
    much = chance.choice([0, 0, 1, 1, 1, 2, 5])
    kind = chance.random()
    if kind < 0.7:
        return text[:at] + chance.choice(PIECES) + text[at + much :]
    if kind < 0.9:
        return text[:at] + text[at + max(much, 1) :]
    return text[:at] + text[at : at + 10] + text[at:]


def check(text: str, forbidden: bool, bare: bool, read: Counter[str]) -> list[tuple[str, float]]:
    """What is wrong with the readings of one answer, each with its computing time."""
    results: dict[tuple[str, str], Parsed] = {}
    findings: list[tuple[str, float]] = []
    for tier in ("strict", "tolerant", "first-numbers"):
        for answer_format in ("list", "json"):
            started = time.process_time()
            try:
                parsed = parse_answer(text, tier, answer_format)
            except Exception as error:  # whatever it is, it is a finding
                return [*findings, (f"crash ({type(error).__name__})", 0.0)]
            spent = time.process_time() - started
            slow = "slow" if spent > 0.25 + len(text) * 2e-5 else ""
            wrong = parsed.outcome not in OUTCOMES or (parsed.actions is None) == (parsed.outcome == "ok")
            findings.append(("crash (outcome)" if wrong else slow, spent))
            results[tier, answer_format] = parsed
            read[f"{tier}/{answer_format}"] += parsed.actions is not None
    if read_pairs(results["strict", "list"]) != scored(literal_pairs(text)):
        findings.append(("literal", 0.0))
    if read_pairs(results["first-numbers", "list"]) != scored(published_rescue(text)):
        findings.append(("rescue", 0.0))
    for answer_format in ("list", "json"):
        pairs = read_pairs(results["tolerant", answer_format])
        if pairs is None:
            continue
        if forbidden:
            findings.append(("contradiction", 0.0))
        elif literal_pairs(text) != pairs and second_reading(text, pairs, bare):
            findings.append(("double", 0.0))
    return findings


def read_pairs(parsed: Parsed) -> Pairs | None:
    return None if parsed.actions is None else [(float(v), float(c)) for v, c in parsed.actions]


def scored(pairs: Pairs | None) -> Pairs | None:
    """Truth values are no numbers to this parser, and numbers beyond 1e100 cannot be scored."""
    return None if pairs is None or any(abs(n) > 1e100 for pair in pairs for n in pair) else pairs


NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


def second_reading(text: str, pairs: Pairs, bare: bool) -> bool:
    """Whether the text has another reading than ``pairs``.

    In a text of nothing but numbers, brackets and commas every number has to be one of the plan's. Elsewhere, the plan's
    numbers have to be there, and a bracket or line without a word may hold no others.
    """
    plain = text.translate({**dict.fromkeys(map(ord, "−‑"), "-"), ord("，"): ",", ord("（"): "(", ord("）"): ")"})
    plain = re.sub(r"\s*\\times 10\^\{-3\}", "e-3", plain)
    numbers = [float(number) for number in NUMBER.findall(plain)]
    flat = [number for pair in pairs for number in pair]
    if bare and re.fullmatch(r"[\d\s.,;()\[\]+-]*", plain, re.ASCII):
        twice = numbers == flat * 2
        blocks = numbers == [v for v, _ in pairs] + [c for _, c in pairs]
        counted = len(numbers) == 18 and [n for place, n in enumerate(numbers) if place % 3] == flat
        beside = plain.strip().startswith("[") and [n for n in numbers if n in flat] != numbers  # "[...] 5"
        return not (numbers == flat or twice or blocks or counted or beside)
    present = Counter(abs(number) for number in numbers)
    return any(not present[abs(number)] for number in flat if number and abs(number) >= 1e-3 and text.isascii())


if __name__ == "__main__":
    script_input.ends(main)
