"""The lock file holds what pyproject.toml names, within its bounds, and nothing of the machine that made it."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
LINES = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
NAMED = [
    *PROJECT["build-system"]["requires"],
    *PROJECT["project"]["dependencies"],
    # The devkit's bounds do not allow the newest versions of all others.
    *(one for extra, these in EXTRAS.items() if extra not in {"nuscenes", "all"} for one in these),
]


def test_every_line_is_one_version_of_one_package_for_every_python():
    pins = [Requirement(line) for line in LINES if not line.lstrip().startswith("#")]
    assert all(re.fullmatch(r"==[\w.]+", str(pin.specifier)) and pin.url is None for pin in pins), (
        "a local build or an address"
    )
    names = [canonicalize_name(pin.name) for pin in pins]
    assert len(set(names)) == len(names)


def test_comments_name_no_place_on_a_machine():
    assert not [line for line in LINES if "/" in line]


@pytest.mark.parametrize("named", NAMED)
def test_what_is_named_is_locked_within_its_bounds(named):
    wanted = Requirement(named)
    (pin,) = (line for line in LINES if line.startswith(f"{canonicalize_name(wanted.name)}=="))
    assert wanted.specifier.contains(pin.split("==")[1].split()[0])


def test_all_is_every_extra_but_the_tools_and_what_has_a_licence_of_its_own():
    (everything,) = EXTRAS["all"]
    # ale-py, for Atari, is under GPL-2.0.
    assert Requirement(everything).extras == set(EXTRAS) - {"all", "dev", "docs", "nuscenes", "atari"}
