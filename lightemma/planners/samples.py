"""Several answers to one question: asks until they are there, reads each, and takes the one in the middle as the plan."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lightemma.backends.base import Call, CallResult, Request
from lightemma.frame import FloatArray
from lightemma.kinematics import integrate
from lightemma.medoid import medoid
from lightemma.planners.base import Plan, Sample
from lightemma.planners.call_record import answer_outcome, text_outcome
from lightemma.run_folder.records import OK, is_call_error


@dataclass(frozen=True, slots=True)
class Answer:
    """What an answer's text says.

    Attributes:
        outcome: ``ok`` or ``format:<kind>``.
        actions: (6, 2) pairs, or None.
        trajectory: (6, 2) points, where the answer is points.
        chosen: place of the candidate that it names, where there are candidates.
    """

    outcome: str
    actions: FloatArray | None = None
    trajectory: FloatArray | None = None
    chosen: int | None = None


#: Reads an answer's text; its second argument says whether the answer was cut at the token limit.
Reader = Callable[[str, bool], Answer]


async def all_samples(call: Call, request: Request) -> list[CallResult]:
    """Asks for ``request.samples`` answers: in one call where the provider gives several, else in as many calls as it takes.

    Args:
        call: of the model.
        request: what is asked.

    Returns:
        The results, in order. The first failed call is the last result: a frame without all its answers is asked again.
    """
    results = [await call(request)]
    while True:
        if results[-1].completion is None or is_call_error(text_outcome(results[-1])):
            return results
        have = sum(_count(result) for result in results)
        left = request.samples - have
        if left <= 0:
            return results
        if len(results) == 1 and _count(results[0]) == 1:
            # One answer a call: the others are asked for concurrently.
            return [*results, *await _one_by_one(call, request, have, left)]
        results.append(await call(replace(request, samples=left, sample=have)))


async def _one_by_one(call: Call, request: Request, first: int, count: int) -> list[CallResult]:
    asked = [replace(request, samples=1, sample=number) for number in range(first, first + count)]
    done = await asyncio.gather(*map(call, asked), return_exceptions=True)
    results: list[CallResult] = []
    for result in done:
        if isinstance(result, BaseException):
            raise result
        results.append(result)
    return results


def _count(result: CallResult) -> int:
    return 1 + len(result.completion.more) if result.completion else 0


def plan_of(results: Sequence[CallResult], wanted: int, read: Reader, first: int = 0, *, text: bool = True) -> Plan:
    """The plan that the answers to one question give.

    Args:
        results: of its calls.
        wanted: how many answers were asked for.
        read: reads an answer.
        first: place of the first of the calls among those of the frame.
        text: whether the actions are the answer's own text, which another parser may read again.

    Returns:
        The medoid of the plans; without one, what was wrong with the first answer. Calls are left out.
    """
    failed = next((place for place, one in enumerate(results) if is_call_error(text_outcome(one))), None)
    if failed is not None:
        return Plan(None, text_outcome(results[failed]))
    samples: list[Sample] = []
    chosen: list[int | None] = []
    for place, result in enumerate(results):
        completion = result.completion
        assert completion is not None, "a failed call ends above"
        answers = [(completion.text, completion.finish_reason)]
        answers += [(one.text, one.finish_reason) for one in completion.more]
        for number, (answered, finish) in enumerate(answers):
            outcome = answer_outcome(answered, finish)
            said = read(answered, finish == "length") if outcome == OK else Answer(outcome)
            samples.append(Sample(first + place, number, said.outcome, said.actions, said.trajectory))
            chosen.append(said.chosen)
    del samples[wanted:]
    middle = medoid(np.array([_trajectory(one) for one in samples])) if len(samples) > 1 else 0
    one = samples[middle or 0]
    return Plan(
        one.actions,
        one.outcome,
        answer=one.call if text else None,
        trajectory=one.trajectory,
        samples=tuple(samples) if wanted > 1 else (),
        chosen=chosen[middle or 0],
    )


def _trajectory(sample: Sample) -> FloatArray:
    if sample.trajectory is not None:
        return sample.trajectory
    return np.full((6, 2), np.nan) if sample.actions is None else integrate(sample.actions)
