"""The contract of a renderer: it loads a city once, and then draws what the front camera sees at each moment."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Literal, Self, get_args

import numpy as np
import numpy.typing as npt

from lightemma.errors import UserError, near_names
from lightemma.frame import Camera
from lightemma.simulation.state import City, WorldState

Pixels = npt.NDArray[np.uint8]
"""(h, w, 3) red, green, blue."""

Depths = npt.NDArray[np.float32]
"""(h, w) metres along the optical axis at each pixel's middle; infinite in the sky."""

Ids = npt.NDArray[np.int32]
"""(h, w) what each pixel's middle shows: the number of an actor, `FIRST_SIGNAL` and the number of a signal head (its post as
well), `GROUND`, `SCENERY`, or `SKY`."""

RendererKind = Literal["auto", "panda3d", "painter"]
OutputName = Literal["rgb", "depth", "ids"]

#: In a picture of ids: the sky; the ground with everything painted on it, pavements included; houses, plants, lamps and signs.
SKY: Final = 0
GROUND: Final = -1
SCENERY: Final = -2
FIRST_SIGNAL: Final = 10_000
#: Metres beyond which there is only sky.
FARTHEST: Final = 900.0


@dataclass(frozen=True, slots=True)
class Layers:
    """Depth and identity of every pixel, of the same moment."""

    depth: Depths
    ids: Ids


@dataclass(frozen=True, slots=True)
class Drawn:
    """The outputs of one moment that were asked for; the others are None."""

    rgb: Pixels | None
    depth: Depths | None
    ids: Ids | None


class RenderError(Exception):
    """A renderer cannot start or has died; the message is one sentence that says why."""


class Renderer(abc.ABC):
    """Draws pictures of a city; use it as a context manager, or call :meth:`close`.

    Attributes:
        note: sentences on why this is not the preferred renderer, or is slower than it could be; None if it is neither.
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

    def layers(self, state: WorldState, camera: Camera, size: tuple[int, int]) -> Layers:
        """Depth and identity of every pixel; arguments and errors as of :meth:`draw`."""
        raise RenderError(f"the renderer {self.name} draws no depth and no ids.")

    def draw_outputs(
        self,
        state: WorldState,
        camera: Camera,
        size: tuple[int, int],
        seed: int,
        outputs: Sequence[str] = ("rgb",),
    ) -> Drawn:
        """Several pictures of one moment. The picture of colours is that of :meth:`draw`, whatever else is asked for.

        Args:
            state: as of :meth:`draw`.
            camera: as of :meth:`draw`.
            size: as of :meth:`draw`.
            seed: as of :meth:`draw`.
            outputs: any of ``rgb``, ``depth`` and ``ids``.

        Raises:
            UserError: if an output is unknown or none is named, or no picture can have this size.
            RenderError: if no city was loaded, or the renderer has failed.
        """
        check_outputs(outputs)
        rgb = self.draw(state, camera, size, seed) if "rgb" in outputs else None
        layers = None if set(outputs) == {"rgb"} else self.layers(state, camera, size)
        return Drawn(
            rgb,
            layers.depth if layers and "depth" in outputs else None,
            layers.ids if layers and "ids" in outputs else None,
        )

    @abc.abstractmethod
    def close(self) -> None:
        """Closes the renderer; calling it again does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def check_outputs(outputs: Sequence[str]) -> None:
    """Refuses names of outputs that no renderer has.

    Raises:
        UserError: if one is unknown, or none is named.
    """
    known: tuple[str, ...] = get_args(OutputName)
    if isinstance(outputs, str) or not outputs:
        raise UserError(f"`outputs` is {outputs!r}; give a list of one or more of {', '.join(known)}.")
    for name in outputs:
        if name not in known:
            raise UserError(f"There is no output '{name}' of a renderer; {near_names(name, known)}")
