"""A segmentation network that the user brings makes masks from free space better, and cannot make them absurd."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ats_sim.arrays import Array
from ats_sim.errors import ConfigError
from ats_sim.reconstruction.agent.mask_network import DEVIATION, MEAN, MaskNetwork, refined
from ats_sim.reconstruction.config import ReconstructConfig
from ats_sim.reconstruction.pipeline import reconstruct

ORANGE, GREY = np.array([220, 120, 40]), np.array([130, 130, 130])


def write_network(path: Path, channels: int = 3, side: int | None = None) -> Path:
    """One 1x1 convolution that tells orange from grey: channel 1 (or the only one) is orange."""
    weight = np.zeros((channels, 3, 1, 1), np.float32)
    tells = 60.0 * DEVIATION * (ORANGE - GREY) / 255.0
    weight[-1 if channels == 1 else 1, :, 0, 0] = tells
    middle = (0.5 * (ORANGE + GREY) / 255.0 - MEAN) / DEVIATION
    bias = np.zeros(channels, np.float32)
    bias[-1 if channels == 1 else 1] = -float(tells @ middle)
    size = [side, side] if side else ["h", "w"]
    graph = helper.make_graph(
        [helper.make_node("Conv", ["picture", "weight", "bias"], ["scores"])],
        "orange",
        [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, *size])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weight, "weight"), numpy_helper.from_array(bias, "bias")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))
    return path


def scene() -> tuple[Array, Array, Array]:
    """A picture (60, 80, 3) with an orange animal and other orange things, its depth, and its true mask."""
    true = np.zeros((60, 80), bool)
    true[20:40, 20:50] = True
    true[40:50, 22:26] = true[40:50, 44:48] = True  # legs
    rgb, depth = np.tile(np.uint8(GREY), (60, 80, 1)), np.full((60, 80), 3.0, np.float32)
    rgb[true], depth[true] = ORANGE, 2.0
    rgb[5:15, 60:70] = ORANGE
    rgb[30:36, 50:56], depth[30:36, 50:56] = ORANGE, 3.2  # a cushion on the wall behind, just beside it in the picture
    return rgb, depth, true


def moving(true: Array) -> Array:
    """What free space tells of it: no legs, and a piece of shadow."""
    mask = true.copy()
    mask[38:] = False
    mask[26:34, 12:20] = True
    return mask


def overlap(first: Array, second: Array) -> float:
    return float((first & second).sum() / (first | second).sum())


@pytest.mark.parametrize(("channels", "side"), [(3, None), (1, None), (3, 64)])
def test_legs_come_back_and_shadows_go(tmp_path: Path, channels: int, side: int | None) -> None:
    rgb, depth, true = scene()
    network = MaskNetwork(write_network(tmp_path / "n.onnx", channels, side), (1,))
    chance = network.chance(rgb)
    assert chance.shape == true.shape and (chance[25:35, 25:45] > 0.9).all() and (chance[:4] < 0.1).all()
    mask = refined(moving(true), depth, chance)
    assert overlap(moving(true), true) < 0.8 and overlap(mask, true) > (0.97 if side is None else 0.85)
    assert not mask[5:15, 60:70].any()  # orange too, but nothing moves there
    assert not mask[30:36, 52:56].any()  # orange and beside it, but behind


def test_a_network_that_does_not_know_the_animal_changes_nothing(tmp_path: Path) -> None:
    rgb, depth, true = scene()
    network = MaskNetwork(write_network(tmp_path / "n.onnx"), (2,))
    assert (refined(moving(true), depth, network.chance(rgb)) == moving(true)).all()
    nothing = np.zeros_like(true)
    assert not refined(nothing, depth, np.ones(true.shape)).any()


def test_what_is_no_such_network_is_refused_before_anything_runs(tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"not a network")
    for path in (broken, tmp_path / "missing.onnx"):
        with pytest.raises(ConfigError, match="not a readable ONNX network"):
            reconstruct(tmp_path / "capture", tmp_path / "out", ReconstructConfig(mask_network=path))
    network = MaskNetwork(write_network(tmp_path / "n.onnx"), (8, 12))
    with pytest.raises(ConfigError, match=r"of \(8, 12\)"):
        network.chance(scene()[0])
    with pytest.raises(ConfigError, match="mask_classes"):
        ReconstructConfig(mask_classes=())
