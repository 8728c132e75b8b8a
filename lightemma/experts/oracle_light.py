"""A control that knows the truth: the light of the own lane, as far as it can be seen."""

from __future__ import annotations

from lightemma.experts.base import Card, Expert, Found, NotKnown, Question
from lightemma.run_folder.tool_records import RED_LIGHT


class OracleLight(Expert):
    """Says what the light of our lane shows, and how far it is and the line to stop at."""

    card = Card(
        id="oracle-light",
        task="own-light",
        description="Knows what the traffic light of our lane shows, if it can be seen, and how far its line is.",
        inputs=(),
        outputs=("words", "numbers"),
        code_licence="MIT",
        rank=1,
        cost=0.001,
        privileged=True,
    )

    def look(self, question: Question) -> Found:
        """The light by the facts.

        Raises:
            NotKnown: if these are not known; recordings do not annotate lights.
        """
        facts = question.facts
        if facts is None:
            raise NotKnown("what lights show is not known of this frame")
        numbers: dict[str, float] = {}
        if facts.light is None:
            words = "No traffic light of our lane is seen."
        else:
            numbers["light_distance_m"] = round(facts.light.distance, 2)
            numbers[RED_LIGHT] = float(facts.light.colour == "red")
            words = f"The traffic light of our lane is {facts.light.colour}, {facts.light.distance:.0f} m ahead."
        if facts.stop_line is not None:
            numbers["stop_line_m"] = round(facts.stop_line, 2)
            words += f" The line to stop at is {facts.stop_line:.0f} m ahead."
        return Found(words, numbers=numbers)
