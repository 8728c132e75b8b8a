"""Drawing with panda3d: buffers, programs, the city's geometry and everything that moves. Runs in the worker only."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from lightemma.camera import rotation_matrix
from lightemma.frame import Camera, Pose
from lightemma.simulation.render import panda_shaders as shaders
from lightemma.simulation.render.base import GROUND, SCENERY
from lightemma.simulation.render.meshes.mesh import Layer, Mesh
from lightemma.simulation.render.meshes.scene import city_mesh
from lightemma.simulation.render.palettes import Look, look_of
from lightemma.simulation.render.panda_graphics import Graphics, Quality, noise_tile, vertices
from lightemma.simulation.render.panda_movers import Movers, Viewpoint
from lightemma.simulation.render.panda_views import LAYERED, SHADOWED, LayersView, Shade, View
from lightemma.simulation.render.street_light import street_light
from lightemma.simulation.state import City, WorldState

_CHUNK = 60.0
"""Metres: size of a tile of the city; tiles out of view are not drawn."""

_FLAT = {Layer.GROUND: ["MEADOW"], Layer.ROAD: ["ASPHALT"], Layer.WEAR: ["ASPHALT", "WEAR"], Layer.MARKING: ["PAINT"]}


class Stage:
    """A graphics context with one city loaded."""

    def __init__(self, quality: Quality | None = None) -> None:
        self.graphics = Graphics(quality or Quality())
        self.core = self.graphics.core
        self._noise = self.graphics.texture(noise_tile(), "RGB", repeat=True)
        self._views: dict[tuple[int, int], View] = {}
        self._layers: LayersView | None = None
        self._shade: Shade | None = None

    @property
    def details(self) -> dict[str, str]:
        """The graphics library: vendor, renderer and version as it names them."""
        return self.graphics.details

    def load(self, city: City) -> None:
        """Builds a city, in place of the one before."""
        core = self.core
        self.city, self.look = city, look_of(city.conditions, city.seed)
        for view in self._views.values():
            view.remove(self.graphics.engine)
        self._views.clear()
        if self._layers is not None:
            self._layers.remove(self.graphics.engine)
            self._layers = None
        if self._shade is not None:
            self._shade.remove(self.graphics.engine)
            self._shade = None
        self.root = core.NodePath("root")
        self.root.setTwoSided(True)
        look = self.look
        flags = [
            name for name, on in (("SHADOWS", look.shadows), ("LAMPS", look.lamps > 0), ("WET", look.wet > 0.3)) if on
        ]
        self._programs = {
            kind: self.graphics.shader(
                shaders.variant(shaders.VERTEX, [*flags, kind]), shaders.variant(shaders.STANDING, [*flags, kind])
            )
            for kind in ("LEAF", "STONE", "SHINY", "MATTE")
        }
        for layer, more in _FLAT.items():
            parts = (shaders.variant(code, [*flags, *more]) for code in (shaders.FLAT_VERTEX, shaders.FLAT))
            self._programs[layer.name] = self.graphics.shader(*parts)
        self._programs["sky"] = self.graphics.shader(
            shaders.variant(shaders.SKY_VERTEX, flags), shaders.variant(shaders.SKY, flags)
        )
        self._programs["shade"] = self.graphics.shader(shaders.DEPTH_VERTEX, shaders.SHADE)
        self._programs["halo"] = self.graphics.shader(shaders.HALO_VERTEX, shaders.HALO)
        self._set_look(look)
        self._build_static(city_mesh(city, look, fine=True))
        self._build_sky()
        self.movers = Movers(self.graphics, self.root, self._programs, city, look)
        self._shade = Shade(self.graphics, self.root, look.sun) if look.shadows else None
        self.mirror = self._build_mirror() if look.wet > 0.3 else None

    def draw(self, state: WorldState, camera: Camera) -> npt.NDArray[np.uint8]:
        """The picture of a moment: (h, w, 3) bytes."""
        if camera.size is None:
            raise RuntimeError("the camera has no size")
        view = self._view(camera.size)
        self._show(view)
        viewpoint = self._place_camera(view, state.ego.pose, camera)
        self.movers.place(state, viewpoint)
        if self._shade is not None:
            self._shade.aim(state.ego.pose)
        self.graphics.engine.renderFrame()
        return view.picture(camera.size)

    def layers(self, state: WorldState, camera: Camera) -> npt.NDArray[np.uint8]:
        """Depth and identity of every pixel at a moment: (h w) floats, then (h w) whole numbers, as bytes."""
        if camera.size is None:
            raise RuntimeError("the camera has no size")
        if self._layers is None or self._layers.size != camera.size:
            if self._layers is not None:
                self._layers.remove(self.graphics.engine)
            self._layers = LayersView(self.graphics, self.root, camera.size)
        self._show(self._layers)
        matrix, viewpoint = self._viewpoint(state.ego.pose, camera)
        self._layers.aim(matrix, camera)
        self.movers.place(state, viewpoint, owned=True)
        self.graphics.engine.renderFrame()
        return self._layers.layers()

    def _show(self, wanted: View | LayersView) -> None:
        """Draws the buffers of one view, and no others."""
        for view in self._views.values():
            view.activate(view is wanted)
        if self._layers is not None:
            self._layers.buffer.setActive(self._layers is wanted)
        if self._shade is not None:
            self._shade.buffer.setActive(self._layers is not wanted)

    def _set_look(self, look: Look) -> None:
        vec = self.core.LVecBase3f
        root = self.root
        for name in ("sun", "sunlight", "above", "below", "sky_high", "sky_low"):
            root.setShaderInput(name, vec(*(float(value) for value in getattr(look, name))))
        root.setShaderInput("haze", look.haze)
        root.setShaderInput("exposure", look.exposure)
        root.setShaderInput("wet", look.wet)
        root.setShaderInput("clouds", look.clouds)
        root.setShaderInput("grain", self._noise)
        root.setShaderInput("depth_of_shade", 0.16 if look.shadows or look.lamps else 0.22)
        root.setShaderInput("mirror_picture", self._noise)
        root.setShaderInput("pixel", self.core.LVecBase2f(0, 0))
        root.setShaderInput("owner", float(SCENERY))
        if look.lamps > 0:
            light = street_light(self.city)
            root.setShaderInput("street_light", self.graphics.texture(light.levels, "L", repeat=False))
            root.setShaderInput("street_box", self.core.LVecBase4f(*light.box))

    def _build_static(self, mesh: Mesh) -> None:
        core = self.core
        standing = self.root.attachNewNode("standing")
        standing.setBin("near-first", 0)
        self.standing = standing
        stands = np.flatnonzero(mesh.layers == Layer.STANDING)
        cells = np.floor(mesh.anchors[stands, :2] / _CHUNK).astype(np.int64)
        for cell in np.unique(cells, axis=0):
            self.graphics.body(mesh.chosen(stands[np.all(cells == cell, axis=1)]), self._programs).reparentTo(standing)
        raised = self.root.attachNewNode("raised")
        raised.setBin("near-first", 1)
        raised.setShaderInput("owner", float(GROUND))
        raised.hide(core.BitMask32(SHADOWED))
        edges = np.flatnonzero(np.isin(mesh.layers, (Layer.PAVEMENT, Layer.KERB)))
        self.graphics.body(mesh.chosen(edges), self._programs).reparentTo(raised)
        flat = self.root.attachNewNode("flat")
        flat.setDepthWrite(False)
        flat.setShaderInput("owner", float(GROUND))
        flat.hide(core.BitMask32(SHADOWED))
        for layer in _FLAT:
            faces = np.flatnonzero(mesh.layers == layer)
            if not len(faces):
                continue
            node = flat.attachNewNode(self.graphics.geom(mesh.chosen(faces)))
            node.setBin("fixed", int(layer))
            node.setShader(self._programs[layer.name])
            if layer >= Layer.WEAR:
                node.setTransparency(core.TransparencyAttrib.MAlpha)

    def _build_sky(self) -> None:
        core = self.core
        corners = np.array([(x, y, z) for x in (-1, 1) for y in (-1, 1) for z in (-0.03, 1)], dtype=np.float32) * 300
        sides = [(0, 1, 3, 2), (4, 5, 7, 6), (0, 1, 5, 4), (2, 3, 7, 6), (1, 3, 7, 5)]
        rows = np.array([(a, b, c, a, c, d) for a, b, c, d in sides]).reshape(-1)
        data = vertices(
            core, corners[rows], np.zeros((len(rows), 3)), np.zeros((len(rows), 3)), np.zeros((len(rows), 4))
        )
        sky = self.root.attachNewNode(data)
        sky.setShader(self._programs["sky"])
        sky.setBin("fixed", -5)
        sky.setDepthWrite(False)
        sky.hide(core.BitMask32(SHADOWED | LAYERED))
        sky.node().setBounds(core.OmniBoundingVolume())
        self.sky = sky

    def _build_mirror(self) -> Any:
        """The upright faces upside down, as the mirror picture of a wet road."""
        mirror = self.core.NodePath("mirror")
        mirror.setTwoSided(True)
        upside = mirror.attachNewNode("upside")
        upside.setScale(1, 1, -1)
        for node in (self.standing, self.movers.node, self.movers.halos):
            node.instanceTo(upside)
        mirror.setState(self.root.getState())
        return mirror

    def _viewpoint(self, ego: Pose, camera: Camera) -> tuple[Any, Viewpoint]:
        """The camera's place and axes in the world, as a matrix as well."""
        rotation = rotation_matrix(camera.rotation)
        cos, sin = math.cos(ego.heading), math.sin(ego.heading)
        turn = np.array([(cos, -sin, 0.0), (sin, cos, 0.0), (0.0, 0.0, 1.0)])
        axes = turn @ rotation
        place = turn @ camera.translation + (ego.x, ego.y, 0.0)
        rows = np.zeros((4, 4))
        rows[0, :3], rows[1, :3], rows[2, :3], rows[3, :3], rows[3, 3] = axes[:, 0], axes[:, 2], -axes[:, 1], place, 1
        return self.core.LMatrix4f(*rows.ravel().tolist()), Viewpoint(place, axes[:, 0], -axes[:, 1])

    def _place_camera(self, view: View, ego: Pose, camera: Camera) -> Viewpoint:
        """Puts the camera on the car."""
        core = self.core
        matrix, viewpoint = self._viewpoint(ego, camera)
        place = viewpoint.place
        cos, sin = math.cos(ego.heading), math.sin(ego.heading)
        view.aim(matrix, camera)
        self.root.setShaderInput("eye", core.LVecBase3f(*place.tolist()))
        front = (ego.x + 3.4 * cos, ego.y + 3.4 * sin, cos, sin)
        self.root.setShaderInput("head", core.LVecBase4f(*front))
        self.sky.setPos(*place.tolist())
        if self.mirror is not None:
            view.bind_mirror(self.root)
            self.mirror.setState(self.root.getState())
        return viewpoint

    def _view(self, size: tuple[int, int]) -> View:
        """The buffers for a size; only a few are kept."""
        if size not in self._views:
            if len(self._views) >= 4:
                self._views.pop(next(iter(self._views))).remove(self.graphics.engine)
            self._views[size] = View(self.graphics, self.root, self.mirror, size)
        return self._views[size]
