"""A clip of the toy room as other programs would have written it, after their own descriptions of their formats."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from ats_sim.arrays import Array
from ats_sim.geometry import Intrinsics
from ats_sim.reconstruction.scene.raycast import Raycaster
from ats_sim.video import VideoWriter
from tests.toy_room import room, walk

Y_UP_FROM_Z_UP = np.array([[1.0, 0, 0, 0], [0, 0, 1.0, 0], [0, -1.0, 0, 0], [0, 0, 0, 1.0]])
OPENGL = np.diag([1.0, -1.0, -1.0, 1.0])
DEPTH_SIZE = (128, 96)
FPS = 10.0


@dataclass(frozen=True)
class Clip:
    """What was filmed: N frames, colours twice as fine as depth."""

    poses: Array
    """(N, 4, 4), OpenCV axes, z up."""
    colors: Sequence[Array]
    """(H, W, 3) uint8."""
    depths: Sequence[Array]
    """(H / 2, W / 2) metres."""
    lens: Intrinsics
    """Of the colours."""

    @property
    def times(self) -> Array:
        return np.arange(len(self.poses)) / FPS

    @property
    def K(self) -> Array:
        return self.lens.matrix


def clip(frames: int = 24, roll: float = 0.0) -> Clip:
    """A walk about the toy room with the phone turned about its view axis, radians."""
    lens = Intrinsics(230.0, 232.0, 126.5, 97.2, 2 * DEPTH_SIZE[0], 2 * DEPTH_SIZE[1])
    turn = np.eye(4)
    turn[:3, :3] = Rotation.from_euler("z", roll).as_matrix()
    poses = walk(frames, 5, spread=1.6 * np.pi) @ turn
    caster = Raycaster(room())
    colors = [caster.render(lens, T)[2] for T in poses]
    depths = [caster.render(lens.resized(*DEPTH_SIZE), T)[0] for T in poses]
    return Clip(poses, colors, depths, lens)


def part(filmed: Clip, frames: slice) -> Clip:
    """Some of its frames."""
    return replace(filmed, poses=filmed.poses[frames], colors=filmed.colors[frames], depths=filmed.depths[frames])


def turned(filmed: Clip, quarters: int) -> Clip:
    """The same clip with its pictures turned counter-clockwise and its poses left as they were."""
    lens = filmed.lens
    for _ in range(quarters):
        lens = Intrinsics(lens.fl_y, lens.fl_x, lens.cy, lens.width - 1 - lens.cx, lens.height, lens.width)
    spun = [[np.rot90(picture, quarters) for picture in kind] for kind in (filmed.colors, filmed.depths)]
    return replace(filmed, colors=spun[0], depths=spun[1], lens=lens)


def jpeg(rgb: Array) -> bytes:
    return bytes(cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 97])[1])


def png(picture: Array) -> bytes:
    return bytes(cv2.imencode(".png", picture)[1])


def millimetres(depth: Array) -> Array:
    return np.rint(depth * 1000).astype(np.uint16)


def xyzw_xyz(poses: Array) -> list[list[float]]:
    quaternions = Rotation.from_matrix(poses[:, :3, :3]).as_quat()
    return np.concatenate([quaternions, poses[:, :3, 3]], axis=1).tolist()


def write(folder: Path, files: dict[str, bytes | str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def zipped(path: Path, files: dict[str, bytes | str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def r3d_files(filmed: Clip, **changes: object) -> dict[str, bytes | str]:
    import lzfse

    arkit = Y_UP_FROM_Z_UP @ filmed.poses @ OPENGL
    relative = np.linalg.inv(arkit[0]) @ arkit  # the app calls its first pose zero
    height, width = filmed.depths[0].shape
    metadata = {
        "w": filmed.lens.width, "h": filmed.lens.height, "dw": width, "dh": height, "fps": FPS,
        "K": filmed.K.T.ravel().tolist(), "poses": xyzw_xyz(relative), "initPose": [0, 0, 0, 1, 0, 0, 0],
        "frameTimestamps": (filmed.times + 1234.5).tolist(),
    }  # fmt: skip
    files: dict[str, bytes | str] = {"metadata": json.dumps(metadata | changes)}
    for k, (rgb, depth) in enumerate(zip(filmed.colors, filmed.depths, strict=True)):
        sure = np.full(depth.shape, 2, np.uint8)
        sure[:10] = 1
        files[f"rgbd/{k}.jpg"] = jpeg(rgb)
        files[f"rgbd/{k}.depth"] = lzfse.compress(depth.astype(np.float32).tobytes())
        files[f"rgbd/{k}.conf"] = lzfse.compress(sure.tobytes())
    return files


def write_record3d(place: Path, filmed: Clip) -> Path:
    return zipped(place.with_suffix(".r3d"), r3d_files(filmed))


def write_record3d_exr(place: Path, filmed: Clip) -> Path:
    import OpenEXR

    files = r3d_files(filmed)
    metadata = json.loads(files["metadata"])
    metadata["initPose"] = xyzw_xyz((Y_UP_FROM_Z_UP @ filmed.poses @ OPENGL)[:1])[0]
    write(place, {"EXR_RGBD/metadata.json": json.dumps(metadata)})
    for k, (rgb, depth) in enumerate(zip(filmed.colors, filmed.depths, strict=True)):
        write(place, {f"EXR_RGBD/rgb/{k}.jpg": jpeg(rgb)})
        (place / "EXR_RGBD/depth").mkdir(exist_ok=True)
        header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
        stored = {"R": np.ascontiguousarray(depth, np.float16)}
        OpenEXR.File(header, stored).write(str(place / f"EXR_RGBD/depth/{k}.exr"))
    return place


def write_stray(place: Path, filmed: Clip) -> Path:
    arkit = Y_UP_FROM_Z_UP @ filmed.poses
    lines = ["timestamp, frame, x, y, z, qx, qy, qz, qw"]
    for k, (time, row) in enumerate(zip(filmed.times, xyzw_xyz(arkit), strict=True)):
        lines.append(", ".join([f"{time + 77.0:.6f}", f"{k:06d}", *(f"{value:.8f}" for value in row[4:] + row[:4])]))
    write(place, {"odometry.csv": "\n".join(lines) + "\n"})
    write(place, {"camera_matrix.csv": "\n".join(", ".join(map(str, row)) for row in filmed.K)})
    with VideoWriter(place / "rgb.mp4", filmed.lens.width, filmed.lens.height, FPS) as film:
        for rgb in filmed.colors:
            film.write(rgb)
    for k, depth in enumerate(filmed.depths):
        sure = np.full(depth.shape, 2, np.uint8)
        sure[:10] = 0
        write(place, {f"depth/{k:06d}.png": png(millimetres(depth)), f"confidence/{k:06d}.png": png(sure)})
    return place


def write_polycam(place: Path, filmed: Clip, *, axes: Array = OPENGL) -> Path:
    arkit = Y_UP_FROM_Z_UP @ filmed.poses @ axes
    files: dict[str, bytes | str] = {"scan/mesh_info.json": "{}", "__MACOSX/scan/keyframes/x": b"junk"}
    for k, (T, rgb, depth) in enumerate(zip(arkit, filmed.colors, filmed.depths, strict=True)):
        name = str(1442008525605 + round(1e6 * k / FPS))
        camera = {f"t_{row}{column}": T[row, column] for row in range(3) for column in range(4)}
        camera |= {"fx": filmed.K[0, 0], "fy": filmed.K[1, 1], "cx": filmed.K[0, 2], "cy": filmed.K[1, 2]}
        camera |= {"width": filmed.lens.width, "height": filmed.lens.height, "blur_score": 90.0}
        sure = np.full(depth.shape, 255, np.uint8)
        sure[:10] = 54
        files[f"scan/keyframes/cameras/{name}.json"] = json.dumps({**camera, "t_03": 99.0})
        files[f"scan/keyframes/corrected_cameras/{name}.json"] = json.dumps(camera)
        files[f"scan/keyframes/corrected_images/{name}.jpg"] = jpeg(rgb)
        files[f"scan/keyframes/depth/{name}.png"] = png(millimetres(depth))
        files[f"scan/keyframes/confidence/{name}.png"] = png(sure)
    return zipped(place.with_suffix(".zip"), files)


def write_tum(place: Path, filmed: Clip) -> Path:
    rgb, depth, truth = ["# color images"], ["# depth maps"], ["# timestamp tx ty tz qx qy qz qw"]
    for k, (time, row) in enumerate(zip(filmed.times, xyzw_xyz(filmed.poses), strict=True)):
        rgb.append(f"{time:.6f} rgb/{k}.png")
        depth.append(f"{time + 0.009:.6f} depth/{k}.png")
        truth.append(f"{time - 0.004:.4f} " + " ".join(f"{value:.8f}" for value in row[4:] + row[:4]))
        fine = cv2.resize(filmed.depths[k], (filmed.lens.width, filmed.lens.height), interpolation=cv2.INTER_NEAREST)
        write(place, {f"rgb/{k}.png": png(filmed.colors[k][..., ::-1])})
        write(place, {f"depth/{k}.png": png(np.rint(fine * 5000).astype(np.uint16))})
    write(place, {"rgb.txt": "\n".join(rgb), "depth.txt": "\n".join(depth), "groundtruth.txt": "\n".join(truth)})
    K = filmed.K
    return write(place, {"calibration.txt": f"{K[0, 0]} {K[1, 1]} {K[0, 2]} {K[1, 2]}\n"})


def _matrix(values: Array) -> str:
    return "\n".join(" ".join(f"{value:.9f}" for value in row) for row in values)


def write_scannet(place: Path, filmed: Clip) -> Path:
    small = filmed.lens.resized(*DEPTH_SIZE).matrix
    write(place, {"intrinsic/intrinsic_color.txt": _matrix(np.pad(filmed.K, (0, 1)))})
    write(place, {"intrinsic/intrinsic_depth.txt": _matrix(np.pad(small, (0, 1)))})
    for k, (T, rgb, depth) in enumerate(zip(filmed.poses, filmed.colors, filmed.depths, strict=True)):
        pose = _matrix(T) if k != 3 else "\n".join(["-inf -inf -inf -inf"] * 4)
        write(place, {f"color/{k}.jpg": jpeg(rgb), f"depth/{k}.png": png(millimetres(depth)), f"pose/{k}.txt": pose})
    return place


def write_seven_scenes(place: Path, filmed: Clip) -> Path:
    """Through the Kinect's lens, in a frame in which nothing is level."""
    kinect = Intrinsics(585.0, 585.0, 320.0, 240.0, 640, 480).resized(320, 240)
    tilt = np.eye(4)
    tilt[:3, :3] = Rotation.from_rotvec([1.1, -0.4, 0.7]).as_matrix()
    caster = Raycaster(room())
    for k, T in enumerate(filmed.poses):
        depth, _, rgb = caster.render(kinect, T)
        stored = millimetres(depth)
        stored[:8] = 65535
        start = f"seq-01/frame-{k:06d}"
        write(place, {f"{start}.color.png": png(rgb[..., ::-1]), f"{start}.depth.png": png(stored)})
        write(place, {f"{start}.pose.txt": _matrix(tilt @ T)})
    return place


def write_nerfstudio(place: Path, filmed: Clip, **changes: object) -> Path:
    frames = []
    for k, T in enumerate(filmed.poses):
        mask = np.full(filmed.colors[k].shape[:2], 255, np.uint8)
        mask[40:60, 80:120] = 0
        write(place, {f"images/{k}.jpg": jpeg(filmed.colors[k]), f"masks/{k}.png": png(mask)})
        write(place, {f"depth/{k}.png": png(millimetres(filmed.depths[k]))})
        frames.append(
            {
                "file_path": f"images/{k}.jpg",
                "depth_file_path": f"depth/{k}.png",
                "mask_path": f"masks/{k}.png",
                "transform_matrix": (T @ OPENGL).tolist(),
                "time": k / FPS,
            }  # fmt: skip
        )
    record = {**filmed.lens.to_json(), "camera_model": "OPENCV", "frames": frames, **changes}
    return write(place, {"transforms.json": json.dumps(record)})


WRITERS: dict[str, Callable[[Path, Clip], Path]] = {
    "record3d": write_record3d,
    "record3d exr": write_record3d_exr,
    "stray": write_stray,
    "polycam": write_polycam,
    "tum": write_tum,
    "scannet": write_scannet,
    "7scenes": write_seven_scenes,
    "nerfstudio": write_nerfstudio,
}
