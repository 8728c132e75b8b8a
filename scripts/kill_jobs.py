"""The commands that are killed: what each needs, its options, and how much of a soak it gets."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import yaml
from fake_provider import ROOT
from made_up_scenes import VERSION, write_scenes

#: Names of models, and so of runs, by provider.
PROVIDERS = ("openai", "anthropic", "google", "openai-compatible")
#: What the command line finds in its environment besides the usual.
KEYS = {"OPENAI_API_KEY": "made-up", "ANTHROPIC_API_KEY": "made-up", "GEMINI_API_KEY": "made-up"}


@dataclass(frozen=True)
class Job:
    """One kind of command.

    Attributes:
        name: for ``--commands`` and the table.
        commands: option lists; several are started together.
        share: of all kills.
        exact: whether the files it writes are the same to the byte whenever it is run.
        rivals: whether the commands drive the same run, so that all but one are refused.
    """

    name: str
    commands: tuple[tuple[str, ...], ...]
    share: int
    exact: bool = False
    rivals: bool = False


@dataclass(frozen=True)
class Inputs:
    """Where the inputs of all commands are."""

    folder: Path

    @property
    def data(self) -> str:
        return f"nuscenes:{self.folder / 'data'}@{VERSION}"

    def model(self, provider: str) -> str:
        return str(self.folder / f"{provider}.yaml")


def write_inputs(folder: Path, address: str, openai_address: str) -> Inputs:
    """Writes frames, an archive, models and benchmarks."""
    write_scenes(folder / "data", 3, 19)
    for provider in PROVIDERS:
        model = {
            "name": f"made-up-{provider}",
            "provider": provider,
            "model": "made-up",
            "base_url": openai_address if provider.startswith("openai") else address,
            "limits": {"concurrency": 4, "timeout_s": 60},
        }
        (folder / f"{provider}.yaml").write_text(yaml.safe_dump(model), encoding="utf-8")
    sys.path.insert(0, str(ROOT))
    from tests.conftest import write_archive

    write_archive(folder / "archive", scenes={f"scene-{number:04d}": 12 for number in range(4)})
    inputs = Inputs(folder)
    study = {
        "data": inputs.data,
        "models": [inputs.model("openai-compatible")],
        "planners": ["chain-of-thought", "constant-action"],
        "report": {"figures": False},
    }
    (folder / "small-study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    return inputs


def jobs(inputs: Inputs) -> list[Job]:
    """All kinds of commands."""
    data, model = inputs.data, inputs.model
    run = ("run", "--data", data, "--out", "results", "--quiet")
    chat = model("openai-compatible")
    both = ("--planner", "chain-of-thought,constant-action")
    city = ("--size", "160x90", "--renderer", "painter")
    drive = ("drive", "--out", "results", "--quiet", *city, "--scenarios")
    archive = str(inputs.folder / "archive")
    compared = (str(inputs.folder / "runs"), "--resamples", "100")
    found = [Job("run", ((*run, "--model", chat, *both),), 70)]
    found += [
        Job(f"batch ({provider})", ((*run, "--model", model(provider), "--batch"),), 30) for provider in PROVIDERS[:3]
    ]
    return [
        *found,
        Job(
            "drive",
            ((*drive, "lead-car-braking", "--model", chat, "--planner", "chain-of-thought", "--seeds", "1"),),
            20,
        ),
        Job(
            "drive (drivers)", ((*drive, "lead-car-braking,red-light", "--planner", "expert,stop", "--seeds", "1"),), 35
        ),
        Job("study", (("study", str(inputs.folder / "small-study.yaml"), "--out", "results", "--quiet"),), 50),
        Job("import", (("import", archive, "--out", "results"),), 60),
        Job("compare", (("compare", *compared, "--out", "tables"),), 30, exact=True),
        Job("compare --figures", (("compare", *compared, "--out", "tables", "--figures"),), 15, exact=True),
        Job("report", (("report", *compared, "--out", "page.html"),), 50, exact=True),
        Job(
            "simulate",
            (("simulate", "data", "--scenarios", "lead-car-braking,red-light", "--out", "city", *city),),
            40,
            exact=True,
        ),
        Job("run, twice at once", ((*run, "--model", chat),) * 2, 40, rivals=True),
        Job(
            "two runs, one cache",
            tuple((*run, "--model", chat, "--name", name) for name in ("one", "two")),
            40,
        ),
        Job(
            "two batch runs, one cache",
            tuple((*run, "--model", model("openai"), "--name", name, "--batch") for name in ("one", "two")),
            20,
        ),
    ]
