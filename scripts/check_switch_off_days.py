"""Do the days of switch-off in configs/models agree with those that the installed SDKs of OpenAI and Anthropic state?

The days are facts of the YAMLs, each with its source. This reads the SDKs' own source text, without importing them, anywhere in
the package, and prints what differs. Exit status: 0 nothing differs, 1 something does, 2 an SDK is not installed or
has no table that this script can read; then nothing was compared, so look where the table is now.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path

import script_input

from lightemma.backends.config import ModelConfig
from lightemma.config_files import load_config

MODELS = Path(__file__).resolve().parents[1] / "configs" / "models"
ORDINAL = re.compile(r"(?<=\d)(st|nd|rd|th)\b")
#: `- "id", "id": ... shutdown date: 2027-01-14 ...`, up to the next such entry.
OPENAI_ENTRY = re.compile(r"^- (\".*?)(?=^- |^\"\"\"|\Z)", re.DOTALL | re.MULTILINE)
OPENAI_DAY = re.compile(r"shutdown\s+date:\s+(\d{4}-\d{2}-\d{2})")


class NoTableError(Exception):
    """An SDK states no days, or in an unknown form."""


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--models", type=script_input.folder, default=MODELS, help="folder of YAMLs (default: %(default)s)"
    )
    for package in READERS:
        parser.add_argument(
            f"--{package}", type=script_input.folder, help="folder of the package (default: the installed one)"
        )
    arguments = parser.parse_args(argv)
    configs = [load_config(path, ModelConfig) for path in sorted(arguments.models.glob("*.yaml"))]
    if not configs:
        parser.error(f"argument --models: there is no *.yaml in '{arguments.models}'")
    status = 0
    for package, read in READERS.items():
        try:
            folder = getattr(arguments, package) or installed(package)
            stated = read(folder)
        except NoTableError as error:
            print(f"{package}: {error}", file=sys.stderr)
            status = 2
            continue
        own = [config for config in configs if config.provider == package]
        wrong = differences(own, stated) + unnamed(own, folder, datetime.now(UTC).date())
        agree = sum(config.retires is not None and stated.get(config.model) == config.retires for config in own)
        print(
            f"{package}: states {len(stated)} days; {agree} of {len(own)} models here agree with one, {len(wrong)} differ"
        )
        for line in wrong + unstated(own, stated):
            print(f"  {line}")
        status = max(status, 1 if wrong else 0)
    return status


def differences(configs: Sequence[ModelConfig], stated: Mapping[str, date]) -> list[str]:
    """One line for each model whose day is not the one that its SDK states."""
    return [
        f"{config.name} ({config.model}): {config.retires or 'no day'} in its YAML, {stated[config.model]} in the SDK"
        for config in configs
        if config.model in stated and config.retires != stated[config.model]
    ]


def unstated(configs: Sequence[ModelConfig], stated: Mapping[str, date]) -> list[str]:
    """One line for each day that only the YAML states: no fault, since SDKs drop models that are switched off."""
    return [
        f"{config.name} ({config.model}): {config.retires} in its YAML, not stated by the SDK"
        for config in configs
        if config.retires is not None and config.model not in stated
    ]


def unnamed(configs: Sequence[ModelConfig], package: Path, today: date) -> list[str]:
    """One line for each model that should answer today and whose id no file of its SDK has."""
    left = {config.model: config.name for config in configs if config.retires is None or config.retires > today}
    for path in package.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        left = {model: name for model, name in left.items() if f'"{model}"' not in text}
    return [f"{name} ({model}): the SDK does not name this id" for model, name in left.items()]


def installed(package: str) -> Path:
    """The folder of an installed package.

    Raises:
        NoTableError: if it is not installed.
    """
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise NoTableError(f"is not installed: pip install 'lightemma[{package}]'")
    return Path(found.submodule_search_locations[0])


def anthropic_days(package: Path) -> dict[str, date]:
    """Days by model id, from the dictionary DEPRECATED_MODELS of strings such as `June 30th, 2026`.

    Raises:
        NoTableError: if no file has it, or it has another form.
    """
    for path, text in sources(package, "DEPRECATED_MODELS"):
        for node in ast.walk(ast.parse(text)):
            target = node.target if isinstance(node, ast.AnnAssign) else getattr(node, "targets", [None])[0]
            named = isinstance(target, ast.Name) and target.id == "DEPRECATED_MODELS"
            if named and isinstance(value := getattr(node, "value", None), ast.Dict):
                try:
                    table = ast.literal_eval(value)
                    return {
                        model: datetime.strptime(ORDINAL.sub("", day), "%B %d, %Y").date()
                        for model, day in table.items()
                    }
                except (ValueError, TypeError, AttributeError) as error:
                    raise NoTableError(f"the table in {path} is written in an unknown way ({error})") from error
    raise NoTableError(f"no file in {package} assigns a dictionary to DEPRECATED_MODELS")


def openai_days(package: Path) -> dict[str, date]:
    """Days by model id, from the list of announced shutdowns in a docstring.

    Raises:
        NoTableError: if no file has such a list.
    """
    days: dict[str, date] = {}
    for _, text in sources(package, "shutdown"):
        for entry in OPENAI_ENTRY.findall(text):
            if day := OPENAI_DAY.search(entry):
                ids = re.findall(r'"([^"\s]+)"', entry[: day.start()])
                days.update(dict.fromkeys(ids, date.fromisoformat(day.group(1))))
    if not days:
        raise NoTableError(f"no file in {package} lists announced shutdown dates")
    return days


READERS: Mapping[str, Callable[[Path], dict[str, date]]] = {"anthropic": anthropic_days, "openai": openai_days}


def sources(package: Path, wanted: str) -> Iterator[tuple[Path, str]]:
    """Path and text of the package's files that contain a text."""
    for path in sorted(package.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if wanted in text:
            yield path, text


if __name__ == "__main__":
    script_input.ends(main)
