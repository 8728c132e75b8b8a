"""Finds out what is installed, what is missing and how to get it. Nothing is changed, and no key is shown."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from shlex import quote
from typing import Literal

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion

from lightemma.backends import known_configs as known
from lightemma.backends.config import ModelConfig
from lightemma.backends.registry import PROVIDERS, config_of, facts_of, key_variable
from lightemma.calls.cache import FILE as CACHE_FILE
from lightemma.data.pictures_check import PictureFault, PicturesCheck, described
from lightemma.data.sources import open_source
from lightemma.errors import UserError
from lightemma.preflight.readiness import (
    HasGpu,
    Listens,
    Readiness,
    Versions,
    has_gpu,
    installed_version,
    listens,
    readiness,
    retirement,
)
from lightemma.run_folder.places import runs_under
from lightemma.run_folder.store import read_manifest

State = Literal["ok", "missing", "warning"]

#: Purpose of the extras that belong to no provider.
_OTHER_EXTRAS = {"nuscenes": "the devkit as a second reader of nuScenes"}

#: Instead of an extra's name: a requirement for other systems or versions of Python.
_NOT_HERE = "-"
_PYTHON = (3, 11)
_LITTLE_SPACE = 1 << 30  # bytes; a run over v1.0-test takes some 40 MB


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked.

    Attributes:
        what: name of the thing.
        state: ``ok``, ``missing``, or ``warning`` (works without it, or will stop working).
        detail: what was found.
        next: the next command or sentence, empty if there is nothing to do.
        demo: whether `lightemma demo` needs it.
    """

    what: str
    state: State
    detail: str
    next: str = ""
    demo: bool = False


# --- looking at the machine ------------------------------------------------------------------------------------------


def check_python(version: tuple[int, ...] = tuple(sys.version_info[:3])) -> Finding:
    """Whether Python is new enough."""
    text = ".".join(str(part) for part in version)
    if version >= _PYTHON:
        return Finding("Python", "ok", text, demo=True)
    return Finding(
        "Python", "missing", text, "install Python 3.11 or newer, then `make install PYTHON=python3.11`", True
    )


def check_packages(requirements: Iterable[str] | None = None, versions: Versions = installed_version) -> list[Finding]:
    """The packages that lightemma needs, one finding, and one for each extra.

    Args:
        requirements: as package metadata lists them; lightemma's own if left out.
        versions: gives the installed version of a package.
    """
    if requirements is None:
        try:
            requirements = importlib.metadata.requires("lightemma") or ()
        except importlib.metadata.PackageNotFoundError:
            requirements = ()
    wanted: dict[str, list[Requirement]] = {}
    for requirement in map(Requirement, requirements):
        wanted.setdefault(_extra_of(requirement), []).append(requirement)
    core = _package_finding("packages", wanted.get("", []), versions, "pip install lightemma", needed=True)
    extras = [
        _package_finding(
            f"extra {extra}", wanted[extra], versions, f"pip install 'lightemma[{extra}]'   # {purpose}", needed=False
        )
        for extra, purpose in {**_provider_extras(), **_OTHER_EXTRAS}.items()
        if extra in wanted
    ]
    return [core, *extras]


def check_gpu(
    torch_names: Callable[[], list[str] | None] | None = None,
    which: Callable[[str], str | None] = shutil.which,
    nvidia_smi: Callable[[str], list[str]] | None = None,
) -> Finding:
    """Which GPUs there are: by torch if it is installed, else by nvidia-smi.

    Args:
        torch_names: names by torch, None where torch is not installed.
        which: finds a program.
        nvidia_smi: names by the program at a path.
    """
    names = (torch_names or _torch_gpus)()
    if names:
        return Finding("GPU", "ok", ", ".join(names))
    tool = which("nvidia-smi")
    seen = (nvidia_smi or _nvidia_smi_gpus)(tool) if tool else []
    if seen and names is not None:
        return Finding(
            "GPU",
            "warning",
            f"{', '.join(seen)}, which torch does not see",
            "install a torch built for this driver's CUDA",
        )
    if seen:
        return Finding("GPU", "ok", ", ".join(seen))
    return Finding("GPU", "warning", "none found; models behind an API or on another server need none")


def check_keys(configs: Iterable[ModelConfig], environ: Mapping[str, str] = os.environ) -> list[Finding]:
    """One finding per environment variable that models want. Only the presence of a key is reported."""
    users: dict[str, list[str]] = {}
    for config in configs:
        variable = key_variable(config)
        if variable:
            users.setdefault(variable, []).append(config.name)
    findings = []
    for variable, names in users.items():
        for_whom = f"for {', '.join(names)}"
        if environ.get(variable, "").strip():
            findings.append(Finding(f"key {variable}", "ok", f"is set, {for_whom}"))
        else:
            findings.append(Finding(f"key {variable}", "warning", f"is not set, {for_whom}", f"export {variable}=…"))
    return findings


def check_data(spec: str, results: Path) -> list[Finding]:
    """Whether a ``--data`` source can be read, and whether its pictures are there.

    Args:
        spec: as on the command line.
        results: folder of runs, in which an index of the tables is kept.
    """
    what = f"data {spec}"
    count, lacking, check = 0, list[PictureFault](), PicturesCheck()
    try:
        source = open_source(spec, results)
        for frame in source.frames():
            count += 1
            fault = check.fault(frame)
            lacking += [fault] if fault else []
    except UserError as error:
        return [
            Finding(what, "missing", str(error), "lightemma run --data demo --planner constant-action   # needs none")
        ]
    except OSError as error:
        return [Finding(what, "missing", str(error), "give a folder that can be read")]
    if not count:
        return [Finding(what, "missing", "no scene with 15 key frames or more", "give another version or folder")]
    found = Finding(what, "ok", f"{source.info.scenes} scenes, {count:,} benchmark frames")
    there = f"{count - len(lacking):,} of {count:,} front-camera pictures"
    if not lacking:
        return [found, Finding("pictures", "ok", there)]
    if len(lacking) < count:
        next_step = f"unpack the CAM_FRONT key frames; the first: {described(lacking[:1])}"
        return [found, Finding("pictures", "missing", there, next_step)]
    next_step = "unpack samples/CAM_FRONT into the data root; baselines and replays run without it"
    return [found, Finding("pictures", "warning", there, next_step)]


def check_folder(what: str, folder: Path, *, demo: bool = False) -> Finding:
    """Whether a folder, or the nearest one above it that exists, can be written, and how much space is free."""
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        return Finding(what, "missing", f"{folder} cannot be written", "use a folder of your own, or give --out", demo)
    free = shutil.disk_usage(existing).free
    space = f"{free / (1 << 30):.1f} GiB free"
    detail = f"{folder} can be written, {space}" if folder.exists() else f"{folder} can be made, {space}"
    if free < _LITTLE_SPACE:
        return Finding(
            what, "warning", detail, "free some space: a run over v1.0-test takes some 40 MB, pictures 20 GB", demo
        )
    return Finding(what, "ok", detail, demo=demo)


def check_cache(results: Path) -> Finding:
    """Whether the cache of answers, which resumed runs use, can be written."""
    path = results / CACHE_FILE
    if not path.exists():
        return Finding("answers kept", "ok", f"{path} will be made by the first call")
    if os.access(path, os.R_OK | os.W_OK):
        return Finding("answers kept", "ok", f"{path}, {path.stat().st_size / (1 << 20):.1f} MiB")
    return Finding("answers kept", "missing", f"{path} cannot be written", f"chmod u+rw {path}")


def check_runs(results: Path) -> Finding:
    """How many runs are in a folder of results, and what can be done with them."""
    runs = runs_under(results)
    if not runs:
        return Finding("runs", "ok", f"none in {results} yet")
    finished = sum(map(_is_finished, runs))
    unfinished = len(runs) - finished
    step = f"lightemma report {quote(str(results))}" if finished else f"lightemma runs {quote(str(results))}"
    return Finding("runs", "ok", f"{finished} finished, {unfinished} not finished in {results}", step)


def _is_finished(run: Path) -> bool:
    try:
        return read_manifest(run).ended is not None
    except UserError:
        return False


# --- looking at models -----------------------------------------------------------------------------------------------


def known_configs() -> tuple[dict[str, ModelConfig], list[Finding]]:
    """All models in configs/models by name, and a finding for each YAML that is wrong."""
    configs, wrong = known.known_configs()
    return configs, [Finding(f"model {one.name}", "warning", one.why, f"edit {one.path}") for one in wrong]


def check_models(configs: Iterable[ModelConfig], ready: Callable[[ModelConfig], Readiness]) -> Finding:
    """Which models can be asked now, without scripts."""
    names = [config.name for config in configs if facts_of(config.provider).asks_model and ready(config).ready]
    if names:
        return Finding("models ready", "ok", ", ".join(names))
    return Finding("models ready", "warning", "none", "lightemma models   # says what each of them needs")


def check_model(
    spec: str,
    today: date,
    environ: Mapping[str, str] = os.environ,
    versions: Versions = installed_version,
    listening: Listens = listens,
    gpu: HasGpu = has_gpu,
) -> Finding:
    """Whether the model behind one ``--model`` value can be asked now; the other arguments are those of ``readiness``.

    Args:
        spec: as on the command line.
        today: models that retired before are not ready.
        environ: where keys are looked for.
        versions: gives the installed version of a package.
        listening: says whether a local server is up.
        gpu: says whether there is a GPU.
    """
    what = f"model {spec}"
    try:
        config = config_of(spec)
    except UserError as error:
        return Finding(what, "missing", str(error), "lightemma models")
    state = readiness(config, today, environ, versions, listening, gpu)
    if not state.ready:
        return Finding(what, "missing", f"lacks {state.lacks}", state.next)
    soon = retirement(config, today)
    if soon.endswith("days)"):
        return Finding(
            what, "warning", f"ready, but switched off on {soon}", "lightemma models   # lists those that stay"
        )
    return Finding(what, "ok", "ready")


# --- conclusions ----------------------------------------------------------------------------------------------


def demo_runs(findings: Iterable[Finding]) -> bool:
    """Whether everything that `lightemma demo` needs is there."""
    return not any(finding.demo and finding.state == "missing" for finding in findings)


def next_step(
    findings: Sequence[Finding], data: str | None = None, model: str | None = None, *, demo_done: bool = False
) -> str:
    """The single most useful thing to do now.

    Args:
        findings: all of them.
        data: the source that the user named.
        model: the model that the user named.
        demo_done: whether the demo's runs are there.
    """
    for finding in findings:
        if finding.demo and finding.state == "missing" and finding.next:
            return finding.next
    asked = [
        f for f in findings if f.what.startswith(("model ", "data ", "pictures")) and f.state == "missing" and f.next
    ]
    if asked:
        return asked[0].next
    if data and model:
        return f"lightemma estimate --data {data} --model {model} --limit 30"
    ready = next((f for f in findings if f.what == "models ready"), None)
    usable = ready is not None and ready.state == "ok"
    if model:
        return f"lightemma run --data demo --model {model} --limit 3"
    if data and usable and ready is not None:
        return f"lightemma estimate --data {data} --model {ready.detail.split(', ')[0]} --limit 30"
    if data:
        return f"lightemma run --data {data} --planner constant-action,damped-acceleration"
    runs = next((f.next for f in findings if f.what == "runs"), "")
    if runs or not demo_done:
        return runs or "lightemma demo"
    if usable and ready is not None:
        return f"lightemma run --data demo --model {ready.detail.split(', ')[0]} --limit 3"
    return (
        "lightemma models   # says what each of them needs; or lightemma drive --planner expert,idm, which needs none"
    )


def _provider_extras() -> dict[str, str]:
    """Extra -> whose models it is for, in the order of the providers."""
    titles: dict[str, list[str]] = {}
    for name in PROVIDERS:
        facts = facts_of(name)
        if facts.extra is not None:
            titles.setdefault(facts.extra, []).append(facts.title)
    return {extra: ", ".join(whose) for extra, whose in titles.items()}


def _extra_of(requirement: Requirement) -> str:
    """The extra that brings a requirement, or an empty string: a requirement that a marker excludes here belongs to none."""
    if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
        return ""
    named = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", str(requirement.marker))
    return named.group(1) if named and requirement.marker.evaluate({"extra": named.group(1)}) else _NOT_HERE


def within(version: str, bounds: SpecifierSet) -> bool:
    """Whether an installed version is within the bounds; a text that is not a Python version never is."""
    try:
        return bounds.contains(version, prereleases=True)
    except InvalidVersion:
        return not bounds


def _package_finding(
    what: str, wanted: Sequence[Requirement], versions: Versions, install: str, *, needed: bool
) -> Finding:
    there, wrong = [], []
    for requirement in wanted:
        version = versions(requirement.name)
        if version is None:
            wrong.append(f"{requirement.name} is not installed")
        elif not within(version, requirement.specifier):
            wrong.append(f"{requirement.name} {version} is not {requirement.specifier}")
        else:
            there.append(f"{requirement.name} {version}")
    if wrong:
        return Finding(what, "missing" if needed else "warning", ", ".join(wrong), install, needed)
    return Finding(what, "ok", ", ".join(there), demo=needed)


def _torch_gpus() -> list[str] | None:
    if importlib.util.find_spec("torch") is None:
        return None
    try:
        import torch

        return [
            f"{torch.cuda.get_device_name(i)}, {torch.cuda.get_device_properties(i).total_memory / (1 << 30):.0f} GiB"
            for i in range(torch.cuda.device_count())
        ]
    except Exception:  # a torch that does not match its driver raises many kinds of errors
        return []


def _nvidia_smi_gpus(path: str) -> list[str]:
    command = [path, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]
