"""Pictures of the city as its front camera sees them; see docs/rendering.md."""

from lightemma.simulation.render.base import Drawn, Layers, Pixels, Renderer, RendererKind, RenderError
from lightemma.simulation.render.camera_effects import encode_jpeg
from lightemma.simulation.render.make import make_renderer
from lightemma.simulation.render.pinhole import FULL_SIZE, front_camera

__all__ = [
    "FULL_SIZE",
    "Drawn",
    "Layers",
    "Pixels",
    "RenderError",
    "Renderer",
    "RendererKind",
    "encode_jpeg",
    "front_camera",
    "make_renderer",
]
