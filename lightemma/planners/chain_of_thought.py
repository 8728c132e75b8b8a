"""The three-stage prompter: describe the scene, judge the intent, give the actions. Each answer feeds the next stage."""

from __future__ import annotations

from typing import Any, ClassVar

from lightemma.backends.base import Call, PicturePart, TextPart
from lightemma.frame import Frame, Picture
from lightemma.parsing import Tier, parse_answer
from lightemma.planners.base import Plan, Planner
from lightemma.planners.conversation import Conversation, Part, Said, Window
from lightemma.planners.prompt_style import Asking
from lightemma.prompts.sets import PromptSet
from lightemma.run_folder.records import OK, STAGES, Stage, StageRecord

_EARLIER = "Front camera {seconds:.1f} s ago:\n"
_NOW = "Front camera now, the picture that is spoken of below:\n"


class ChainOfThought(Planner):
    """Asks one model three times per frame.

    By default each stage is a prompt of its own, with the picture and the earlier answers in it. As a dialogue the stages
    are turns of one conversation, which begins with the picture.

    Args:
        prompts: the wording.
        tier: how the action answer is read.
        asking: dialogue, number of pictures, guided answers.
        window: the model's context; a dialogue that outgrows it is summarised.
    """

    name: ClassVar[str] = "chain-of-thought"
    asks_model: ClassVar[bool] = True

    def __init__(
        self,
        prompts: PromptSet,
        tier: Tier = "strict",
        asking: Asking = Asking(),  # noqa: B008 -- frozen
        window: Window | None = None,
    ) -> None:
        self.prompts = prompts.as_dialogue() if asking.dialogue else prompts
        self.tier = tier
        self.asking = asking
        self.window = window if asking.dialogue else None

    @property
    def words(self) -> tuple[str, ...]:
        """What sets this way of asking apart, such as ``dialogue``."""
        return self.asking.words

    @property
    def frames(self) -> int:
        """Pictures it wants, the frame's own and those before it."""
        return self.asking.frames

    async def plan(self, frame: Frame, picture: Picture | None, call: Call | None) -> Plan:
        """Goes through the stages; the first that brings no usable answer ends the frame."""
        if call is None:
            raise ValueError("chain-of-thought needs a model")
        conversation = Conversation(call)
        answers: dict[Stage, str] = {}
        records: list[StageRecord] = []
        for stage in STAGES:
            prompt = TextPart(self.prompts.prompt(stage, frame, answers))
            parts: tuple[Part, ...] = (prompt,)
            if stage == STAGES[0] or not self.asking.dialogue:  # else the stage goes on with what was said
                conversation = Conversation(call, frame.sample_token, self.window)
                # The pictures stand first and the text, which changes, last: providers cache the longest common beginning.
                parts = (*self._pictures(frame, picture), prompt)
            last = stage == STAGES[-1]
            calls = await conversation.say(
                parts,
                stage,
                schema=self.prompts.response_schema if last else None,
                regex=self.prompts.response_regex if last and self.asking.guided else None,
            )
            records += [_record(said, said.outcome) for said in calls[:-1]]
            said, outcome, text = calls[-1], calls[-1].outcome, calls[-1].text
            if last and said.stage == stage and outcome == OK and text is not None:
                completion = said.result.completion
                cut = completion is not None and completion.finish_reason == "length"
                parsed = parse_answer(text, self.tier, self.prompts.settings.answer, cut=cut)
                records.append(_record(said, parsed.outcome))
                return Plan(parsed.actions, parsed.outcome, records)
            records.append(_record(said, outcome))
            # Only a recording of another harness has an answer and a failure: there the text was fed on, and a replay
            # must ask the same. Everywhere else a failure ends the frame.
            if said.stage != stage or text is None:
                break
            if outcome != OK and (last or not _is_recorded_failure(said)):
                break
            answers[stage] = text
        return Plan(None, records[-1].outcome, records)

    def settings(self) -> dict[str, Any]:
        """How the model is asked, where that differs from the protocol, and how answers are read."""
        context = {} if self.window is None else {"context_tokens": self.window.context_tokens}
        return {"parser": self.tier, **self.asking.settings(), **context}

    def _pictures(self, frame: Frame, picture: Picture | None) -> list[Part]:
        """The frame's picture; where several are wanted, oldest first and each with its time before it."""
        if self.frames == 1:
            return [PicturePart(picture)]
        parts: list[Part] = []
        for earlier in frame.earlier[-(self.frames - 1) :]:
            seconds = (frame.timestamp - earlier.timestamp) / 1e6
            parts += [TextPart(_EARLIER.format(seconds=seconds)), PicturePart(earlier.picture)]
        return [*parts, TextPart(_NOW), PicturePart(picture)]


def _is_recorded_failure(said: Said) -> bool:
    return said.result.completion is not None and said.result.completion.failure is not None


def _record(said: Said, outcome: str) -> StageRecord:
    result, completion = said.result, said.result.completion
    error = result.error
    if completion is not None and completion.failure is not None:
        error = completion.text
    return StageRecord(
        stage=said.stage,
        prompt=said.message.text,
        response=completion.text if completion else None,
        outcome=outcome,
        usage=completion.usage if completion else None,
        latency_s=completion.latency_s if completion and completion.latency_s is not None else result.latency_s,
        attempts=result.attempts,
        cached=result.cached,
        error=error,
    )
