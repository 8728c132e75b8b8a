"""A model as judge: what it is sent, what is stored of its answers, and that compare uses them."""

from __future__ import annotations

import json

import pytest

from lightemma.backends.base import Backend, CallError, Completion
from lightemma.backends.config import ModelConfig
from lightemma.errors import UserError
from lightemma.evaluation.comparison import compare_runs
from lightemma.evaluation.scores import load_scores
from lightemma.run_folder.judgments import Judgment, checked_labels, judgments_file, read_judgments
from lightemma.sessions.judging import judge_runs
from tests.evaluation.reasoning.word_runs import Word, word_run

KEEP = {"longitudinal": "keep", "lateral": "straight", "stated_speed": 5}
QUIET = dict.fromkeys(("red_light", "green_light", "person", "lead_vehicle", "roadworks", "bad_weather"), "absent")


class Judge(Backend):
    """Answers every text of a stage alike, and remembers what it was sent."""

    def __init__(self, intent: str | CallError, scene: str | CallError) -> None:
        limits = {"attempts": 1}
        super().__init__(ModelConfig(name="scripted", provider="scripted", model="scripted", limits=limits))
        self.answers = {"intent": intent, "scene": scene}
        self.sent: list[str] = []

    async def generate(self, request):
        answer = self.answers[request.stage]
        self.sent.append(request.messages[0].text)
        if isinstance(answer, CallError):
            raise answer
        return Completion(answer)


@pytest.fixture
def folder(tmp_path):
    words = [Word("faster", planned=2.0, recorded=2.0), Word("slower"), Word("faster")]
    return word_run(tmp_path / "results", "talker", {"s-1": words, "s-2": words})


def judge(intent=KEEP, scene=QUIET) -> Judge:
    return Judge(f"Well: {json.dumps(intent)}", json.dumps(scene))


def test_each_text_is_asked_once_and_what_was_read_is_kept(folder):
    first = judge()
    judged = judge_runs([folder], first)
    assert (judged.asked, judged.kept, judged.unread, judged.failed) == (3, 9, 0, 0), (
        "two statements and one description"
    )
    assert any("Text:\nThe ego should accelerate." in text for text in first.sent)
    assert {one.labels["longitudinal"] for one in read_judgments(folder, "scripted") if one.stage == "intent"} == {
        "keep"
    }
    again = judge()
    assert judge_runs([folder], again).asked == 0
    assert again.sent == []


def test_compare_reads_the_words_as_the_judge_did(folder):
    judge_runs([folder], judge())
    run = load_scores(folder)
    (row,) = compare_runs([run], folders={run.name: folder}, judge="scripted", resamples=100).reasoning
    assert (row.reader, row.judged, row.words_right) == ("judge:scripted", 6, pytest.approx(4 / 6))
    assert row.stated_speeds == 6
    with pytest.raises(UserError, match="No run here has judgments by 'nobody'; make them with `lightemma judge"):
        compare_runs([run], folders={run.name: folder}, judge="nobody", resamples=100)


@pytest.mark.parametrize("answer", ["I would say keep.", '{"longitudinal": "fly"}', "[" * 10_000, json.dumps(QUIET)])
def test_an_answer_without_the_fields_is_counted_and_not_stored(folder, answer):
    judged = judge_runs([folder], Judge(answer, json.dumps(QUIET)))
    assert (judged.unread, judged.failed) == (2, 0)
    assert {one.stage for one in read_judgments(folder, "scripted")} == {"scene"}


def test_a_call_without_an_answer_is_counted_and_asked_again(folder):
    judged = judge_runs([folder], Judge(CallError("refused", "no"), json.dumps(QUIET)))
    assert (judged.failed, judged.unread) == (2, 0)
    assert judge_runs([folder], judge()).asked == 2


@pytest.mark.parametrize(
    ("stage", "value", "wanted"),
    [
        ("intent", KEEP | {"longitudinal": " Stay_Stopped "}, {"longitudinal": "stay-stopped", "stated_speed": 5.0}),
        ("intent", KEEP | {"stated_speed": "5"}, {"stated_speed": None}),
        ("intent", KEEP | {"stated_speed": -3}, {"stated_speed": None}),
        ("intent", KEEP | {"lateral": 3}, None),
        ("intent", [KEEP], None),
        ("action", KEEP, None),
    ],
)
def test_only_values_that_a_field_may_have_are_taken(stage, value, wanted):
    found = checked_labels(stage, value)
    assert found is None if wanted is None else wanted.items() <= found.items()


def test_a_damaged_file_is_named_and_a_torn_line_dropped(folder):
    judge_runs([folder], judge())
    path = judgments_file(folder, "scripted")
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"stage": "int')
    assert all(isinstance(one, Judgment) for one in read_judgments(folder, "scripted"))
    path.write_bytes(b"no\n" + whole)
    with pytest.raises(UserError, match=r"Line 1 of '.*judgments-scripted.jsonl' is damaged"):
        read_judgments(folder, "scripted")


def test_a_model_name_is_no_path(folder):
    assert judgments_file(folder, "../../x y").parent == folder
