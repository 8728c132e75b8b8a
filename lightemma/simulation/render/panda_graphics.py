"""Plain graphics with panda3d: a context, buffers, programs, textures and nodes of triangles. Runs in the worker only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lightemma.frame import FloatArray
from lightemma.simulation.render.meshes.mesh import Mesh, Surface
from lightemma.simulation.render.meshes.triangles import triangles_of

# Reflection, graininess, narrowness of the highlight.
_SURFACES = {
    Surface.MATTE: (0.0, 0.0, 8.0),
    Surface.PAINT: (0.55, 0.0, 90.0),
    Surface.GLASS: (0.95, 0.0, 160.0),
    Surface.METAL: (0.35, 0.0, 30.0),
    Surface.LEAF: (0.0, 0.0, 8.0),
    Surface.STONE: (0.0, 0.30, 8.0),
}

_PROGRAMS = {Surface.MATTE: "MATTE", Surface.LEAF: "LEAF", Surface.STONE: "STONE"}


@dataclass(frozen=True, slots=True)
class Quality:
    """How finely a picture is drawn before it is scaled down.

    Attributes:
        supersampling: pixels drawn per pixel shown, along each side.
        multisamples: samples per drawn pixel at edges.
    """

    supersampling: float = 2.0
    multisamples: int = 0


class Graphics:
    """An off-screen graphics context of panda3d.

    Args:
        quality: how finely pictures are drawn.

    Attributes:
        core: the module ``panda3d.core``.
        engine: what draws.
        host: a tiny buffer that owns the context.

    Raises:
        RuntimeError: if there is none.
    """

    def __init__(self, quality: Quality) -> None:
        from panda3d import core

        core.loadPrcFileData(
            "",
            "load-display p3headlessgl\nwindow-type offscreen\naudio-library-name null\ngl-version 3 2\n"
            "notify-level-device fatal\nnotify-level-display error\ntextures-power-2 none\nsync-video 0\n",
        )
        self.core: Any = core
        self.quality = quality
        self.engine = core.GraphicsEngine.getGlobalPtr()
        self._pipe = core.GraphicsPipeSelection.getGlobalPtr().makeDefaultPipe()
        if self._pipe is None:
            raise RuntimeError("there is no graphics pipe for off-screen pictures")
        core.CullBinManager.getGlobalPtr().addBin("near-first", core.CullBinManager.BTFrontToBack, 15)
        self.host: Any = None
        self.host = self.buffer("host", 0, (16, 16))

    @property
    def details(self) -> dict[str, str]:
        """The graphics library: vendor, renderer and version as it names them."""
        gsg = self.host.getGsg()
        return {
            "panda3d": str(self.core.PandaSystem.getVersionString()),
            "vendor": str(gsg.getDriverVendor()),
            "renderer": str(gsg.getDriverRenderer()),
            "version": str(gsg.getDriverVersion()),
        }

    def buffer(
        self,
        name: str,
        sort: int,
        size: tuple[int, int],
        *,
        colours: bool = True,
        floats: bool = False,
        multisamples: int = 0,
    ) -> Any:
        """A buffer to draw into, with or without colours, which are bytes or 32-bit floats."""
        core = self.core
        wanted = core.FrameBufferProperties()
        if floats:
            wanted.setFloatColor(True)
            wanted.setRgbaBits(32, 32, 32, 32)
        elif colours:
            wanted.setRgbaBits(8, 8, 8, 8)
        wanted.setDepthBits(24)
        wanted.setMultisamples(multisamples)
        context = () if self.host is None else (self.host.getGsg(), self.host)
        made = self.engine.makeOutput(
            self._pipe,
            name,
            sort,
            wanted,
            core.WindowProperties.size(*size),
            core.GraphicsPipe.BFRefuseWindow,
            *context,
        )
        if made is None:
            raise RuntimeError("the graphics library gives no off-screen buffer")
        if floats and not made.getFbProperties().getFloatColor():
            self.engine.removeWindow(made)
            raise RuntimeError("the graphics library gives no buffer of floats, which depth and ids need")
        return made

    def shader(self, vertex: str, fragment: str) -> Any:
        """A program from its two parts."""
        shader = self.core.Shader.make(self.core.Shader.SL_GLSL, vertex, fragment)
        if shader is None or shader.getErrorFlag():
            raise RuntimeError("a shader program did not compile")
        return shader

    def texture(self, levels: npt.NDArray[np.uint8], kind: str, *, repeat: bool) -> Any:
        """A texture of (h, w, 3) or (h, w) bytes, its first row at the bottom; ``kind`` is RGB or L."""
        core = self.core
        texture = core.Texture()
        form = core.Texture.FRgb if kind == "RGB" else core.Texture.FLuminance
        texture.setup2dTexture(levels.shape[1], levels.shape[0], core.Texture.TUnsignedByte, form)
        texture.setRamImage(np.ascontiguousarray(levels).tobytes())
        wrap = core.SamplerState.WMRepeat if repeat else core.SamplerState.WMClamp
        texture.setWrapU(wrap)
        texture.setWrapV(wrap)
        mips = core.SamplerState.FTLinearMipmapLinear if repeat else core.SamplerState.FTLinear
        texture.setMinfilter(mips)
        texture.setMagfilter(core.SamplerState.FTLinear)
        return texture

    def body(self, mesh: Mesh, programs: Mapping[str, Any]) -> Any:
        """A node with the faces of a mesh, each kind of surface under its own program."""
        node = self.core.NodePath("body")
        kinds = np.array([_PROGRAMS.get(surface, "SHINY") for surface in Surface])[mesh.surfaces]
        for kind in np.unique(kinds).tolist():
            part = node.attachNewNode(self.geom(mesh.chosen(np.flatnonzero(kinds == kind))))
            part.setShader(programs[kind])
        return node

    def geom(self, mesh: Mesh) -> Any:
        """A node with the faces of a mesh."""
        triangles = triangles_of(mesh)
        rows, faces = triangles.rows.reshape(-1), np.repeat(triangles.faces, 3)
        flat = mesh.face_normals()[faces]
        smooth = mesh.normals[rows]
        normals = np.where(np.isnan(smooth), flat, smooth)
        table = np.array([_SURFACES[surface] for surface in Surface])[mesh.surfaces[faces]]
        kinds = np.column_stack([table[:, 0], mesh.glows[faces], table[:, 1], table[:, 2]])
        return vertices(self.core, mesh.corners[rows], normals, mesh.colours[faces], kinds)


def vertices(core: Any, points: FloatArray, normals: FloatArray, colours: FloatArray, kinds: FloatArray) -> Any:
    """A node of triangles from (3 t, 3) points and normals, (3 t, 3) colours in 0 … 1 and (3 t, 4) further numbers."""
    array = core.GeomVertexArrayFormat()
    names, geom = core.InternalName, core.Geom
    array.addColumn(names.getVertex(), 3, geom.NTFloat32, geom.CPoint)
    array.addColumn(names.getNormal(), 3, geom.NTFloat32, geom.CNormal)
    array.addColumn(names.getColor(), 4, geom.NTUint8, geom.CColor)
    array.addColumn(names.getTexcoord(), 4, geom.NTFloat32, geom.CTexcoord)
    layout = core.GeomVertexFormat()
    layout.addArray(array)
    packed = np.zeros(len(points), dtype=[("p", "<f4", 3), ("n", "<f4", 3), ("c", "u1", 4), ("t", "<f4", 4)])
    packed["p"], packed["n"], packed["t"] = points, normals, kinds
    packed["c"][:, :3] = np.rint(np.clip(colours, 0, 1) * 255)
    packed["c"][:, 3] = 255
    data = core.GeomVertexData("faces", core.GeomVertexFormat.registerFormat(layout), geom.UHStatic)
    data.setNumRows(len(points))
    data.modifyArray(0).modifyHandle().copyDataFrom(packed.tobytes())
    triangles = core.GeomTriangles(geom.UHStatic)
    triangles.addNextVertices(len(points))
    triangles.closePrimitive()
    faces = geom(data)
    faces.addPrimitive(triangles)
    node = core.GeomNode("faces")
    node.addGeom(faces)
    return node


def noise_tile(size: int = 256) -> npt.NDArray[np.uint8]:
    """(size, size, 3) seamless noise: fine grain, broad patches, broader patches."""
    rng = np.random.default_rng(11)
    waves = np.fft.fftfreq(size) * size
    radius = np.hypot(waves[:, None], waves[None, :])
    tiles = []
    for slope, low, high in ((0.4, 6.0, 128.0), (1.4, 1.0, 60.0), (1.9, 1.0, 40.0)):
        spectrum = np.fft.fft2(rng.standard_normal((size, size)))
        band = np.where((radius >= low) & (radius <= high), np.maximum(radius, 1.0) ** -slope, 0.0)
        field = np.real(np.fft.ifft2(spectrum * band))
        tiles.append(np.clip(0.5 + 0.19 * field / field.std(), 0, 1))
    tile: npt.NDArray[np.uint8] = np.rint(np.stack(tiles, axis=2) * 255).astype(np.uint8)
    return tile
