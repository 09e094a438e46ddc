"""DINOv2 tokens projected to 16 dimensions, the features of the Agent-to-Sim paper; for those who have the weights."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ats_sim.arrays import Array
from ats_sim.errors import ReconstructionError
from ats_sim.reconstruction.registration.features.maps import FeatureMap, FeaturePyramid
from ats_sim.reconstruction.registration.features.vit import PATCH, VisionTransformer

LONGEST = 308
UPSAMPLED = 7
"""Fine cells per token along each side: 2 pixels each, as the paper's 16 -> 112."""
PIXELS = 1000
LEAST_SPREAD = 1e-3


class DinoFeatures:
    """A trunk and the projection that keeps most of its variance over the user's own pictures."""

    def __init__(self, trunk: VisionTransformer, mean: Array, basis: Array, *, weights_key: str) -> None:
        self._trunk = trunk
        self._mean, self._basis = (torch.from_numpy(np.asarray(part, np.float32)) for part in (mean, basis))
        total = hashlib.sha256(f"dinov2/{weights_key}/{trunk.block}/{LONGEST}/{UPSAMPLED}".encode())
        for part in (self._mean, self._basis):
            total.update(part.numpy().tobytes())
        self._key = total.hexdigest()

    @classmethod
    def fit(
        cls,
        trunk: VisionTransformer,
        pictures: Sequence[Array],
        rng: np.random.Generator,
        *,
        channels: int = 16,
        weights_key: str = "",
    ) -> DinoFeatures:
        """Principal components of 1000 places in each of some pictures (H,W,3) uint8 (the paper: 100 of all videos).

        Raises:
            ReconstructionError: If the tokens hardly differ: the trunk is spoilt, or its last blocks are.
        """
        drawn = []
        for rgb in pictures:
            tokens = _upsampled(trunk.tokens(_prepared(rgb)).cpu())[0].flatten(1).T.numpy()
            drawn.append(tokens[rng.integers(len(tokens), size=PIXELS)])
        sample = np.concatenate(drawn).astype(np.float64)
        mean = sample.mean(0)
        values, vectors = np.linalg.eigh((sample - mean).T @ (sample - mean) / len(sample))
        typical = float((sample**2).sum(1).mean())
        if not np.isfinite(values).all() or values.sum() < LEAST_SPREAD * typical:
            raise ReconstructionError(
                "DINOv2 tokens are the same all over the pictures: the weights are spoilt, or the last blocks are "
                "(then name an earlier one, such as dinov2_block 7)"
            )
        basis = vectors[:, ::-1][:, :channels]
        # An eigenvector's sign is arbitrary: the largest entry is made positive, so that runs agree.
        largest = np.abs(basis).argmax(axis=0)
        return cls(trunk, mean, basis * np.sign(basis[largest, np.arange(channels)]), weights_key=weights_key)

    @property
    def channels(self) -> int:
        """Dimensions kept."""
        return int(self._basis.shape[1])

    @property
    def key(self) -> str:
        """Hash of weights, block and projection."""
        return self._key

    def describe(self, rgb: Array) -> FeaturePyramid:
        """Features of a picture (H,W,3) uint8."""
        height, width = rgb.shape[:2]
        tokens = self._trunk.tokens(_prepared(rgb)).cpu()
        levels = []
        for part in (tokens, _upsampled(tokens)):
            flat = (part[0].permute(1, 2, 0) - self._mean) @ self._basis
            unit = functional.normalize(flat, dim=2).to(torch.float16).numpy()
            levels.append(FeatureMap(np.ascontiguousarray(unit), (unit.shape[1] / width, unit.shape[0] / height)))
        return FeaturePyramid(*levels)


def _upsampled(tokens: Tensor) -> Tensor:
    return functional.interpolate(tokens, scale_factor=UPSAMPLED, mode="bilinear", align_corners=False)


def _prepared(rgb: Array) -> Tensor:
    """(1,3,H,W) in 0..1 with the longer side at 308 pixels, sides multiples of 14."""
    height, width = rgb.shape[:2]
    factor = LONGEST / max(width, height)
    size = (max(1, round(width * factor / PATCH)) * PATCH, max(1, round(height * factor / PATCH)) * PATCH)
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    resized = np.ascontiguousarray(cv2.resize(rgb, size, interpolation=how))
    return torch.from_numpy(resized).permute(2, 0, 1)[None].float() / 255.0
