"""The untouched run that probes are made of: how it was driven, read from its manifest, and what it answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightemma.backends.registry import REPLAY
from lightemma.config_files import config_names
from lightemma.data.data_locations import recall_source
from lightemma.errors import UserError, near_names
from lightemma.planners.registry import options_known, planner_class, planners
from lightemma.probes.base import Stored
from lightemma.run_folder.manifest import Manifest
from lightemma.run_folder.records import OK, FrameRecord, Stage, is_call_error
from lightemma.run_folder.store import read_frames, read_manifest


@dataclass(frozen=True)
class Target:
    """An untouched run.

    Attributes:
        folder: where it is.
        manifest: how it was driven.
        scenes: of its frames with a plan, in its order.
        tokens: sample tokens of these frames.
        answers: sample token -> stage -> stored call, of calls that were answered.
    """

    folder: Path
    manifest: Manifest
    scenes: list[str]
    tokens: Sequence[str]
    answers: Mapping[str, Mapping[Stage, Stored]]


def read_target(folder: Path, stride: int = 1, limit: int | None = None, scenes: Sequence[str] | None = None) -> Target:
    """Reads a run that is to be probed.

    Args:
        folder: of the run.
        stride: every n-th of its frames in each scene.
        limit: at most this many frames in all.
        scenes: names of scenes; all if None.

    Raises:
        UserError: if it is a probe's run itself, a closed-loop run, or has no plan.
    """
    manifest = read_manifest(folder)
    if manifest.probe is not None:
        raise UserError(
            f"'{folder}' is the run of a probe; give the untouched run that it was made of, '{manifest.probe.of}'."
        )
    records = read_frames(folder)
    if scenes is not None:
        known = {record.scene for record in records}
        for name in scenes:
            if name not in known:
                raise UserError(f"The run '{folder}' has no scene '{name}'; {near_names(name, known)}")
        records = [record for record in records if record.scene in set(scenes)]
    records = _every(records, stride)[:limit]
    planned = [record for record in records if record.outcome == OK and record.actions is not None]
    if not planned:
        raise UserError(f"The run '{folder}' has no frame with a plan, so there is nothing to compare probes with.")
    return Target(
        folder,
        manifest,
        list(dict.fromkeys(record.scene for record in planned)),
        [record.sample_token for record in planned],
        {record.sample_token: _stored(record) for record in planned},
    )


def settings_of(target: Target, given: Mapping[str, Any]) -> dict[str, Any]:
    """The benchmark that drove a run, as values of its keys; what is ``given`` comes first.

    Args:
        target: the run.
        given: keys of a benchmark that the user names, for what the manifest cannot say.

    Raises:
        UserError: if it does not say enough: its data have moved, or its planner or model has no name here.
    """
    manifest = target.manifest
    entry, style = manifest.planner, manifest.planner.settings
    values: dict[str, Any] = {"parser": manifest.parser, "integration": manifest.protocol.get("integration", "euler")}
    name = planner_named(entry.name) if "planners" not in given else None
    if name is not None:
        values["planners"] = [name]
        # Planners that ask a model note how they ask beside their options.
        values["dialogue"] = bool(style.get("dialogue"))
        values["answer"] = style.get("answer", "free")
        values["pictures"] = {"count": style.get("frames", 1)}
        values["planner_options"] = options_known(planner_class(name), style)
    elif "planners" not in given:
        raise UserError(
            f"The run '{target.folder}' was driven by '{entry.name}', which is no planner's name here; name its class with "
            "`planners`.",
            "planners",
        )
    for key in ("max_side", "jpeg_quality"):
        if manifest.images and manifest.images.get(key) is not None:
            values.setdefault("pictures", {})[key] = manifest.images[key]
    if manifest.prompts is not None and manifest.prompts.name != "recorded":
        values["prompts"] = manifest.prompts.name
    if manifest.models and "models" not in given:
        values["models"] = _models(target)
    if "data" not in given:
        data = manifest.data
        spec = recall_source(target.folder.parent, data.source, data.name, data.version)
        if spec is None:
            raise UserError(
                f"Where the data of the run '{target.folder}' are is not known ({data.source} {data.name}); give `data`.",
                "data",
            )
        values["data"] = spec
    return values


def planner_named(kind: str) -> str | None:
    """The planner's name in a manifest's ``kind``, which is a name with the options that differ from their defaults."""
    fitting = [name for name in planners() if kind == name or kind.startswith(f"{name}-")]
    return max(fitting, key=len, default=None)


def check_same(target: Target, manifest: Manifest) -> None:
    """Makes sure that a run made from a target's settings asks as the target did.

    Args:
        target: the untouched run.
        manifest: of an untouched run as it would be driven now.

    Raises:
        UserError: naming what differs.
    """
    passed_over = {"frames", "probe"}
    if target.manifest.imported is not None:
        passed_over |= {"data", "model", "pictures", "planner"}  # an archive does not say
    differing = [what for what in target.manifest.differences(manifest) if what not in passed_over]
    if differing:
        what = " and ".join(differing)
        raise UserError(
            f"The run '{target.folder}' was driven with another {what} than there is now, so its probes would not compare; "
            f"give the same {what}, or probe a new run: lightemma probe MODEL."
        )


def _models(target: Target) -> list[str]:
    named = []
    for role, entry in target.manifest.models.items():
        if entry.provider in (REPLAY, "published"):
            raise UserError(
                f"The run '{target.folder}' holds recorded answers of '{entry.name}', which cannot be asked anything else; "
                "name the model behind it with `models`.",
                "models",
            )
        spec = entry.provider if ":" in entry.provider else entry.name
        if spec == entry.name and spec not in config_names("models"):
            raise UserError(
                f"The run '{target.folder}' asked '{spec}', which is no model's name in configs/models; name its YAML with "
                "`models`.",
                "models",
            )
        named.append(spec if len(target.manifest.models) == 1 else f"{role}={spec}")
    return named


def _every(records: Sequence[FrameRecord], stride: int) -> list[FrameRecord]:
    """Every n-th record of each scene, in the order of their frames."""
    by_scene: dict[str, list[FrameRecord]] = {}
    for record in records:
        by_scene.setdefault(record.scene, []).append(record)
    in_order = (sorted(scene, key=lambda record: record.frame_index)[::stride] for scene in by_scene.values())
    return [record for scene in in_order for record in scene]


def _stored(record: FrameRecord) -> dict[Stage, Stored]:
    """The answered calls by stage; a stage that was asked more than once is left out, since it has no one answer."""
    answered = [call for call in record.calls if call.response is not None and not is_call_error(call.outcome)]
    stages = [call.stage for call in record.calls]
    return {
        call.stage: Stored(call.prompt, call.response)
        for call in answered
        if call.response is not None and stages.count(call.stage) == 1
    }
