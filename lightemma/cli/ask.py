"""lightemma ask: sends one request, or a few turns, to a model to check that it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lightemma.cli.output import echo

if TYPE_CHECKING:
    from lightemma.sessions.chat import ChatResult, ChatTurn


def ask(
    model: Annotated[str, typer.Argument(help="A name in configs/models, a YAML, or package.module:Class.")],
    text: Annotated[str, typer.Argument(help="Text of the request.")],
    image: Annotated[
        list[str] | None, typer.Option(help="A picture: a file or an http address; may be given several times.")
    ] = None,
    turn: Annotated[
        list[str] | None,
        typer.Option(help="Text of a further turn, sent after the model's answer; may be given several times."),
    ] = None,
    system: Annotated[str | None, typer.Option(help="System message.")] = None,
    max_tokens: Annotated[
        int | None, typer.Option(help="Longest answer in tokens; as in the model's settings if left out.", min=1)
    ] = None,
    temperature: Annotated[float | None, typer.Option(help="As in the model's settings if left out.", min=0.0)] = None,
    max_side: Annotated[int | None, typer.Option(help="Longest side of a picture as sent, in pixels.")] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object: answer, usage, seconds, finish reason, model name.")
    ] = False,
) -> None:
    """Ask a model once, or a few turns: nothing is recorded or cached. Exit status 1 if the call failed."""
    import asyncio

    from lightemma.data.pictures import PicturePolicy
    from lightemma.sessions.chat import ask as ask_turns
    from lightemma.sessions.chat import pictures_for
    from lightemma.sessions.models import make_backend

    changes = {"max_output_tokens": max_tokens, "temperature": temperature}
    backend = make_backend(model, **{name: value for name, value in changes.items() if value is not None})
    pictures = pictures_for(backend, image or (), PicturePolicy(max_side))
    result = asyncio.run(ask_turns(backend, [text, *(turn or ())], pictures, system, None if json else _show))
    if json:
        echo(_as_json(backend.config.name, result))
    if result.failure is not None:
        failure = result.failure
        echo(f"Error: '{backend.config.name}' did not answer ({failure.kind}): {failure.message}", err=True)
        raise typer.Exit(1)


def _show(turn: ChatTurn) -> None:
    """The answer on standard output, the rest on standard error."""
    if turn.summary is not None:
        echo(f"(The oldest turns were summarised: {turn.summary})", err=True)
    echo(turn.answer)
    parts = [turn.answered_as or "no model named"]
    if turn.usage is not None:
        usage = turn.usage
        cached = f" ({usage.cached_input:,} cached)" if usage.cached_input else ""
        counted_by = "" if usage.source == "api" else f" by {usage.source}"
        parts.append(f"{usage.input:,} tokens in{cached}, {usage.output:,} out{counted_by}")
    if turn.latency_s is not None:
        parts.append(f"{turn.latency_s:.2f} s")
    parts.append(turn.finish_reason)
    echo(f"({', '.join(parts)})", err=True)


def _as_json(model: str, result: ChatResult) -> str:
    """The last answer's fields, all turns, and the failure if there is one."""
    import json

    import msgspec

    turns: list[dict[str, Any]] = [msgspec.to_builtins(turn) for turn in result.turns]
    whole: dict[str, Any] = {"model": model}
    if turns:
        names = ("answer", "usage", "latency_s", "finish_reason", "answered_as")
        whole |= {name: turns[-1][name] for name in names}
    whole["turns"] = turns
    if result.failure is not None:
        whole["error"] = msgspec.to_builtins(result.failure)
    return json.dumps(whole, ensure_ascii=False)
