"""Makes a renderer by its name."""

from __future__ import annotations

from lightemma.errors import UserError
from lightemma.simulation.render.automatic import AutomaticRenderer
from lightemma.simulation.render.base import Renderer, RendererKind
from lightemma.simulation.render.painter import PainterRenderer
from lightemma.simulation.render.panda import PandaRenderer


def make_renderer(kind: RendererKind = "auto") -> Renderer:
    """A renderer by name.

    Args:
        kind: ``panda3d`` draws with OpenGL and shaders in a separate process, ``painter`` with Pillow on any machine,
            ``auto`` takes panda3d where it works and the painter elsewhere, with a :attr:`Renderer.note` that says why.

    Raises:
        UserError: if there is no such renderer.
        RenderError: if panda3d was asked for and cannot start.
    """
    if kind == "auto":
        return AutomaticRenderer()
    if kind == "panda3d":
        return PandaRenderer()
    if kind == "painter":
        return PainterRenderer()
    raise UserError(f"there is no renderer '{kind}'; take auto, panda3d or painter.")
