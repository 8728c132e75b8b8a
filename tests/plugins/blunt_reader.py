"""A reader of one's own: only words that shout count."""

from __future__ import annotations

from lightemma.evaluation.reasoning.reader import Reader
from lightemma.evaluation.reasoning.readings import IntentReading, SceneReading

SHOUTS = {"STOP": "decelerate", "GO": "accelerate", "HOLD": "keep"}


class BluntReader(Reader):
    """Reads the first shouted word, and claims a person where one is shouted."""

    name = "blunt"

    def read_intent(self, text: str) -> IntentReading | None:
        for word in text.split():
            if word in SHOUTS:
                start = text.index(word)
                return IntentReading(longitudinal=SHOUTS[word], place=(start, start + len(word)))
        return IntentReading()

    def read_scene(self, text: str) -> SceneReading | None:
        return SceneReading(claims={"person": "claimed" if "PERSON" in text else "denied"})
