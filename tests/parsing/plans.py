"""One plan and how it is written: six pairs, row by row or as a list."""

from __future__ import annotations

from lightemma.parsing import parse_answer

PLAN = [(3.5, 0.002), (3.8, 0.002), (4.2, 0.004), (4.1, 0.001), (3.9, 0.0), (3.6, -0.003)]
LIST = str(PLAN)
SPEEDS = ", ".join(str(speed) for speed, _ in PLAN)
CURVATURES = ", ".join(str(curvature) for _, curvature in PLAN)


def rows(form: str, between: str = "\n") -> str:
    """The plan by rows; ``form`` has {i} (from 1), {z} (from 0), {t} (seconds), {v} and {c}."""
    return between.join(
        form.format(i=z + 1, z=z, t=(z + 1) / 2, v=speed, c=curvature) for z, (speed, curvature) in enumerate(PLAN)
    )


def read(text: str, tier="tolerant", answer_format="list"):
    """The pairs, or the outcome where there are none."""
    parsed = parse_answer(text, tier, answer_format)
    return parsed.outcome if parsed.actions is None else [tuple(pair) for pair in parsed.actions.tolist()]
