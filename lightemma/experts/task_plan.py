"""A plan of tasks: the JSON that a controlling model writes, read and checked; references to results; the default plan."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lightemma.experts.base import Card, Kind
from lightemma.outside_text import one_line
from lightemma.prompts.answer_forms import object_schema

#: Tasks of one plan, characters of a plan's text and of one argument.
MOST_TASKS = 12
LONGEST_PLAN = 20_000
LONGEST_ARGUMENT = 400
#: Resources of the frame itself: name -> kind.
GIVEN: Mapping[str, Kind] = {"picture": "picture", "earlier-picture": "picture", "motion": "words"}

_REFERENCE = re.compile(r"<resource-([a-z0-9-]{1,24})>")
#: Numbers as they are written once: <resource-01> is no second name of <resource-1>.
_NUMBER = re.compile(r"0|[1-9][0-9]*")
_BEFORE = re.compile(rf"before-({_NUMBER.pattern})")
_FENCE = re.compile(r"\A```[A-Za-z]*[ \t\r]*\n(.*?)\s*```\Z", re.DOTALL)
#: How models write that a task depends on none.
_NONE = -1


class BadPlan(Exception):  # noqa: N818 -- the name says what it is
    """A text is no plan of tasks; the message says why, in words for the model that wrote it.

    It may quote the model, and is made one harmless line here: it is sent, recorded and shown.
    """

    def __init__(self, why: str) -> None:
        super().__init__(one_line(why))


@dataclass(frozen=True, slots=True)
class Task:
    """One task of a plan.

    Attributes:
        id: number by which others refer to it.
        task: what is done, as in cards.
        dep: numbers of the tasks that must be done before: those that the plan names, and those that its arguments refer to.
        args: argument -> text with references such as ``<resource-2>``.
    """

    id: int
    task: str
    dep: tuple[int, ...] = ()
    args: Mapping[str, str] = field(default_factory=dict)


def without_fence(text: str) -> str:
    """A text without blanks and without the code block around it."""
    stripped = text.strip()
    fenced = _FENCE.match(stripped)
    return fenced[1] if fenced else stripped


def references(text: str) -> list[str]:
    """What a text refers to, in order: ``2``, ``picture``, ``before-1``."""
    return list(dict.fromkeys(_REFERENCE.findall(text)))


def filled(text: str, words: Mapping[str, str]) -> str:
    """A text with every reference replaced by the words of what it refers to, in one pass."""
    return _REFERENCE.sub(lambda match: words.get(match[1], match[0]), text)


def plan_schema(cards: Sequence[Card]) -> dict[str, Any]:
    """The JSON schema of a plan over the tasks of some cards: an object with the list ``tasks``.

    Every argument must be there, since some providers allow no others; one that a task does not have is an empty text.
    """
    names = sorted({name for card in cards for name in card.arguments})
    task: dict[str, Any] = {
        "task": {"type": "string", "enum": list(dict.fromkeys(card.task for card in cards))},
        "id": {"type": "integer"},
        "dep": {"type": "array", "items": {"type": "integer"}},
        "args": object_schema(**{name: {"type": "string"} for name in names}),
    }
    return object_schema(tasks={"type": "array", "maxItems": MOST_TASKS, "items": object_schema(**task)})


def read_plan(text: str, cards: Sequence[Card], given: Iterable[str] = GIVEN, before: Iterable[int] = ()) -> list[Task]:
    """The plan that a model wrote.

    Args:
        text: a JSON list of tasks, or an object with the list ``tasks``; a code block around it is taken off.
        cards: of the experts there are; a task is known if one of them does it.
        given: resources of the frame.
        before: tasks of the frame before whose results are kept.

    Returns:
        The tasks in the order of the text. An empty list is a plan, too: no tool is needed.

    Raises:
        BadPlan: if the text is none; references and dependencies must exist and form no cycle.
    """
    if len(text) > LONGEST_PLAN:
        raise BadPlan(f"the plan is longer than {LONGEST_PLAN:,} characters")
    try:
        value = json.loads(without_fence(text), object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError) as error:
        raise BadPlan("the answer is not JSON alone: write the list of tasks and nothing else") from error
    if isinstance(value, dict) and set(value) == {"tasks"}:
        value = value["tasks"]
    if not isinstance(value, list):
        raise BadPlan('the answer is not a list of tasks [{"task": …, "id": …, "dep": […], "args": {…}}]')
    if len(value) > MOST_TASKS:
        raise BadPlan(f"the plan has {len(value)} tasks; at most {MOST_TASKS} are done")
    tasks = [_task(one, place) for place, one in enumerate(value)]
    check_tasks(tasks, cards, given, before)
    return tasks


def check_tasks(
    tasks: Sequence[Task], cards: Sequence[Card], given: Iterable[str] = GIVEN, before: Iterable[int] = ()
) -> None:
    """Checks tasks against the cards and against each other.

    Args:
        tasks: of one plan.
        cards: of the experts there are.
        given: resources of the frame.
        before: tasks of the frame before whose results are kept.

    Raises:
        BadPlan: if a task is unknown, an id is there twice, something it needs is missing, or tasks wait for each other.
    """
    by_task: dict[str, list[Card]] = {}
    for card in cards:
        by_task.setdefault(card.task, []).append(card)
    ids = [task.id for task in tasks]
    if len(set(ids)) < len(ids):
        raise BadPlan(f"the id {next(one for one in ids if ids.count(one) > 1)} is there twice")
    outputs: dict[int, set[str]] = {
        task.id: {"words", *(kind for card in by_task.get(task.task, []) for kind in card.outputs)} for task in tasks
    }
    there, kept = frozenset(given), frozenset(before)
    for task in tasks:
        if task.task not in by_task:
            raise BadPlan(f'there is no task "{task.task[:60]}"; the tasks are {", ".join(by_task) or "none"}')
        arguments = {name: kind for card in by_task[task.task] for name, kind in card.arguments.items()}
        unknown = [name for name in task.args if name not in arguments]
        if unknown:
            known = ", ".join(arguments) or "none"
            raise BadPlan(f'task {task.id} has the argument "{unknown[0][:60]}"; {task.task} has: {known}')
        required = set.intersection(*(set(card.required) for card in by_task[task.task]))
        missing = [name for name in sorted(required) if name not in task.args]
        if missing:
            raise BadPlan(f'task {task.id} ({task.task}) lacks the argument "{missing[0]}"')
        for one in task.dep:
            if one not in outputs:
                raise BadPlan(f"task {task.id} depends on task {one}, which does not exist")
        for name, text in task.args.items():
            _check_argument(task, name, arguments[name], text, outputs, there, kept)
    in_order(tasks)


def in_order(tasks: Sequence[Task]) -> list[Task]:
    """The tasks, each after those that it depends on; else in the order given.

    Raises:
        BadPlan: if tasks wait for each other.
    """
    done: dict[int, Task] = {}
    left = list(tasks)
    while left:
        ready = [task for task in left if all(one in done for one in task.dep)]
        if not ready:
            raise BadPlan(f"the tasks {', '.join(str(task.id) for task in left)} wait for each other")
        done |= {task.id: task for task in ready}
        left = [task for task in left if task.id not in done]
    return list(done.values())


def default_plan(cards: Sequence[Card], given: Iterable[str] = GIVEN) -> list[Task]:
    """Every task once, by the usual arguments of its first card; what cannot be filled is left out.

    Args:
        cards: of the experts there are, in order.
        given: resources of the frame.
    """
    there = frozenset(given)
    best: dict[str, Card] = {}
    for card in sorted(cards, key=lambda card: card.rank):
        best.setdefault(card.task, card)
    made: dict[str, Task] = {}

    def add(wanted: str, asked: frozenset[str]) -> Task | None:
        """The task ``name`` or ``name@earlier``, made once."""
        if wanted in made:
            return made[wanted]
        name, _, when = wanted.partition("@")
        card = best.get(name)
        if card is None or wanted in asked:
            return None
        args: dict[str, str] = {}
        for argument, usual in card.usual.items():
            source = "earlier-picture" if when and usual == "picture" else usual
            if source in GIVEN:
                if source in there:
                    args[argument] = f"<resource-{source}>"
            elif len(made) < MOST_TASKS and (needed := add(source, asked | {wanted})) is not None:
                args[argument] = f"<resource-{needed.id}>"
        if any(argument not in args for argument in card.required) or len(made) >= MOST_TASKS:
            return None
        dep = tuple(sorted({int(one) for text in args.values() for one in references(text) if one.isdigit()}))
        made[wanted] = Task(len(made) + 1, name, dep, args)
        return made[wanted]

    for card in cards:
        add(card.task, frozenset())
    return list(made.values())


def _task(value: object, place: int) -> Task:
    keys = {"task", "id", "dep", "args"}
    if not isinstance(value, dict) or not {"task", "id"} <= set(value) <= keys:
        raise BadPlan(f"entry {place + 1} is not an object with the keys task, id, dep and args")
    name, number, dep, args = value["task"], value["id"], value.get("dep", []), value.get("args", {})
    if not isinstance(name, str):
        raise BadPlan(f"entry {place + 1}: task is not a text")
    if not _is_id(number):
        raise BadPlan(f"entry {place + 1}: id is not a whole number from 0 to 9999")
    if not isinstance(dep, list) or not all(_is_id(one) or one == _NONE for one in dep):
        raise BadPlan(f"task {number}: dep is not a list of ids")
    if not isinstance(args, dict) or not all(isinstance(text, str) for text in args.values()):
        raise BadPlan(f"task {number}: args is not an object of texts")
    if any(len(text) > LONGEST_ARGUMENT for text in args.values()):
        raise BadPlan(f"task {number}: an argument is longer than {LONGEST_ARGUMENT} characters")
    texts = {key: one_line(text) for key, text in args.items() if text.strip()}
    # An argument that refers to a task waits for it, whether the model says so or not; what it says is kept as well.
    needed = {int(one) for text in texts.values() for one in references(text) if _NUMBER.fullmatch(one)}
    return Task(number, name, tuple(sorted(({*dep} - {_NONE}) | needed)), texts)


def _check_argument(
    task: Task,
    name: str,
    kind: Kind,
    text: str,
    outputs: Mapping[int, set[str]],
    given: frozenset[str],
    before: frozenset[int],
) -> None:
    found = references(text)
    if kind != "words" and (not found or _REFERENCE.sub("", text).strip(" ,;[]\"'")):
        raise BadPlan(
            f'task {task.id}: the argument "{name}" must be references such as <resource-1>, not "{text[:60]}"'
        )
    if kind == "picture" and len(found) > 1:
        raise BadPlan(f'task {task.id}: the argument "{name}" takes one picture, not {len(found)}')
    for one in found:
        earlier = _BEFORE.fullmatch(one)
        if _NUMBER.fullmatch(one):
            kinds = outputs.get(int(one))
        elif earlier:
            # Which kinds it had is known when it is used; a result that is not kept is missing.
            kinds = {kind} if int(earlier[1]) in before else None
        else:
            kinds = {GIVEN[one]} if one in given and one in GIVEN else None
        if kinds is None:
            raise BadPlan(f"task {task.id}: <resource-{one}> does not exist")
        if kind not in kinds:
            raise BadPlan(f'task {task.id}: the argument "{name}" takes {kind}, which <resource-{one}> does not give')


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 9999


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("a key twice: two readings")
    return dict(pairs)
