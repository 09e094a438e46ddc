"""The field beside the fused volume in ``scene.safetensors``: tensors named ``field.NAME``, never unpickled."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from ats_sim.arrays import Array
from ats_sim.errors import ReconstructionError
from ats_sim.reconstruction.scene.field.config import FieldConfig
from ats_sim.reconstruction.scene.field.grid import Grid
from ats_sim.reconstruction.scene.field.network import FieldSize, SceneField

FORMAT = "ats-scene-field/1"
PREFIX = "field."


def field_tensors(field: SceneField) -> dict[str, Array]:
    """All tensors of a field; the planes, which are large, in half precision."""
    out = {}
    for name, tensor in field.state_dict().items():
        array = tensor.detach().cpu().numpy()
        out[PREFIX + name] = array.astype(np.float16) if array.size > 1_000_000 else array
    return out


def field_facts(field: SceneField, config: FieldConfig, recordings: tuple[str, ...]) -> dict[str, str]:
    """Plain facts that a field is built from again."""
    facts = {"format": FORMAT, "size": asdict(field.size), "config": asdict(config), "recordings": list(recordings)}
    return {"field": json.dumps(facts)}


def read_field(path: Path, device: str = "cpu") -> tuple[SceneField, tuple[str, ...]] | None:
    """The field of a scene file and the recordings its codes belong to; None where the scene has no field.

    Raises:
        ReconstructionError: If the file is missing or damaged.
    """
    try:
        with safe_open(path, framework="pt") as stored:
            text = (stored.metadata() or {}).get("field")
            if text is None:
                return None
            facts = json.loads(text)
            if facts.get("format") != FORMAT:
                raise ReconstructionError(f"{path}: its field is not {FORMAT!r}; run the reconstruction again")
            names = [name for name in stored.keys() if name.startswith(PREFIX)]  # noqa: SIM118
            state = {name.removeprefix(PREFIX): stored.get_tensor(name).float() for name in names}
        return _built(facts, state).to(device), tuple(facts["recordings"])
    except FileNotFoundError as missing:
        raise ReconstructionError(f"{path}: no such file; run the reconstruction first") from missing
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as broken:
        raise ReconstructionError(f"{path}: not a readable scene field ({broken})") from broken


def _built(facts: dict[str, Any], state: dict[str, torch.Tensor]) -> SceneField:
    options: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in facts["config"].items()}
    config, size = FieldConfig(**options), FieldSize(**facts["size"])

    def grid(name: str, *, learned: bool) -> Grid:
        values, extent = state[f"{name}.values"][0].numpy(), state[f"{name}.extent"].numpy()
        voxel = float(extent[0]) / (values.shape[1] - 1)
        return Grid(values, state[f"{name}.origin"].numpy(), voxel, learned=learned)

    field = SceneField(size, grid("distance", learned=True), grid("base", learned=False), config)
    field.load_state_dict(state)
    return field
