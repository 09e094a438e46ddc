"""Checkpoints of a training in safetensors: whole or absent, never unpickled."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ats_sim.errors import TrainingError
from ats_sim.files import atomic_path


def write_checkpoint(path: Path, state: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write tensors and plain facts, atomically."""
    with atomic_path(path) as temporary:
        save_file(dict(state), temporary, metadata={"facts": json.dumps(facts, sort_keys=True)})


def read_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write_checkpoint` wrote.

    Raises:
        TrainingError: If the file is no checkpoint.
    """
    try:
        with safe_open(path, framework="pt") as stored:
            facts = json.loads((stored.metadata() or {})["facts"])
            state: dict[str, torch.Tensor] = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise TrainingError(f"{path}: not a checkpoint ({error}); --no-resume begins anew") from error
    return state, facts
