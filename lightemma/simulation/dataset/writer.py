"""Writes recordings as a nuScenes data set, scene by scene; finished scenes are kept if the work is interrupted.

A scene's pictures, map, polygons and notes are written first, then its rows under ``.scenes``; with that file, the scene is
finished. After each scene the tables are written again from all finished ones, in the order of their names, so the
same drives give the same tables however often the work was interrupted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lightemma.errors import UserError
from lightemma.files import draft_of, write_whole
from lightemma.frame import Camera
from lightemma.label_rows import encoded
from lightemma.simulation.dataset.driven import driven_file
from lightemma.simulation.dataset.drives import Drive
from lightemma.simulation.dataset.ground import mask_png, placement_of, polygons_of
from lightemma.simulation.dataset.recording import KEY_FRAMES, Recording, facts_rows, label_rows
from lightemma.simulation.dataset.split import houses_of, split_of
from lightemma.simulation.dataset.tables import (
    TABLES,
    common_rows,
    joined,
    picture_name,
    sample_tokens,
    scene_rows,
    table_bytes,
)
from lightemma.simulation.render import Renderer, RenderError, encode_jpeg, front_camera

VERSION = "v1.0-sim"
"""Default name of the tables' folder."""

EDITION = 3
"""Raised whenever the same drive would be recorded or written differently; editions are never mixed in one folder."""

FACTS = "simulation.json"
PARTS = ".scenes"


@dataclass(frozen=True, slots=True)
class Layout:
    """The settings that all scenes of a data set share.

    Attributes:
        version: name of the tables' folder.
        size: width and height of the pictures in pixels.
        quality: of the JPEGs, 1 … 95.
        sweeps: whether there are pictures at 12 Hz, besides the key frames at 2 Hz.
        renderer: its name.
        key_frames: of every scene.
        pictures: whether they are drawn; without, a scene takes a fifth of the time.
        facts: whether what the camera sees is recorded.
    """

    version: str = VERSION
    size: tuple[int, int] = (1600, 900)
    quality: int = 85
    sweeps: bool = False
    renderer: str = "painter"
    key_frames: int = KEY_FRAMES
    pictures: bool = True
    facts: bool = True


class DatasetWriter:
    """A data set to which scenes are added.

    Args:
        root: its folder, made if needed; one that an earlier session began is continued.
        layout: the settings of its scenes.

    Raises:
        UserError: if the folder cannot be written, has other things in it, or was begun with another layout.
    """

    def __init__(self, root: Path, layout: Layout) -> None:
        self.root, self.layout = root, layout
        self.camera: Camera = front_camera(layout.size)
        with self._writing():
            root.mkdir(parents=True, exist_ok=True)
            self._check()
            self._write_facts([])

    def finished(self, drive: Drive) -> bool:
        """Whether a drive's scene is finished, with all its pictures."""
        try:
            part = self._part(drive.name)
            names = [row["filename"] for row in part["tables"]["sample_data"]]
            drawn = all((self.root / name).is_file() for name in names) if self.layout.pictures else True
            return part["facts"]["edition"] == EDITION and drawn
        except (OSError, ValueError, KeyError, TypeError):
            return False

    def write(self, recording: Recording, renderer: Renderer, on_picture: Callable[[int], None] | None = None) -> None:
        """Draws and writes one scene, and then the tables of all finished scenes; see ``write_scene``."""
        self.write_scene(recording, renderer, on_picture)
        self.write_tables()

    def write_scene(
        self, recording: Recording, renderer: Renderer | None, on_picture: Callable[[int], None] | None = None
    ) -> None:
        """Draws and writes one scene. The tables do not have it before ``write_tables``.

        Args:
            recording: the drive.
            renderer: draws its pictures; None where the layout has none.
            on_picture: called after each picture with the number drawn so far.

        Raises:
            UserError: if something cannot be written, or the renderer failed.
        """
        drive = recording.drive
        with self._writing():
            (self.root / PARTS / f"{drive.name}.json").unlink(missing_ok=True)
            if renderer is not None:
                self._draw(recording, renderer, on_picture)
            for name, data in scene_files(recording).items():
                _write(self.root / name, data)
            facts = {
                "edition": EDITION,
                "name": drive.name,
                **asdict(drive),
                "what": recording.what,
                "right_answer": recording.right_answer,
                "part": split_of(drive.scenario, drive.seed),
                "houses": houses_of(recording.city),
                "renderer_details": renderer.details if renderer else {},
            }
            part = {"facts": facts, "tables": scene_rows(recording, self.camera)}
            _write(self.root / PARTS / f"{drive.name}.json", _json(part))

    def write_tables(self) -> int:
        """Writes the tables from all finished scenes.

        Returns:
            The number of finished scenes.

        Raises:
            UserError: if they cannot be written.
        """
        with self._writing():
            return self._write_tables()

    def _draw(self, recording: Recording, renderer: Renderer, on_picture: Callable[[int], None] | None) -> None:
        """Draws and writes a scene's pictures.

        Raises:
            UserError: if the renderer failed, or another replaced it: pictures of two renderers are not mixed.
            OSError: if a picture cannot be written.
        """
        drive = recording.drive
        try:
            renderer.load(recording.city)
            for number, look in enumerate(recording.looks, start=1):
                noise = drive.seed_for("picture", look.timestamp)
                pixels = renderer.draw(look.state, self.camera, self.layout.size, noise)
                if renderer.name != self.layout.renderer:
                    raise RenderError(renderer.note or f"{renderer.name} draws now.")
                _write(self.root / picture_name(drive, look), encode_jpeg(pixels, self.layout.quality))
                if on_picture:
                    on_picture(number)
        except RenderError as error:
            raise UserError(
                f"{self.layout.renderer} failed while it drew {drive.name} ({str(error).rstrip('.')}); finished scenes are "
                "kept, so give the same command again, or --renderer painter and another --out."
            ) from error

    def _write_tables(self) -> int:
        parts = list(self._parts())
        tables = joined([common_rows(self.camera), *(part["tables"] for part in parts)])
        folder = self.root / self.layout.version
        folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as drafts:
            # All are written before any is renamed, so that the tables always fit together.
            for name in TABLES:
                draft = drafts.enter_context(draft_of(folder / f"{name}.json"))
                draft.write_bytes(table_bytes(tables[name]))
        self._write_facts([part["facts"] for part in parts])
        return len(parts)

    def _parts(self) -> Iterator[dict[str, Any]]:
        """The rows of the finished scenes, by name; a damaged file is ignored, and its scene is drawn again."""
        for path in sorted((self.root / PARTS).glob("*.json")):
            try:
                yield self._part(path.stem)
            except ValueError:
                continue

    def _part(self, name: str) -> dict[str, Any]:
        part: dict[str, Any] = json.loads((self.root / PARTS / f"{name}.json").read_bytes())
        return part

    def _write_facts(self, scenes: list[dict[str, Any]]) -> None:
        path = self.root / FACTS
        if scenes or not path.exists():
            _write(path, _json({"synthetic": True, "edition": EDITION, **asdict(self.layout), "scenes": scenes}, 1))

    def _check(self) -> None:
        """Refuses a folder with other files, or one that was begun with other settings.

        Raises:
            UserError: says what differs.
        """
        path = self.root / FACTS
        if not path.is_file():
            if any(not entry.name.startswith(".") for entry in self.root.iterdir()):
                raise UserError(
                    f"The folder '{self.root}' has other things in it; give a new one, or one that this command began, "
                    "with --out."
                )
            return
        try:
            begun = json.loads(path.read_bytes())
            differing = [
                f"{name} {_shown(begun[name])} and not {_shown(value)}"
                for name, value in ({"edition": EDITION} | asdict(self.layout)).items()
                if _plain(begun[name]) != _plain(value)
            ]
        except (ValueError, KeyError, TypeError):
            differing = [f"a {FACTS} that cannot be read"]
        if differing:
            raise UserError(
                f"The data set in '{self.root}' was begun with {', '.join(differing)}; give the same options again, or "
                "another folder with --out."
            )

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise UserError(
                f"The data set cannot be written to '{self.root}' ({error.strerror or error}); finished scenes are kept, so "
                "make room or give another folder with --out, and give the same command again."
            ) from error


def check_version(version: str) -> None:
    """Checks the name of the tables' folder.

    Raises:
        UserError: if it is not valid.
    """
    taken = {"samples", "sweeps", "maps", "drivable", "expert", "facts", "driven"}
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", version) or version in taken:
        raise UserError(f"--version cannot be '{version}'; give letters, digits, dots and hyphens, such as {VERSION}.")


def scene_files(recording: Recording) -> dict[str, bytes]:
    """A scene's files but for pictures and tables, by name: map mask, polygons, labels, facts, what was driven."""
    name, placement = recording.drive.name, placement_of(recording.city)
    samples = sample_tokens(recording)
    facts = facts_rows(recording, name, samples)
    files = {
        f"maps/{name}.png": mask_png(recording.city, placement),
        f"drivable/{name}.json": _json(polygons_of(recording.city, placement)),
        f"expert/{name}.jsonl": encoded(label_rows(recording, name, samples)),
        f"driven/{name}.jsonl": driven_file(recording),
    }
    return files | ({f"facts/{name}.jsonl": encoded(facts)} if facts else {})


def _json(value: Any, indent: int | None = None) -> bytes:
    separators = (",", ":") if indent is None else None
    return (json.dumps(value, indent=indent, separators=separators, ensure_ascii=False) + "\n").encode()


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _shown(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, data)
