"""Many tests in one table: Holm's correction, and what it says about each."""

from __future__ import annotations

import math
from collections.abc import Sequence

#: Share of tables without any real difference that may show one by chance.
LEVEL = 0.05
#: With fewer scenes an interval is printed, and no word says what it proves.
FEWEST_SCENES = 8


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction: below a level, the chance of even one false finding in the table is below it too.

    Valid however the tests depend on each other (Holm, A simple sequentially rejective multiple test procedure,
    Scandinavian Journal of Statistics 6, 1979).

    Args:
        p_values: of all tests of a table; NaN where no test was made, which counts for nothing.

    Returns:
        Corrected p-values in the same order, NaN where there was no test.
    """
    tests = sorted((p, place) for place, p in enumerate(p_values) if not math.isnan(p))
    corrected = [math.nan] * len(p_values)
    largest = 0.0
    for rank, (p, place) in enumerate(tests):
        largest = max(largest, min(1.0, p * (len(tests) - rank)))
        corrected[place] = largest
    return corrected


def significance(difference: float, p_holm: float, scenes: int) -> str:
    """What a table's test says of a difference of errors: the one meaning of "significant".

    Args:
        difference: run minus reference; smaller errors are better.
        p_holm: corrected within the table; NaN where no test was made.
        scenes: how many the difference is over.

    Returns:
        ``better`` or ``worse`` where the corrected p is below 0.05 and there are eight scenes or more, else an empty string.
    """
    if math.isnan(p_holm) or p_holm >= LEVEL or scenes < FEWEST_SCENES:
        return ""
    return "better" if difference < 0 else "worse"
