"""Makes a distillation data set: from what teachers answered to rows for training, with a manifest of where they come from."""

from __future__ import annotations

import importlib.metadata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from lightemma.closed_loop.records import SOURCE as CLOSED_LOOP
from lightemma.data.commands import command_of
from lightemma.distillation.cases import Candidate, Case
from lightemma.distillation.critic import Objection, objections
from lightemma.distillation.form import StudentForm
from lightemma.distillation.partition import PARTS, Partition, check_apart
from lightemma.distillation.ranking import UNPARSABLE, Preference, distance, preferences
from lightemma.distillation.rolled import roll_out
from lightemma.distillation.rows import (
    CORRECTIONS,
    DPO,
    SFT,
    CorrectionRow,
    DpoRow,
    PictureFile,
    SftRow,
    write_rows,
)
from lightemma.distillation.sources import SIMULATED, Cases
from lightemma.errors import UserError
from lightemma.files import digest_of, private_folder, read_whole, write_whole
from lightemma.frame import Frame
from lightemma.label_rows import Pair
from lightemma.run_folder.store import frames_file, read_manifest
from lightemma.sessions.views import picture_paths

MANIFEST: Final = "distillation.json"
FORMAT: Final = 1

Rank = Literal["l2", "rollout"]
#: Whose answer a student learns: the expert's valid label, or the best answer of the teachers that look.
Learn = Literal["expert", "best"]


@dataclass(frozen=True, slots=True)
class CollectOptions:
    """How rows are made.

    Attributes:
        form: of the student.
        rank: what ``dpo`` rows are ranked by.
        margin: least difference of two answers, metres.
        pairs: most pairs of one frame.
        learn: whose answer ``sft`` rows have; ``best`` never learns from the expert of a world.
        critic: whether answers that contradict what is seen are rejected.
        every: every n-th frame of a scene.
        blind: pictures are shown grey, for a twin that learns without eyes.
        partition: how scenes are split.
        data: the data behind recorded runs, as ``--data``.
    """

    form: StudentForm = field(default_factory=StudentForm)
    rank: Rank = "l2"
    margin: float = 0.1
    pairs: int = 2
    learn: Learn = "expert"
    critic: bool = False
    every: int = 1
    blind: bool = False
    partition: Partition = field(default_factory=Partition)
    data: str | None = None


class PartCount(msgspec.Struct, frozen=True):
    """Rows and scenes of one part."""

    scenes: int
    sft: int
    dpo: int


class DataManifest(msgspec.Struct, frozen=True):
    """distillation.json: where the rows come from.

    Attributes:
        form: of the student, as ``StudentForm``.
        options: all others.
        sources: name, kind and digest of every run and data set.
        parts: what is in each part.
        reasons: reason of a pair -> how many.
        ties: pairs left out because nothing tells them apart.
        left_out: why -> how many frames or answers were left out.
        rejected: kind of the critic's objection -> how many answers.
        privileged: share of the ``sft`` rows whose answer is of an expert that knows what no camera shows.
        sha256: file -> digest.
        version: of this program.
        format: of the files.
    """

    form: dict[str, Any]
    options: dict[str, Any]
    sources: list[dict[str, str]]
    parts: dict[str, PartCount]
    reasons: dict[str, int]
    ties: int
    left_out: dict[str, int]
    rejected: dict[str, int]
    privileged: float
    sha256: dict[str, str]
    version: str = ""
    format: int = FORMAT


@dataclass(slots=True)
class _Rows:
    sft: list[SftRow] = field(default_factory=list)
    dpo: list[DpoRow] = field(default_factory=list)
    corrections: list[CorrectionRow] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    ties: int = 0
    knowing: int = 0


def chosen(text: str, known: Sequence[str], what: str) -> str:
    """A value of an option that has few.

    Raises:
        UserError: if it is none of them.
    """
    if text not in known:
        raise UserError(f"`{what}` is '{text}'; give {' or '.join(known)}.", what)
    return text


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
    rows = _Rows(left_out=Counter(cases.left_out))
    digests: dict[Path, str] = {}
    for case in kept.values():
        _add(case, options, rows, digests)
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


def _add(case: Case, options: CollectOptions, rows: _Rows, digests: dict[Path, str]) -> None:
    frame, form = case.frame, options.form
    if case.truth is None:
        rows.left_out["no ground truth"] += 1
        return
    if form.command and frame.command is None:
        if case.town or case.place is not None:
            rows.left_out["no command"] += 1
            return
        # As recorded frames get it, from the future: manifests of runs say so.
        frame = replace(frame, command=command_of(case.truth))
    pictures = _pictures(frame, form, options, rows, digests)
    if pictures is None:
        return
    parts = form.question(frame)
    history: list[Pair] = [(speed, curvature) for speed, curvature in frame.history.actions.tolist()]
    truth: list[Pair] = [(x, y) for x, y in case.truth.tolist()]
    shared: dict[str, Any] = {
        "part": case.part,
        "scene": frame.scene,
        "sample_token": frame.sample_token,
        "group": case.group,
        "parts": parts,
        "pictures": pictures,
        "history": history,
        "truth": truth,
    }
    answers = [one for one in case.answers if not (one.knows and options.learn == "best")]
    against = [_first_objection(one, case, options) for one in answers]
    for one, objection in zip(answers, against, strict=True):
        if objection is not None:
            rows.corrections.append(
                CorrectionRow(
                    part=case.part,
                    scene=frame.scene,
                    sample_token=frame.sample_token,
                    teacher=one.teacher,
                    kind=objection.kind,
                    sentence=objection.sentence,
                )
            )
    costs = _costs(case, answers, options)
    ranked = preferences(
        costs, options.margin, options.pairs, options.rank, [one.kind if one else "" for one in against]
    )
    rows.ties += ranked.ties
    rows.left_out["rejected answers without a better one"] += ranked.unpaired
    rows.dpo += [_dpo_row(preference, answers, form, shared) for preference in ranked.kept]
    _add_sft(answers, costs, against, options, rows, shared)


def _add_sft(
    answers: Sequence[Candidate],
    costs: Sequence[float | None],
    against: Sequence[Objection | None],
    options: CollectOptions,
    rows: _Rows,
    shared: dict[str, Any],
) -> None:
    usable = [
        (0 if one.knows else 1, cost, place)
        for place, (one, cost, objection) in enumerate(zip(answers, costs, against, strict=True))
        if cost is not None and objection is None and one.actions is not None
    ]
    if not usable:
        rows.left_out["no teacher has a plan"] += 1
        return
    best = answers[min(usable)[2]]
    if options.form.reasoning and not best.words.strip():
        rows.left_out["the teacher says no words"] += 1
        return
    assert best.actions is not None, "chosen so"
    rows.knowing += best.knows
    rows.sft.append(SftRow(**shared, completion=options.form.answer(best.actions, best.words), teacher=best.teacher))


def _dpo_row(one: Preference, answers: Sequence[Candidate], form: StudentForm, shared: dict[str, Any]) -> DpoRow:
    better, worse = answers[one.chosen], answers[one.rejected]
    assert better.actions is not None, "chosen so"
    rejected = (
        form.answer(worse.actions, worse.words)
        if worse.actions is not None
        else form.unreadable(worse.text, worse.words)
    )
    return DpoRow(
        **shared,
        chosen=form.answer(better.actions, better.words),
        rejected=rejected,
        reason=one.reason,
        margin=one.margin,
        teachers=(better.teacher, worse.teacher),
    )


def _costs(case: Case, answers: Sequence[Candidate], options: CollectOptions) -> list[float | None]:
    if options.rank == "rollout" and case.costs is not None:
        known = dict(zip(map(id, case.answers), case.costs, strict=True))
        return [known[id(one)] for one in answers]
    assert case.truth is not None, "checked before"
    return [distance(one, case.truth) for one in answers]


def _first_objection(one: Candidate, case: Case, options: CollectOptions) -> Objection | None:
    # The expert's label is the truth that others are measured by.
    found = objections(one, case.facts) if options.critic and not one.knows else []
    return found[0] if found else None


def _pictures(
    frame: Frame, form: StudentForm, options: CollectOptions, rows: _Rows, digests: dict[Path, str]
) -> list[PictureFile] | None:
    paths = picture_paths(frame, form.pictures)
    missing = not paths or not all(path.is_file() for path in paths)
    if missing:
        rows.left_out["the picture is not on this machine"] += 1
        return None
    for path in paths:
        if path not in digests:
            digests[path] = digest_of(path)
    return [PictureFile(str(path.resolve()), digests[path], options.blind) for path in paths]


def _check_some(rows: _Rows, cases: Mapping[tuple[str, str, str], Case]) -> None:
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


def _write(out: Path, rows: _Rows, places: Sequence[Path], options: CollectOptions) -> DataManifest:
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


def _count(part: str, rows: _Rows) -> PartCount:
    own = [row for row in rows.sft if row.part == part]
    return PartCount(len({(row.group, row.scene) for row in own}), len(own), sum(row.part == part for row in rows.dpo))


def _source(place: Path) -> dict[str, str]:
    if (place / SIMULATED).is_file():
        return {"name": place.resolve().name, "kind": "drives", "sha256": digest_of(place / SIMULATED)}
    frames = frames_file(place)
    digest = digest_of(frames) if frames.is_file() else ""
    return {"name": place.resolve().name, "kind": read_manifest(place).data.source, "sha256": digest}


def read_manifest_of(folder: Path) -> DataManifest:
    """The manifest of a data set.

    Raises:
        UserError: if it is none, is damaged, or its rows are not those that were written.
    """
    path = folder / MANIFEST
    try:
        manifest = msgspec.json.decode(read_whole(path, 10_000_000), type=DataManifest)
    except OSError as error:
        raise UserError(
            f"'{folder}' is no data set for training ({error.strerror or error}: {MANIFEST}); make one with `lightemma distill "
            "collect`."
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UserError(f"'{path}' is damaged ({error}); collect the data again.") from error
    if manifest.format > FORMAT:
        raise UserError(f"'{path}' is of a newer version of lightemma ({manifest.version}); install that.")
    return manifest


def summary(manifest: DataManifest) -> Iterator[str]:
    """The lines that say what a data set holds."""
    for part, count in manifest.parts.items():
        yield f"{part}: {count.scenes} scenes, {count.sft} sft rows, {count.dpo} dpo rows"
    total = sum(manifest.reasons.values())
    if total:
        shares = ", ".join(f"{reason} {count / total:.0%}" for reason, count in manifest.reasons.items())
        yield f"pairs by reason: {shares}; {manifest.ties} ties left out"
        if manifest.reasons.get(UNPARSABLE, 0) > total / 2:
            yield "More than half of the pairs only teach the form of an answer; more samples of a teacher give better ones."
    if manifest.left_out:
        yield "left out: " + ", ".join(f"{count} ({why})" for why, count in manifest.left_out.items())
    if manifest.rejected:
        yield "rejected by the critic: " + ", ".join(f"{count} {kind}" for kind, count in manifest.rejected.items())
    yield f"answers of an expert that knows what no camera shows: {manifest.privileged:.0%} of the sft rows"
