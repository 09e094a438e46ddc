"""The default features: the small descriptor network, trained on the recordings themselves."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
import torch

from ats_sim.arrays import Array
from ats_sim.reconstruction.registration.features.maps import FeatureMap, FeaturePyramid, working_size
from ats_sim.reconstruction.registration.features.network import COARSE_STRIDE, FINE_STRIDE, DescriptorNet
from ats_sim.reconstruction.registration.neural.learner import one_thread


class OwnFeatures:
    """A trained :class:`DescriptorNet` as :class:`DenseFeatures`."""

    def __init__(self, network: DescriptorNet, *, longest: int, device: str = "cpu") -> None:
        self._network, self._longest, self._device = network.eval(), longest, device
        total = hashlib.sha256(f"own/{longest}".encode())
        for name, value in sorted(network.state_dict().items()):
            total.update(name.encode() + value.detach().cpu().numpy().tobytes())
        self._key = total.hexdigest()

    @property
    def channels(self) -> int:
        """Length of a descriptor."""
        return self._network.channels

    @property
    def key(self) -> str:
        """Hash of the weights and the working size."""
        return self._key

    def describe(self, rgb: Array) -> FeaturePyramid:
        """Features of a picture (H,W,3) uint8."""
        height, width = rgb.shape[:2]
        size = working_size(width, height, self._longest, COARSE_STRIDE)
        small = rgb if size == (width, height) else cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
        picture = torch.from_numpy(np.ascontiguousarray(small)).to(self._device).permute(2, 0, 1)[None].float() / 255.0
        with one_thread(), torch.no_grad():
            maps = [m[0].permute(1, 2, 0).to(torch.float16).cpu().numpy() for m in self._network(picture)]
        coarse, fine = (
            FeatureMap(np.ascontiguousarray(m), (size[0] / width / stride, size[1] / height / stride))
            for m, stride in zip(maps, (COARSE_STRIDE, FINE_STRIDE), strict=True)
        )
        return FeaturePyramid(coarse, fine)
