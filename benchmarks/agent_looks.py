"""How a reconstructed animal looks beside the held-out pictures: with its texture, and with vertex colours alone.

    python -m benchmarks.agent_looks RECON CAPTURE [--sheet animal.png]

Counted are pixels that both the true mask and the rendered animal cover, so the outline, which is one for both, hardly
matters. A pose that is off by a stripe's width turns stripes into errors and leaves a plain coat unpunished; so beside
PSNR stand SSIM, how much of the pictures' contrast is there (1 = all), and how much of their finest detail.
`--sheet` writes the largest views: picture, vertex colours, texture.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from safetensors.numpy import load_file
from skimage.metrics import structural_similarity

from ats_sim.arrays import Array
from ats_sim.gltf import read_agent
from ats_sim.mesh import SkinnedMesh, TriangleMesh
from ats_sim.reconstruction.capture.format import Capture
from ats_sim.reconstruction.registration.cameras import Cameras
from ats_sim.reconstruction.rendering.model4d import Model4D, read_motions
from ats_sim.reconstruction.scene.fusion import held_out
from ats_sim.reconstruction.scores.pictures import color_matched, psnr

LEAST = 60
"""Pixels of the animal that a frame must show."""
SHOWN, EDGE = 8, 240
"""Rows of a sheet and the edge of its pictures, pixels."""
NAMES = ("PSNR", "PSNR, one gain per channel", "SSIM", "contrast", "detail")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recon", type=Path, help="a reconstruction")
    parser.add_argument("capture", type=Path, help="the capture it was made of, with ground truth")
    parser.add_argument("--sheet", type=Path, help="picture to write")
    options = parser.parse_args()
    plain, textured = looks(options.recon)
    frames = [list(seen(options.recon, options.capture, one)) for one in (plain, textured)]
    print(f"{len(frames[0])} held-out frames\n\n| | {' | '.join(NAMES)} |\n|---{'|---' * len(NAMES)}|")
    for name, found in zip(("vertex colours", "texture"), frames, strict=True):
        print(f"| {name} | {' | '.join(f'{value:.3f}' for value in np.mean([scores(*f) for f in found], axis=0))} |")
    if options.sheet:
        cv2.imwrite(str(options.sheet), sheet(*frames)[..., ::-1])


def looks(recon: Path) -> tuple[SkinnedMesh, SkinnedMesh]:
    """The animal with the colours of its vertices, and as its file shows it."""
    textured, _ = read_agent(recon / "agent.glb")
    kept = load_file(recon / "agent.safetensors")
    mesh = TriangleMesh(kept["vertices"], kept["faces"], kept["colors"])
    return SkinnedMesh(mesh, kept["skin_joints"], kept["skin_weights"], textured.skeleton), textured


def seen(recon: Path, capture: Path, agent: SkinnedMesh) -> Iterator[tuple[Array, Array, Array]]:
    """Picture, rendering (H, W, 3) and the pixels (H, W) to compare, of every held-out frame that shows the animal."""
    cameras = Cameras.read(recon / "cameras.json").accepted()
    model = Model4D(_nothing(), agent, read_motions(recon / "motion.npz"))
    for video in Capture.open(capture).videos:
        if video.name not in cameras or video.ground_truth is None:
            continue
        for k in np.flatnonzero(held_out(np.arange(len(video))) & cameras[video.name].registered):
            pose = cameras[video.name].T_world_camera[k]
            view = model.render(video.intrinsics, pose, video.name, float(video.times[k]))
            both = view.mask & video.ground_truth["agent_mask"][k].astype(bool)
            if both.sum() >= LEAST:
                yield video.rgb(int(k)), view.rgb, both


def scores(picture: Array, rendered: Array, where: Array) -> tuple[float, ...]:
    """The columns of the table for one frame."""
    mine, true = rendered[where][None], picture[where][None]
    pasted = np.where(where[..., None], rendered, picture)
    similar = structural_similarity(pasted, picture, channel_axis=2, data_range=255, full=True)[1].mean(-1)
    inner = cv2.erode(where.astype(np.uint8), np.ones((3, 3))) > 0
    contrast = float(mine.mean(-1).std() / max(true.mean(-1).std(), 1e-9))
    detail = _detail(pasted)[inner].mean() / max(_detail(picture)[inner].mean(), 1e-9) if inner.any() else 1.0
    return psnr(mine, true), psnr(color_matched(mine, true), true), float(similar[where].mean()), contrast, detail


def sheet(plain: list[tuple[Array, Array, Array]], textured: list[tuple[Array, Array, Array]]) -> Array:
    """The largest views, a row each: picture, vertex colours, texture."""
    rows = []
    for k in sorted(np.argsort([-where.sum() for _, _, where in plain])[:SHOWN]):
        picture, _, where = plain[k]
        row, column = (int(side.mean()) for side in np.nonzero(where))
        half = int(max(np.ptp(side) for side in np.nonzero(where)) / 2 + 6)
        crops = []
        for one in (picture, plain[k][1], textured[k][1]):
            around = np.pad(one, ((half, half), (half, half), (0, 0)))[row : row + 2 * half, column : column + 2 * half]
            crops.append(cv2.resize(around, (EDGE, EDGE), interpolation=cv2.INTER_NEAREST))
        rows.append(np.hstack(crops))
    return np.vstack(rows)


def _detail(picture: Array) -> Array:
    return np.abs(cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.CV_32F))


def _nothing() -> TriangleMesh:
    """A scene far below everything."""
    corners = np.array([[0.0, 0.0, -1e3], [1.0, 0.0, -1e3], [0.0, 1.0, -1e3]], dtype=np.float32)
    return TriangleMesh(corners, np.array([[0, 1, 2]]))


if __name__ == "__main__":
    main()
