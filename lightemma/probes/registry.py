"""The probes by name: those of lightemma, those of installed packages, and classes by dotted name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import get_args

from lightemma.errors import UserError, near_names
from lightemma.plugins import Offered, describe, error_line, find_class, offered
from lightemma.probes.base import Group, Probe
from lightemma.run_folder.probe_entry import Law, Measure

#: Installed packages offer probes under this group of entry points.
ENTRY_POINTS = "lightemma.probes"

#: name -> "module:Class", imported when needed. A probe is one file and one line here.
PROBES = {
    "recoded": "lightemma.probes.recoded:Recoded",
    "grey": "lightemma.probes.grey:Grey",
    "other-picture": "lightemma.probes.other_picture:OtherPicture",
    "mirror": "lightemma.probes.mirror:Mirror",
    "yaw": "lightemma.probes.yaw:Yaw",
    "shift": "lightemma.probes.shift:Shift",
    "no-history": "lightemma.probes.no_history:NoHistory",
    "half-history": "lightemma.probes.half_history:HalfHistory",
    "reversed-history": "lightemma.probes.reversed_history:ReversedHistory",
    "opposite-words": "lightemma.probes.opposite_words:OppositeWords",
    "other-words": "lightemma.probes.other_words:OtherWords",
    "other-scene": "lightemma.probes.other_scene:OtherScene",
    "no-words": "lightemma.probes.no_words:NoWords",
    "paraphrase": "lightemma.probes.paraphrase:Paraphrase",
    "noise": "lightemma.probes.corruptions.noise:Noise",
    "blur": "lightemma.probes.corruptions.blur:Blur",
    "dark": "lightemma.probes.corruptions.dark:Dark",
    "fog": "lightemma.probes.corruptions.fog:Fog",
    "rain": "lightemma.probes.corruptions.rain:Rain",
    "jpeg": "lightemma.probes.corruptions.jpeg:Jpeg",
    "lens-dirt": "lightemma.probes.corruptions.lens_dirt:LensDirt",
    "frame-drop": "lightemma.probes.corruptions.frame_drop:FrameDrop",
}
ALL = "all"

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_VARIANT = re.compile(r"[a-z0-9]+([-.][a-z0-9]+)*|")


def probes() -> dict[str, Offered]:
    """Every probe by name: lightemma's own, and those that installed packages offer as ``lightemma.probes``."""
    return offered(ENTRY_POINTS, PROBES)


def probe_class(name: str) -> type[Probe]:
    """The class behind a probe's name, or behind ``package.module:Class``.

    Raises:
        UserError: if there is no such class, or it does not follow the contract of probes.
    """
    cls = find_class(name, ENTRY_POINTS, PROBES, Probe, "probe")
    wrong = _contract_fault(cls)
    if wrong:
        raise UserError(f"The probe '{name}' ({describe(cls)}) {wrong}; see docs/probes.md.")
    return cls


def chosen_probes(names: Sequence[str]) -> list[Probe]:
    """The probes that are named, in the order of the list of all, each variant once.

    Args:
        names: of probes, of single variants (``yaw-left-6``), of groups (``corruptions``), ``all`` for all of lightemma's own
            and of installed packages, or ``package.module:Class``.

    Raises:
        UserError: if a name is unknown, or a probe cannot be made.
    """
    known = list(probes())
    made: dict[str, Probe] = {}
    for name in names:
        for probe in _named(name, known):
            before = made.get(probe.label)
            if before is not None and type(before) is not type(probe):
                raise UserError(f"Two probes are called '{probe.label}'; leave one out, or give it another name.")
            made[probe.label] = probe
    if not made:
        raise UserError("No probe is named; give `probes`, such as all.", "probes")
    return list(made.values())


def _named(name: str, known: Sequence[str]) -> list[Probe]:
    groups = get_args(Group)
    if name == ALL or name in groups:
        classes = [(one, probe_class(one)) for one in known]
        return [probe for one, cls in classes if name in (ALL, cls.group) for probe in _made(one, cls)]
    if ":" in name or name in known:
        return _made(name, probe_class(name))
    for one in known:
        if name.startswith(f"{one}-"):
            cls, variant = probe_class(one), name.removeprefix(f"{one}-")
            if variant in cls.variants:
                return _made(one, cls, (variant,))
    raise UserError(f"There is no probe '{name}'; {near_names(name, [ALL, *groups, *known, *_variants(name, known)])}")


def _variants(name: str, known: Sequence[str]) -> list[str]:
    near = [one for one in known if name.startswith(one)]
    return [f"{one}-{variant}" for one in near for variant in probe_class(one).variants if variant]


def _made(name: str, cls: type[Probe], variants: Sequence[str] | None = None) -> list[Probe]:
    made = []
    for variant in cls.variants if variants is None else variants:
        try:
            probe = cls(variant)
            law: object = probe.law
        except UserError:
            raise
        except Exception as error:
            raise UserError(
                f"The probe '{name}' ({describe(cls)}) cannot be made: {error_line(error)}; see docs/probes.md."
            ) from error
        if not hasattr(probe, "variant"):
            raise UserError(
                f"The probe '{name}' ({describe(cls)}) does not call super().__init__(variant) in its __init__; see "
                "docs/probes.md."
            )
        if not isinstance(law, Law) or law.measure not in get_args(Measure):
            raise UserError(
                f"The probe '{name}' ({describe(cls)}) has the law {law!r}; give a Law whose measure is one of "
                f"{', '.join(get_args(Measure))}."
            )
        made.append(probe)
    return made


def _contract_fault(cls: type[Probe]) -> str:
    """Why a class cannot be a probe, as a clause; empty if it can."""
    if not isinstance(getattr(cls, "name", None), str) or not _NAME.fullmatch(cls.name):
        return 'has no name of small letters, digits and hyphens; give it one, such as name = "my-probe"'
    if not isinstance(cls.variants, tuple) or not cls.variants:
        return 'has no variants; leave them out, or give a tuple of texts, such as ("1", "2")'
    wrong = [one for one in cls.variants if not isinstance(one, str) or not _VARIANT.fullmatch(one)]
    if wrong:
        return f"has the variant {wrong[0]!r}; give small letters, digits, hyphens and dots"
    if not any(getattr(cls, method) is not getattr(Probe, method) for method in ("change", "answer", "reword")):
        return "changes nothing: it writes none of change(), answer() and reword()"
    if (cls.answer is not Probe.answer) != bool(cls.replaces) or not isinstance(cls.replaces, tuple):
        return 'must name the stages that its answer() replaces, as replaces = ("intent",), and have both or neither'
    return ""
