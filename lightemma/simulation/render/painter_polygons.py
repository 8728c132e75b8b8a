"""The polygons of a view: where they are on a canvas, and how they are painted there, with numba or with Pillow."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt

from lightemma.frame import Camera, FloatArray
from lightemma.simulation.render.compiled import compiler
from lightemma.simulation.render.meshes.mesh import IntArray
from lightemma.simulation.render.painter_view import HUGE, NEAR, View, cut_to_view, flat_spots


def paint_polygons(draw: Any, view: View, camera: Camera, inks: Sequence[int], first: int = 0) -> None:
    """Paints faces of a view, one ink each, beginning with the ``first`` in the order of painting.

    Args:
        draw: what Pillow's ``ImageDraw`` draws with.
        view: the faces.
        camera: the camera.
        inks: one of each, as Pillow has them.
        first: where they begin.
    """
    chosen = view.order[first : first + len(inks)]
    starts, counts = view.faces.starts[chosen], view.faces.counts[chosen]
    # Pillow reads single precision from memory; `ImageDraw.polygon` would take as long to look at the colour as to paint.
    memory, width = memoryview(view.spots.data).cast("B"), view.spots.strides[0]
    polygon = draw.draw_polygon
    begins, ends = (starts * width).tolist(), ((starts + counts) * width).tolist()
    done = 0
    for at in [*np.flatnonzero(view.cut[first : first + len(inks)]).tolist(), len(begins)]:
        parts = map(memory.__getitem__, map(slice, begins[done:at], ends[done:at]))
        # A loop in Python would take as long as the painting.
        deque(map(polygon, parts, inks[done:at], repeat(1)), maxlen=0)
        done = at + 1
        if at == len(begins):
            break
        part = cut_to_view(view.seen[:, begins[at] // width : ends[at] // width].T.tolist(), camera)
        if len(part) > 2:
            polygon(flat_spots(part, camera, view.fine), inks[at], 1)


def outlines(view: View, camera: Camera) -> tuple[npt.NDArray[np.float32], IntArray, IntArray]:
    """The corners of the faces of a view, in the order of painting.

    Returns:
        (n, 2) columns and rows in spots, and of each face, (v,), the first of its corners and the one after its last.
    """
    begins = view.faces.starts[view.order]
    ends = begins + view.faces.counts[view.order]
    whole = np.flatnonzero(view.cut)
    if not len(whole):
        return view.spots, begins, ends
    parts, many = cut_spots(view.seen, begins[whole], ends[whole], camera, view.fine)
    ends[whole] = len(view.spots) + np.cumsum(many)
    begins[whole] = ends[whole] - many
    return np.concatenate([view.spots, parts]), begins, ends


def cut_spots(
    seen: FloatArray, begins: IntArray, ends: IntArray, camera: Camera, fine: int
) -> tuple[npt.NDArray[np.float32], IntArray]:
    """The parts of polygons before the camera and not far outside the picture.

    Args:
        seen: (3, n) corners in camera axes.
        begins: (f,) the first corner of each polygon.
        ends: (f,) one after its last corner.
        camera: the camera.
        fine: spots a pixel along each side.

    Returns:
        (p, 2) whole spots of all parts, and (f,) how many each has.
    """
    if compiler() is not None:
        from lightemma.simulation.render.painter_corners import cut

        rows, size = camera.intrinsic[:2].astype(np.float64, order="C"), np.array(camera.size, dtype=np.float64)
        return cut(seen, begins, ends, rows, size, fine, NEAR, float(HUGE))
    spots, many = [], []
    for begin, end in zip(begins.tolist(), ends.tolist(), strict=True):
        part = cut_to_view(seen[:, begin:end].T.tolist(), camera)
        part = part if len(part) > 2 else []
        many.append(len(part))
        spots += flat_spots(part, camera, fine)
    return np.array(spots, dtype=np.float32).reshape(-1, 2), np.array(many, dtype=np.intp)
