"""Makes a distillation data set: from what teachers answered to rows for training, with a manifest of where they come from."""

from __future__ import annotations

import importlib.metadata
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from lightemma.closed_loop.records import SOURCE as CLOSED_LOOP
from lightemma.distillation.cases import Case
from lightemma.distillation.collect_options import CollectOptions
from lightemma.distillation.data_manifest import MANIFEST, DataManifest, PartCount
from lightemma.distillation.partition import PARTS, check_apart
from lightemma.distillation.rolled import roll_out
from lightemma.distillation.row_making import Rows, add_rows
from lightemma.distillation.rows import CORRECTIONS, DPO, SFT, CorrectionRow, DpoRow, SftRow, write_rows
from lightemma.distillation.sources import SIMULATED, Cases
from lightemma.errors import UserError
from lightemma.files import digest_of, private_folder, write_whole
from lightemma.run_folder.frame_lines import frames_file
from lightemma.run_folder.store import read_manifest


def collect(places: Sequence[Path], out: Path, options: CollectOptions) -> DataManifest:
    """Writes a data set.

    Args:
        places: runs, and data sets of ``lightemma simulate data``.
        out: its folder; files of an earlier collection there are replaced.
        options: how.

    Returns:
        What was written.

    Raises:
        UserError: if a place is damaged, nothing is left, or two parts of the split share a scene.
    """
    cases = Cases(options.partition, options.data)
    cases.read(places)
    kept = _thinned(cases.found, options.every)
    if options.rank == "rollout":
        _roll_out(places, kept)
    rows = Rows(left_out=Counter(cases.left_out))
    digests: dict[Path, str] = {}
    for case in kept.values():
        add_rows(case, options, rows, digests)
    _check_some(rows, kept)
    check_apart([*rows.sft, *rows.dpo], ((case.town, case.part) for case in kept.values()))
    return _write(out, rows, places, options)


def _thinned(found: Mapping[tuple[str, str, str], Case], every: int) -> dict[tuple[str, str, str], Case]:
    seen: Counter[tuple[str, str]] = Counter()
    kept = {}
    for key, case in found.items():
        place = key[:2]
        if seen[place] % every == 0:
            kept[key] = case
        seen[place] += 1
    return kept


def _roll_out(places: Sequence[Path], cases: Mapping[tuple[str, str, str], Case]) -> None:
    driven = [place for place in places if not (place / SIMULATED).is_file()]
    driven = [place for place in driven if read_manifest(place).data.source == CLOSED_LOOP]
    if not driven:
        raise UserError(
            "Plans are driven in a copy of their world, which only closed-loop runs have; give a run of `lightemma drive`, or "
            "rank by l2.",
            "rank",
        )
    for folder in driven:
        name = str(folder.resolve())
        roll_out(folder, {token: case for (place, _, token), case in cases.items() if place == name})


def _check_some(rows: Rows, cases: Mapping[tuple[str, str, str], Case]) -> None:
    if rows.sft:
        return
    if not cases:
        raise UserError("There are no frames in what was given; give runs or data sets that hold some.")
    if all(case.truth is None for case in cases.values()):
        raise UserError(
            f"None of the {len(cases)} frames has a ground truth or a valid label, so nothing says which answer is right; give "
            "runs over recorded drives, or drives in a world with an expert."
        )
    why = ", ".join(f"{count} because {reason}" for reason, count in rows.left_out.most_common() if count)
    raise UserError(
        f"Of {len(cases)} frames no row is left ({why}); give the pictures' data with `data`, or other runs.", "data"
    )


def _write(out: Path, rows: Rows, places: Sequence[Path], options: CollectOptions) -> DataManifest:
    try:
        private_folder(out)
        written: dict[str, Sequence[SftRow | DpoRow | CorrectionRow]] = {
            SFT: rows.sft,
            DPO: rows.dpo,
            CORRECTIONS: rows.corrections,
        }
        for name, its in written.items():
            write_rows(out / name, its)
        digests = {name: digest_of(out / name) for name in written}
        manifest = DataManifest(
            form=options.form.model_dump(mode="json"),
            options={
                "rank": options.rank,
                "margin": options.margin,
                "pairs": options.pairs,
                "learn": options.learn,
                "critic": options.critic,
                "every": options.every,
                "blind": options.blind,
                "held_out": sorted(options.partition.held_out),
                "first_seed": options.partition.first_seed,
            },
            sources=[_source(place) for place in places],
            parts={part: _count(part, rows) for part in PARTS},
            reasons=dict(Counter(row.reason for row in rows.dpo).most_common()),
            ties=rows.ties,
            left_out={why: count for why, count in rows.left_out.most_common() if count},
            rejected=dict(Counter(row.kind for row in rows.corrections).most_common()),
            privileged=rows.knowing / len(rows.sft),
            sha256=digests,
            version=importlib.metadata.version("lightemma"),
        )
        write_whole(out / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n", private=True)
    except OSError as error:
        raise UserError(
            f"The data set cannot be written to '{out}' ({error.strerror or error}); give another folder."
        ) from error
    return manifest


def _count(part: str, rows: Rows) -> PartCount:
    own = [row for row in rows.sft if row.part == part]
    return PartCount(len({(row.group, row.scene) for row in own}), len(own), sum(row.part == part for row in rows.dpo))


def _source(place: Path) -> dict[str, str]:
    if (place / SIMULATED).is_file():
        return {"name": place.resolve().name, "kind": "drives", "sha256": digest_of(place / SIMULATED)}
    frames = frames_file(place)
    digest = digest_of(frames) if frames.is_file() else ""
    return {"name": place.resolve().name, "kind": read_manifest(place).data.source, "sha256": digest}
