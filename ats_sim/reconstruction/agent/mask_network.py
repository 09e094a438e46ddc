"""Masks from free space, refined by a segmentation network that the user brings as ONNX.

Free space knows that something stands there that moves, but not where fur ends and floor begins: feet, and what leans
against furniture, are its weak side. A network of everyday classes knows outlines, but not which cat, and sees cats in
pictures on the wall. Each corrects the other.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from ats_sim.arrays import Array
from ats_sim.errors import ConfigError

MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
"""Of ImageNet's colours, by which such networks expect theirs to be normalised."""
SURE, UNLIKELY = 0.5, 0.1
"""Chance of the agent at which a pixel is added, and below which one is taken away."""
KNOWN = 0.2
"""Share of what moves that the network must be sure of; a network that sees less of it does not know this agent."""
REACH = 0.4
"""Metres from the middle of what moves, along the view, within which pixels may be added."""


class MaskNetwork:
    """A network from pictures (1, 3, H, W), normalised as ImageNet's, to scores (1, C, h, w) of C classes."""

    def __init__(self, path: Path, classes: tuple[int, ...]) -> None:
        """Load it; `classes` are those of the agent, of no use where the network has a single channel.

        Raises:
            ConfigError: If the file is missing, no network, or takes or gives something else.
        """
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime has no base class for its errors
            raise ConfigError(f"mask network {path}: not a readable ONNX network ({error})") from error
        inputs = self._session.get_inputs()
        if len(inputs) != 1 or len(inputs[0].shape) != 4 or inputs[0].shape[1] not in (3, None) + _names(inputs[0]):
            raise ConfigError(f"mask network {path}: want one input (1, 3, H, W), it has {[i.shape for i in inputs]}")
        self._path, self._input, self._classes = path, inputs[0], classes

    def chance(self, rgb: Array) -> Array:
        """Chance (H, W) that each pixel of a picture (H, W, 3) uint8 shows the agent.

        Raises:
            ConfigError: If the network gives no map of its classes.
        """
        height, width = (side if isinstance(side, int) else None for side in self._input.shape[2:])
        size = (width or rgb.shape[1], height or rgb.shape[0])
        picture = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0
        planes = ((picture - MEAN) / DEVIATION).transpose(2, 0, 1)[None].astype(np.float32)
        scores = np.asarray(self._session.run(None, {self._input.name: planes})[0])
        if scores.ndim != 4 or (scores.shape[1] > 1 and max(self._classes) >= scores.shape[1]):
            raise ConfigError(f"mask network {self._path}: gives {scores.shape}, no (1, C, h, w) of {self._classes}")
        small = _chance(scores[0].astype(np.float64), self._classes).astype(np.float32)
        return np.asarray(cv2.resize(small, (rgb.shape[1], rgb.shape[0]), interpolation=cv2.INTER_LINEAR))


def refined(mask: Array, depth: Array, chance: Array) -> Array:
    """A mask (H, W) of what moves, with what the network is sure of beside it, without what it thinks unlikely.

    Args:
        mask: From free space.
        depth: (H, W) metres, 0 = unknown.
        chance: (H, W) of the network.
    """
    from scipy import ndimage

    if not mask.any() or (chance[mask] > SURE).mean() < KNOWN:
        return mask
    known = mask & (depth > 0)
    middle = np.median(depth[known]) if known.any() else 0.0
    near = (depth == 0) | (np.abs(depth - middle) < REACH) if known.any() else np.ones_like(mask)
    kept = mask & (chance > UNLIKELY)
    pieces, _ = ndimage.label((chance > SURE) & near | kept, structure=np.ones((3, 3)))
    touching = np.unique(pieces[kept])
    return np.asarray(np.isin(pieces, touching[touching > 0]))


def _chance(scores: Array, classes: tuple[int, ...]) -> Array:
    """(h, w) of scores (C, h, w): logistic of a single channel, else the classes' share of the softmax."""
    if len(scores) == 1:
        return np.asarray(1.0 / (1.0 + np.exp(-scores[0])))
    share = np.exp(scores - scores.max(axis=0))
    return np.asarray(share[list(classes)].sum(axis=0) / share.sum(axis=0))


def _names(entry: object) -> tuple[str, ...]:
    """Symbolic sizes of an input, which stand for any number."""
    return tuple(side for side in getattr(entry, "shape", ()) if isinstance(side, str))
