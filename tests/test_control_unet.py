"""The U-Nets' matrix products are the convolutions that torch knows, in another layout."""

import pytest
import torch
from torch import Tensor, nn

from ats_sim.models.control_unet import GuidedUNet, GuideUNet, _Doubling, _GroupNorm, _Halving, _Pointwise, _Threewise

ROWS, FRAMES, CHANNELS, OUT = 3, 16, 24, 40


def signal() -> Tensor:
    return torch.randn(ROWS, FRAMES, CHANNELS, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("layer", "peer"),
    [
        (_Pointwise(CHANNELS, OUT), nn.Conv1d(CHANNELS, OUT, 1)),
        (_Threewise(CHANNELS, OUT), nn.Conv1d(CHANNELS, OUT, 3, padding=1)),
        (_Halving(CHANNELS, OUT, 3), nn.Conv1d(CHANNELS, OUT, 3, 2, 1)),
        (_Halving(CHANNELS, OUT, 4), nn.Conv1d(CHANNELS, OUT, 4, 2, 1)),
        (_Doubling(CHANNELS, OUT), nn.ConvTranspose1d(CHANNELS, OUT, 4, 2, 1)),
    ],
)
def test_layers_are_torchs_convolutions(layer: nn.Module, peer: nn.Module) -> None:
    peer.load_state_dict(layer.state_dict())
    expected = peer(signal().transpose(1, 2)).transpose(1, 2)
    torch.testing.assert_close(layer(signal()), expected, atol=2e-6, rtol=1e-5)


def test_norm_is_torchs_group_norm_scaled_and_shifted() -> None:
    x = 3.0 * signal() + 5.0
    scale, shift = torch.rand(ROWS, 1, CHANNELS), torch.rand(ROWS, 1, CHANNELS)
    normed = nn.GroupNorm(8, CHANNELS, affine=False)(x.transpose(1, 2)).transpose(1, 2)
    torch.testing.assert_close(_GroupNorm(CHANNELS)(x, scale, shift), normed * scale + shift, atol=1e-5, rtol=1e-5)


def test_a_fresh_guide_changes_nothing_and_a_learned_one_does() -> None:
    guide, unet = GuideUNet(6, 32, 16), GuidedUNet(CHANNELS, 5, 32, 16)
    condition, way = torch.randn(ROWS, 32), torch.randn(ROWS, FRAMES, 6)
    injected = guide(way, condition)
    assert all(not activation.any() for activation in injected)
    drawn = unet(signal(), condition, injected)
    assert drawn.shape == (ROWS, FRAMES, 5)
    for project in guide.inject:
        nn.init.normal_(project.weight)
    assert not torch.allclose(unet(signal(), condition, guide(way, condition)), drawn)
