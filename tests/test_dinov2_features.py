"""Our forward pass of DINOv2 against torch's own transformer layers, and weights that are missing or spoilt."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import save_file  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from ats_sim.errors import ReconstructionError  # noqa: E402
from ats_sim.reconstruction.registration.features.dinov2 import DinoFeatures  # noqa: E402
from ats_sim.reconstruction.registration.features.vit import (  # noqa: E402
    MEAN,
    STD,
    VisionTransformer,
    find_weights,
    read_weights,
)

WIDTH, DEPTH, SIDE = 128, 2, 5


def random_state(width: int = WIDTH, depth: int = DEPTH, side: int = SIDE, registers: int = 0) -> dict[str, Tensor]:
    """A state dict of DINOv2's layout with random weights."""
    generator = torch.Generator().manual_seed(0)

    def normal(*shape: int, scale: float = 0.05, mean: float = 0.0) -> Tensor:
        return mean + scale * torch.randn(shape, generator=generator)

    state = {
        "cls_token": normal(1, 1, width),
        "mask_token": torch.zeros(1, width),
        "pos_embed": normal(1, side * side + 1, width, scale=0.5),
        "patch_embed.proj.weight": normal(width, 3, 14, 14),
        "patch_embed.proj.bias": normal(width),
        "norm.weight": normal(width, mean=1.0),
        "norm.bias": normal(width),
    }
    if registers:
        state["register_tokens"] = normal(1, registers, width)
    for i in range(depth):
        for name, rows, columns in (
            ("attn.qkv", 3 * width, width),
            ("attn.proj", width, width),
            ("mlp.fc1", 4 * width, width),
            ("mlp.fc2", width, 4 * width),
        ):
            state[f"blocks.{i}.{name}.weight"] = normal(rows, columns)
            state[f"blocks.{i}.{name}.bias"] = normal(rows)
        for name in ("norm1", "norm2"):
            state[f"blocks.{i}.{name}.weight"] = normal(width, mean=1.0)
            state[f"blocks.{i}.{name}.bias"] = normal(width)
        for name in ("ls1", "ls2"):
            state[f"blocks.{i}.{name}.gamma"] = normal(width, mean=0.5)
    return state


def by_torch(state: dict[str, Tensor], pictures: Tensor, depth: int = DEPTH) -> Tensor:
    """The same network from torch's own encoder layers; layer scale is folded into the weights before it."""
    width = state["cls_token"].shape[-1]
    x = (pictures - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    patch = nn.Conv2d(3, width, 14, 14)
    patch.load_state_dict({"weight": state["patch_embed.proj.weight"], "bias": state["patch_embed.proj.bias"]})
    tokens = patch(x).flatten(2).transpose(1, 2)
    x = torch.cat([state["cls_token"].expand(len(x), -1, -1), tokens], 1) + state["pos_embed"]
    if "register_tokens" in state:
        x = torch.cat([x[:, :1], state["register_tokens"].expand(len(x), -1, -1), x[:, 1:]], 1)
    for i in range(depth):
        b = {name.removeprefix(f"blocks.{i}."): t for name, t in state.items() if name.startswith(f"blocks.{i}.")}
        layer = nn.TransformerEncoderLayer(
            width, width // 64, 4 * width, 0.0, functional.gelu, 1e-6, batch_first=True, norm_first=True
        ).eval()
        layer.load_state_dict(
            {
                "self_attn.in_proj_weight": b["attn.qkv.weight"],
                "self_attn.in_proj_bias": b["attn.qkv.bias"],
                "self_attn.out_proj.weight": b["ls1.gamma"][:, None] * b["attn.proj.weight"],
                "self_attn.out_proj.bias": b["ls1.gamma"] * b["attn.proj.bias"],
                "linear1.weight": b["mlp.fc1.weight"],
                "linear1.bias": b["mlp.fc1.bias"],
                "linear2.weight": b["ls2.gamma"][:, None] * b["mlp.fc2.weight"],
                "linear2.bias": b["ls2.gamma"] * b["mlp.fc2.bias"],
                "norm1.weight": b["norm1.weight"],
                "norm1.bias": b["norm1.bias"],
                "norm2.weight": b["norm2.weight"],
                "norm2.bias": b["norm2.bias"],
            }
        )
        x = layer(x)
    x = functional.layer_norm(x, (width,), state["norm.weight"], state["norm.bias"], 1e-6)
    skipped = 1 + (state["register_tokens"].shape[1] if "register_tokens" in state else 0)
    return x[:, skipped:]


@pytest.mark.parametrize("registers", [0, 4])
@pytest.mark.parametrize("block", [1, None])
def test_tokens_are_those_of_torchs_own_layers(registers: int, block: int | None) -> None:
    state = random_state(registers=registers)
    pictures = torch.rand(2, 3, 14 * SIDE, 14 * SIDE, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        ours = VisionTransformer(state, block=block).tokens(pictures).flatten(2).transpose(1, 2)
        theirs = by_torch(state, pictures, block or DEPTH)
    torch.testing.assert_close(ours, theirs, atol=2e-5, rtol=1e-4)


def test_tokens_are_those_of_timm_at_another_picture_size() -> None:
    timm = pytest.importorskip("timm")
    state = random_state(384, 12, 37)
    peer = timm.create_model("vit_small_patch14_dinov2", pretrained=False, dynamic_img_size=False, img_size=518).eval()
    peer.load_state_dict({name: t for name, t in state.items() if name != "mask_token"})
    pictures = torch.rand(1, 3, 518, 518, generator=torch.Generator().manual_seed(1))
    scaled = (pictures - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]
    with torch.no_grad():
        theirs = peer.forward_features(scaled)[:, 1:]
        ours = VisionTransformer(state).tokens(pictures).flatten(2).transpose(1, 2)
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-3)


def test_positions_of_another_size_are_the_resampled_grid() -> None:
    """Positions that rise linearly over the grid still do when resampled, at the scale DINOv2 was published with."""
    state = random_state(side=37)
    y, x = torch.meshgrid(torch.arange(37.0), torch.arange(37.0), indexing="ij")
    ramp = torch.stack([x, y]).reshape(2, -1).T
    state["pos_embed"] = torch.cat([torch.zeros(1, 2), ramp]).repeat(1, WIDTH // 2)[None]
    grid = VisionTransformer(state)._positions(16, 20)[0, 1:].reshape(16, 20, WIDTH)
    wanted = (torch.arange(20) + 0.5) * 37 / 20.1 - 0.5
    off = (grid[..., 0] - wanted)[:, 2:-2]
    # Bicubic kernels ripple about a ramp; without the offset of 0.1 cells the mean would be off by 0.1.
    assert off.abs().max() < 0.1 and off.mean().abs() < 0.03


def test_weights_are_found_where_torch_hub_keeps_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(ReconstructionError, match="features 'own' need none"):
        find_weights(None)
    with pytest.raises(ReconstructionError, match="no such file"):
        find_weights(tmp_path / "x.pth")
    place = tmp_path / "hub" / "checkpoints" / "dinov2_vits14_pretrain.pth"
    place.parent.mkdir(parents=True)
    torch.save(random_state(), place)
    assert find_weights(None) == place
    assert VisionTransformer(read_weights(place)).depth == DEPTH


def test_weights_of_a_wrapper_and_in_safetensors_are_read(tmp_path: Path) -> None:
    save_file({f"teacher.backbone.{name}": t for name, t in random_state().items()}, tmp_path / "w.safetensors")
    assert VisionTransformer(read_weights(tmp_path / "w.safetensors")).width == WIDTH


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("unpickled",)


def test_nothing_but_tensors_is_unpickled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "w.pth").write_bytes(pickle.dumps({"cls_token": _Evil()}))
    with pytest.raises(ReconstructionError, match=r"w\.pth"):
        read_weights(tmp_path / "w.pth")
    (tmp_path / "v.pth").write_bytes(b"no weights at all")
    with pytest.raises(ReconstructionError, match=r"v\.pth"):
        read_weights(tmp_path / "v.pth")
    assert "unpickled" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"blocks.1.mlp.fc2.weight": None}, "missing"),
        ({"blocks.1.mlp.fc2.weight": torch.full((WIDTH, 4 * WIDTH), torch.nan)}, "spoilt"),
        ({"blocks.0.attn.qkv.weight": torch.zeros(3 * WIDTH, WIDTH)}, "spoilt"),
        ({"patch_embed.proj.weight": torch.ones(WIDTH, 3, 16, 16)}, "want"),
        ({"pos_embed": torch.ones(1, 12, WIDTH)}, "square grid"),
    ],
)
def test_spoilt_weights_are_named(change: dict[str, Tensor | None], message: str) -> None:
    state = random_state() | change
    with pytest.raises(ReconstructionError, match=message):
        VisionTransformer({name: t for name, t in state.items() if t is not None})


def test_a_block_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ReconstructionError, match="does not exist"):
        VisionTransformer(random_state(), block=3)


def pictures(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [np.kron(rng.integers(0, 256, (6, 8, 3)), np.ones((12, 12, 1))).astype(np.uint8) for _ in range(count)]


def test_projected_features_are_unit_and_keep_the_largest_variance() -> None:
    trunk = VisionTransformer(random_state(side=37))
    features = DinoFeatures.fit(trunk, pictures(4), np.random.default_rng(0), channels=6)
    pyramid = features.describe(pictures(1)[0])
    for level, size in ((pyramid.coarse, (16, 22)), (pyramid.fine, (112, 154))):
        assert level.values.shape == (*size, 6) and level.values.dtype == np.float16
        np.testing.assert_allclose(np.linalg.norm(level.values.astype(float), axis=-1), 1.0, atol=5e-3)
        np.testing.assert_allclose(level.cells_per_pixel, (size[1] / 96, size[0] / 72))
    again = DinoFeatures.fit(trunk, pictures(4), np.random.default_rng(0), channels=6)
    assert again.key == features.key
    fewer = DinoFeatures.fit(trunk, pictures(4), np.random.default_rng(0), channels=2)
    np.testing.assert_allclose(fewer._basis, features._basis[:, :2], atol=1e-5)
    gram = (features._basis.T @ features._basis).numpy()
    np.testing.assert_allclose(gram, np.eye(6), atol=1e-5)


def test_tokens_that_are_the_same_everywhere_are_called_spoilt() -> None:
    state = random_state()
    for name in ("pos_embed", "patch_embed.proj.weight"):
        state[name] = state[name] * 1e-6
    with pytest.raises(ReconstructionError, match="dinov2_block 7"):
        DinoFeatures.fit(VisionTransformer(state), pictures(2), np.random.default_rng(0))
