"""The pictures of a frame that a planner needs: loaded only where they are used."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lightemma.backends.config import ModelConfig
from lightemma.backends.scripted import ScriptedBackend
from lightemma.data.pictures import PicturePolicy, load_picture
from lightemma.errors import UserError
from lightemma.frame import EarlierPicture
from lightemma.planners.base import Needs, View
from lightemma.sessions.views import load_view, pictures_needed
from tests.conftest import make_frame
from tests.data.test_pictures import gradient, written


@pytest.fixture
def frame(tmp_path):
    paths = [written(tmp_path, gradient(width=100 + n), f"{n}.jpg") for n in range(8)]
    earlier = tuple(EarlierPicture(path, n) for n, path in enumerate(paths[:7]))
    return replace(make_frame(image_path=paths[7]), earlier=earlier)


@pytest.mark.parametrize("count", [1, 2, 4, 8])
def test_the_last_ones_are_loaded_under_the_policy(frame, count):
    policy = PicturePolicy(max_side=50)
    view = load_view(frame, count, policy)
    paths = [*(one.path for one in frame.earlier), frame.image_path]
    assert list(view.pictures) == [load_picture(path, policy) for path in paths[-count:]]
    assert view.picture == load_picture(frame.image_path, policy)


def test_none_are_loaded_where_none_are_needed_or_exist(frame):
    assert load_view(frame, 0, PicturePolicy()) == View()
    assert load_view(replace(frame, image_path=None), 3, PicturePolicy()) == View()
    assert View().picture is None


def test_at_the_beginning_of_a_drive_there_are_fewer(frame):
    assert len(load_view(replace(frame, earlier=frame.earlier[:1]), 4, PicturePolicy()).pictures) == 2


def test_a_missing_picture_is_named(frame):
    frame.earlier[-1].path.unlink()
    with pytest.raises(UserError, match=r"6\.jpg"):
        load_view(frame, 2, PicturePolicy())


class Seeing(ScriptedBackend):
    reads_pictures = True


@pytest.mark.parametrize(
    ("needs", "kinds", "pictures"),
    [
        (Needs(), [], 0),
        (Needs(pictures=3), [], 3),
        (Needs(2, ("main",)), [ScriptedBackend], 0),
        (Needs(2, ("main",)), [Seeing], 2),
        (Needs(2, ("main", "controller")), [ScriptedBackend, Seeing], 2),
        (Needs(2, ("main",), looks=True), [ScriptedBackend], 2),
        (Needs(0, ("main",), looks=True), [Seeing], 0),
    ],
)
def test_pictures_are_loaded_where_they_are_used(needs, kinds, pictures):
    config = ModelConfig(name="m", provider="scripted", model="m")
    backends = {role: kind.from_answers([], config=config) for role, kind in zip(needs.models, kinds, strict=True)}
    assert pictures_needed(needs, backends) == pictures
