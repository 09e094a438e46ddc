"""The encoder that ships with the package: every home's localizer starts from it, and none keeps it as it is."""

from __future__ import annotations

from importlib.resources import as_file, files

import torch
from safetensors.torch import load_file

from ats_sim.reconstruction.registration.neural.encoder import Encoder

FILE = ("assets", "localizer", "encoder.safetensors")
"""Made by `benchmarks/pretrain_localizer.py`."""


def start_from_shipped(encoder: Encoder) -> bool:
    """Copy the shipped weights into an encoder of the same shape; False, and nothing copied, where it has another."""
    shipped = files("ats_sim").joinpath(*FILE)
    if not shipped.is_file():
        return False
    with as_file(shipped) as path:
        stored = load_file(path)
    own = encoder.state_dict()
    wanted = {name: value for name, value in own.items() if value.ndim}
    if {name: v.shape for name, v in stored.items()} != {name: v.shape for name, v in wanted.items()}:
        return False
    encoder.load_state_dict(own | {name: value.to(torch.float32) for name, value in stored.items()})
    return True
