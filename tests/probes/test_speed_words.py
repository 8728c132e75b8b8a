"""What a statement says about speed, as far as its opposite needs it."""

from __future__ import annotations

import pytest

from lightemma.probes.speed_words import speed_word


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("The car has been speeding up. It should now slow down for the crossing.", "decelerate"),
        ("It slowed down before. The car should accelerate gently to join the traffic.", "accelerate"),
        ("The light is red: remain stopped until it changes.", "stay-stopped"),
        ("It should maintain its current speed and follow the lane.", "keep"),
        ("There is no need to brake; increase the speed slightly.", "accelerate"),
        ("A quiet street with trees.", "unclear"),
        ("", "unclear"),
    ],
)
def test_statements(text, word):
    assert speed_word(text) == word
