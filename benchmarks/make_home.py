"""Rebuild the bundled home from nothing, through the whole pipeline: synthesize, reconstruct, train, install.

    python -m benchmarks.make_home --work out/home

Every stage resumes where it was stopped, so the same command continues after an interruption. The result replaces
`ats_sim/assets/homes/default`; its provenance and metrics are in its `home.json`.
"""

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tyro

from ats_sim.files import atomic_folder, write_json
from ats_sim.home import Home, seal_home

DEFAULT = Path(__file__).resolve().parents[1] / "ats_sim" / "assets" / "homes" / "default"


@dataclass(frozen=True)
class MakeHome:
    """Which home to make, and how much of it."""

    work: Path = Path("out/home")
    """Folder for the capture, the reconstruction and the trained home."""
    videos: int = 72
    """Videos of the animal."""
    seconds: float = 60.0
    """Length of each video."""
    seed: int = 7
    """Seed of the home, the animal and the days."""
    preset: Literal["fast", "default", "full"] = "default"
    """Effort of reconstruction and training."""
    install: bool = True
    """Replace the bundled home by the result."""


def timed(seconds: dict[str, float], stage: str, run: Callable[[], Any]) -> Any:
    """Run a stage and note how long it took; a resumed stage that had nothing to do takes next to nothing."""
    start = time.monotonic()
    result = run()
    seconds[stage] = round(time.monotonic() - start, 1)
    return result


def main(options: MakeHome) -> dict[str, Any]:
    """Make the home and return a summary of its stages and their seconds."""
    from ats_sim.models.config import TrainConfig
    from ats_sim.models.training import train
    from ats_sim.reconstruction.capture.synthesis.config import SynthesizeConfig
    from ats_sim.reconstruction.capture.synthesis.synthesize import synthesize
    from ats_sim.reconstruction.config import ReconstructConfig
    from ats_sim.reconstruction.evaluation import evaluate_reconstruction
    from ats_sim.reconstruction.pipeline import reconstruct

    capture, recon, home = (options.work / name for name in ("capture", "recon", "home"))
    seconds: dict[str, float] = {}
    config = SynthesizeConfig(
        videos=options.videos,
        seconds=options.seconds,
        seed=options.seed,
        walkthrough_seconds=90.0,
        second_camera=False,
    )
    summary = {
        "synthesize": timed(seconds, "synthesize", lambda: synthesize(capture, config)),
        "reconstruct": timed(
            seconds,
            "reconstruct",
            lambda: reconstruct(capture, recon, ReconstructConfig(preset=options.preset), resume=True),
        ),
        "train": timed(seconds, "train", lambda: train(recon, home, TrainConfig(preset=options.preset), resume=True)),
    }
    scores = timed(seconds, "evaluate", lambda: evaluate_reconstruction(recon, capture))
    write_json(options.work / "summary.json", {"seconds": seconds, "scores": scores, **summary})
    if options.install:
        install(home, {part: scores[part].get("all", scores[part]) for part in ("registration", "pictures", "agent")})
    return {"seconds": seconds, **summary}


def install(home: Path, scores: dict[str, Any]) -> None:
    """Replace the bundled home, with the reconstruction's scores among its metrics."""
    made = Home.load(home)
    with atomic_folder(DEFAULT) as folder:
        shutil.copytree(home, folder, dirs_exist_ok=True)
        seal_home(
            folder,
            name="default",
            skeleton=made.skeleton,
            T_home_scene=made.T_home_scene,
            provenance=made.provenance,
            metrics={**made.metrics, "reconstruction": scores},
        )


if __name__ == "__main__":
    print(json.dumps(main(tyro.cli(MakeHome)), indent=1, default=str))
