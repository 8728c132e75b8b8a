"""What an agent is paid for: to be in a lane, near its middle, the way it runs."""

import numpy as np
import pytest

pytest.importorskip("shapely")

from lightemma.data.drivable import DrivableArea
from lightemma.worldmodel.lanes import keeps_lane

# Two lanes of 3.5 m eastwards (a second begins where the first one ends), and one westwards beside them. Left borders first.
EAST = [(0.0, 3.5), (50.0, 3.5), (50.0, 0.0), (0.0, 0.0)]
THEN = [(50.0, 3.5), (100.0, 3.5), (100.0, 0.0), (50.0, 0.0)]
WEST = [(100.0, 3.5), (0.0, 3.5), (0.0, 7.0), (100.0, 7.0)]
GROUND = DrivableArea.of_rings([[(0.0, 0.0), (100.0, 0.0), (100.0, 7.0), (0.0, 7.0)]], [EAST, THEN, WEST])


def kept(x, y, degrees, directed=True):
    return bool(keeps_lane(np.array([[x, y]]), np.radians([degrees]), GROUND, directed)[0])


@pytest.mark.parametrize(
    ("x", "y", "degrees", "expected"),
    [
        (20.0, 1.75, 0.0, True),
        (20.0, 2.6, 0.0, True),  # 0.85 m beside the middle
        (20.0, 2.9, 0.0, False),  # 1.15 m
        (20.0, 3.5, 0.0, False),  # on the line
        (70.0, 1.75, 0.0, True),  # in the lane that follows, in which the drive did not begin
        (20.0, 1.75, 180.0, False),  # the wrong way
        (20.0, 5.25, 180.0, True),
        (20.0, 5.25, 0.0, False),
        (20.0, 1.75, 30.0, True),
        (20.0, 1.75, 60.0, False),
        (20.0, -3.0, 0.0, False),
    ],
)
def test_a_lane_is_kept_near_its_middle_and_the_way_it_runs(x, y, degrees, expected):
    assert kept(x, y, degrees) is expected


def test_where_a_lane_has_no_known_way_none_is_asked():
    assert kept(20.0, 5.25, 0.0, directed=False)
