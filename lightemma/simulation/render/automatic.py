"""The renderer that always draws: panda3d while it works, the painter from then on."""

from __future__ import annotations

from collections.abc import Callable

from lightemma.frame import Camera
from lightemma.simulation.render.base import Pixels, Renderer, RenderError
from lightemma.simulation.render.painter import PainterRenderer
from lightemma.simulation.render.panda import PandaRenderer
from lightemma.simulation.state import City, WorldState


class AutomaticRenderer(Renderer):
    """Tries one renderer and falls back to the painter when it fails, at the start or later.

    Args:
        first: makes the renderer that is hoped for.
    """

    def __init__(self, first: Callable[[], Renderer] = PandaRenderer) -> None:
        self._city: City | None = None
        self._renderer: Renderer
        try:
            self._renderer = first()
        except RenderError as error:
            self._renderer = PainterRenderer()
            self.note = f"The simple painter draws the pictures, because {error}"

    @property
    def name(self) -> str:
        """The name of the renderer that draws now."""
        return self._renderer.name

    @property
    def details(self) -> dict[str, str]:
        """Those of the renderer that draws now."""
        return self._renderer.details

    def load(self, city: City) -> None:
        """Takes a city."""
        self._city = city
        try:
            self._renderer.load(city)
        except RenderError as error:
            self._fall_back(error)

    def draw(self, state: WorldState, camera: Camera, size: tuple[int, int], seed: int) -> Pixels:
        """The picture of a moment; see :meth:`Renderer.draw`."""
        if self._city is None:
            raise RenderError("no city was loaded.")
        try:
            return self._renderer.draw(state, camera, size, seed)
        except RenderError as error:
            self._fall_back(error)
            return self._renderer.draw(state, camera, size, seed)

    def _fall_back(self, error: RenderError) -> None:
        """Goes on with the painter; if that is what failed, there is no more to try."""
        if isinstance(self._renderer, PainterRenderer):
            raise error
        self._renderer.close()
        self._renderer = PainterRenderer()
        self.note = f"The simple painter draws the pictures from now on, because {error}"
        if self._city is not None:
            self._renderer.load(self._city)

    def close(self) -> None:
        """Gives everything back."""
        self._renderer.close()
