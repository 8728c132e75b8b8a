"""The contract of a renderer: it loads a city once, and then draws what the front camera sees at each moment."""

from __future__ import annotations

import abc
from types import TracebackType
from typing import Literal, Self

import numpy as np
import numpy.typing as npt

from lightemma.frame import Camera
from lightemma.simulation.state import City, WorldState

Pixels = npt.NDArray[np.uint8]
"""(h, w, 3) red, green, blue."""

RendererKind = Literal["auto", "panda3d", "painter"]


class RenderError(Exception):
    """A renderer cannot start or has died; the message is one sentence that says why."""


class Renderer(abc.ABC):
    """Draws pictures of a city; use it as a context manager, or call :meth:`close`.

    Attributes:
        note: a sentence on why this is not the preferred renderer, or None.
    """

    note: str | None = None

    @property
    @abc.abstractmethod
    def name(self) -> str:
        """``panda3d`` or ``painter``."""

    @property
    @abc.abstractmethod
    def details(self) -> dict[str, str]:
        """What decides the pixels: versions, and the graphics library's vendor, renderer and version."""

    @abc.abstractmethod
    def load(self, city: City) -> None:
        """Loads a city, in place of the one before.

        Raises:
            RenderError: if the renderer has failed.
        """

    @abc.abstractmethod
    def draw(self, state: WorldState, camera: Camera, size: tuple[int, int], seed: int) -> Pixels:
        """The picture of a moment.

        Args:
            state: everything that moves.
            camera: the camera on the ego car, for instance :func:`~lightemma.simulation.render.pinhole.front_camera`.
            size: width and height in pixels, of the camera's shape.
            seed: of the sensor's noise; equal states and seeds give equal pictures.

        Returns:
            (h, w, 3) bytes.

        Raises:
            UserError: if no picture can have this size.
            RenderError: if no city was loaded, or the renderer has failed.
        """

    @abc.abstractmethod
    def close(self) -> None:
        """Closes the renderer; calling it again does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
