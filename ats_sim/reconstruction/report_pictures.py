"""Pictures of a report: the home from above with every trajectory, curves, and input beside rendering."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import cv2
import numpy as np

from ats_sim.arrays import Array
from ats_sim.mesh import TriangleMesh
from ats_sim.reconstruction.scene.raycast import Raycaster

CELL = 0.04
EYE_LEVEL = 1.2
PALETTE = ("#d1495b", "#00798c", "#edae49", "#5f4bb6", "#66a182", "#2e4057", "#b56576", "#3d5a80")
FARTHEST_SHOWN = 5.0


def color_of(index: int) -> str:
    """A colour per video."""
    return PALETTE[index % len(PALETTE)]


def png_source(picture: Array) -> str:
    """A picture (H,W,3) uint8, or (H,W,4) with opacity, as a data URI."""
    order = cv2.COLOR_RGB2BGR if picture.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
    encoded = cv2.imencode(".png", cv2.cvtColor(np.ascontiguousarray(picture), order))[1]
    return "data:image/png;base64," + base64.b64encode(encoded.tobytes()).decode()


def jpeg_source(picture: Array) -> str:
    """A picture (H,W,3) uint8 as a smaller data URI."""
    encoded = cv2.imencode(".jpg", np.ascontiguousarray(picture[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()


def floor_plan(mesh: TriangleMesh, floor: float) -> tuple[Array, Array]:
    """The scene from 1.2 m above the floor, straight down: picture (H,W,3) uint8 with +y up, and the world xy of its
    lower left corner. One pixel is 4 cm."""
    corner, far = mesh.vertices[:, :2].min(axis=0), mesh.vertices[:, :2].max(axis=0)
    columns, rows = np.ceil((far - corner) / CELL).astype(int) + 1
    x, y = np.meshgrid(np.arange(columns) * CELL + corner[0], np.arange(rows)[::-1] * CELL + corner[1])
    origins = np.stack([x, y, np.full_like(x, floor + EYE_LEVEL)], axis=-1).reshape(-1, 3)
    caster = Raycaster(mesh)
    _, face, weights = caster.cast(origins, np.broadcast_to([0.0, 0.0, -1.0], origins.shape))
    picture = np.where((face >= 0)[:, None], caster.colors(face, weights), 245).astype(np.uint8)
    return picture.reshape(rows, columns, 3), corner


def plan_svg(mesh: TriangleMesh, floor: float, tracks: Sequence[tuple[str, Array, str]]) -> str:
    """The floor plan with named xy tracks (name, (N,2), dash pattern) in their videos' colours."""
    picture, corner = floor_plan(mesh, floor)
    height, width = picture.shape[:2]
    lines = []
    for index, (name, xy, dash) in enumerate(tracks):
        points = " ".join(f"{(x - corner[0]) / CELL:.1f},{height - (y - corner[1]) / CELL:.1f}" for x, y in xy)
        lines.append(
            f'<polyline points="{points}" fill="none" stroke="{color_of(index // 2)}" stroke-width="1.6" '
            f'stroke-dasharray="{dash}"><title>{name}</title></polyline>'
        )
    style = f"width:100%;max-width:{width * 3}px"
    return (
        f'<svg viewBox="0 0 {width} {height}" style="{style}">'
        f'<image href="{png_source(picture)}" width="{width}" height="{height}" opacity="0.75"/>'
        f"{''.join(lines)}</svg>"
    )


def curve_svg(values: Array, unit: str, color: str) -> str:
    """One figure per frame as a curve with its maximum written beside."""
    top = max(float(np.max(values, initial=0.0)), 1e-6)
    points = " ".join(f"{i / max(len(values) - 1, 1) * 300:.1f},{58 - v / top * 52:.1f}" for i, v in enumerate(values))
    return (
        f'<svg viewBox="0 0 360 62" style="width:360px"><polyline points="{points}" fill="none" stroke="{color}"/>'
        f'<text x="304" y="12" font-size="11">{top:.3g} {unit}</text>'
        f'<text x="304" y="60" font-size="11">0</text></svg>'
    )


def depth_picture(depth: Array) -> Array:
    """Depth (H,W) metres as colours (H,W,3), near = bright, black = unknown."""
    scaled = np.clip(255 - depth / FARTHEST_SHOWN * 255, 0, 255).astype(np.uint8)
    colored = cv2.applyColorMap(scaled, cv2.COLORMAP_VIRIDIS)[..., ::-1].copy()
    colored[depth <= 0] = 0
    return np.asarray(colored)


def beside(pictures: Sequence[Array], width: int = 300) -> Array:
    """Pictures (H,W,3) of one size side by side, each `width` pixels wide."""
    height = round(pictures[0].shape[0] * width / pictures[0].shape[1])
    return np.hstack(
        [cv2.resize(np.ascontiguousarray(p), (width, height), interpolation=cv2.INTER_AREA) for p in pictures]
    )
