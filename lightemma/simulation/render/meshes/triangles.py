"""Polygons cut into triangles, as graphics hardware needs them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lightemma.frame import FloatArray
from lightemma.simulation.render.meshes.mesh import IntArray, Mesh


@dataclass(frozen=True, slots=True)
class Triangles:
    """A mesh as triangles; t of them.

    Attributes:
        rows: (t, 3) indices of the mesh's corners.
        faces: (t,) index of the face each belongs to.
    """

    rows: IntArray
    faces: IntArray


def triangles_of(mesh: Mesh) -> Triangles:
    """All faces of a mesh as triangles: convex faces as fans, the others by cutting off ears."""
    rows: list[IntArray] = []
    faces: list[IntArray] = []
    normals, starts = mesh.face_normals(), mesh.starts
    for count in np.unique(mesh.counts).tolist():
        members = np.flatnonzero(mesh.counts == count)
        convex = np.ones(len(members), dtype=np.bool_)
        if count > 3:
            rings = mesh.corners[starts[members][:, None] + np.arange(count)]
            sides = np.roll(rings, -1, axis=1) - rings
            bends = np.cross(sides, np.roll(sides, -1, axis=1))
            convex = np.all(np.einsum("mkc,mc->mk", bends, normals[members]) > -1e-7, axis=1)
            # A star polygon also bends in one direction only, but its bends add up to more than one turn.
        fan = np.column_stack([np.zeros(count - 2, dtype=np.intp), np.arange(1, count - 1), np.arange(2, count)])
        flat = members[convex]
        rows.append((starts[flat][:, None, None] + fan).reshape(-1, 3))
        faces.append(np.repeat(flat, count - 2))
        for face in members[~convex].tolist():
            ring = mesh.corners[starts[face] : starts[face] + count]
            kept = np.delete(np.arange(3), int(np.argmax(np.abs(normals[face]))))
            cut = ears(ring[:, kept])
            rows.append(starts[face] + cut)
            faces.append(np.full(len(cut), face, dtype=np.intp))
    if not rows:
        return Triangles(np.empty((0, 3), dtype=np.intp), np.empty(0, dtype=np.intp))
    return Triangles(np.concatenate(rows), np.concatenate(faces))


def ears(polygon: FloatArray) -> IntArray:
    """Triangles of a simple polygon by cutting off ears (Meisters, 1975).

    Args:
        polygon: (k, 2) corners in either direction.

    Returns:
        (k - 2, 3) indices of corners, in the polygon's own direction.
    """
    points = polygon.tolist()
    left = list(range(len(points)))
    x, y = polygon[:, 0], polygon[:, 1]
    sign = 1.0 if float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y)) >= 0 else -1.0

    def bend(a: int, b: int, c: int) -> float:
        one, two, three = points[a], points[b], points[c]
        return float(sign * ((two[0] - one[0]) * (three[1] - one[1]) - (two[1] - one[1]) * (three[0] - one[0])))

    cut = []
    while len(left) > 3:
        best, flattest = 0, -np.inf
        for place in range(len(left)):
            a, b, c = left[place - 1], left[place], left[(place + 1) % len(left)]
            turn = bend(a, b, c)
            if turn > flattest:
                best, flattest = place, turn
            if turn <= 0:
                continue
            inside = (
                other not in (a, b, c) and bend(a, b, other) >= 0 and bend(b, c, other) >= 0 and bend(c, a, other) >= 0
                for other in left
            )
            if not any(inside):
                best = place
                break
        # Where rounding leaves no ear, the sharpest corner is cut off: a tiny hole is better than an endless loop.
        cut.append((left[best - 1], left[best], left[(best + 1) % len(left)]))
        del left[best]
    cut.append((left[0], left[1], left[2]))
    return np.array(cut, dtype=np.intp)
