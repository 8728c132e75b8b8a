"""The renderer that always draws: panda3d while it works, the painter from then on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from lightemma.frame import Camera
from lightemma.simulation.render.base import Drawn, Layers, Pixels, Renderer, RenderError
from lightemma.simulation.render.painter import PainterRenderer
from lightemma.simulation.render.panda import PandaRenderer
from lightemma.simulation.state import City, WorldState

T = TypeVar("T")


class AutomaticRenderer(Renderer):
    """A renderer that falls back to the painter when another fails, at the start or later.

    Args:
        first: makes the preferred renderer.
    """

    def __init__(self, first: Callable[[], Renderer] = PandaRenderer) -> None:
        self._city: City | None = None
        self._renderer: Renderer
        try:
            self._renderer = first()
        except RenderError as error:
            self._renderer = PainterRenderer()
            self._explain(f"The simple painter draws the pictures, because {error}")

    @property
    def name(self) -> str:
        """Name of the renderer in use."""
        return self._renderer.name

    @property
    def details(self) -> dict[str, str]:
        """Details of the renderer in use."""
        return self._renderer.details

    def load(self, city: City) -> None:
        """Loads a city."""
        self._city = city
        try:
            self._renderer.load(city)
        except RenderError as error:
            self._fall_back(error)

    def draw(self, state: WorldState, camera: Camera, size: tuple[int, int], seed: int) -> Pixels:
        """The picture of a moment; see :meth:`Renderer.draw`."""
        return self._drawn(lambda one: one.draw(state, camera, size, seed))

    def layers(self, state: WorldState, camera: Camera, size: tuple[int, int]) -> Layers:
        """Depth and identity of every pixel; see :meth:`Renderer.layers`."""
        return self._drawn(lambda one: one.layers(state, camera, size))

    def draw_outputs(
        self,
        state: WorldState,
        camera: Camera,
        size: tuple[int, int],
        seed: int,
        outputs: Sequence[str] = ("rgb",),
    ) -> Drawn:
        """Several pictures of one moment, all by the same renderer; see :meth:`Renderer.draw_outputs`."""
        return self._drawn(lambda one: one.draw_outputs(state, camera, size, seed, outputs))

    def _drawn(self, draw: Callable[[Renderer], T]) -> T:
        """What the renderer in use draws, or the painter if that fails."""
        if self._city is None:
            raise RenderError("no city was loaded.")
        try:
            return draw(self._renderer)
        except RenderError as error:
            self._fall_back(error)
            return draw(self._renderer)

    def _fall_back(self, error: RenderError) -> None:
        """Continues with the painter; raises the error if the painter itself failed."""
        if isinstance(self._renderer, PainterRenderer):
            raise error
        self._renderer.close()
        self._renderer = PainterRenderer()
        self._explain(f"The simple painter draws the pictures from now on, because {error}")
        if self._city is not None:
            self._renderer.load(self._city)

    def _explain(self, fallen_back: str) -> None:
        own = self._renderer.note
        self.note = fallen_back if own is None else f"{fallen_back} {own}"

    def close(self) -> None:
        """Closes the renderer."""
        self._renderer.close()
