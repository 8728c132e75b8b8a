"""Drivers of one name in every world: `expert` and `idm` do what the world says."""

from __future__ import annotations

import numpy as np
import pytest

from lightemma.closed_loop.privileged import ExpertDriver, IdmDriver, PrivilegedDriver
from lightemma.closed_loop.spec import EpisodeSpec, LoopRules
from lightemma.closed_loop.world import ExpertLabel
from lightemma.errors import UserError
from tests.plugins.straight_world import StraightRoad

SPEC = EpisodeSpec("straight", 0, "", options={"fog": False})
LABELLED, PLANNED, FOLLOWED = (np.full((6, 2), value) for value in (1.0, 2.0, 3.0))


class Labelled(StraightRoad):
    def label(self) -> ExpertLabel:
        return ExpertLabel(LABELLED)


class KnowsBetter(Labelled):
    def expert_plan(self) -> np.ndarray:
        return PLANNED

    def idm_plan(self) -> np.ndarray:
        return FOLLOWED


def planned(driver: PrivilegedDriver, world: type[StraightRoad]) -> np.ndarray:
    return driver.begin(SPEC)(world(SPEC, LoopRules(), False))


def test_the_expert_drives_as_the_world_plans_or_by_its_label():
    assert np.array_equal(planned(ExpertDriver(), Labelled), LABELLED)
    assert np.array_equal(planned(ExpertDriver(), KnowsBetter), PLANNED)


def test_idm_drives_as_the_world_says():
    assert np.array_equal(planned(IdmDriver(), KnowsBetter), FOLLOWED)


@pytest.mark.parametrize(
    ("driver", "world", "message"),
    [(ExpertDriver(), StraightRoad, "has no expert"), (IdmDriver(), Labelled, "no way for 'idm' to follow")],
)
def test_a_world_that_does_not_say_is_named(driver, world, message):
    with pytest.raises(UserError, match=message):
        planned(driver, world)
