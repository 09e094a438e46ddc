"""A small untrained policy over the toy home: random weights, but every part in its place."""

import numpy as np
import torch
from toy_recon import toy_motion, toy_skeleton, toy_volume

from ats_sim.denoising import Normalisation
from ats_sim.models.hierarchy import Behaviour
from ats_sim.models.mirror import Mirror
from ats_sim.models.recordings import Recording
from ats_sim.models.statistics import fit_normalisation, fit_statistics
from ats_sim.models.windows import Windows, cut_windows
from ats_sim.perception import patch_channels
from ats_sim.skeleton import Skeleton
from ats_sim.volume import PerceptionVolume


class ToyBehaviour:
    """Volume, windows, normalisation and random networks that belong together."""

    def __init__(self, width: int = 8, seed: int = 0) -> None:
        self.volume: PerceptionVolume = toy_volume()
        self.skeleton: Skeleton = toy_skeleton()
        self.channels = patch_channels(self.volume)
        roots, joints, observer = toy_motion(np.random.default_rng(seed), 100)
        seen = np.ones(100, dtype=bool)
        self.recording = Recording("v00", roots, joints, observer, valid=seen, bridged=seen)
        self.windows: Windows = cut_windows([self.recording])
        self.mirror = Mirror.of(self.skeleton, self.channels)
        self.normalisation: Normalisation = fit_normalisation(self.windows, self.mirror)
        statistics = fit_statistics(self.windows, self.volume, np.random.default_rng(0))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.networks = Behaviour(self.normalisation, statistics, path_width=width, pose_width=width).eval()
            for value in self.networks.parameters():
                # Zero-initialised layers would hide every condition from the tests.
                if not value.detach().any():
                    torch.nn.init.normal_(value, std=0.05)
