"""The rows of `benchmarks.minds`: how each mind is trained, and what it then foresees with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch

from ats_sim.denoising import STAGES, falling_levels
from ats_sim.home import Home
from ats_sim.models.baselines import Baseline, constant_velocity, gaussian_regression, location_prior, stand_still
from ats_sim.models.config import TrainConfig, size_of
from ats_sim.models.recipes import CROWDING
from ats_sim.models.recordings import Recording
from ats_sim.models.statistics import fit_statistics, statistics_rng
from ats_sim.models.training import Lesson, build, prepare, train
from ats_sim.models.windows import perception_at
from ats_sim.perception import FUTURE, HZ
from ats_sim.policy import Policy
from ats_sim.reconstruction.capture.synthesis.config import SynthesizeConfig
from benchmarks.minds_futures import Case, Predictor
from benchmarks.minds_joint import JointDenoiser, JointPredictor
from benchmarks.minds_oracle import Oracle
from benchmarks.minds_predictors import PlacePredictor, PolicyPredictor, Reconstructed
from benchmarks.minds_training import taught
from benchmarks.minds_truth import Likeness, Moment, Motion, Synthesized, foreseeable, start_of
from benchmarks.minds_winners import Winners, WinnersPredictor
from benchmarks.minds_world import learned_in_world, world_frame

FILMED = SynthesizeConfig(videos=72, seconds=60.0, seed=7, walkthrough_seconds=90.0, second_camera=False)
"""What the bundled home was made of (`benchmarks.make_home`)."""
LIKENESS_VIDEOS = 6
"""Videos of training that the constant offsets of joints are fitted on."""
MANY_CALLS = {stage: list(falling_levels(50, CROWDING[stage])) for stage in STAGES}


@dataclass(frozen=True, eq=False)
class Bench:
    """One home's videos, one seed, one budget; what is trained is kept in a folder."""

    work: Path
    steps: int
    seed: int
    windows: int
    source: Path = Path("default")
    filmed: SynthesizeConfig = FILMED

    @cached_property
    def config(self) -> TrainConfig:
        """Of every training."""
        return TrainConfig(steps=self.steps, seed=self.seed)

    @cached_property
    def lesson(self) -> Lesson:
        """What is learned from."""
        return prepare(self.source, self.config)

    @property
    def home(self) -> Home:
        """Where the animal lives."""
        return self.lesson.home

    @cached_property
    def synthesized(self) -> Synthesized:
        """The truth."""
        return Synthesized.of(self.home, self.filmed)

    @cached_property
    def likeness(self) -> Likeness:
        """From the fitted to the true skeleton, by evenly spread videos of training."""
        spread = np.linspace(0, len(self.lesson.recordings) - 1, LIKENESS_VIDEOS).round().astype(int)
        chosen = [self.lesson.recordings[i] for i in np.unique(spread)]
        truths = [self.synthesized.day(r.name, start_of(self.home, r), len(r.valid)) for r in chosen]
        return Likeness.fitted(self.home.skeleton.joint_rest, chosen, truths)

    @cached_property
    def cases(self) -> Sequence[Case]:
        """Moments of the held-out videos, as many of each, evenly spread."""
        return [case for index in range(len(self.lesson.test_recordings)) for case in self._cases(index)]

    def _cases(self, index: int) -> list[Case]:
        videos = self.lesson.test_recordings
        recording, start = videos[index], start_of(self.home, videos[index])
        frames = int(round((self.filmed.seconds - start) * HZ))
        known = foreseeable(recording, frames)
        share = self.windows // len(videos) + (index < self.windows % len(videos))
        wanted = known[np.unique(np.linspace(0, len(known) - 1, share).round().astype(int))].tolist()
        motion, moments = self.synthesized.relived(recording.name, start, frames, wanted)
        return [self._case(recording, now, motion, moments[now]) for now in wanted]

    def _case(self, recording: Recording, now: int, motion: Motion, moment: Moment) -> Case:
        after = slice(now + 1, now + 1 + FUTURE)
        seen = len(recording.valid[after]) == FUTURE and recording.valid[after].all()
        return Case(
            recording,
            now,
            perception_at(recording, now, self.home.perception),
            Motion(motion.T_world_root[after], motion.limbs[after]),
            self.likeness.motion(recording.T_world_root[after], recording.joint_rotations[after]) if seen else None,
            moment,
        )

    def folder(self, name: str) -> Path:
        """Where a mind is kept."""
        return self.work / "homes" / f"steps-{self.steps}-seed-{self.seed}" / name


def by_training(name: str, changes: Mapping[str, object], bench: Bench) -> Predictor:
    """A mind that `ats train` makes."""
    return _policy(bench, _trained(name, changes, bench))


def as_bundled(bench: Bench) -> Predictor:
    """The mind that the home came with, where it held out the same videos."""
    held_out = (bench.home.policy_spec or {})["training"]["held_out"]
    names = [recording.name for recording in bench.lesson.test_recordings]
    if held_out != names:
        raise ValueError(f"the bundled mind held out {held_out}, this benchmark scores {names}")
    return _policy(bench, bench.home)


def by_schedule(changes: Mapping[str, object], bench: Bench) -> Predictor:
    """Our mind, drawn from otherwise than its home says."""
    home = _trained("ours", {}, bench)
    spec = dict(home.policy_spec or {})
    return _policy(bench, replace(home, policy_spec=spec | {"schedule": spec["schedule"] | changes}))


def by_world(bench: Bench) -> Predictor:
    """A mind in the home's frame."""
    folder = bench.folder("world-frame")
    if not (folder / "home.json").is_file():
        learned_in_world(bench.lesson, bench.config, folder)
    home = Home.load(folder)
    return PolicyPredictor(Policy.load(home), home, bench.likeness, world_frame(bench.home))


def by_joint(bench: Bench) -> Predictor:
    """One stage."""
    maker, _ = build(bench.lesson, bench.config, size_of(bench.config))
    paths = maker.windows.future[..., :3]
    if maker.mirror is not None:
        paths = np.concatenate([paths, maker.mirror.points(paths)])
    networks = _seeded(bench, lambda *given: JointDenoiser(paths, maker.normalisation, *given))
    taught(networks, maker, bench.config, bench.steps, bench.folder("joint.safetensors"))
    return JointPredictor(networks, bench.likeness)


def by_winners(bench: Bench) -> Predictor:
    """Sixteen guesses."""
    maker, _ = build(bench.lesson, bench.config, size_of(bench.config))
    networks = _seeded(bench, lambda *given: Winners(maker.normalisation, *given))
    taught(networks, maker, bench.config, bench.steps, bench.folder("winners.safetensors"))
    return WinnersPredictor(networks)


def by_baseline(make: Callable[[Bench], Baseline], bench: Bench) -> Predictor:
    """A baseline."""
    return PlacePredictor(make(bench))


def _trained(name: str, changes: Mapping[str, object], bench: Bench) -> Home:
    folder = bench.folder(name)
    if not (folder / "home.json").is_file():
        train(bench.source, folder, replace(bench.config, **changes))
    return Home.load(folder)


def _policy(bench: Bench, home: Home) -> PolicyPredictor:
    return PolicyPredictor(Policy.load(home), home, bench.likeness)


def _seeded(bench: Bench, make: Callable[..., torch.nn.Module]) -> torch.nn.Module:
    """Networks of a seed, made of statistics of their inputs and the share of dropout."""
    statistics = fit_statistics(bench.lesson.train_windows, bench.home.perception, statistics_rng(bench.seed))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(bench.seed)
        return make(statistics, bench.config.dropout)


OURS = "ours"
ORACLE = "the true mind, re-rolled (oracle)"
ROWS: Mapping[str, Callable[[Bench], Predictor]] = {
    OURS: partial(by_training, "ours", {}),
    "ours as bundled: default preset": as_bundled,
    "w/o observer": partial(by_training, "without-observer", {"ablate": ("observer",)}),
    "w/o scene": partial(by_training, "without-scene", {"ablate": ("scene",)}),
    "w/o past": partial(by_training, "without-past", {"ablate": ("past",)}),
    "ControlUNet -> one code": partial(by_training, "without-control", {"ablate": ("control",)}),
    "hierarchical -> 1-stage": by_joint,
    "ego -> world": by_world,
    "noise predicted, 50 ancestral steps": partial(by_training, "noise", {"prediction": "noise"}),
    "ours, 50 calls a stage": partial(by_schedule, {"levels": MANY_CALLS}),
    "ours, goals not guided": partial(by_schedule, {"guidance": {}}),
    "winner takes all, 16 heads": by_winners,
    "Gaussian regression": partial(by_baseline, lambda bench: gaussian_regression(bench.lesson.train_windows)),
    "location prior": partial(by_baseline, lambda bench: location_prior(bench.lesson.recordings)),
    "constant velocity": partial(by_baseline, lambda bench: constant_velocity()),
    "stand still": partial(by_baseline, lambda bench: stand_still()),
    ORACLE: lambda bench: Oracle(bench.synthesized),
    "(the reconstruction of what happened)": lambda bench: Reconstructed(bench.likeness),
}
SLOW = (ORACLE, "noise predicted, 50 ancestral steps", "ours, 50 calls a stage")
"""Rows that get a quarter of the trials: a future of theirs costs ten to fifty times ours."""
