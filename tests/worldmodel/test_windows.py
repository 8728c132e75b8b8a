"""Windows: what an example shows is what its actions say, in every tempo."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lightemma.worldmodel.clips import Clip  # noqa: E402
from lightemma.worldmodel.windows import FASTEST, Windows  # noqa: E402


def clip(speeds, curvature=0.01):
    """A drive whose pictures say, in metres, how far it has come."""
    along = np.concatenate([[0.0], np.cumsum(speeds) * 0.5])
    pictures = np.broadcast_to(along.round().astype(np.uint8)[:, None, None, None], (len(along), 2, 4, 3)).copy()
    actions = np.column_stack([speeds, np.full(len(speeds), curvature), np.full(len(speeds), 0.5)])
    return Clip("drive", pictures, actions, np.zeros((len(along), 3)))


CLIPS = [clip(np.full(12, 6.0)), clip(np.array([2.0, 4.0, 6.0, 8.0, 6.0, 4.0, 2.0, 2.0]), -0.02)]


def test_in_another_tempo_the_way_between_two_pictures_is_still_what_the_action_says():
    window = Windows(CLIPS, 5, tempo=1.0).draw(64, (0,))
    way = np.diff(window.pictures[:, :, 0, 0, 0].numpy().astype(float), axis=1)
    assert way == pytest.approx((window.actions[..., 0] * window.actions[..., 2]).numpy(), abs=0.01)
    assert {0.0, 3.0, 6.0} <= set(way.ravel().tolist()), "steps of none, one and two recorded ones"
    moved = window.actions[..., 0] > 0
    assert set(window.actions[..., 1][moved].numpy().round(3).tolist()) == {np.float32(0.01), np.float32(-0.02)}
    assert not window.actions[..., 1][~moved].any()
    own = Windows(CLIPS, 5).draw(64, (0,))
    gained = np.abs(np.diff(own.actions[..., 0].numpy(), axis=1)).max()
    assert np.abs(np.diff(window.actions[..., 0].numpy(), axis=1)).max() > 2 * gained


def test_no_window_reaches_into_another_clip_or_becomes_faster_than_cars_do():
    short, fast = [clip(np.full(4, 5.0)), clip(np.full(4, 200.0))], clip(np.full(12, 0.7 * FASTEST))
    for one in ([short[0]] * 3, [fast]):
        windows = Windows(one, 5, tempo=1.0)
        for seed in range(8):
            window = windows.draw(32, (seed,))
            assert (np.diff(window.pictures[:, :, 0, 0, 0].numpy().astype(int), axis=1) >= 0).all()
            assert window.actions[..., 0].max() <= FASTEST


def test_a_mirrored_window_turns_the_other_way():
    windows = Windows([clip(np.full(6, 6.0))], 3, mirror=True)
    window = windows.draw(32, (1,))
    assert 0 < window.mirrored.sum() < 32
    assert (np.sign(window.actions[:, 0, 1].numpy()) == np.where(window.mirrored, -1, 1)).all()


def test_windows_may_end_at_some_pictures_only():
    ends = np.arange(13) % 4 == 3
    windows = Windows([CLIPS[0]], 3, last=[ends])
    window = windows.at(np.arange(len(windows)))
    assert (window.starts + 2).tolist() == [3, 7, 11]
