"""The pipeline: capture -> registered cameras -> fused scene -> agent and motion -> home without a policy -> report."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ats_sim.errors import ConfigError, ReconstructionError
from ats_sim.reconstruction.capture.format import Capture
from ats_sim.reconstruction.config import ReconstructConfig
from ats_sim.reconstruction.registration.cameras import Cameras
from ats_sim.reconstruction.stages import MARKERS, Stages, capture_key

RENDER_OUTPUTS = ("renders",)
SCENE_VERSION = "scene/2"
"""Changes when fusion makes something else of the same input."""
AGENT_VERSION = "agent/4"
"""Changes when the agent is found, fitted or shaped otherwise."""
HOME_VERSION = "home/5"
"""Changes when the export makes something else of the same input, so that old homes are made anew."""


def reconstruct(
    capture: Path, output: Path, config: ReconstructConfig | None = None, resume: bool = True
) -> dict[str, Any]:
    """Reconstruct a capture folder into `output`; with `resume`, stages whose inputs did not change are kept.

    Returns:
        A summary of plain numbers: what report.json holds.

    Raises:
        ConfigError: If the device is not there.
        CaptureError: If the capture is broken.
        ReconstructionError: If `output` holds something else, or no video could be registered, or nothing was fused.
    """
    settings = (config or ReconstructConfig()).resolved()
    _check_device(settings.device)
    _check_network(settings)
    _check_weights(settings)
    opened = Capture.open(capture)
    output = Path(output)
    _check_output(output)
    # The folder of markers says from the start whose folder this is, so that a run that stopped early can go on.
    (output / MARKERS).mkdir(parents=True, exist_ok=True)
    try:
        return _run(opened, output, settings, Stages(output, capture_key(opened), resume=resume))
    finally:
        _remove_if_empty(output)


def _run(opened: Capture, output: Path, settings: ReconstructConfig, stages: Stages) -> dict[str, Any]:
    stages.run(
        "register",
        _keys(
            settings,
            "preset",
            "masks",
            "seed",
            "voxel_size",
            "max_keyframes",
            "max_fused_frames",
            "ablate",
            "method",
            "hypotheses",
            "features",
            "dinov2_weights",
            "dinov2_block",
        ),
        ["cameras.json"],
        lambda: _register(opened, output, settings),
    )
    fused = ["scene.safetensors", "scene.glb", "variants"]
    made_with = {"version": SCENE_VERSION, **_keys(settings, "scene")}
    stages.run("fuse", made_with, fused, lambda: fuse_scene(opened, output, settings))
    stages.run(
        "agent",
        {"version": AGENT_VERSION, **_keys(settings, "agent", "agent_body", "device", "mask_network", "mask_classes")},
        ["motion.npz", "agent.glb", "agent_skeleton.json"],
        lambda: fit_agent(opened, output, settings),
    )
    made_by = {**_keys(settings, "texture_size"), "version": HOME_VERSION}
    stages.run("home", made_by, ["home"], lambda: _home(opened, output, settings))
    if settings.renders:
        stages.run("renders", {}, list(RENDER_OUTPUTS), lambda: _renders(output))
    return _report(opened, output, settings, stages)


def _register(capture: Capture, output: Path, config: ReconstructConfig) -> None:
    from ats_sim.reconstruction.registration.register import register

    cameras = register(capture, config, output / MARKERS)
    cameras.write(output / "cameras.json")
    if not cameras.accepted():
        reasons = "; ".join(f"{name}: {video.reason}" for name, video in cameras.videos.items())
        raise ReconstructionError(
            f"{capture.folder}: no video could be registered to the walkthrough ({reasons}). "
            "Is it the same home, and is depth in metres?"
        )


def fuse_scene(capture: Capture, output: Path, config: ReconstructConfig) -> None:
    """The scene of a folder that has cameras.json: scene.safetensors, scene.glb and its variants."""
    from ats_sim.reconstruction.scene.build import build_scene

    built = build_scene(capture, Cameras.read(output / "cameras.json"), config)
    if config.scene == "tsdf":
        built.write(output)
        return
    from ats_sim.reconstruction.registration.features.frames import frame_features
    from ats_sim.reconstruction.scene.field.build import build_neural_scene

    # Training goes on from here if it is stopped: its hash says whether it is still the same training.
    checkpoint = output / MARKERS / "field.safetensors"
    with frame_features(built.parts, config, output / MARKERS / "features") as features:
        build_neural_scene(built, config, features=features, checkpoint=checkpoint).write(output)
    checkpoint.unlink(missing_ok=True)


def fit_agent(capture: Capture, output: Path, config: ReconstructConfig) -> None:
    """The agent of a folder that has cameras.json and a scene: motion.npz, agent.glb and what goes with them."""
    from ats_sim.reconstruction.agent.reconstruct import reconstruct_agent
    from ats_sim.reconstruction.scene.scene_map import SceneMap

    path, scene_field = output / "scene.safetensors", None
    if config.agent == "neural" and config.scene == "neural":
        from ats_sim.reconstruction.scene.field.storage import read_field

        stored = read_field(path, config.device)
        scene_field = None if stored is None else stored[0]
    cameras = Cameras.read(output / "cameras.json")
    reconstruct_agent(capture, cameras, SceneMap.read(path), config, output, output / MARKERS, scene_field)


def _home(capture: Capture, output: Path, config: ReconstructConfig) -> None:
    from ats_sim.reconstruction.export import export_home
    from ats_sim.reconstruction.scene.scene_map import SceneMap

    scene = SceneMap.read(output / "scene.safetensors")
    export_home(capture, Cameras.read(output / "cameras.json"), scene, output, config)


def _renders(output: Path) -> None:
    from ats_sim.reconstruction.rendering.model4d import Model4D, write_renders

    write_renders(output, Cameras.read(output / "cameras.json"), Model4D.read(output))


def _report(capture: Capture, output: Path, config: ReconstructConfig, stages: Stages) -> dict[str, Any]:
    from ats_sim.reconstruction.report import write_report

    return write_report(output, capture, config=asdict(config), seconds=stages.seconds, kept=stages.reused)


def _keys(config: ReconstructConfig, *names: str) -> dict[str, object]:
    return {name: getattr(config, name) for name in names}


def _remove_if_empty(output: Path) -> None:
    """Leave no trace of a run that made nothing."""
    if not any(path for path in output.iterdir() if path.name != MARKERS) and not any((output / MARKERS).iterdir()):
        (output / MARKERS).rmdir()
        output.rmdir()


def _check_device(name: str) -> None:
    """Said before the first stage, rather than an hour later where torch is first needed."""
    if name == "cpu":
        return
    import torch

    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ConfigError(f"device {name}: this torch cannot use it; say --device cpu, or install its build") from error


def _check_network(config: ReconstructConfig) -> None:
    """Likewise."""
    if config.mask_network is not None:
        from ats_sim.reconstruction.agent.mask_network import MaskNetwork

        MaskNetwork(config.mask_network, config.mask_classes)


def _check_weights(config: ReconstructConfig) -> None:
    """Likewise."""
    if config.features == "dinov2":
        from ats_sim.reconstruction.registration.features.vit import find_weights

        find_weights(config.dinov2_weights)


def _check_output(output: Path) -> None:
    """Refuse to write into a folder that is something else's."""
    if output.is_file():
        raise ReconstructionError(f"{output}: is a file; name a folder for the reconstruction")
    if output.is_dir() and any(output.iterdir()) and not (output / MARKERS).is_dir():
        raise ReconstructionError(f"{output}: is not empty and holds no reconstruction; name a new folder")


def summary_numbers(report: dict[str, Any]) -> dict[str, float]:
    """The plain numbers of a report, nested names joined by dots."""
    flat: dict[str, float] = {}
    for name, value in report.items():
        if isinstance(value, dict):
            flat.update({f"{name}.{inner}": number for inner, number in summary_numbers(value).items()})
        elif isinstance(value, int | float | np.number) and not isinstance(value, bool):
            flat[name] = float(value)
    return flat
