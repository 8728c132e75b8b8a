"""The first twelve numbers of a text, as LightEMMA v2's evaluation takes them with ``--error_handling``.

That code walks over the text, collects runs of digits, points and minus signs, and drops every run that is not a plain
decimal number as a whole: ``3.7640.002``, ``7769-0001``, ``.5`` and ``5.`` count for nothing, and ``4e5`` is a 4 and a 5.
"""

from __future__ import annotations

import re
from itertools import islice

from lightemma.parsing.kinds import PAIRS, Pairs

# str.isdigit is wider than \d: a superscript two belongs to a run and spoils it.
_MORE_DIGITS = (
    "\u00b2\u00b3\u00b9\u1369-\u1371\u19da\u2070\u2074-\u2079\u2080-\u2089\u2460-\u2468\u2474-\u247c\u2488-\u2490"
    "\u24ea\u24f5-\u24fd\u24ff\u2776-\u277e\u2780-\u2788\u278a-\u2792\U00010a40-\U00010a43\U00010e60-\U00010e68"
    "\U00011052-\U0001105a\U0001f100-\U0001f10a"
)
_IN_RUN = rf"[\d.{_MORE_DIGITS}-]"
_NUMBER_RE = re.compile(rf"(?<!{_IN_RUN})-?\d++(?:\.\d++)?(?!{_IN_RUN})")


def read_first_numbers(text: str) -> Pairs | None:
    """Twelve numbers as six pairs, or None if there are fewer."""
    numbers = [float(number.group()) for number in islice(_NUMBER_RE.finditer(text), 2 * PAIRS)]
    return list(zip(numbers[0::2], numbers[1::2], strict=True)) if len(numbers) == 2 * PAIRS else None
