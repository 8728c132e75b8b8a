"""Pictures of the city's front camera, ready to be sent: drawn, with noise and blur, as a JPEG."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import get_args

from lightemma.closed_loop.spec import LoopRules
from lightemma.closed_loop.world_factory import Prepared
from lightemma.errors import UserError, near_names
from lightemma.frame import Picture
from lightemma.simulation.render import RendererKind, RenderError, encode_jpeg, front_camera, make_renderer
from lightemma.simulation.state import City, WorldState

#: JPEG quality of the pictures as they are kept and sent.
JPEG_QUALITY = 90


class CameraRenderer:
    """The city's front camera, drawn by one of its renderers.

    Args:
        rules: renderer and size.

    Raises:
        UserError: if the renderer cannot draw, now or later.
    """

    def __init__(self, rules: LoopRules) -> None:
        try:
            self._renderer = make_renderer(_kind(rules.renderer))
        except RenderError as error:
            raise _failed(error) from error
        self._camera = front_camera(rules.size)
        self._size = rules.size

    def load(self, city: City) -> None:
        """Loads a city."""
        try:
            self._renderer.load(city)
        except RenderError as error:
            raise _failed(error) from error

    def picture(self, state: WorldState, seed: int) -> Picture:
        """The picture of a moment; the same bytes for the same arguments."""
        try:
            pixels = self._renderer.draw(state, self._camera, self._size, seed)
        except RenderError as error:
            raise _failed(error) from error
        data = encode_jpeg(pixels, JPEG_QUALITY)
        return Picture(data, "image/jpeg", self._size, hashlib.sha256(data).hexdigest())

    def close(self) -> None:
        """Closes the renderer."""
        self._renderer.close()


def decide_renderer(rules: LoopRules) -> Prepared:
    """Finds a renderer that works here: ``auto`` is decided once, so that one renderer draws all pictures of a run.

    Raises:
        UserError: if the requested renderer cannot draw.
    """
    try:
        with make_renderer(_kind(rules.renderer)) as renderer:
            facts = {"renderer": renderer.name, "jpeg_quality": JPEG_QUALITY, "details": renderer.details}
            return Prepared(replace(rules, renderer=renderer.name), facts, renderer.note or "")
    except RenderError as error:
        raise _failed(error) from error


def _kind(name: str) -> RendererKind:
    kinds: tuple[RendererKind, ...] = get_args(RendererKind)
    for kind in kinds:
        if kind == name:
            return kind
    raise UserError(f"There is no renderer '{name}'; {near_names(name, kinds)}")


def _failed(error: RenderError) -> UserError:
    return UserError(
        f"{str(error)[:1].upper()}{str(error)[1:].rstrip('.')}; give the same command again, or --renderer painter."
    )
