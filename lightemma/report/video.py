"""One run's drive through a scene as a film: what the camera saw, what the car did, what the model planned and said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lightemma.errors import UserError
from lightemma.evaluation.metrics.displacement import step_errors
from lightemma.files import draft_of
from lightemma.report.figures.birdseye import PlannedPath, ViewLimits, draw_birdseye, view_limits
from lightemma.report.figures.frame import FrameView
from lightemma.report.figures.picture import Pixels, draw_picture
from lightemma.report.figures.scale import short
from lightemma.report.figures.style import FAINT, INK, shown, styled
from lightemma.report.wrapping import wrap
from lightemma.run_folder.records import OK

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".mp4", ".gif")

_DPI = 100
_GOOD, _BAD = "#00704f", "#b34700"
_TYPE = 8.0  # points
_TITLES = {"scene": "What the model saw", "intent": "What the car intends", "action": "What it answered"}


@dataclass(frozen=True, slots=True)
class StageText:
    """The answer of one stage.

    Attributes:
        stage: ``scene``, ``intent`` or ``action``.
        text: the answer, or None if the model did not answer.
        outcome: how the stage ended.
    """

    stage: str
    text: str | None
    outcome: str = OK


@dataclass(frozen=True)
class Shot:
    """One frame of a film.

    Attributes:
        view: what is known of the frame.
        plan: what the run planned, or why it has no plan.
        texts: what the model said, stage by stage; none for planners without a model.
        seconds: since the first frame.
    """

    view: FrameView
    plan: PlannedPath
    texts: Sequence[StageText]
    seconds: float


def draw_shots(shots: Sequence[Shot], width: int = 1280) -> Iterator[Pixels]:
    """Draws a film's frames one by one, all of the same size and with the same bird's-eye scale.

    Args:
        shots: in order of time.
        width: in pixels, at least 640; the height is 9/16 of it. Both are made even, as MP4 wants them.

    Yields:
        (height, width, 3) pictures.

    Raises:
        UserError: if the width is below 640.
    """
    if width < 640:
        raise UserError(f"--width is {width}; give 640 pixels or more, so that the text can be read.")
    size = (width // 2 * 2, round(width * 9 / 32) * 2)
    around = [view_limits(shot.view.truth, shot.view.history, [shot.plan]) for shot in shots]
    behind = min(limits[0][0] for limits in around)
    ahead = max(limits[0][1] for limits in around)
    wide = max(limits[1][1] for limits in around)
    for number, shot in enumerate(shots, start=1):
        yield draw_shot(shot, size, ((behind, ahead), (-wide, wide)), f"{number} of {len(shots)}")


@styled()
def draw_shot(shot: Shot, size: tuple[int, int], limits: ViewLimits, place: str = "") -> Pixels:
    """Draws one frame of a film.

    Args:
        shot: what to draw.
        size: width and height in pixels.
        limits: how far the bird's-eye view looks.
        place: such as ``3 of 12``.

    Returns:
        (height, width, 3).
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    # The sizes of type are those for 1280 pixels; other widths are scaled as a whole.
    figure = Figure(figsize=(12.8, 12.8 * size[1] / size[0]), dpi=_DPI * size[0] / 1280)
    canvas = FigureCanvasAgg(figure)
    _draw_head(figure, shot, place)
    if shot.view.picture is not None and shot.view.camera is not None:
        axes = figure.add_axes((0.008, 0.305, 0.64, 0.63), facecolor="black")
        draw_picture(axes, shot.view.picture, shot.view.camera, shot.view.truth, [shot.plan], shot.view.boxes)
        above = figure.add_axes((0.7, 0.4, 0.285, 0.45))
    else:
        above = figure.add_axes((0.05, 0.36, 0.59, 0.57))
        figure.text(0.665, 0.75, "(no picture)", color=FAINT, fontsize=8.5)
    draw_birdseye(
        above, shot.view.truth, shot.view.history, [shot.plan], shot.view.boxes, None, shot.view.truth_name, limits
    )
    figure.legend(*above.get_legend_handles_labels(), loc="upper left", bbox_to_anchor=(0.655, 0.945), fontsize=8)
    _draw_motion(figure, shot)
    _draw_texts(figure, shot, size[1] / size[0])
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels: Pixels = np.asarray(canvas.buffer_rgba())[: size[1], : size[0], :3].copy()  # type: ignore[no-untyped-call]
    return pixels


def _draw_head(figure: Figure, shot: Shot, place: str) -> None:
    view, plan = shot.view, shot.plan
    head = f"{shown(plan.name, 40)}  \u00b7  {shown(view.scene, 40)}  \u00b7  frame {view.frame_index} ({place})"
    figure.text(0.008, 0.962, f"{head}  \u00b7  {shot.seconds:.1f} s", fontsize=11, va="center")
    if plan.trajectory is None:
        text, colour = f"no plan: {shown(plan.outcome, 50)}", _BAD
    else:
        error = float(np.mean(step_errors(plan.trajectory, view.truth)))
        known = "" if np.isnan(error) else f", avg L2 {short(error)} m (convention lightemma)"
        text, colour = f"{shown(plan.outcome, 50)}{known}", _GOOD
    figure.text(0.992, 0.962, text, fontsize=11, va="center", ha="right", color=colour)


def _draw_motion(figure: Figure, shot: Shot) -> None:
    speed, curvature = shot.view.now.tolist()
    lines = [f"now: {speed:.1f} m/s, curvature {curvature:+.3f} 1/m"]
    if shot.plan.actions is not None:
        actions = shot.plan.actions
        lines.append("planned m/s: " + "  ".join(short(value) for value in actions[:, 0].tolist()))
        lines.append("planned 1/m: " + "  ".join(_three(value) for value in actions[:, 1].tolist()))
    else:
        lines.append(f"planned: nothing ({shown(shot.plan.outcome, 40)})")
    figure.text(0.665, 0.33, "\n".join(lines), fontsize=8.5, va="top", linespacing=1.35)


def _three(value: float) -> str:
    return f"{value:+.3f}" if abs(value) < 10 else short(value, sign=True)


def _draw_texts(figure: Figure, shot: Shot, aspect: float) -> None:
    if not shot.texts:
        figure.text(0.008, 0.22, "No model was asked: this planner works by a formula.", fontsize=9, color=FAINT)
        return
    columns = len(shot.texts)
    wide, top = 0.984 / columns, 0.225
    # 1280 pixels at 100 dots per inch hold 12.8 * 72 points.
    points = 12.8 * 72
    fits = (wide - 0.015) * points / _TYPE
    lines = int((top - 0.012) * points * aspect / (_TYPE * 1.25))
    for index, said in enumerate(shot.texts):
        left = 0.008 + index * wide
        title = _TITLES.get(said.stage, shown(said.stage, 20))
        bad = said.outcome != OK
        note = f"  ({shown(said.outcome, 30)})" if bad else ""
        figure.text(left, top + 0.006, title + note, fontsize=8.5, va="bottom", color=_BAD if bad else FAINT)
        text = "(no answer)" if said.text is None else said.text
        figure.text(left, top, "\n".join(wrap(text, fits, lines)), fontsize=_TYPE, va="top", color=INK, linespacing=1.2)


def check_suffix(path: Path) -> None:
    """Makes sure that a film can be written to a path.

    Raises:
        UserError: if its suffix is neither .mp4 nor .gif, or it is .mp4 and PyAV is not installed.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UserError(f"'{path.name}' is no film's name; let it end in .mp4 or .gif.")
    if suffix == ".mp4":
        try:
            import av  # noqa: F401
        except ImportError as error:
            raise UserError(
                "Writing MP4 needs PyAV; install it with `pip install 'lightemma[video]'`, or let --out end in .gif."
            ) from error


def write_video(frames: Iterable[Pixels], path: Path, fps: float = 2.0) -> int:
    """Writes a film, whole or not at all.

    Args:
        frames: (height, width, 3) each, all of one size, even numbers for MP4.
        path: .mp4 (H.264, needs PyAV) or .gif.
        fps: frames a second.

    Returns:
        How many frames were written.

    Raises:
        UserError: if there is no frame, the suffix or the rate is wrong, PyAV is missing, or the file cannot be written.
    """
    check_suffix(path)
    if not 0.1 <= fps <= 50:
        raise UserError(f"--fps is {fps:g}; give 0.1 to 50.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft_of(path) as draft:
            count = (_write_mp4 if path.suffix.lower() == ".mp4" else _write_gif)(iter(frames), draft, fps)
    except OSError as error:
        raise UserError(f"'{path}' cannot be written ({error.strerror or error}); give another --out.") from error
    return count


def _write_mp4(frames: Iterator[Pixels], part: Path, fps: float) -> int:
    from fractions import Fraction

    import av

    first = next(frames, None)
    if first is None:
        raise UserError("There is no frame to make a film of.")
    rate = Fraction(fps).limit_denominator(1000)
    count = 0
    with av.open(str(part), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "20", "g": str(max(1, round(5 * fps)))})
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p"
        for pixels in _chain(first, frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")))
            count += 1
        container.mux(stream.encode(None))
    return count


def _write_gif(frames: Iterator[Pixels], part: Path, fps: float) -> int:
    from PIL import Image

    first = next(frames, None)
    if first is None:
        raise UserError("There is no frame to make a film of.")
    count = 0

    def pictures() -> Iterator[Image.Image]:
        nonlocal count
        for pixels in _chain(first, frames):
            count += 1
            # Median cut gives no colour to what is small, and a red light is small.
            yield Image.fromarray(pixels).quantize(256, method=Image.Quantize.MAXCOVERAGE)

    every = pictures()
    opening = next(every)
    opening.save(part, format="GIF", save_all=True, append_images=every, duration=round(1000 / fps), loop=0)
    return count


def _chain(first: Pixels, rest: Iterator[Pixels]) -> Iterator[Pixels]:
    yield first
    yield from rest
