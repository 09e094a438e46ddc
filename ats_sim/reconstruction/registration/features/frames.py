"""Features of single frames of registered recordings: what a scene field learns to render beside colour."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ats_sim.arrays import Array
from ats_sim.reconstruction.config import ReconstructConfig
from ats_sim.reconstruction.registration.features.prepare import MAPS, prepare_features
from ats_sim.reconstruction.registration.features.recordings import PosedRecording
from ats_sim.reconstruction.scene.fusion import PosedFrames


@contextmanager
def frame_features(
    parts: Sequence[PosedFrames], config: ReconstructConfig, folder: Path
) -> Iterator[Callable[[str, int], Array]]:
    """Features (h, w, C) over the whole picture of a frame, by recording and index, of recordings that share one world.

    The descriptor is learnt from the very frames where `config` asks for the own one. What was learnt stays in
    `folder`, maps are removed at the end.

    Raises:
        ReconstructionError: If DINOv2's weights are missing or spoilt, or nothing can be learnt.
    """
    recordings = [PosedRecording(part.video, part.indices, part.T_world_camera) for part in parts]
    features = prepare_features(config, recordings, folder)
    videos = {part.video.name: part.video for part in parts}
    try:
        yield lambda name, index: features.describe(videos[name].rgb(index)).fine.values
    finally:
        shutil.rmtree(folder / MAPS, ignore_errors=True)
