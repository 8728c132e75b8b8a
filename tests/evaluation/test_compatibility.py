"""What cannot be compared is refused, by a sentence that names the runs and the difference."""

from __future__ import annotations

import msgspec
import pytest

from lightemma.errors import UserError
from lightemma.evaluation.compatibility import check_comparable, check_complete, shared_frames
from lightemma.evaluation.scores import load_scores
from lightemma.protocol import protocol_named
from tests.conftest import make_frame, make_frames, make_manifest, make_record, steady, steady_run, write_run

FRAMES = make_frames()


@pytest.fixture
def make(tmp_path):
    def scores(run, frames=FRAMES, **more):
        return load_scores(steady_run(tmp_path, run, frames, 5.0, **more))

    return scores


def with_version(frames, version):
    manifest = make_manifest("any", frames)
    return msgspec.structs.replace(manifest.data, version=version)


def kept(runs) -> list[list[str]]:
    """The frames of runs that may be compared, in each run."""
    assert check_comparable(runs) is None
    return [list(run.tokens) for run in shared_frames(runs)]


EVERYTHING = [frame.sample_token for frame in FRAMES]


def test_like_runs_pass(make):
    assert kept([make("a"), make("b"), make("c", list(reversed(FRAMES)))]) == [EVERYTHING] * 3


def test_unlike_protocols_are_refused(make):
    arc = make("b", protocol=protocol_named("arc").as_dict())
    sentence = "'a' and 'b' were run under different protocols .*lightemma against lightemma-arc.*euler against arc"
    with pytest.raises(UserError, match=sentence):
        check_comparable([make("a"), arc])
    with pytest.raises(UserError, match="different protocols"):
        shared_frames([make("a"), arc])


def test_unlike_splits_are_refused(make):
    other = make("b", data=with_version(FRAMES, "v1.0-mini"))
    for check in (check_comparable, shared_frames):
        with pytest.raises(UserError, match=r"'a' was run on v1\.0-made-up and 'b' on v1\.0-mini"):
            check([make("a"), other])


def test_a_source_that_does_not_say_its_split_is_judged_by_its_frames(make):
    assert kept([make("a"), make("b", data=with_version(FRAMES, ""))]) == [EVERYTHING] * 2


def test_unlike_frame_sets_are_refused_with_counts(make):
    other = make("b", [*FRAMES[:3], make_frame("scene-0009", 0)])
    with pytest.raises(
        UserError, match=r"'a' and 'b' .* \(2 only in the first, 1 only in the second\).*--shared-frames"
    ):
        check_comparable([make("a"), other])


def test_the_run_that_differs_is_named_in_any_order(make):
    with pytest.raises(UserError, match="'a' and 'c'"):
        check_comparable([make("a"), make("b"), make("c", FRAMES[:4])])


def test_an_unfinished_run_is_refused_with_how_far_it_got(tmp_path):
    folder = write_run(
        tmp_path, make_manifest("vlm", FRAMES), [make_record(frame, steady(5.0)) for frame in FRAMES[:2]]
    )
    with pytest.raises(UserError, match="Run 'vlm' has 2 of 5 frames; finish it"):
        check_complete(load_scores(folder))
    with pytest.raises(UserError, match="Run 'vlm' has 2 of 5 frames"):
        check_comparable([load_scores(folder)])


def test_runs_that_disagree_on_where_the_car_went_are_refused(make):
    moved = [*FRAMES[:4], make_frame("scene-0002", 1, driven=steady(5.1))]
    with pytest.raises(
        UserError, match=r"'a' and 'b' disagree on where the car went \(frame scene-0002/1 of scene-0002, by 0\.3 m\)"
    ):
        check_comparable([make("a"), make("b", moved)])


def test_rounding_of_the_ground_truth_is_no_disagreement(make):
    rounded = [*FRAMES[:4], make_frame("scene-0002", 1, driven=steady(5.0002))]
    assert kept([make("a"), make("b", rounded)]) == [EVERYTHING] * 2


def test_the_same_tokens_under_other_scene_names_are_refused(tmp_path, make):
    record = make_record(FRAMES[0], steady(5.0))
    renamed = [
        msgspec.structs.replace(record, scene="scene-9999"),
        *(make_record(frame, steady(5.0)) for frame in FRAMES[1:]),
    ]
    other = load_scores(write_run(tmp_path, make_manifest("b", FRAMES), renamed))
    with pytest.raises(UserError, match="'a' and 'b' name scenes or frames differently"):
        check_comparable([make("a"), other])


def test_shared_frames_are_those_of_all_runs(make):
    a, b = make("a", FRAMES[:4]), make("b", FRAMES[1:])
    for run in shared_frames([a, b]):
        assert list(run.tokens) == [frame.sample_token for frame in FRAMES[1:4]]


def test_runs_without_a_common_frame_are_refused(make):
    with pytest.raises(UserError, match="no frame in common"):
        shared_frames([make("a", FRAMES[:2]), make("b", FRAMES[2:])])
