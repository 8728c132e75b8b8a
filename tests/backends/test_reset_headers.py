"""Headers that say when a limit is renewed, in every way in which they are written."""

from datetime import UTC, datetime

import pytest

from lightemma.backends.http.errors import Failures
from lightemma.backends.http.reset_headers import reset_after

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"}, 360.0),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "120ms"}, 0.12),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1h2m3.5s"}, 3723.5),
        ({"x-ratelimit-remaining-requests": "3", "x-ratelimit-reset-requests": "6m0s"}, None),
        (
            {
                "anthropic-ratelimit-requests-remaining": "0",
                "anthropic-ratelimit-requests-reset": "2026-01-01T12:00:41Z",
            },
            41.0,
        ),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW.timestamp() * 1000) + 7000)}, 7.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(NOW.timestamp()) + 9)}, 9.0),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "30"}, 30.0),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "2026-01-01T11:00:00Z"}, 0.0),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "soon"}, None),
        ({"ratelimit-remaining": "none", "ratelimit-reset": "30"}, None),
        ({"ratelimit-remaining": "0", "ratelimit-reset": "nan"}, None),
        ({"ratelimit-reset": "30"}, None),
        ({"x-ratelimit-reset-after": "9.5"}, 9.5),
        ({"ratelimit": '"day";r=7;t=900, "minute";r=0;t=11'}, 11.0),
        ({"ratelimit": '"minute";r=05;t=11'}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9" * 400 + "h"}, None),
        ({}, None),
    ],
)
def test_renewals(headers, seconds):
    found = reset_after(headers, NOW)
    assert found == (None if seconds is None else pytest.approx(seconds))


def test_retry_after_goes_first_and_other_statuses_do_not_wait_for_limits():
    failures = Failures("http://localhost", "m")
    headers = {"ratelimit-remaining": "0", "ratelimit-reset": "30"}
    assert failures.status(429, {}, "slow", headers).retry_after_s == 30.0
    assert failures.status(429, {}, "slow", headers | {"retry-after": "4"}).retry_after_s == 4.0
    assert failures.status(429, {}, "slow", headers | {"retry-after": "1m2s"}).retry_after_s == 62.0
    assert failures.status(500, {}, "broken", headers).retry_after_s is None
