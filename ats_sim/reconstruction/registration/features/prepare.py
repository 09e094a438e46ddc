"""Features made ready for a capture: trained or loaded, as the options ask, and kept on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ats_sim.files import sha256
from ats_sim.reconstruction.config import ReconstructConfig
from ats_sim.reconstruction.registration.features.cache import CachedFeatures
from ats_sim.reconstruction.registration.features.dinov2 import DinoFeatures
from ats_sim.reconstruction.registration.features.intensities import Intensities
from ats_sim.reconstruction.registration.features.learning import DescriptorConfig, DescriptorTraining
from ats_sim.reconstruction.registration.features.maps import DenseFeatures
from ats_sim.reconstruction.registration.features.network import COARSE_STRIDE
from ats_sim.reconstruction.registration.features.own import OwnFeatures
from ats_sim.reconstruction.registration.features.recordings import Lesson, PosedRecording
from ats_sim.reconstruction.registration.features.vit import VisionTransformer, find_weights, read_weights

MAPS = "maps"
"""Folder of the cached maps within the features' own."""
PROJECTED_PICTURES = 100
FEWEST_FRAMES = 20


def prepare_features(config: ReconstructConfig, recordings: Sequence[PosedRecording], folder: Path) -> DenseFeatures:
    """The features that `config` asks for; checkpoints and maps go to `folder` and are found there again.

    Raises:
        ReconstructionError: If DINOv2's weights are missing or spoilt, or nothing can be learnt.
    """
    if "photometric-ba" in config.ablate:
        return Intensities()
    features = _dinov2(config, recordings) if config.features == "dinov2" else _own(config, recordings, folder)
    return CachedFeatures(features, folder / MAPS)


def _own(config: ReconstructConfig, recordings: Sequence[PosedRecording], folder: Path) -> OwnFeatures:
    settings = DescriptorConfig(steps={"fast": 120, "default": 300, "full": 800}[config.preset])
    share = max(FEWEST_FRAMES, settings.frames // len(recordings))
    lesson = Lesson.of(
        [recording.thinned(share) for recording in recordings],
        use_masks=config.masks,
        longest=settings.longest,
        multiple=COARSE_STRIDE,
    )
    training = DescriptorTraining(lesson, settings, seed=config.seed, device=config.device)
    training.run(folder / f"descriptor-{training.key[:16]}.safetensors")
    return OwnFeatures(training.network, longest=settings.longest, device=config.device)


def _dinov2(config: ReconstructConfig, recordings: Sequence[PosedRecording]) -> DinoFeatures:
    path = find_weights(config.dinov2_weights)
    trunk = VisionTransformer(read_weights(path), block=config.dinov2_block, device=config.device)
    rng = np.random.default_rng([config.seed, 73])
    everything = [(recording.video, int(frame)) for recording in recordings for frame in recording.frames]
    chosen = rng.permutation(len(everything))[:PROJECTED_PICTURES]
    pictures = [everything[i][0].rgb(everything[i][1]) for i in sorted(chosen)]
    return DinoFeatures.fit(trunk, pictures, rng, weights_key=sha256(path))
