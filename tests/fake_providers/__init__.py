"""Made-up providers on this machine: four wire formats, faults on demand, and counts of requests."""

from tests.fake_providers.faults import Fault
from tests.fake_providers.running import FakeProviders, ReplyServer
from tests.fake_providers.state import Settings

__all__ = ["FakeProviders", "Fault", "ReplyServer", "Settings"]
