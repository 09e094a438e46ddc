"""Makes the encoder that every home's localizer starts from: one encoder, many homes, a head for each.

python benchmarks/pretrain_localizer.py --work FOLDER --output ats_sim/assets/localizer/encoder.safetensors
    [--seeds 21 22 23 24 25 26] [--steps 3600] [--width 16] [--blocks 2]

Homes are synthesized (walkthroughs only) with seeds that no benchmark uses, and the steps go round the homes. Heads are
thrown away: what is kept knows edges, surfaces and rooms, but no home (as the encoder of ACE, Brachmann et al. 2023).
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from ats_sim.files import atomic_path
from ats_sim.reconstruction.capture.format import Capture
from ats_sim.reconstruction.capture.synthesis.config import SynthesizeConfig
from ats_sim.reconstruction.capture.synthesis.synthesize import synthesize
from ats_sim.reconstruction.registration.neural.batches import Batch, BatchMaker
from ats_sim.reconstruction.registration.neural.channels import COLOR, GEOMETRY
from ats_sim.reconstruction.registration.neural.coordinate_network import CoordinateNetwork
from ats_sim.reconstruction.registration.neural.learner import Learner, learn
from ats_sim.reconstruction.registration.neural.lessons import filmed, rendered
from ats_sim.reconstruction.registration.neural.scene_coordinates import coordinate_loss, scene_anchors
from ats_sim.reconstruction.registration.neural.settings import LocalizerSettings
from ats_sim.reconstruction.registration.neural.training import rays_of
from ats_sim.reconstruction.registration.neural.view import View
from ats_sim.reconstruction.scene.fusion import PosedFrames, empty_volume, fuse
from ats_sim.reconstruction.scene.meshing import extract_mesh
from ats_sim.reconstruction.scene.raycast import Raycaster


def main() -> None:
    """Make the homes, train over all of them, write the encoder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[21, 22, 23, 24, 25, 26])
    parser.add_argument("--steps", type=int, default=3600)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--blocks", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    settings = LocalizerSettings(steps=options.steps, width=options.width, blocks=options.blocks)
    torch.manual_seed(0)
    heads, makers, rays = nn.ModuleList(), [], []
    for seed in options.seeds:
        network, maker, along = home(options.work / f"pretrain-{seed}", seed, settings, options.device)
        if len(heads):
            network.encoder = heads[0].encoder
        heads.append(network)
        makers.append(maker)
        rays.append(along)
    heads.to(options.device)
    turn = 0

    def batch(step: int) -> Batch:
        nonlocal turn
        turn = step % len(makers)
        return makers[turn].batch(step)

    def loss(networks: nn.Module, lesson: Batch) -> Tensor:
        assert isinstance(networks, nn.ModuleList)
        return coordinate_loss(networks[turn], lesson, rays[turn], True, options.device)

    started = time.process_time()
    learner = Learner(heads, loss, settings.rate)
    checkpoint, key = options.work / "pretrain.safetensors", repr((settings, options.seeds))
    learn(learner, batch, settings.steps, label="pre-train", checkpoint=checkpoint, key=key, every=200)
    learner.averaged()
    state = {name: value.to(torch.float16) for name, value in heads[0].encoder.state_dict().items() if value.ndim}
    with atomic_path(options.output) as temporary:
        save_file(state, temporary)
    size = options.output.stat().st_size
    sys.stdout.write(f"{options.output}: {size / 1e3:.0f} kB after {time.process_time() - started:.0f} CPU s\n")


def home(
    folder: Path, seed: int, settings: LocalizerSettings, device: str
) -> tuple[CoordinateNetwork, BatchMaker, Tensor]:
    """Network, lessons and rays of one synthesized home."""
    if not (folder / "capture.json").is_file():
        config = SynthesizeConfig(
            videos=1, seconds=0.5, seed=seed, walkthrough_seconds=40, second_camera=False, workers=1
        )
        synthesize(folder, config)
    scan = Capture.open(folder).walkthrough
    assert scan is not None and scan.T_world_camera is not None
    everything = PosedFrames(scan, np.arange(len(scan)), scan.T_world_camera)
    part = everything.thinned(150)
    volume = empty_volume([part], 0.04)
    fuse(volume, part, use_masks=False, label=f"map {folder.name}")
    few = everything.thinned(settings.filmed)
    views = [View.of(scan.rgb(int(i)), scan.depth(int(i)), None, scan.intrinsics) for i in few.indices]
    lessons = filmed(views, few.T_world_camera)
    mesh, rng = extract_mesh(volume), np.random.default_rng(seed)
    renders = rendered(
        Raycaster(mesh), volume, scan.T_world_camera, lessons.intrinsics, settings.renders, rng, label="render"
    )
    anchors = scene_anchors(mesh.vertices, settings.anchors, seed)
    network = CoordinateNetwork(COLOR + GEOMETRY, settings.width, settings.blocks, anchors)
    maker = BatchMaker(lessons, renders, settings.batch, settings.filmed_share, seed)
    return network, maker, rays_of(lessons.intrinsics, device)


if __name__ == "__main__":
    main()
