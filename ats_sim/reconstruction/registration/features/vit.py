"""A vision transformer that reads the public DINOv2 state dicts (ViT-S/14 and its larger siblings), forward only.

Oquab et al. 2023. Only dense tokens are computed. Sizes are read from the weights themselves.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from ats_sim.errors import ReconstructionError

PATCH = 14
HEAD_WIDTH = 64
EPSILON = 1e-6
LEGACY_OFFSET = 0.1
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HUB_NAMES = ("dinov2_vits14_pretrain.pth", "dinov2_vits14_reg4_pretrain.pth")
_LINEAR = ("norm1", "attn.qkv", "attn.proj", "norm2", "mlp.fc1", "mlp.fc2")
_BLOCK = [f"{part}.{kind}" for part in _LINEAR for kind in ("weight", "bias")] + ["ls1.gamma", "ls2.gamma"]
_TRUNK = ["cls_token", "pos_embed", "patch_embed.proj.weight", "patch_embed.proj.bias", "norm.weight", "norm.bias"]


class VisionTransformer:
    """DINOv2's trunk. `block` says after which block (counted from 1) tokens are taken: by default the last; an earlier
    one where somebody's fine-tuning has spoilt the last ones."""

    def __init__(self, state: Mapping[str, Tensor], *, block: int | None = None, device: str = "cpu") -> None:
        """Check and keep the weights.

        Raises:
            ReconstructionError: If a tensor is missing, of a wrong shape, not finite or all zero.
        """
        state = _without_prefix(state)
        self.depth = len({name.split(".")[1] for name in state if name.startswith("blocks.")})
        _check(state, self.depth)
        self.block = self.depth if block is None else block
        if not 1 <= self.block <= self.depth:
            raise ReconstructionError(f"DINOv2 block {block} does not exist; this trunk has {self.depth}")
        self.width = int(state["cls_token"].shape[-1])
        self._state = {name: tensor.detach().float().to(device) for name, tensor in state.items()}
        self._device = device

    def tokens(self, pictures: Tensor) -> Tensor:
        """Dense tokens (B,width,H/14,W/14), after the trunk's last normalisation, of pictures (B,3,H,W) in 0..1."""
        state = self._state
        mean, std = (torch.tensor(v, device=self._device)[:, None, None] for v in (MEAN, STD))
        x = functional.conv2d(
            (pictures.to(self._device) - mean) / std,
            state["patch_embed.proj.weight"],
            state["patch_embed.proj.bias"],
            stride=PATCH,
        )
        rows, columns = x.shape[-2:]
        x = torch.cat([state["cls_token"].expand(len(x), -1, -1), x.flatten(2).transpose(1, 2)], dim=1)
        x = x + self._positions(rows, columns)
        registers = state.get("register_tokens")
        extra = 0 if registers is None else int(registers.shape[1])
        if registers is not None:
            x = torch.cat([x[:, :1], registers.expand(len(x), -1, -1), x[:, 1:]], dim=1)
        for number in range(self.block):
            x = self._one_block(x, f"blocks.{number}.")
        x = self._normalised(x, "norm.")
        return x[:, 1 + extra :].transpose(1, 2).reshape(len(x), self.width, rows, columns)

    def _one_block(self, x: Tensor, name: str) -> Tensor:
        state = self._state
        batch, count, width = x.shape
        joined = self._linear(self._normalised(x, name + "norm1."), name + "attn.qkv.")
        query, key, value = joined.reshape(batch, count, 3, width // HEAD_WIDTH, HEAD_WIDTH).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(batch, count, width)
        x = x + state[name + "ls1.gamma"] * self._linear(mixed, name + "attn.proj.")
        hidden = functional.gelu(self._linear(self._normalised(x, name + "norm2."), name + "mlp.fc1."))
        return x + state[name + "ls2.gamma"] * self._linear(hidden, name + "mlp.fc2.")

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return functional.linear(x, self._state[name + "weight"], self._state[name + "bias"])

    def _normalised(self, x: Tensor, name: str) -> Tensor:
        return functional.layer_norm(
            x, (self.width,), self._state[name + "weight"], self._state[name + "bias"], EPSILON
        )

    def _positions(self, rows: int, columns: int) -> Tensor:
        """The learnt positions, resampled from their square grid as DINOv2 itself does it: the trunks without
        registers were published with an offset of 0.1 cells in the scale, those with registers without."""
        learnt = self._state["pos_embed"]
        side = int(round((learnt.shape[1] - 1) ** 0.5))
        if (rows, columns) == (side, side):
            return learnt
        grid = learnt[:, 1:].reshape(1, side, side, self.width).permute(0, 3, 1, 2)
        if "register_tokens" in self._state:
            grid = functional.interpolate(grid, size=(rows, columns), mode="bicubic", antialias=True)
        else:
            scale = ((rows + LEGACY_OFFSET) / side, (columns + LEGACY_OFFSET) / side)
            grid = functional.interpolate(grid, scale_factor=scale, mode="bicubic")
        return torch.cat([learnt[:, :1], grid.permute(0, 2, 3, 1).reshape(1, rows * columns, self.width)], dim=1)


def find_weights(path: Path | None) -> Path:
    """The file of DINOv2's weights: the one named, else where torch.hub keeps them.

    Raises:
        ReconstructionError: If there is none; it says what would help. Nothing is ever downloaded.
    """
    if path is not None:
        if not Path(path).is_file():
            raise ReconstructionError(f"{path}: no such file; name a DINOv2 ViT-S/14 state dict (.pth or .safetensors)")
        return Path(path)
    home = os.environ.get("TORCH_HOME") or str(
        Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "torch"
    )
    folder = Path(home).expanduser() / "hub" / "checkpoints"
    for name in HUB_NAMES:
        if (folder / name).is_file():
            return folder / name
    raise ReconstructionError(
        f"features 'dinov2' need weights, and neither of {', '.join(HUB_NAMES)} is in {folder}: put one there or name "
        "it with dinov2_weights; features 'own' need none"
    )


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors of a .safetensors or .pth file; nothing but tensors is ever unpickled.

    Raises:
        ReconstructionError: If the file is not a state dict of tensors.
    """
    try:
        state = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except (OSError, SafetensorError, RuntimeError, ValueError, EOFError, KeyError) as error:
        raise ReconstructionError(f"{path}: not readable as DINOv2 weights ({error})") from error
    except Exception as error:  # torch's own UnpicklingError derives from nothing more useful
        raise ReconstructionError(f"{path}: not a plain state dict ({type(error).__name__})") from error
    if isinstance(state, dict):
        for inner in ("model", "state_dict", "teacher"):
            state = state[inner] if isinstance(state.get(inner), dict) else state
    if not isinstance(state, dict) or not all(isinstance(t, Tensor) for t in state.values()):
        raise ReconstructionError(f"{path}: holds no state dict of tensors")
    return {str(name): tensor for name, tensor in state.items()}


def _without_prefix(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Drop what a wrapper put before every name of the trunk."""
    found = next((name for name in state if name.endswith("cls_token")), "cls_token")
    prefix = found.removesuffix("cls_token")
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def _check(state: Mapping[str, Tensor], depth: int) -> None:
    wanted = _TRUNK + [f"blocks.{i}.{part}" for i in range(max(depth, 1)) for part in _BLOCK]
    missing = [name for name in wanted if name not in state]
    if missing:
        raise ReconstructionError(
            f"these are no DINOv2 weights: {len(missing)} tensors are missing, first {missing[0]!r}"
        )
    width = int(state["cls_token"].shape[-1])
    shapes = {
        "patch_embed.proj.weight": (width, 3, PATCH, PATCH),
        **{f"blocks.{i}.attn.qkv.weight": (3 * width, width) for i in range(depth)},
        **{f"blocks.{i}.ls1.gamma": (width,) for i in range(depth)},
    }
    for name, shape in shapes.items():
        if tuple(state[name].shape) != shape:
            raise ReconstructionError(f"DINOv2 weights: {name} is {tuple(state[name].shape)}, want {shape}")
    for name in wanted:
        tensor = state[name].float()
        if not torch.isfinite(tensor).all() or (tensor.ndim > 1 and not tensor.any()):
            raise ReconstructionError(f"DINOv2 weights are spoilt: {name} is not finite or all zero")
    side = int(round((state["pos_embed"].shape[1] - 1) ** 0.5))
    if side * side + 1 != state["pos_embed"].shape[1] or width % HEAD_WIDTH:
        raise ReconstructionError("DINOv2 weights: pos_embed is no square grid, or the width no multiple of 64")
