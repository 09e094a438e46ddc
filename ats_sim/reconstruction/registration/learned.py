"""Adds to a map the localizers that its method wants, trained on the recording that made it and on what it grew by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ats_sim.reconstruction.capture.format import Video
from ats_sim.reconstruction.config import ReconstructConfig
from ats_sim.reconstruction.registration.growth import Growth, pictures_of
from ats_sim.reconstruction.registration.known_map import Map
from ats_sim.reconstruction.registration.neural.frame_poses import FrameLocalizer
from ats_sim.reconstruction.registration.neural.view import View
from ats_sim.reconstruction.thinning import evenly

LEARNED = frozenset({"neural", "regression"})


def learns(config: ReconstructConfig) -> bool:
    """Whether any generator has to learn the home first."""
    return not LEARNED.isdisjoint(config.generators)


def only_learns(config: ReconstructConfig) -> bool:
    """Whether no generator can do without."""
    return LEARNED.issuperset(config.generators)


def with_localizers(
    scene: Map, anchor: Video, config: ReconstructConfig, cache: Path | None, grown: Sequence[Growth] = ()
) -> Map:
    """The map with a localizer for every learned generator named; torch is imported only then."""
    wanted = LEARNED.intersection(config.generators)
    if not wanted or anchor.T_world_camera is None:
        return scene
    from ats_sim.reconstruction.registration.neural.settings import PRESETS
    from ats_sim.reconstruction.registration.neural.training import School

    settings = PRESETS[config.preset]
    chosen = evenly(len(anchor), settings.filmed)
    views = [
        View.of(
            anchor.rgb(int(i)), anchor.depth(int(i)), anchor.mask(int(i)) if config.masks else None, anchor.intrinsics
        )
        for i in chosen
    ]
    school = School(
        scene.volume,
        views,
        anchor.T_world_camera[chosen],
        settings,
        device=config.device,
        seed=config.seed,
        folder=cache,
    )
    school.show(*pictures_of(grown))
    taught: dict[str, FrameLocalizer] = {}
    if "neural" in wanted:
        taught["neural"] = school.scene_coordinates()
    if "regression" in wanted:
        taught["regression"] = school.pose_regression()
    return replace(scene, localizers=taught)
