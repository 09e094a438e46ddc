"""Trained networks as ONNX graphs and the `policy.json` that says how to run them.

Noise is an input: a graph draws nothing, so that the same noise gives the same plan everywhere. Each graph is one
file, computing in float32, with a free batch axis; the loop, the noise levels and the normalisation live in NumPy.
"""

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from ats_sim.denoising import GRAPHS, STAGES, Normalisation
from ats_sim.files import write_json
from ats_sim.graph_metadata import without_metadata
from ats_sim.manifest import POLICY_FORMAT
from ats_sim.models.encoders import CODE, MAP_CHANNELS
from ats_sim.models.hierarchy import Behaviour
from ats_sim.perception import FUTURE, PAST, PATCH_CELL, PATCH_SHAPE
from ats_sim.progress import track

MAX_EXPORT_BATCH = 1024
SMALLEST_HALVED = 256
"""Weights of at least so many numbers are stored in half precision."""
PERSISTENCE_S = 1.0
"""Seconds after which an intention has faded to 1/e. With longer ones the animal stays where it rests, with shorter
ones it dithers (benchmarks/RESULTS.md)."""
Shapes = dict[str, tuple[int, ...]]


def graph_inputs(networks: Behaviour, channels: int) -> dict[str, Shapes]:
    """Input names and shapes (without the batch axis) of every graph, in the order of `forward`'s arguments."""
    coefficients, pose_width = (networks.path.curves.size, 3), networks.pose.unet.out.out_channels
    histories: Shapes = {"observer_code": (CODE,), "past_code": (CODE,)}
    codes: Shapes = {"scene_code": (CODE,), "scene_map": (MAP_CHANNELS, *PATCH_SHAPE[:2]), **histories}
    level: Shapes = {"level": (1,)}
    keep: Shapes = {"keep": (4,)}
    goal: Shapes = {"goal": (3,)}
    path: Shapes = {"path": (FUTURE, 3)}
    guides: dict[str, Shapes] = {
        "path_guide": {"scene_code": (CODE,), **histories, **goal},
        "pose_guide": {**histories, **path},
    }
    led = goal
    if not networks.controlled:
        # What guides by a code guides by nothing else.
        guides, led = {"path_guide": goal, "pose_guide": path}, {}
    return {
        "scene": {"scene_patch": (channels, *PATCH_SHAPE)},
        "history": {"observer_past": (PAST, 3), "past": (PAST, 3 + pose_width)},
        **{name: {**inputs, **keep} for name, inputs in guides.items()},
        "goal": {"noisy": (3,), **level, **codes, **keep},
        "path": {
            "noisy": coefficients,
            **level,
            **codes,
            **led,
            "centre": coefficients,
            "spread": coefficients,
            **keep,
            **networks.path_guide.activations,
        },
        "pose": {
            "noisy": (FUTURE, pose_width),
            **level,
            **histories,
            "current": (pose_width,),
            **keep,
            **networks.pose_guide.activations,
        },
    }


def graph_outputs(networks: Behaviour) -> dict[str, tuple[str, ...]]:
    """Output names of every graph."""
    return {
        "scene": ("scene_code", "scene_map"),
        "history": ("observer_code", "past_code"),
        "path_guide": tuple(networks.path_guide.activations),
        "pose_guide": tuple(networks.pose_guide.activations),
        **dict.fromkeys(STAGES, (networks.recipe.predicts,)),
    }


def export_policy(
    folder: Path,
    networks: Behaviour,
    normalisation: Normalisation,
    *,
    joint_names: Sequence[str],
    channels: Sequence[str],
    hidden: Sequence[str] = (),
    training: Mapping[str, Any],
) -> None:
    """Write the seven graphs and `policy.json` into a folder; `home.seal_home` then adds their hashes.

    Args:
        folder: Where to.
        networks: Trained networks; their weights are rounded to half precision, which halves the files.
        normalisation: What they were trained with.
        joint_names: Joint order of the poses, the root first.
        channels: Channel order of the scene patch.
        hidden: Conditions (scene, observer, past) that the networks never saw and that must stay hidden.
        training: Plain facts about the training, kept in `policy.json`.
    """
    inputs, outputs = graph_inputs(networks, len(channels)), graph_outputs(networks)
    round_weights(networks)
    for name in track(GRAPHS, "export to ONNX"):
        export_graph(folder / f"{name}.onnx", networks.get_submodule(name), inputs[name], outputs[name])
    spec = {
        "format": POLICY_FORMAT,
        "past_frames": PAST,
        "future_frames": FUTURE,
        "joint_names": list(joint_names),
        "channels": list(channels),
        "patch": {"shape": list(PATCH_SHAPE), "cell": PATCH_CELL},
        "graphs": {name: _promised(name, inputs[name], outputs[name]) for name in GRAPHS},
        "schedule": networks.recipe.schedule() | {"persistence_s": PERSISTENCE_S},
        "hidden": list(hidden),
        "normalisation": normalisation.to_json(),
        "training": dict(training),
    }
    write_json(folder / "policy.json", spec)


def _promised(name: str, inputs: Shapes, outputs: Sequence[str]) -> dict[str, Any]:
    """What `policy.json` says of a graph; `policy_fit.check_graph` holds the graph to it."""
    return {
        "file": f"{name}.onnx",
        "inputs": {key: list(shape) for key, shape in inputs.items()},
        "outputs": list(outputs),
    }


def export_graph(path: Path, module: nn.Module, inputs: Shapes, outputs: Sequence[str]) -> None:
    """Write one module as a single-file graph with a free batch axis."""
    module = module.eval().cpu()
    # Two rows: an axis of length one would be taken for a constant.
    example = tuple(torch.zeros(2, *shape) for shape in inputs.values())
    batch = torch.export.Dim("B", min=1, max=MAX_EXPORT_BATCH)
    with _quiet():
        torch.onnx.export(
            module,
            example,
            str(path),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=tuple({0: batch} for _ in inputs),
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    _halve(path)
    # The exporter writes the machine's file paths into every node; a home is given away.
    path.write_bytes(without_metadata(path.read_bytes()))


def round_weights(module: nn.Module) -> None:
    """Round large weights to half precision in place, so that storing them so changes nothing any more."""
    with torch.no_grad():
        for tensor in (*module.parameters(), *module.buffers()):
            if tensor.is_floating_point() and tensor.numel() >= SMALLEST_HALVED:
                tensor.copy_(tensor.half().to(tensor.dtype))


def _halve(path: Path) -> None:
    """Store large weights of a graph in half precision, each behind a cast that the runtime folds away on loading."""
    model = onnx.load(path)
    casts = []
    for weight in model.graph.initializer:
        values = onnx.numpy_helper.to_array(weight)
        if values.dtype == np.float32 and values.size >= SMALLEST_HALVED:
            name = weight.name
            weight.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}_half"))
            casts.append(onnx.helper.make_node("Cast", [f"{name}_half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.save(model, path)


def example_inputs(inputs: Shapes, batch: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Random inputs of a graph, for parity checks: levels and switches within their ranges."""
    values = {name: torch.randn(batch, *shape, generator=generator) for name, shape in inputs.items()}
    if "level" in values:
        values["level"] = torch.rand(batch, 1, generator=generator)
        values["keep"] = (torch.rand(batch, 4, generator=generator) > 0.3).float()
    return values


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns about its own deprecations and missing optional packages; none of it is for our users."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
