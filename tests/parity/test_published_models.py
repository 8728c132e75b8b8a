"""All nine published archives: what each parser reads, the one wording behind their prompts, and their poses."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import numpy as np
import pytest

from lightemma.data.archive_frames import ArchiveFrame
from lightemma.data.nuscenes import NuScenesSource
from lightemma.data.published import PublishedArchive
from lightemma.parsing import TIERS, Parsed, parse_answer
from lightemma.prompts.extract import RecordedPrompts
from lightemma.prompts.sets import PromptSet
from lightemma.prompts.template import fill, fold
from lightemma.run_folder.records import STAGES
from lightemma.sessions.importing import archive_prompts, recorded_prompts
from tests.shared_data import PUBLISHED, TEST_POSES, needs_shared

pytestmark = needs_shared(PUBLISHED)

#: Frames whose answer the strict parser refuses: the published format-error rates times 3,908.
STRICT_REFUSES = {
    "gpt-4o": 304,
    "gpt-4.1": 1132,
    "claude-3.7-sonnet": 0,
    "gemini-2.5-pro": 0,
    "qwen-2.5-7b": 0,
    "qwen-2.5-72b": 2457,
    "llama-3.2-11b": 27,
    "deepseek-vl2-16b": 42,
    "deepseek-vl2-28b": 0,
}
#: Frames that even the published rescue did not save.
FIRST_NUMBERS_REFUSES = {
    "gpt-4o": 3,
    "gpt-4.1": 0,
    "claude-3.7-sonnet": 0,
    "gemini-2.5-pro": 0,
    "qwen-2.5-7b": 0,
    "qwen-2.5-72b": 1858,
    "llama-3.2-11b": 1,
    "deepseek-vl2-16b": 11,
    "deepseek-vl2-28b": 0,
}
#: Frames that have no one plausible reading. Ours, not published: a change here is a change of the tolerant parser.
TOLERANT_REFUSES = {
    "gpt-4o": 5,
    "gpt-4.1": 0,
    "claude-3.7-sonnet": 0,
    "gemini-2.5-pro": 0,
    "qwen-2.5-7b": 7,
    "qwen-2.5-72b": 2138,
    "llama-3.2-11b": 9,
    "deepseek-vl2-16b": 52,
    "deepseek-vl2-28b": 1,
}


@dataclass(frozen=True)
class Read:
    """One archive, read once."""

    name: str
    frames: list[ArchiveFrame]
    answers: dict[str, list[Parsed]]
    recorded: list[RecordedPrompts]
    prompts: PromptSet


#: Read by make test: two that write lists, two that write anything. make test-full reads the others, too; they fail in
#: the same way.
ALWAYS = {"gpt-4o", "gemini-2.5-pro", "qwen-2.5-72b", "deepseek-vl2-16b"}


@pytest.fixture(
    scope="module",
    params=[name if name in ALWAYS else pytest.param(name, marks=pytest.mark.slow) for name in STRICT_REFUSES],
)
def read(request: pytest.FixtureRequest) -> Read:
    archive = PublishedArchive(PUBLISHED / f"{request.param}.zip")
    named = list(archive.frames())
    frames = [frame for _, frame in named]
    texts = [frame.answer("action") for frame in frames]
    answers = {tier: [parse_answer(text, tier) for text in texts] for tier in TIERS}
    recorded = recorded_prompts(archive, named)
    # Cut from a few frames, so that the check against all of them below is no repetition of the extraction's own.
    prompts = archive_prompts(archive, recorded[:: len(recorded) // 20])
    return Read(request.param, frames, answers, recorded, prompts)


@pytest.fixture(scope="module")
def gpt_4o() -> PromptSet:
    """The wording cut from one of the archives."""
    archive = PublishedArchive(PUBLISHED / "gpt-4o.zip")
    return archive_prompts(archive, recorded_prompts(archive, islice(archive.frames(), 20)))


def refused(read: Read, tier: str) -> int:
    return sum(parsed.actions is None for parsed in read.answers[tier])


def test_the_parsers_refuse_as_many_answers_as_published(read):
    assert len(read.frames) == 3908
    assert all(frame.call("action").outcome == "ok" for frame in read.frames)
    assert refused(read, "strict") == STRICT_REFUSES[read.name]
    assert refused(read, "tolerant") == TOLERANT_REFUSES[read.name]
    assert refused(read, "first-numbers") == FIRST_NUMBERS_REFUSES[read.name]


def test_tolerant_keeps_what_strict_read_and_the_rescue_agrees_with_the_rest(read):
    for strict, tolerant, first in zip(*(read.answers[tier] for tier in TIERS), strict=True):
        if strict.actions is not None:
            assert (tolerant.actions is None) == strict.implausible
        if tolerant.actions is None:
            continue
        # Twelve numbers in a row are the answer's where there is one reading and no prose.
        np.testing.assert_array_equal(tolerant.actions, first.actions)


def test_one_template_reproduces_every_prompt_of_every_archive(read, gpt_4o):
    assert read.prompts.sha256 == gpt_4o.sha256
    for frame in read.recorded:
        for stage in STAGES:
            assert fold(fill(gpt_4o.templates[stage], frame.values)) == frame.prompts[stage]


@pytest.fixture(scope="module")
def split() -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Sample token to actions, past and future as cut from the nuScenes tables."""
    source = NuScenesSource(TEST_POSES, "v1.0-test")
    return {
        frame.sample_token: (frame.history.actions, frame.history.positions, frame.future) for frame in source.frames()
    }


@needs_shared(TEST_POSES)
def test_archives_agree_with_frames_cut_from_the_tables(read, split):
    tokens = [frame.sample_token for frame in read.frames]
    assert sorted(tokens) == sorted(split)
    ours = [np.stack(parts) for parts in zip(*(split[token] for token in tokens), strict=True)]
    infos = [frame.ego_info for frame in read.frames]
    np.testing.assert_allclose(np.array([info.obs_actions for info in infos]), ours[0], rtol=0, atol=1e-3)
    np.testing.assert_allclose(np.array([info.obs_positions for info in infos]), ours[1], rtol=0, atol=1e-6)
    np.testing.assert_allclose(np.array([info.gt_positions for info in infos]), ours[2], rtol=0, atol=1e-6)
