"""``--model`` to a backend: a name from configs/models, a YAML, a recording to replay, or a class of the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lightemma.backends.base import Backend, CallError, Completion
from lightemma.backends.config import ModelConfig
from lightemma.backends.registry import REPLAY, backend_class, config_of, model_name, replayed
from lightemma.backends.replay import Recording, ReplayBackend
from lightemma.calls.prices import ResolvedPrice
from lightemma.data.published import PublishedArchive
from lightemma.errors import UserError
from lightemma.run_folder.manifest import ModelEntry
from lightemma.run_folder.records import STAGES, StageRecord, is_call_error
from lightemma.run_folder.store import is_run, read_frames, read_manifest


def make_backend(spec: str, **changes: Any) -> Backend:
    """The backend behind a ``--model`` value.

    Args:
        spec: a name from configs/models, the path of such a YAML, ``replay:ARCHIVE|RUN``, or ``package.module:Class``.
        changes: fields of ``ModelConfig`` to be set otherwise; recordings have none.

    Raises:
        UserError: if there is none, or its settings are wrong.
    """
    recording = replayed(spec)
    if recording is not None:
        return _replay(recording)
    config = config_of(spec)
    return backend_class(config)(config.model_copy(update=changes))


def model_entry(backend: Backend, price: ResolvedPrice | None = None) -> ModelEntry:
    """What the manifest says of a model; no key, no address that could hold one."""
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
    )


def _replay(path: Path) -> ReplayBackend:
    if is_run(path):
        manifest = read_manifest(path)
        entry, passed_on = manifest.model, manifest.imported is not None
        if entry is None:
            raise UserError(
                f"The run '{path}' asked no model, so there is nothing to replay; name its planner instead."
            )
        recording: Recording = {
            (frame.sample_token, stage.stage): _answer(stage, passed_on)
            for frame in read_frames(path)
            for stage in frame.stages
        }
        return ReplayBackend(
            ModelConfig(name=model_name(entry.name), provider=REPLAY, model=entry.model, revision=entry.revision),
            recording,
        )
    archive = PublishedArchive(path)
    recording = {
        (frame.sample_token, stage): _answer(frame.stage(stage), True)
        for _, frame in archive.frames()
        for stage in STAGES
    }
    return ReplayBackend(ModelConfig(name=model_name(archive.name), provider=REPLAY, model=archive.model), recording)


def _answer(stage: StageRecord, passed_on: bool) -> Completion | CallError:
    """What a recorded stage brought.

    Args:
        stage: as recorded.
        passed_on: whether the harness that recorded it fed the text of failures to the next stage, as LightEMMA's did.
    """
    kind = stage.outcome.partition(":")[2]
    failed = is_call_error(stage.outcome)
    if stage.response is None:
        return CallError(kind if failed else "invalid_response", stage.error or "recorded failure")  # type: ignore[arg-type]
    finish = "length" if stage.outcome == "format:truncated" else "stop"
    if failed and not passed_on:
        finish = kind  # only refusals and filters come with words
    return Completion(
        text=stage.response,
        usage=stage.usage,
        finish_reason=finish,  # type: ignore[arg-type]
        latency_s=stage.latency_s,
        failure=kind if failed and passed_on else None,  # type: ignore[arg-type]
    )
