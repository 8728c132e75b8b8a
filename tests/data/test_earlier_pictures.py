"""The pictures before a frame's own, made ready only when somebody wants them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lightemma.data.pictures import PicturePolicy, load_picture, with_earlier_pictures
from lightemma.errors import UserError
from lightemma.frame import EarlierPicture
from tests.conftest import make_frame
from tests.data.test_pictures import gradient, written


@pytest.fixture
def frame(tmp_path):
    paths = [written(tmp_path, gradient(width=100 + n), f"{n}.jpg") for n in range(7)]
    return replace(make_frame(), earlier=tuple(EarlierPicture(path, n) for n, path in enumerate(paths)))


@pytest.mark.parametrize("count", [2, 4, 8])
def test_the_last_ones_are_loaded_under_the_policy(frame, count):
    policy = PicturePolicy(max_side=50)
    shown = with_earlier_pictures(frame, policy, count)
    wanted = frame.earlier[-(count - 1) :]
    assert [one.picture for one in shown.earlier] == [load_picture(one.path, policy) for one in wanted]
    assert [one.timestamp for one in shown.earlier] == [one.timestamp for one in wanted]


def test_a_single_picture_needs_no_others(frame):
    assert with_earlier_pictures(frame, PicturePolicy(), 1) is frame


def test_a_picture_that_is_gone_is_named(frame):
    frame.earlier[-1].path.unlink()
    with pytest.raises(UserError, match=r"6\.jpg"):
        with_earlier_pictures(frame, PicturePolicy(), 2)
