"""Thinking is parted from answers, in the markup of the model families; what it quotes is never an answer."""

from __future__ import annotations

import pytest

from lightemma.parsing import parse_answer
from lightemma.thinking import is_sign, leaves_open, part

PLAN = "[(5.0, 0.001), (5.0, 0.001), (5.0, 0.001), (5.0, 0.001), (5.0, 0.001), (5.0, 0.001)]"
#: What thinking quotes.
DRAFT = "[(9.0, 0.1), (9.0, 0.1), (9.0, 0.1), (9.0, 0.1), (9.0, 0.1), (9.0, 0.1)]"

PARTED = {
    "kimi": "◁think▷DRAFT◁/think▷PLAN",
    "kimi with an answer": "◁think▷DRAFT◁/think▷\n◁answer▷PLAN◁/answer▷",
    "qwen": "<think>\nDRAFT\n</think>\n\nPLAN",
    "empty": "<think>\n\n</think>\n\nPLAN",
    "later in the text": "Okay.\n<think>DRAFT</think>\nPLAN",
    "several": "<think>DRAFT</think><think>DRAFT</think>PLAN",
    "opened by the template": "DRAFT</think>PLAN",
    "opened by the template, then more": "DRAFT</think>\n<think>DRAFT</think>PLAN",
    "its own tag quoted": "<think>I write <think> first. DRAFT</think>PLAN",
    "closed under another name": "<think>DRAFT</thinking>PLAN",
    "capitals": "<THINK>DRAFT</THINK>PLAN",
    "escaped": "&lt;think&gt;DRAFT&lt;/think&gt;PLAN",
    "thinking": "<thinking>DRAFT</thinking>PLAN",
    "thought": "<thought>DRAFT</thought>\nPLAN",
    "reasoning": "<reasoning>DRAFT</reasoning>PLAN",
    "reflection inside": "<thinking>a <reflection>DRAFT</reflection> DRAFT</thinking>PLAN",
    "attributes": '<thinking effort="high">DRAFT</thinking>PLAN',
    "seed": "<seed:think>DRAFT<seed:cot_budget_reflect>12</seed:cot_budget_reflect></seed:think>PLAN<seed:eos>",
    "longcat": "<longcat_think>DRAFT</longcat_think>PLAN",
    "magistral": "[THINK]DRAFT[/THINK]PLAN</s>",
    "cohere": "<|START_THINKING|>DRAFT<|END_THINKING|><|START_RESPONSE|>PLAN<|END_RESPONSE|>",
    "medgemma": "<unused94>thought\nDRAFT<unused95>PLAN<end_of_turn>",
    "gemma": "<|channel>thought\nDRAFT<channel|>PLAN<turn|>",
    "harmony": "<|channel|>analysis<|message|>DRAFT<|end|><|start|>assistant<|channel|>final<|message|>PLAN<|return|>",
    "harmony with a form": "<|channel|>commentary<|message|>DRAFT<|end|><|channel|>final <|constrain|>json<|message|>PLAN",
    "harmony without tokens": "analysisWe need DRAFT.assistantfinalPLAN",
    "granite": "Here is my thought process:\nDRAFT\nHere is my response:\nPLAN",
    "apertus": "<|inner_prefix|>DRAFT<|inner_suffix|>PLAN",
    "open thoughts": "<|begin_of_thought|>DRAFT<|end_of_thought|><|begin_of_solution|>PLAN<|end_of_solution|>",
    "alpamayo": "<|cot_start|>DRAFT<|cot_end|>PLAN",
    "pipes": "<|think|>DRAFT<|/think|>PLAN",
    "answer tags": "<think>DRAFT</think><answer>PLAN</answer>",
    "answer tags alone": "First I think of DRAFT. <answer>PLAN</answer>",
    "response tags": "<think>DRAFT</think><response>PLAN</response>",
    "output tags": "<Thought>DRAFT</Thought><Output>PLAN</Output>",
    "llava-cot": "<SUMMARY>DRAFT</SUMMARY><CAPTION>DRAFT</CAPTION><REASONING>DRAFT</REASONING><CONCLUSION>PLAN</CONCLUSION>",
    "keye": "<analysis>DRAFT</analysis><think>DRAFT</think><answer>PLAN</answer>",
    "an answer though thinking never ends": "<think>DRAFT <answer>PLAN</answer>",
    "glm": "<think>DRAFT</think>\n<answer><|begin_of_box|>PLAN<|end_of_box|></answer>",
    "boxed": "$\\boxed{PLAN}$",
    "blanks in the tags": "< think >DRAFT</ think >PLAN",
    "a stroke escaped as in JSON": "<think>DRAFT<\\/think>PLAN",
    "tags escaped as in Markdown": "\\<think\\>DRAFT\\</think\\>PLAN",
    "full-width tags": "＜think＞DRAFT＜/think＞PLAN",
    "a Chinese name": "<思考>DRAFT</思考>PLAN",
    "square, in small letters": "[think]DRAFT[/think]PLAN",
}
ENDS = (
    "<|im_end|>", "<|endoftext|>", "</s>", "<|eot_id|>", "<end_of_turn>\n", "<|end|>", "<eos>", "<|return|>", "<|eom_id|>",
    "<｜end▁of▁sentence｜>", "<|end_of_text|>", "<|im_end|>\n<|endoftext|>", "<end_of_utterance>", "[EOS]",
    "<|END_OF_TURN_TOKEN|>",
)  # fmt: skip


def filled(form: str) -> str:
    return form.replace("PLAN", PLAN).replace("DRAFT", DRAFT)


@pytest.mark.parametrize("form", PARTED.values(), ids=PARTED.keys())
def test_what_is_left_is_the_answer(form):
    found = part(filled(form))
    assert found.answer == PLAN
    assert (DRAFT in found.thinking) == ("DRAFT" in form)
    assert part(found.answer).answer == PLAN, "parting again changes nothing"
    assert parse_answer(found.answer).outcome == "ok"


@pytest.mark.parametrize("end", ENDS)
def test_left_over_tokens_are_no_part_of_an_answer(end):
    assert part(PLAN + end).answer == PLAN
    assert part(f"<think>{DRAFT}</think>{PLAN}{end}").answer == PLAN


def test_a_turn_that_the_model_made_up_is_no_part_of_its_answer():
    assert part(f"<|im_start|>assistant\n{PLAN}<|im_end|>\n<|im_start|>user\n{DRAFT}").answer == PLAN


@pytest.mark.parametrize(
    "form",
    [
        "<think>DRAFT",
        "◁think▷DRAFT",
        "[THINK]DRAFT",
        "<thinking>a <reflection>b</reflection> DRAFT",
        "<|START_THINKING|>DRAFT",
        "<|channel|>analysis<|message|>DRAFT",
        "analysisWe need DRAFT",
        "<unused94>thought\nDRAFT",
        "Here is my thought process: DRAFT",
        "Okay. <think>DRAFT",
        "<think>the form is <answer>DRAFT</answer>, so",
        "DRAFT</think>",
        "<think>a</think>\n<think>DRAFT",
    ],
)
@pytest.mark.parametrize("tier", ["strict", "tolerant", "first-numbers"])
def test_thinking_alone_leaves_no_answer(form, tier):
    found = part(filled(form))
    assert DRAFT in found.thinking
    assert parse_answer(found.answer, tier).outcome == "format:empty"


@pytest.mark.parametrize(
    "text",
    [
        "",
        PLAN,
        " A road.\n",
        "A <center>road</center> with a < b and c > d.",
        "**Final Answer** 3 cars",
        "<|object_ref_start|>car<|object_ref_end|><|box_start|>(1,2)<|box_end|> ahead",
        "At [1] there is a lane.",
        "I write it into the <output> tag.",
        "analysis of the scene: a road",
        "<s>5</s> lanes",
        "```python\n[1]\n```",
        "<html><body>502</body></html>",
        "\\boxed{3} cars",
    ],
)
def test_other_text_is_left_as_it_is(text):
    assert part(text).answer == text
    assert not part(text).thinking


def test_numbers_before_thinking_stay_in_the_answer():
    found = part(f"{PLAN}\n<think>was that right?</think>")
    assert (found.answer, found.thinking) == (PLAN, "was that right?")


def test_a_prompt_that_begins_the_thinking():
    assert leaves_open("<|im_start|>assistant\n<think>\n")
    assert leaves_open("◁think▷")
    assert not leaves_open("<|im_start|>assistant\n<think>\n\n</think>\n\n")
    assert not leaves_open("what does <think> mean? ")
    cut = part(DRAFT, begun=True)
    assert (cut.answer, cut.thinking, cut.unended) == ("", DRAFT, True)
    assert part(f"{DRAFT}</think>{PLAN}", begun=True).answer == PLAN


def test_tokens_that_must_stay_in_the_text():
    assert all(
        map(is_sign, ("<think>", "[/THINK]", "<|channel|>", "<|begin_of_box|>", "<unused95>", "<|END_THINKING|>"))
    )
    assert not any(map(is_sign, ("<|im_end|>", "<pad>", "<image>", "<|vision_start|>")))


PIECES = (
    "<think>", "</think>", "<think></thought><reason>", "<reason><think></thought>", "<answer>", "<|channel|>final", "<|a|>",
    "[/INST] ", "<|im_end|> ", "\\boxed{", " \n",
)  # fmt: skip


@pytest.mark.parametrize("piece", PIECES)
def test_the_work_grows_with_the_length_alone(piece):
    """Counted, not timed: quadratic work on these would take minutes."""
    assert isinstance(part(piece * 10_000 + "x]").answer, str)
