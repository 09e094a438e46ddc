"""Where a training stands, in safetensors, bound by a hash to the data and options that it belongs to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ats_sim.files import atomic_path
from ats_sim.reconstruction.scene.field.config import FieldConfig
from ats_sim.reconstruction.scene.field.rays import RayBank
from ats_sim.reconstruction.scene.tsdf import TsdfVolume

FREE_OPTIONS = ("device", "checkpoint_every")
"""What may differ between a training and its continuation: nothing that changes a number."""


def content_hash(volume: TsdfVolume, bank: RayBank, config: FieldConfig) -> str:
    """SHA-256 of everything that a training's result depends on."""
    options = {name: value for name, value in asdict(config).items() if name not in FREE_OPTIONS}
    total = hashlib.sha256(json.dumps([options, bank.names, volume.voxel_size, volume.truncation]).encode())
    rays = bank.rays
    tensors = [rays.direction, rays.depth, rays.color, rays.cosine, rays.weight, rays.frame, rays.feature]
    for tensor in tensors:
        if tensor is not None:
            total.update(tensor.contiguous().numpy().data)
    for array in (bank.T_world_camera, bank.recording, bank.fixed, volume.origin, volume.distance, volume.weight):
        total.update(array.tobytes())
    return total.hexdigest()


def write_checkpoint(path: Path, state: Mapping[str, Tensor], key: str) -> None:
    """Write tensors, atomically."""
    with atomic_path(path) as temporary:
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, temporary, {"key": key})


def read_checkpoint(path: Path, key: str) -> dict[str, Tensor] | None:
    """The tensors of a checkpoint that belongs to `key`; None where there is none, or another training's, or a file
    that broke off: the training then begins anew."""
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="pt") as stored:
            if (stored.metadata() or {}).get("key") != key:
                return None
            found: dict[str, torch.Tensor] = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
            return found
    except (OSError, SafetensorError):
        return None
