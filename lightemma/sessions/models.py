"""``--model`` to a backend: a name from configs/models, a YAML, a recording to replay, or a class of the user's own."""

from __future__ import annotations

import re
from importlib.metadata import entry_points
from pathlib import Path

from lightemma.backends.base import Backend, CallError, Completion
from lightemma.backends.config import ModelConfig
from lightemma.backends.replay import Recording, ReplayBackend
from lightemma.calls.prices import ResolvedPrice
from lightemma.config_files import find_config, load_config
from lightemma.data.published import PublishedArchive
from lightemma.errors import UserError, near_names
from lightemma.plugins import load_class
from lightemma.run_folder.manifest import ModelEntry
from lightemma.run_folder.records import STAGES, StageRecord, is_call_error
from lightemma.run_folder.store import is_run, read_frames, read_manifest

#: Packages name their backends under this group of entry points.
ENTRY_POINTS = "lightemma.backends"

#: provider -> "module:Class", imported when asked for.
PROVIDERS = {
    "openai": "lightemma.backends.openai:OpenAIBackend",
    "anthropic": "lightemma.backends.anthropic:AnthropicBackend",
    "google": "lightemma.backends.google:GoogleBackend",
    "openai-compatible": "lightemma.backends.openai_compatible:OpenAICompatibleBackend",
    "scripted": "lightemma.backends.scripted:ScriptedBackend",
    "transformers": "lightemma.backends.transformers:TransformersBackend",
    "vllm": "lightemma.backends.vllm:VllmBackend",
    "sglang": "lightemma.backends.vllm:SglangBackend",
    "transformers-serve": "lightemma.backends.vllm:TransformersServeBackend",
    "endpoints": "lightemma.backends.endpoints:EndpointsBackend",
}


def make_backend(spec: str) -> Backend:
    """The backend behind a ``--model`` value.

    Args:
        spec: a name from configs/models, the path of such a YAML, ``replay:ARCHIVE|RUN``, or ``package.module:Class``.

    Raises:
        UserError: if there is none, or its settings are wrong.
    """
    kind, _, place = spec.partition(":")
    if kind == "replay":
        return _replay(Path(place).expanduser())
    if place and not spec.endswith((".yaml", ".yml")):
        name = _name(place.rpartition(".")[2])
        return load_class(spec, Backend, "backend")(ModelConfig(name=name, provider=spec, model=name))
    config = load_config(find_config("models", spec), ModelConfig)
    known = providers()
    if config.provider not in known and ":" not in config.provider:
        raise UserError(
            f"Model '{config.name}' names the provider '{config.provider}', which there is not; "
            f"{near_names(config.provider, known)}"
        )
    return provider_class(config.provider)(config)


def providers() -> dict[str, str]:
    """Every provider by name -> "module:Class": ours, and those that installed packages offer as ``lightemma.backends``."""
    offered = {point.name: point.value for point in entry_points(group=ENTRY_POINTS)}
    return {**offered, **PROVIDERS}


def provider_class(name: str) -> type[Backend]:
    """The backend class behind a provider's name, or behind ``package.module:Class``.

    Raises:
        UserError: if there is none, or it cannot be imported.
    """
    known = providers()
    place = known.get(name, name)
    if ":" not in place:
        raise UserError(f"There is no provider '{name}'; {near_names(name, known)}")
    return load_class(place, Backend, "backend")


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
            ModelConfig(name=_name(entry.name), provider="replay", model=entry.model, revision=entry.revision),
            recording,
        )
    archive = PublishedArchive(path)
    recording = {
        (frame.sample_token, stage): _answer(frame.stage(stage), True)
        for _, frame in archive.frames()
        for stage in STAGES
    }
    return ReplayBackend(ModelConfig(name=_name(archive.name), provider="replay", model=archive.model), recording)


def _name(text: str) -> str:
    """A model's name from a file's or a class's, which may hold blanks and brackets."""
    return re.sub(r"[^A-Za-z0-9._+-]+", "-", text).strip("-") or "model"


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
