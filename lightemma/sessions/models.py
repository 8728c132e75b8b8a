"""Turns a ``--model`` value into a backend: a name in configs/models, a YAML, a recording to replay, or a user's class."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightemma.backends.base import Backend, CallError, Completion, FurtherAnswer
from lightemma.backends.config import ModelConfig, model_name
from lightemma.backends.registry import REPLAY, backend_of, config_of, replayed
from lightemma.backends.replay import Recorded, Recording, ReplayBackend
from lightemma.calls.prices import ResolvedPrice
from lightemma.data.published import PublishedArchive
from lightemma.errors import UserError
from lightemma.run_folder.manifest import ModelEntry
from lightemma.run_folder.places import find_run
from lightemma.run_folder.records import STAGES, AnswerRecord, CallRecord, is_call_error
from lightemma.run_folder.store import read_frames, read_manifest


def make_backend(spec: str, **changes: Any) -> Backend:
    """Makes the backend of a ``--model`` value.

    Args:
        spec: a name from configs/models, the path of such a YAML, ``replay:ARCHIVE|RUN``, or ``package.module:Class``.
        changes: fields of ``ModelConfig`` with other values; ignored for recordings.

    Raises:
        UserError: if there is no such model, or its settings are wrong.
    """
    recording = replayed(spec)
    if recording is not None:
        return _replay(recording)
    config = config_of(spec)
    return backend_of(config.model_copy(update=changes))


def model_entry(backend: Backend, price: ResolvedPrice | None = None) -> ModelEntry:
    """A model's entry in the manifest, without its key and without an address that could contain one."""
    config = backend.config
    parameters = {
        "max_output_tokens": config.max_output_tokens,
        "temperature": config.temperature,
        "seed": config.seed,
        "options": backend.options.model_dump(mode="json", exclude_defaults=True),
    }
    return ModelEntry(
        name=config.name,
        provider=config.provider,
        model=config.model,
        revision=config.revision,
        parameters=parameters,
        price=price.as_dict() if price else config.price.model_dump() if config.price else None,
        taught_by=tuple(config.taught_by),
    )


def _replay(place: Path) -> ReplayBackend:
    """A recording: ``ARCHIVE``, ``RUN``, or ``RUN#ROLE`` of a run with several models."""
    path, role = _recording_place(place)
    run = find_run(path)
    if run is not None:
        path = run
        manifest = read_manifest(path)
        entry, passed_on = manifest.model, manifest.imported is not None
        if entry is None:
            raise UserError(
                f"The run '{path}' asked no model, so there is nothing to replay; name its planner instead."
            )
        if role is not None and role not in manifest.models:
            raise UserError(f"The run '{path}' has no model '{role}'; its models are {', '.join(manifest.models)}.")
        entry = entry if role is None else manifest.models[role]
        recording: Recording = {
            frame.sample_token: [Recorded(call.stage, _answer(call, passed_on)) for call in frame.calls]
            for frame in read_frames(path)
        }
        return ReplayBackend(
            ModelConfig(name=model_name(entry.name), provider=REPLAY, model=entry.model, revision=entry.revision),
            recording,
        )
    archive = PublishedArchive(path)
    recording = {
        frame.sample_token: [Recorded(stage, _answer(frame.call(stage), True)) for stage in STAGES]
        for _, frame in archive.frames()
    }
    return ReplayBackend(ModelConfig(name=model_name(archive.name), provider=REPLAY, model=archive.model), recording)


def _recording_place(place: Path) -> tuple[Path, str | None]:
    path, mark, role = str(place).rpartition("#")
    return (place, None) if place.exists() or not mark else (Path(path), role)


def _answer(call: CallRecord, passed_on: bool) -> Completion | CallError:
    """The answer or failure of a recorded call.

    Args:
        call: as recorded.
        passed_on: whether the recording harness put the text of failures into the next prompt, as LightEMMA's did.
    """
    kind = call.outcome.partition(":")[2]
    failed = is_call_error(call.outcome)
    if call.response is None:
        return CallError(kind if failed else "invalid_response", call.error or "recorded failure")  # type: ignore[arg-type]
    finish = "length" if call.outcome == "format:truncated" else "stop"
    if failed and not passed_on:
        finish = kind  # only refused or filtered answers have text
    return Completion(
        text=call.response,
        usage=call.usage,
        finish_reason=finish,  # type: ignore[arg-type]
        latency_s=call.latency_s,
        failure=kind if failed and passed_on else None,  # type: ignore[arg-type]
        reasoning=call.reasoning or "",
        more=tuple(_further(one) for one in call.more or ()),
    )


def _further(one: AnswerRecord) -> FurtherAnswer:
    kind, reasoning = one.outcome.partition(":")[2], one.reasoning or ""
    if is_call_error(one.outcome) and kind not in ("refused", "content_filter"):
        return FurtherAnswer(one.response, failure=kind, reasoning=reasoning)  # type: ignore[arg-type]
    reason = kind if is_call_error(one.outcome) else "length" if one.outcome == "format:truncated" else "stop"
    return FurtherAnswer(one.response, reason, reasoning=reasoning)  # type: ignore[arg-type]
