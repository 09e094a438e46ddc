"""How much of the photos a redacted home still holds, and whether its animal lives on as before.

    python -m benchmarks.redaction
    python -m benchmarks.redaction path/to/home

The colours of the redacted surface are painted back into the original's texture. Detail is what differs from a Gaussian
blur, inside charts only; the share of the photo's detail that is left is the square of its correlation with the
painting's detail. The last column is a mild blur of the photo, to show that the measure sees what is there.
"""

import sys
import tempfile
from pathlib import Path
from typing import get_args

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter, maximum_filter, minimum_filter
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from ats_sim.arrays import Array
from ats_sim.home import Home
from ats_sim.mesh import TriangleMesh
from ats_sim.policy import Policy
from ats_sim.redact_options import Coloring, RedactOptions
from ats_sim.redaction import redact_home
from ats_sim.world import World

WIDTHS = (1, 2, 4, 8)  # texels
MILD = 1.5  # texels
STEPS = 300


def main() -> None:
    """Redact a home both ways and print the table."""
    home = Home.load(sys.argv[1] if len(sys.argv) > 1 else "default")
    with tempfile.TemporaryDirectory() as scratch:
        copies = {}
        for coloring in get_args(Coloring):
            redact_home(home, Path(scratch) / coloring, RedactOptions(texture=coloring))
            copies[coloring] = Home.load(Path(scratch) / coloring)
        for coloring, copy in copies.items():
            sizes = [sum(int(entry["size"]) for entry in one.files.values()) / 2**20 for one in (home, copy)]
            place = home.perception.observer_cameras[0, :2, 3].astype(np.float64)
            same = np.array_equal(walked(home, place), walked(copy, place))
            print(f"{coloring}: {sizes[0]:.1f} MB -> {sizes[1]:.1f} MB; {STEPS} steps equal to the bit: {same}")
        if home.scene.texture is not None:
            compare(home.scene, {name: copy.scene for name, copy in copies.items()})


def walked(home: Home, place: Array) -> Array:
    """(STEPS, 16) root poses of the animal for one seed, start of the observer (2,) and sequence of actions."""
    world = World(home, policy=Policy.load(home))
    world.reset(np.random.default_rng(0), {"observer_pose": np.array([*place, 0.0])})
    actions = np.random.default_rng(1).uniform(-1.0, 1.0, (STEPS, 4)).astype(np.float32)
    poses = []
    for action in actions:
        world.step(action)
        poses.append(world.agents[0].T_world_root.ravel().copy())
    world.close()
    return np.array(poses)


def compare(original: TriangleMesh, redacted: dict[str, TriangleMesh]) -> None:
    """Print what is left of the texture's detail, by how fine it is."""
    assert original.texture is not None
    photo = original.texture.astype(np.float32)
    charts = painted(original, chart_of_face(original), "I")
    pictures = {}
    for name, mesh in redacted.items():
        assert mesh.colors is not None
        pictures[name] = painted(original, mesh.colors[mesh.faces].mean(1), "RGB").astype(np.float32)
    pictures["mild blur"] = np.stack([gaussian_filter(photo[..., c], MILD) for c in range(3)], axis=-1)
    inside = charts > 0
    for name, picture in pictures.items():
        whole = np.corrcoef(photo[inside].ravel(), picture[inside].ravel())[0, 1]
        parts = [f"{width}: {100.0 * share_left(photo, picture, charts, width):.3f} %" for width in WIDTHS]
        print(
            f"{name:10} colours correlate {whole:.2f}; detail left, by width of the blur in texels: {', '.join(parts)}"
        )


def share_left(photo: Array, picture: Array, charts: Array, width: int) -> float:
    """Share of the energy of the photo's detail that the picture's detail explains."""
    window = 4 * width + 1
    inner = (minimum_filter(charts, window) == maximum_filter(charts, window)) & (charts > 0)
    a, b = (
        np.concatenate([(p[..., c] - gaussian_filter(p[..., c], width, truncate=2.0))[inner] for c in range(3)])
        for p in (photo, picture)
    )
    return float(a @ b) ** 2 / max(float(a @ a) * float(b @ b), 1e-12)


def chart_of_face(mesh: TriangleMesh) -> Array:
    """(F,) number from 1 of the connected piece of the atlas that each triangle lies in."""
    a, b, c = mesh.faces.T
    links = coo_matrix((np.ones(2 * len(a)), (np.r_[a, a], np.r_[b, c])), shape=(len(mesh.vertices),) * 2)
    return np.asarray(connected_components(links, directed=False)[1][a] + 1)


def painted(mesh: TriangleMesh, values: Array, mode: str) -> Array:
    """A picture of the atlas with one value per triangle."""
    assert mesh.texture is not None and mesh.uv is not None
    height, width = mesh.texture.shape[:2]
    picture = Image.new(mode, (width, height))
    draw = ImageDraw.Draw(picture)
    for corners, value in zip(
        (mesh.uv[mesh.faces] * [width, height]).tolist(), values.astype(int).tolist(), strict=True
    ):
        draw.polygon([(x, y) for x, y in corners], fill=tuple(value) if mode == "RGB" else value)
    return np.asarray(picture)


if __name__ == "__main__":
    main()
