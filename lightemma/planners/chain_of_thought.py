"""The three-stage planner: describe the scene, judge the intent, give the actions. Each answer is part of the next prompt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from lightemma.backends.base import Call, Constraint, Message, TextPart
from lightemma.backends.token_rules import CHARACTERS_PER_TOKEN
from lightemma.errors import UserError
from lightemma.frame import Frame
from lightemma.parsing import parse_answer
from lightemma.planners.base import CAMERAS, Calls, Needs, Plan, Planner, PlannerSettings, TypicalCall, View
from lightemma.planners.call_record import call_record, text_outcome
from lightemma.planners.conversation import Conversation, Exchange, Part, window_of
from lightemma.planners.prompt_style import PromptStyle
from lightemma.planners.samples import Answer, plan_of
from lightemma.planners.shown import example_text, example_turns, picture_parts, written_plan
from lightemma.planners.styled import style_inputs, style_needs
from lightemma.prompts.sets import DEFAULT_PROMPTS, PromptSet, load_prompts
from lightemma.run_folder.inputs import InputsEntry
from lightemma.run_folder.records import MAIN, OK, STAGES, CallRecord, Stage, is_call_error


class ChainOfThought(Planner):
    """Asks one model three times per frame.

    By default each stage is a separate prompt that contains the picture and the earlier answers. As a dialogue, the stages
    are turns of one conversation that begins with the picture.

    Args:
        settings: prompts, parser, style and models are used. The model's context decides when a dialogue is summarised.
    """

    name: ClassVar[str] = "chain-of-thought"
    takes_style: ClassVar[bool] = True
    prompts: PromptSet

    def __init__(self, settings: PlannerSettings = PlannerSettings()) -> None:  # noqa: B008 -- frozen
        super().__init__(settings)
        self.style = settings.style
        if self.style.dialogue and self.style.few_shot:
            raise UserError("`few_shot` is for separate prompts; leave `dialogue` out.", "few_shot", "dialogue")
        prompts = settings.prompts or load_prompts(DEFAULT_PROMPTS)
        prompts = prompts.with_inputs(self.style.history_s, command=self.style.command)
        self.prompts = prompts.as_dialogue() if self.style.dialogue else prompts
        self.parser = settings.parser
        model = settings.models.get(MAIN)
        self.window = window_of(model) if model is not None and self.style.dialogue else None

    @property
    def suffix(self) -> tuple[str, ...]:
        """Parts of the run's name for a style other than the default, such as ``dialogue``."""
        return self.style.suffix

    def needs(self) -> Needs:
        """One model; its action answer is constrained if the style says so."""
        form: Constraint = "json" if self.prompts.response_schema is not None else "regex"
        return style_needs(self.style, form)

    def inputs(self) -> InputsEntry:
        """As the style says."""
        return style_inputs(self.style)

    async def plan(self, frame: Frame, view: View, calls: Calls) -> Plan:
        """Asks stage after stage; the first without a usable answer ends the frame."""
        return await self.staged(frame, view, calls[MAIN])

    async def staged(
        self, frame: Frame, view: View, call: Call, told: Mapping[Stage, str] = {}, made: Sequence[CallRecord] = ()
    ) -> Plan:
        """The same, with more that is told.

        Args:
            frame: history and camera.
            view: the pictures that are sent.
            call: of the model.
            told: stage -> a paragraph before its text.
            made: records of the calls made before; the plan's calls begin with them.
        """
        conversation = Conversation(call)
        answers: dict[Stage, str] = {}
        records: list[CallRecord] = list(made)
        values = self.prompts.values(frame)
        for stage in STAGES:
            before_text = f"{told[stage]}\n\n" if told.get(stage) else ""
            prompt = TextPart(before_text + self.prompts.filled(stage, values, answers))
            parts: tuple[Part, ...] = (prompt,)
            if stage == STAGES[0] or not self.style.dialogue:  # otherwise the stage is a further turn
                before = self._examples(view) if stage == STAGES[-1] else ()
                conversation = Conversation(call, frame.sample_token, self.window, before=before)
                # Pictures first and the text, which differs, last: providers cache the longest common prefix.
                parts = (*picture_parts(frame, view, self.style), prompt)
            last = stage == STAGES[-1]
            exchanges = await conversation.send(
                parts,
                stage,
                schema=self.prompts.response_schema if last else None,
                regex=self.prompts.response_regex if last and self.style.guided else None,
                samples=self.style.samples if last else 1,
                temperature=self.style.temperature if last else None,
            )
            records += [_record(one, one.outcome) for one in exchanges[:-1]]
            exchange, outcome, text = exchanges[-1], exchanges[-1].outcome, exchanges[-1].text
            if last and exchange.stage == stage and text is not None and not is_call_error(outcome):
                results = (exchange.result, *exchange.again)
                plan = plan_of(results, self.style.samples, self._read, len(records))
                for place, result in enumerate(results, len(records)):
                    said = plan.outcome if place == plan.answer else text_outcome(result)
                    records.append(call_record(stage, exchange.message.text, result, said))
                return replace(plan, calls=records)
            records.append(_record(exchange, outcome))
            # Only a recording of another harness has an answer and a failure: there the text was part of the next
            # prompt, and a replay must send the same prompts. Everywhere else a failure ends the frame.
            if exchange.stage != stage or text is None:
                break
            if outcome != OK and (last or not _is_recorded_failure(exchange)):
                break
            answers[stage] = text
        # An empty or truncated action answer still counts as an answer.
        answered = records[-1].stage == STAGES[-1] and not is_call_error(records[-1].outcome)
        return Plan(None, records[-1].outcome, records, len(records) - 1 if answered else None)

    def settings(self) -> dict[str, Any]:
        """The style, where it differs from the protocol, and the parser."""
        context = {} if self.window is None else {"context_tokens": self.window.context_tokens}
        return {"parser": self.parser, **self.style.settings(), **context}

    def _read(self, text: str, cut: bool) -> Answer:
        parsed = parse_answer(text, self.parser, self.prompts.settings.answer, cut=cut)
        return Answer(parsed.outcome, parsed.actions)

    def _examples(self, view: View) -> tuple[Message, ...]:
        form = self.prompts.settings.answer
        return example_turns(view, self.prompts, self.style, lambda one: written_plan(one.actions, form), lambda _: "")

    def typical_calls(self, frames: Sequence[Frame]) -> list[TypicalCall]:
        """One call per stage, with earlier answers of typical length in the prompts."""
        return stage_calls(self.prompts, frames, self.style.pictures, style=self.style)


#: Tokens of an answer, about the mean of the published runs; thinking is extra.
TYPICAL_ANSWERS: dict[Stage, int] = {"scene": 110, "intent": 130, "action": 60}


def stage_calls(
    prompts: PromptSet,
    frames: Sequence[Frame],
    pictures: int,
    role: str = MAIN,
    style: PromptStyle = PromptStyle(),  # noqa: B008 -- frozen
) -> list[TypicalCall]:
    """The three calls of a frame.

    Args:
        prompts: the prompt set; if its stages are turns of a dialogue, the later calls continue the first.
        frames: to fill the prompts with; not empty.
        pictures: with each frame.
        role: of the model that is asked.
        style: cameras, examples and samples.
    """
    answers = {stage: "x" * round(tokens * CHARACTERS_PER_TOKEN) for stage, tokens in TYPICAL_ANSWERS.items()}
    shown = example_text(frames[0], style, prompts) + written_plan(frames[0].history.actions, prompts.settings.answer)
    calls = []
    for stage in STAGES:
        last = stage == STAGES[-1]
        examples = style.few_shot if last else 0
        calls.append(
            TypicalCall(
                stage,
                sum(len(prompts.prompt(stage, frame, answers)) for frame in frames) / len(frames)
                + examples * len(shown),
                pictures + len(CAMERAS[style.cameras]) + examples,
                TYPICAL_ANSWERS[stage],
                role,
                continues=prompts.in_dialogue and stage != STAGES[0],
                samples=style.samples if last else 1,
            )
        )
    return calls


def _is_recorded_failure(exchange: Exchange) -> bool:
    return exchange.result.completion is not None and exchange.result.completion.failure is not None


def _record(exchange: Exchange, outcome: str) -> CallRecord:
    return call_record(exchange.stage, exchange.message.text, exchange.result, outcome)
