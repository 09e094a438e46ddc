"""From recorded motion to a home with a mind: `ats train`."""

import json
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from ats_sim.arrays import Array
from ats_sim.errors import ConfigError, TrainingError
from ats_sim.files import atomic_folder, read_json, sha256, write_json
from ats_sim.home import Home, seal_home
from ats_sim.models.batches import CONDITIONS, BatchMaker
from ats_sim.models.checkpoints import read_checkpoint, write_checkpoint
from ats_sim.models.config import TrainConfig, TrainSize, limited, prediction_of, size_of
from ats_sim.models.evaluation import evaluate_policy
from ats_sim.models.hierarchy import Behaviour
from ats_sim.models.learner import Learner, StepReport
from ats_sim.models.mirror import Mirror
from ats_sim.models.onnx_export import export_policy, graph_inputs
from ats_sim.models.recordings import Recording, home_of, load_recordings, recorded_files
from ats_sim.models.statistics import fit_normalisation, fit_statistics, statistics_rng
from ats_sim.models.windows import ENOUGH_WINDOWS, Windows, cut_windows, whole_windows
from ats_sim.perception import patch_channels
from ats_sim.policy import Policy
from ats_sim.progress import steps as progress_steps

TRAINING_VERSION = "training/2"
"""Changes when the same options make other networks of the same recordings: an old checkpoint must not go on then."""
LOG_EVERY = 10
POLICY = "policy.json"
SMALL_TEST = {"samples": 16, "trials": 2, "max_windows": 24}
# What may differ between a training and its continuation: nothing that changes a number.
FREE_OPTIONS = ("device", "threads", "checkpoint_every")


@dataclass(frozen=True, eq=False)
class Lesson:
    """Everything a training learns from, and what it is tested on."""

    home: Home
    recordings: tuple[Recording, ...]
    train_windows: Windows
    test_recordings: tuple[Recording, ...]
    fingerprint: str


def train(source: Path, output: Path, config: TrainConfig | None = None, resume: bool = True) -> dict[str, Any]:
    """Learn behaviour from recorded motion and write a complete home.

    Checkpoint, log and report lie beside the output in `<output>.training`; the home itself appears whole, at the end.

    Args:
        source: A reconstruction, whose `home` is copied, or a home that remembers its videos ("default" does).
        output: Where the home goes; an old home is replaced, anything else refused.
        config: Options.
        resume: Go on from the last checkpoint, bit-equal to a training that was never interrupted; otherwise begin
            anew and forget it.

    Returns:
        Plain figures: windows, steps, seconds, losses, and errors on held-out videos where there are any.

    Raises:
        TrainingError: If the source holds nothing to learn from, or learning fails.
        ConfigError: If an option is out of range, or something else than a home would be replaced.
    """
    source, output, config = Path(source), Path(output), config or TrainConfig()
    size_of(config)  # Refuse impossible options before reading anything.
    _device(config.device)
    _refuse_to_replace(output, source)
    torch.set_num_threads(config.threads or int(os.environ.get("OMP_NUM_THREADS", 0)) or os.cpu_count() or 1)
    lesson = prepare(source, config)
    size = limited(size_of(config), config, len(lesson.train_windows))
    work = output.with_name(output.name + ".training")
    if not resume:
        shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    facts = _facts(lesson, config)
    finished = _finished(work, output, facts)
    if finished is not None:
        return finished
    began = time.monotonic()
    maker, learner = build(lesson, config, size)
    report = _learn(learner, maker, work, facts, size, config.checkpoint_every)
    summary: dict[str, Any] = {
        "videos": len(lesson.recordings),
        "test_videos": len(lesson.test_recordings),
        "windows": len(lesson.train_windows),
        "few_windows": int(len(lesson.train_windows) < ENOUGH_WINDOWS),
        "parameters": sum(p.numel() for p in learner.networks.parameters()),
        "steps": learner.step,
        **{f"loss_{name}": value for name, value in report.items()},
    }
    learned = time.monotonic() - began
    scores = _export(output, lesson, learner, maker, config, summary)
    summary |= {f"test_{name}": value for name, value in scores.items()}
    # Of this run alone, which may have gone on from a checkpoint: no fact about the home.
    summary["seconds"] = round(learned, 1)
    made = {"facts": facts, "policy": _mind_of(output)}
    write_json(work / "report.json", {"summary": summary, **made, "loss_curve": _read_log(work / "log.jsonl")})
    return summary


def prepare(source: Path, config: TrainConfig) -> Lesson:
    """Read what was recorded and split it by video.

    Raises:
        TrainingError: If there is nothing to learn from.
    """
    home = home_of(source)
    recordings = load_recordings(source, home)
    held_out = held_out_names([recording.name for recording in recordings], config.held_out)
    train_part = tuple(recording for recording in recordings if recording.name not in held_out)
    test_part = tuple(recording for recording in recordings if recording.name in held_out)
    fingerprint = ":".join(sha256(path)[:16] for path in (*recorded_files(source, home), home.file("perception.npz")))
    return Lesson(home, train_part, cut_windows(train_part), test_part, fingerprint)


def held_out_names(names: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    """Videos kept for testing: those asked for, else every seventh, else the last of three or more.

    Seven, because habits often repeat with the day of the week or by twos and fours: every eighth video of somebody
    who takes turns sitting and following would always show the same of both.

    Raises:
        TrainingError: If a wanted one does not exist, or nothing would be left to learn from.
    """
    unknown = set(wanted) - set(names)
    if unknown:
        raise TrainingError(f"held_out: no registered videos {sorted(unknown)}; there are {list(names)}")
    if wanted and not set(names) - set(wanted):
        raise TrainingError(f"held_out: {list(wanted)} are all videos there are; leave some to learn from")
    if wanted:
        return tuple(wanted)
    if len(names) >= 7:
        return tuple(names[6::7])
    return (names[-1],) if len(names) >= 3 else ()


def build(
    lesson: Lesson, config: TrainConfig, size: TrainSize, basis: Array | None = None
) -> tuple[BatchMaker, Learner]:
    """Fresh networks for a lesson, and the maker of their batches; a basis (56, K) for paths stands in for ours."""
    volume, skeleton = lesson.home.perception, lesson.home.skeleton
    channels = patch_channels(volume)
    mirror = Mirror.of(skeleton, channels) if config.mirror else None
    normalisation = fit_normalisation(lesson.train_windows, mirror, basis)
    statistics = fit_statistics(lesson.train_windows, volume, statistics_rng(config.seed))
    # Layers draw their first weights from torch's global generator: lend it a seed, then give it back as it was.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        networks = Behaviour(
            normalisation,
            statistics,
            path_width=size.path_width,
            pose_width=size.pose_width,
            dropout=config.dropout,
            prediction=prediction_of(config),
            controlled="control" not in config.ablate,
        )
    learner = Learner(
        networks,
        graph_inputs(networks, len(channels)),
        steps=size.steps,
        rate=config.learning_rate,
        weight_decay=config.weight_decay,
        device=_device(config.device),
    )
    return BatchMaker(lesson.train_windows, volume, normalisation, mirror, config, size.batch), learner


def _refuse_to_replace(output: Path, source: Path) -> None:
    """The output is replaced as a whole: only a home may be lost by that, and not the one that is learned from."""
    if output.resolve().is_relative_to(source.resolve()):
        raise ConfigError(f"output {output}: lies in what is learned from; name another folder")
    if output.is_file() or (output.is_dir() and any(output.iterdir()) and not (output / "home.json").is_file()):
        raise ConfigError(f"output {output}: is there and is no home; it would be replaced, so name another folder")


def _device(name: str) -> str:
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(f"device {name}: this torch finds no usable GPU; say --device cpu, or install its CUDA build")
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    return name


def _facts(lesson: Lesson, config: TrainConfig) -> dict[str, Any]:
    options = {name: value for name, value in asdict(config).items() if name not in FREE_OPTIONS}
    return {"config": json.loads(json.dumps(options)), "data": lesson.fingerprint, "version": TRAINING_VERSION}


def _finished(work: Path, output: Path, facts: dict[str, Any]) -> dict[str, Any] | None:
    """The summary of a training that is done and whose home is as it left it; None where there is something to do."""
    report, mind = work / "report.json", _mind_of(output)
    if mind is None or not report.is_file():
        return None
    made = read_json(report, TrainingError)
    same = made.get("facts") == facts and made.get("policy") == mind
    return dict(made["summary"]) if same else None


def _mind_of(home: Path) -> str | None:
    """What tells a home's policy from others; None where it has none."""
    return sha256(home / POLICY) if (home / POLICY).is_file() else None


def _learn(
    learner: Learner, maker: BatchMaker, work: Path, facts: dict[str, Any], size: TrainSize, checkpoint_every: int
) -> dict[str, float]:
    """Run the remaining steps; returns the losses, averaged over the last of them."""
    checkpoint, log = work / "checkpoint.safetensors", work / "log.jsonl"
    if checkpoint.exists():
        _restore(learner, checkpoint, facts)
    lines = [line for line in _read_log(log) if line["step"] <= learner.step]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    with progress_steps(size.steps, "train behaviour") as bar, log.open("a", encoding="utf-8") as stream:
        bar.advance(learner.step)
        while learner.step < size.steps:
            report = learner.advance(maker.batch(learner.step))
            bar.advance(1, **report.losses)
            if learner.step % LOG_EVERY == 0 or learner.step == size.steps:
                stream.write(json.dumps(_line(learner.step, report)) + "\n")
                lines.append(_line(learner.step, report))
            if learner.step % checkpoint_every == 0 or learner.step == size.steps:
                stream.flush()
                write_checkpoint(checkpoint, learner.state(), facts)
    last = lines[-max(1, len(lines) // 20) :]
    names = [name for name in last[-1] if name not in ("step", "gradient", "rate")]
    return {name: sum(line[name] or 0.0 for line in last) / len(last) for name in names}


def _restore(learner: Learner, checkpoint: Path, facts: dict[str, Any]) -> None:
    state, stored = read_checkpoint(checkpoint)
    if stored != facts:
        changed = [key for key in facts["config"] if facts["config"][key] != stored.get("config", {}).get(key)]
        what = f"other options ({', '.join(changed)})" if changed else "other recordings"
        if stored.get("version") != facts["version"]:
            what = "another version of ats-sim"
        raise TrainingError(f"{checkpoint}: was made with {what}; --no-resume begins anew")
    try:
        learner.restore(state)
    except (KeyError, RuntimeError, ValueError) as error:
        raise TrainingError(f"{checkpoint}: does not fit these networks ({error}); --no-resume begins anew") from error


def _line(step: int, report: StepReport) -> dict[str, Any]:
    figures = {**report.losses, "gradient": report.gradient, "rate": report.rate}
    return {"step": step} | {name: value if abs(value) < float("inf") else None for name, value in figures.items()}


def _read_log(path: Path) -> list[dict[str, Any]]:
    """Read a log of JSON lines; a last line that a kill cut off is dropped."""
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            lines.append(json.loads(text))
        except ValueError:
            break
    return lines


def _export(
    output: Path, lesson: Lesson, learner: Learner, maker: BatchMaker, config: TrainConfig, summary: dict[str, Any]
) -> dict[str, Any]:
    """Write the home with its policy, test it on held-out videos, and seal it."""
    home, scores = lesson.home, {}
    training = summary | {
        "preset": config.preset,
        "held_out": [recording.name for recording in lesson.test_recordings],
        "ablate": list(config.ablate),
    }
    with atomic_folder(output) as folder:
        _copy_home(home, folder)
        export_policy(
            folder,
            learner.averaged(),
            maker.normalisation,
            joint_names=home.skeleton.joint_names,
            channels=patch_channels(home.perception),
            hidden=[name for name in CONDITIONS if name in config.ablate],
            training=training,
        )
        _seal(folder, home, training, {})
        if lesson.test_recordings:
            scores = _test(folder, lesson)
            _seal(folder, home, training, scores)
    return scores


def _copy_home(home: Home, folder: Path) -> None:
    for name in home.files:
        if name == POLICY or name.endswith(".onnx"):
            continue
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(home.file(name), target)


def _seal(folder: Path, home: Home, training: dict[str, Any], scores: dict[str, Any]) -> None:
    seal_home(
        folder,
        name=home.name,
        skeleton=home.skeleton,
        T_home_scene=home.T_home_scene,
        provenance={**home.provenance, "behaviour": training},
        metrics={**home.metrics, "behaviour": scores},
    )


def _test(folder: Path, lesson: Lesson) -> dict[str, Any]:
    """Scores on held-out videos, by the exported graphs; empty where those hold no whole window."""
    home = Home.load(folder)
    try:
        windows = whole_windows(lesson.test_recordings)
    except TrainingError:
        return {}
    return evaluate_policy(Policy.load(home), home, lesson.test_recordings, windows, seed=0, **SMALL_TEST)
