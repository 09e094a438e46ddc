"""One texture for a whole home: every patch gets its own rectangle, so that light can be painted into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import CaptureError
from ats_sim.mesh import TriangleMesh
from ats_sim.reconstruction.capture.synthesis.home.materials import Material
from ats_sim.reconstruction.capture.synthesis.home.patch import Patch, triangles

_PAD = 2
_CHEAP = {"ceiling": 0.45}


@dataclass(frozen=True)
class Slot:
    """The rectangle of texels that a patch owns (without its padding)."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True, eq=False)
class Atlas:
    """Where every patch lies in a square texture of ``side`` texels, at ``density`` texels per metre."""

    side: int
    density: float
    slots: tuple[Slot, ...]

    def place(self, picture: Array, slot: Slot, content: Array) -> None:
        """Writes content (h, w, 3) into a slot of the texture, with its edge repeated into the padding."""
        padded = np.pad(content, ((_PAD, _PAD), (_PAD, _PAD), (0, 0)), mode="edge")
        y, x = slot.y - _PAD, slot.x - _PAD
        picture[y : y + padded.shape[0], x : x + padded.shape[1]] = padded


def pack(patches: Sequence[Patch], side: int) -> Atlas:
    """The densest simple packing of all patches into a square texture."""
    area = sum(np.prod(patch.size) for patch in patches)
    density = 1.05 * side / np.sqrt(area)
    for _ in range(60):
        slots = _shelves([_texels(patch, density) for patch in patches], side)
        if slots is not None:
            return Atlas(side, float(density), slots)
        density *= 0.965
    raise CaptureError(f"{len(patches)} patches of {area:.0f} square metres do not fit into {side} texels squared.")


def _texels(patch: Patch, density: float) -> tuple[int, int]:
    density *= _CHEAP.get(patch.material, 1.0)
    return max(4, int(np.ceil(patch.size[0] * density))), max(4, int(np.ceil(patch.size[1] * density)))


def _shelves(sizes: list[tuple[int, int]], side: int) -> tuple[Slot, ...] | None:
    slots: list[Slot | None] = [None] * len(sizes)
    x = y = shelf = 0
    for k in sorted(range(len(sizes)), key=lambda k: (-sizes[k][1], -sizes[k][0], k)):
        w, h = sizes[k][0] + 2 * _PAD, sizes[k][1] + 2 * _PAD
        if w > side:
            return None
        if x + w > side:
            x, y = 0, y + shelf
            shelf = 0
        shelf = max(shelf, h)
        if y + h > side:
            return None
        slots[k] = Slot(x + _PAD, y + _PAD, *sizes[k])
        x += w
    return tuple(slot for slot in slots if slot is not None)


def fractions(patch: Patch) -> tuple[Array, Array]:
    """Arc length share 0..1 of the patch's columns (C,) and rows (R,)."""
    across = np.linalg.norm(np.diff(patch.grid, axis=1), axis=-1).mean(0)
    down = np.linalg.norm(np.diff(patch.grid, axis=0), axis=-1).mean(1)
    s, t = (np.concatenate([[0.0], np.cumsum(step)]) for step in (across, down))
    return s / max(s[-1], 1e-9), t / max(t[-1], 1e-9)


def atlas_mesh(patches: Sequence[Patch], atlas: Atlas, texture: Array) -> TriangleMesh:
    """All patches as one textured mesh; triangles without area are left out."""
    vertices, faces, uv, count = [], [], [], 0
    for patch, slot in zip(patches, atlas.slots, strict=True):
        s, t = fractions(patch)
        u = (slot.x + 0.5 + s * (slot.width - 1)) / atlas.side
        v = (slot.y + 0.5 + t * (slot.height - 1)) / atlas.side
        rows, columns = patch.grid.shape[:2]
        vertices.append(patch.grid.reshape(-1, 3))
        uv.append(np.stack(np.broadcast_arrays(u[None, :], v[:, None]), -1).reshape(-1, 2))
        faces.append(triangles((rows, columns)) + count)
        count += rows * columns
    points, corners = np.concatenate(vertices), np.concatenate(faces)
    a, b, c = (points[corners[:, k]] for k in range(3))
    solid = np.linalg.norm(np.cross(b - a, c - a), axis=1) > 1e-9
    return TriangleMesh(vertices=points, faces=corners[solid], uv=np.concatenate(uv), texture=texture)


def paint_albedo(
    patches: Sequence[Patch], atlas: Atlas, materials: Mapping[str, Material], rng: np.random.Generator
) -> Array:
    """The texture (S, S, 3) uint8 of all surfaces without any light."""
    picture = np.zeros((atlas.side, atlas.side, 3), np.uint8)
    tiles: dict[tuple[str, bool], Array] = {}
    for patch, slot in zip(patches, atlas.slots, strict=True):
        material = materials[patch.material]
        if material.period is None:
            content = _resized(material.picture, slot.width, slot.height)
        else:
            key = (patch.material, patch.material in _CHEAP)
            if key not in tiles:
                side = max(4, round(material.period * atlas.density * _CHEAP.get(patch.material, 1.0)))
                tiles[key] = _resized(material.picture, side, side)
            content = _tiled(tiles[key], slot, rng)
        atlas.place(picture, slot, content)
    return picture


def _resized(picture: Array, width: int, height: int) -> Array:
    import cv2

    shrinks = width * height < picture.shape[0] * picture.shape[1]
    smooth = cv2.resize(
        picture.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    return np.asarray(np.clip(smooth * 255 + 0.5, 0, 255)).astype(np.uint8)


def _tiled(tile: Array, slot: Slot, rng: np.random.Generator) -> Array:
    side = len(tile)
    y, x = rng.integers(side, size=2)
    rows, columns = (y + np.arange(slot.height)) % side, (x + np.arange(slot.width)) % side
    return np.asarray(tile[np.ix_(rows, columns)])
