"""Films and videos of captures as thinned pictures, with the animal's masks where there are any."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ats_sim.arrays import Array
from ats_sim.reconstruction.capture.format import Capture
from ats_sim.video import read_video

MOST_FRAMES, LONGEST_SIDE = 80, 640


@dataclass(frozen=True, eq=False)
class Clip:
    """Thinned pictures."""

    name: str
    times: Array
    pictures: list[Array]
    masks: list[Array] | None
    """(H, W) bool, the animal."""
    true: Array | None
    """(K, 4, 4) cameras."""
    true_root: Array | None = None
    """(K, 4, 4) the animal's."""


def read_clip(source: Path, network: Path | None) -> Clip:
    """At most 80 pictures, evenly in time, of at most 640 pixels."""
    if source.is_dir():
        video = Capture.open(source.parent).video(source.name)
        chosen = range(0, len(video), -(-len(video) // MOST_FRAMES))
        pictures, times = [video.rgb(i) for i in chosen], video.times[list(chosen)]
        given = [video.mask(i) for i in chosen]
        masks = [mask for mask in given if mask is not None]
        truth = video.ground_truth
        true = [None if truth is None else truth[key][list(chosen)] for key in ("T_world_camera", "T_world_root")]
        return Clip(f"{source.parent.name}-{source.name}", times, pictures, masks or None, *true)
    import av

    with av.open(str(source)) as film:
        stream = film.streams.video[0]
        rate, count = float(stream.average_rate), int(stream.frames)
    every = -(-count // MOST_FRAMES)
    pictures = [_small(picture) for i, picture in enumerate(read_video(source)) if i % every == 0]
    times = np.arange(len(pictures)) * every / rate
    return Clip(source.stem, times, pictures, None if network is None else _salient(pictures, network), None)


def _small(picture: Array) -> Array:
    import cv2

    share = min(1.0, LONGEST_SIDE / max(picture.shape[:2]))
    return np.asarray(cv2.resize(picture, None, fx=share, fy=share, interpolation=cv2.INTER_AREA))


def _salient(pictures: list[Array], network: Path) -> list[Array]:
    """The largest piece (H, W) of what a salience network finds in each picture."""
    import cv2
    import onnxruntime
    from scipy import ndimage

    session = onnxruntime.InferenceSession(str(network), providers=["CPUExecutionProvider"])
    masks = []
    for picture in pictures:
        small = cv2.resize(picture, (320, 320), interpolation=cv2.INTER_AREA) / max(float(picture.max()), 1.0)
        ready = ((small - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).transpose(2, 0, 1)[None].astype(np.float32)
        found = session.run(None, {session.get_inputs()[0].name: ready})[0][0, 0]
        labels, count = ndimage.label(cv2.resize(found, picture.shape[1::-1]) > 0.5)
        sizes = np.bincount(labels.ravel(), minlength=2)
        masks.append(labels == 1 + int(np.argmax(sizes[1:])) if count else labels > 0)
    return masks
