"""The two cameras of the panda3d renderer: the front camera, with its mirrored twin, and the sun. Runs in the worker only."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from lightemma.frame import Camera, FloatArray, Pose
from lightemma.simulation.render import panda_shaders as shaders
from lightemma.simulation.render.base import FARTHEST
from lightemma.simulation.render.panda_graphics import Graphics

NEAR, FAR = 0.4, FARTHEST
EVERYTHING, SHADOWED, LAYERED = 1, 2, 4
"""Camera masks: what the front camera sees, what throws shadows, and what has depth and identity."""

_SHADOW_SIZE, _SHADOW_REACH = 2048, 60.0


class View:
    """Buffers for one size of picture."""

    def __init__(self, graphics: Graphics, root: Any, mirror: Any, size: tuple[int, int]) -> None:
        core, quality = graphics.core, graphics.quality
        self.core = core
        self.size = (round(size[0] * quality.supersampling), round(size[1] * quality.supersampling))
        self.buffers = [graphics.buffer("picture", -10, self.size, multisamples=quality.multisamples)]
        self.texture = core.Texture()
        self.buffers[0].addRenderTexture(self.texture, core.GraphicsOutput.RTMCopyRam)
        self.buffers[0].setClearColor(core.LColor(0, 0, 0, 1))
        self.lens = core.MatrixLens()
        self.lens.setNearFar(NEAR, FAR)
        node = core.Camera("front", self.lens)
        node.setCameraMask(core.BitMask32(EVERYTHING))
        node.setScene(root)
        self.camera = root.attachNewNode(node)
        self.buffers[0].makeDisplayRegion().setCamera(self.camera)
        self.mirrored: Any = None
        if mirror is not None:
            half = (max(self.size[0] // 2, 1), max(self.size[1] // 2, 1))
            buffer = graphics.buffer("mirror", -20, half)
            self.mirrored = core.Texture()
            buffer.addRenderTexture(self.mirrored, core.GraphicsOutput.RTMBindOrCopy)
            buffer.setClearColor(core.LColor(0, 0, 0, 0))
            node = core.Camera("mirror", self.lens)
            node.setCameraMask(core.BitMask32(EVERYTHING))
            node.setScene(mirror)
            self.mirror_camera = mirror.attachNewNode(node)
            buffer.makeDisplayRegion().setCamera(self.mirror_camera)
            self.buffers.append(buffer)

    def activate(self, on: bool) -> None:
        """Whether its buffers are drawn at all."""
        for buffer in self.buffers:
            buffer.setActive(on)

    def aim(self, matrix: Any, camera: Camera) -> None:
        """Sets the camera's pose and intrinsic."""
        self.lens.setUserMat(self.core.LMatrix4f(*_projection(camera)))
        self.camera.setMat(matrix)
        if self.mirrored is not None:
            self.mirror_camera.setMat(matrix)

    def bind_mirror(self, root: Any) -> None:
        """Sets the mirrored picture of the wet road."""
        root.setShaderInput("mirror_picture", self.mirrored)
        root.setShaderInput("pixel", self.core.LVecBase2f(1 / self.size[0], 1 / self.size[1]))

    def picture(self, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
        """The last picture, (h, w, 3)."""
        from PIL import Image

        raw = np.frombuffer(self.texture.getRamImage(), dtype=np.uint8).reshape(self.size[1], self.size[0], -1)
        picture = np.ascontiguousarray(raw[::-1, :, 2::-1])
        if self.size != size:
            picture = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX))
        return picture

    def remove(self, engine: Any) -> None:
        """Releases the buffers."""
        for buffer in self.buffers:
            engine.removeWindow(buffer)


class LayersView:
    """The buffer of depth and identity for one size of picture; one sample per pixel."""

    def __init__(self, graphics: Graphics, root: Any, size: tuple[int, int]) -> None:
        core = graphics.core
        self.core, self.size = core, size
        self.buffer = graphics.buffer("layers", -10, size, floats=True)
        self.texture = core.Texture()
        self.texture.setup2dTexture(*size, core.Texture.TFloat, core.Texture.FRgba32)
        self.buffer.addRenderTexture(self.texture, core.GraphicsOutput.RTMCopyRam)
        self.buffer.setClearColor(core.LColor(0, 0, 0, 0))
        self.lens = core.MatrixLens()
        self.lens.setNearFar(NEAR, FAR)
        node = core.Camera("layers", self.lens)
        node.setCameraMask(core.BitMask32(LAYERED))
        node.setScene(root)
        program = graphics.shader(shaders.LAYERS_VERTEX, shaders.LAYERS)
        node.setInitialState(core.RenderState.make(core.ShaderAttrib.make(program, 1000)))
        self.camera = root.attachNewNode(node)
        self.buffer.makeDisplayRegion().setCamera(self.camera)

    def aim(self, matrix: Any, camera: Camera) -> None:
        """Sets the camera's pose and intrinsic."""
        self.lens.setUserMat(self.core.LMatrix4f(*_projection(camera)))
        self.camera.setMat(matrix)

    def layers(self) -> npt.NDArray[np.uint8]:
        """The last depths, then the last ids, as bytes."""
        raw = np.frombuffer(self.texture.getRamImage(), dtype=np.float32).reshape(self.size[1], self.size[0], 4)[::-1]
        depth, owners = raw[..., 2], raw[..., 1]  # blue, green, red, alpha
        depth = np.where(raw[..., 3] > 0.0, depth, np.float32(np.inf))
        return np.concatenate([depth.ravel().view(np.uint8), np.rint(owners).astype(np.int32).ravel().view(np.uint8)])

    def remove(self, engine: Any) -> None:
        """Releases the buffer."""
        engine.removeWindow(self.buffer)


class Shade:
    """The sun's view of the street around the car."""

    def __init__(self, graphics: Graphics, root: Any, sun: FloatArray) -> None:
        core = graphics.core
        self.core, self._root, self._sun = core, root, sun
        self.buffer = graphics.buffer("shade", -30, (_SHADOW_SIZE, _SHADOW_SIZE), colours=False)
        texture = core.Texture()
        texture.setFormat(core.Texture.FDepthComponent)
        texture.setMinfilter(core.SamplerState.FTShadow)
        texture.setMagfilter(core.SamplerState.FTShadow)
        texture.setWrapU(core.SamplerState.WMClamp)
        texture.setWrapV(core.SamplerState.WMClamp)
        self.buffer.addRenderTexture(texture, core.GraphicsOutput.RTMBindOrCopy, core.GraphicsOutput.RTPDepth)
        self.lens = core.OrthographicLens()
        self.lens.setFilmSize(2 * _SHADOW_REACH, 2 * _SHADOW_REACH)
        self.lens.setNearFar(20, 320)
        node = core.Camera("sun", self.lens)
        node.setCameraMask(core.BitMask32(SHADOWED))
        node.setScene(root)
        only_depth = graphics.shader(shaders.DEPTH_VERTEX, shaders.NOTHING)
        node.setInitialState(core.RenderState.make(core.ShaderAttrib.make(only_depth, 1000)))
        self.camera = root.attachNewNode(node)
        self.buffer.makeDisplayRegion().setCamera(self.camera)
        root.setShaderInput("shadow_map", texture)

    def aim(self, ego: Pose) -> None:
        """Turns to the street before the car, in steps of two metres so that shadows do not flicker from frame to frame."""
        core = self.core
        centre = np.array([ego.x + 42 * math.cos(ego.heading), ego.y + 42 * math.sin(ego.heading), 0.0])
        centre = np.round(centre / 2.0) * 2.0
        place = centre + 170 * self._sun
        self.camera.setPos(*place.tolist())
        self.camera.lookAt(core.Point3(*centre.tolist()))
        matrix = self.camera.getNetTransform().getInverse().getMat() * self.lens.getProjectionMat()
        self._root.setShaderInput("shadow_matrix", core.LMatrix4f(matrix))

    def remove(self, engine: Any) -> None:
        """Releases the buffer."""
        engine.removeWindow(self.buffer)


def _projection(camera: Camera) -> list[float]:
    """The 16 numbers of the camera's projection, row by row."""
    assert camera.size is not None
    width, height = camera.size
    k = camera.intrinsic
    # A pixel's centre has whole coordinates, so the picture's left edge is at -0.5.
    rows = np.zeros((4, 4))
    rows[0, 0] = 2 * k[0, 0] / width
    rows[1, 0] = 2 * (k[0, 2] + 0.5) / width - 1
    rows[2, 0] = -2 * k[0, 1] / width
    rows[1, 1] = 1 - 2 * (k[1, 2] + 0.5) / height
    rows[2, 1] = 2 * k[1, 1] / height
    rows[1, 2] = (FAR + NEAR) / (FAR - NEAR)
    rows[3, 2] = -2 * FAR * NEAR / (FAR - NEAR)
    rows[1, 3] = 1
    values: list[float] = rows.ravel().tolist()
    return values
