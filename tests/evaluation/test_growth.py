"""What a comparison keeps of a frame does not grow with the number of scenes, nor with how often a frame is read."""

import gc
import tracemalloc

import msgspec
import numpy as np
import pytest

from lightemma.evaluation import scores
from lightemma.evaluation.scores import load_scores
from lightemma.evaluation.statistics.bootstrap import SceneBootstrap
from lightemma.evaluation.strata import strata
from lightemma.garbage import rare_collections
from lightemma.kinematics import integrate
from lightemma.run_folder.records import SampleRecord
from tests.conftest import make_frames, make_manifest, make_record, steady, write_run


def peak(work) -> int:
    """Most bytes that work takes beyond what was there."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def drives(scenes: int, frames: int = 10) -> tuple:
    rng = np.random.default_rng(1)
    count = scenes * frames
    history = np.stack([rng.uniform(0, 12, (count, 6)), rng.uniform(-0.05, 0.05, (count, 6))], axis=-1)
    truth = rng.uniform(0, 5, (count, 6, 2)).cumsum(axis=1)
    return history, truth, [f"scene-{index // frames:05d}" for index in range(count)], None, np.arange(count) % frames


def test_strata_of_twice_the_scenes_take_about_twice_the_memory():
    # A set of booleans for every scene would take four times as much.
    few, many = drives(300), drives(600)
    assert peak(lambda: strata(*many)) < 2.5 * peak(lambda: strata(*few))


def test_draws_of_scenes_are_kept_small():
    scenes = np.arange(1200) % 600
    over = SceneBootstrap(scenes, resamples=1000)
    values = np.random.default_rng(1).normal(size=(1200, 1))
    assert peak(lambda: over.ends(values)) < 600 * 1000 * 8  # what the draws alone would be as real numbers


@pytest.mark.parametrize("block", [1, 3, 1000])
def test_frames_read_in_blocks_are_the_same(tmp_path, monkeypatch, block):
    frames = make_frames({"b": 4, "a": 3})
    records = [make_record(frame, steady(5.0 + place)) for place, frame in enumerate(frames)]
    # Tried again: the later line counts, wherever its block ends; and samples that only some frames have.
    failed = make_record(frames[2], None, "call:timeout")
    several = msgspec.structs.replace(
        records[4], samples=[SampleRecord(0, 0, "ok", steady(4.0).tolist(), integrate(steady(4.0)).tolist())]
    )
    monkeypatch.setattr(scores, "BLOCK", block)
    run = load_scores(
        write_run(tmp_path, make_manifest("vlm", frames), [failed, *records[:4], several, *records[5:], records[0]])
    )
    whole = sorted(zip(frames, records, strict=True), key=lambda pair: (pair[0].scene, pair[0].frame_index))
    assert list(run.tokens) == [frame.sample_token for frame, _ in whole]
    assert set(run.outcomes) == {"ok"}
    np.testing.assert_array_equal(run.actions, [record.actions for _, record in whole])
    assert run.samples is not None
    has = [frame.sample_token == frames[4].sample_token for frame, _ in whole]
    assert (~np.isnan(run.samples.trajectory[:, 0, 0, 0])).tolist() == has


def test_collections_are_rare_within_and_as_before_afterwards():
    before = gc.get_threshold()

    @rare_collections()
    def fails() -> None:
        assert gc.get_threshold()[0] > 10 * before[0]
        raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert gc.get_threshold() == before
    gc.set_threshold(0, *before[1:])
    try:
        with rare_collections():
            assert gc.get_threshold()[0] == 0  # switched off by somebody else
    finally:
        gc.set_threshold(*before)


def test_the_rule_of_collections_is_as_before_when_the_last_block_has_ended():
    before = gc.get_threshold()
    one, two = rare_collections(), rare_collections()
    one.__enter__()
    two.__enter__()  # of another thread, which ends later
    one.__exit__(None, None, None)
    assert gc.get_threshold()[0] > 10 * before[0]
    two.__exit__(None, None, None)
    assert gc.get_threshold() == before


def test_sums_over_draws_are_those_of_a_product():
    scenes, rng = np.arange(300) % 120, np.random.default_rng(3)
    over = SceneBootstrap(scenes, resamples=700)
    one, two = rng.normal(size=(120, 3)), rng.normal(size=(120, 1))
    draws = np.concatenate(over._draws, axis=1).astype(float)
    first, second = over._drawn(one, two)
    np.testing.assert_allclose(first, one.T @ draws, rtol=0, atol=1e-12)
    np.testing.assert_allclose(second, two.T @ draws, rtol=0, atol=1e-12)
