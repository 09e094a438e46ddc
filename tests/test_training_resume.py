"""A training that is killed goes on as if it had not been; one that goes astray says so."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toy_recon import write_toy_recon

from ats_sim.errors import ConfigError, TrainingError
from ats_sim.models import training
from ats_sim.models.batches import Batch
from ats_sim.models.checkpoints import read_checkpoint, write_checkpoint
from ats_sim.models.config import TrainConfig, limited, size_of
from ats_sim.models.learner import MAX_BAD_STEPS, Learner, learning_rate

TINY = TrainConfig(steps=6, batch=3, path_width=8, pose_width=8, checkpoint_every=2, threads=1)


class Killed(Exception):
    """Stands for the end of the process."""


@pytest.fixture(scope="module")
def recon(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_toy_recon(tmp_path_factory.mktemp("resume") / "recon", videos=1, frames=80)


@pytest.fixture(autouse=True)
def no_export(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "_export", lambda *_: {})


def run(recon: Path, output: Path, config: TrainConfig = TINY, resume: bool = False) -> dict[str, torch.Tensor]:
    training.train(recon, output, config, resume)
    return read_checkpoint(output.with_name(output.name + ".training") / "checkpoint.safetensors")[0]


def test_killed_and_resumed_is_bit_equal(recon: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights, average, optimiser moments and log equal those of a run that was never interrupted."""
    whole = run(recon, tmp_path / "whole")
    advance = Learner.advance

    def dies_at_step_5(self: Learner, batch: Batch) -> Any:
        if self.step == 5:
            raise Killed
        return advance(self, batch)

    monkeypatch.setattr(Learner, "advance", dies_at_step_5)
    with pytest.raises(Killed):
        run(recon, tmp_path / "killed")
    monkeypatch.setattr(Learner, "advance", advance)
    resumed = run(recon, tmp_path / "killed", resume=True)
    assert resumed.keys() == whole.keys()
    for name, value in whole.items():
        assert torch.equal(resumed[name], value), name
    logs = [(tmp_path / f"{name}.training" / "log.jsonl").read_text() for name in ("whole", "killed")]
    assert logs[0] == logs[1] and len(logs[0].splitlines()) == 1


def test_a_checkpoint_of_another_version_does_not_go_on(recon: Path, tmp_path: Path) -> None:
    """Networks that fit by shape only would learn on from what means something else to them."""
    run(recon, tmp_path / "home")
    path = tmp_path / "home.training" / "checkpoint.safetensors"
    state, facts = read_checkpoint(path)
    write_checkpoint(path, state, {**facts, "version": "training/1"})
    with pytest.raises(TrainingError, match="another version"):
        run(recon, tmp_path / "home", resume=True)


def test_a_finished_training_is_kept(recon: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same command does nothing more, until the home or an option changes."""
    exports: list[Path] = []

    def export(output: Path, *_: Any) -> dict[str, Any]:
        exports.append(output)
        output.mkdir(exist_ok=True)
        (output / "policy.json").write_text(str(len(exports)))
        (output / "home.json").write_text("{}")
        return {}

    monkeypatch.setattr(training, "_export", export)
    first = training.train(recon, tmp_path / "home", TINY)
    assert training.train(recon, tmp_path / "home", TINY) == first and len(exports) == 1
    (tmp_path / "home" / "policy.json").write_text("spoilt")
    training.train(recon, tmp_path / "home", TINY)
    assert len(exports) == 2
    training.train(recon, tmp_path / "home", TINY, resume=False)
    assert len(exports) == 3


def test_without_resume_it_starts_again(recon: Path, tmp_path: Path) -> None:
    """An old checkpoint is not silently continued."""
    run(recon, tmp_path / "home", TrainConfig(steps=2, batch=2, path_width=8, pose_width=8))
    again = run(recon, tmp_path / "home", TINY)
    assert int(again["step"]) == TINY.steps


def test_other_options_do_not_continue_a_checkpoint(recon: Path, tmp_path: Path) -> None:
    """Resuming with another learning rate is refused and names the option; another thread count is fine."""
    run(recon, tmp_path / "home")
    changed = TrainConfig(**{**TINY.__dict__, "learning_rate": 1e-4})
    with pytest.raises(TrainingError, match="learning_rate"):
        run(recon, tmp_path / "home", changed, resume=True)
    run(recon, tmp_path / "home", TrainConfig(**{**TINY.__dict__, "checkpoint_every": 3}), resume=True)


def test_broken_checkpoint_is_a_typed_error(recon: Path, tmp_path: Path) -> None:
    """A truncated file, and one without our facts."""
    run(recon, tmp_path / "home")
    path = tmp_path / "home.training" / "checkpoint.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(TrainingError, match="not a checkpoint"):
        run(recon, tmp_path / "home", resume=True)
    write_checkpoint(path, {"a": torch.zeros(1)}, {"config": {}, "data": ""})
    with pytest.raises(TrainingError, match="was made with"):
        run(recon, tmp_path / "home", resume=True)


def learner_and_batch(recon: Path) -> tuple[Learner, Batch]:
    maker, learner = training.build(training.prepare(recon, TINY), TINY, size_of(TINY))
    return learner, maker.batch(0)


def test_a_broken_batch_is_skipped(recon: Path) -> None:
    """NaN in a batch leaves the weights alone; twenty such in a row end the training."""
    learner, batch = learner_and_batch(recon)
    learner.advance(batch)
    before = {name: value.clone() for name, value in learner.state().items() if name.startswith("weights")}
    batch.inputs["past"][0, 0, 0] = np.nan
    learner.advance(batch)
    for name, value in before.items():
        assert torch.equal(learner.state()[name], value)
    assert learner.bad_steps == 1
    with pytest.raises(TrainingError, match="not been finite"):
        for _ in range(MAX_BAD_STEPS):
            learner.advance(batch)


def test_one_batch_can_be_learned_by_heart(recon: Path) -> None:
    """Every stage's loss on a fixed batch falls clearly: gradients reach all networks."""
    config = TrainConfig(**{**TINY.__dict__, "steps": 80, "dropout": 0.0, "learning_rate": 4e-3})
    maker, learner = training.build(training.prepare(recon, config), config, size_of(config))
    batch = maker.batch(0)
    first = learner.advance(batch).losses
    for _ in range(59):
        last = learner.advance(batch).losses
    for stage, loss in first.items():
        assert last[stage] < 0.75 * loss, stage


def test_batches_repeat_by_step(recon: Path) -> None:
    """Step k has one batch, and another step another one."""
    maker, _ = training.build(training.prepare(recon, TINY), TINY, size_of(TINY))
    first, again, other = maker.batch(3), maker.batch(3), maker.batch(4)
    for name, value in first.inputs.items():
        np.testing.assert_array_equal(value, again.inputs[name])
    assert not np.array_equal(first.noise["path"], other.noise["path"])


def test_learning_rate_is_one_cycle() -> None:
    """Rises to the peak within the first twentieth, then only falls, to a thousandth."""
    rates = [learning_rate(step, 1000, 1.0) for step in range(1001)]
    assert rates[0] == pytest.approx(0.04) and max(rates) == rates[50] == pytest.approx(1.0)
    assert all(a >= b for a, b in zip(rates[50:], rates[51:], strict=False))
    assert rates[-1] == pytest.approx(1e-3)


def test_few_windows_are_not_shown_for_ever() -> None:
    """As many steps as asked for where there is enough to see, fewer where each window would come too often."""
    config = TrainConfig(steps=4000, batch=32, max_epochs=200)
    assert limited(size_of(config), config, 5000).steps == 4000
    assert limited(size_of(config), config, 96).steps == 600


@pytest.mark.parametrize(
    "option", [{"steps": 0}, {"drop": 1.0}, {"path_width": 12}, {"batch": -1}, {"approaches": 0.0}]
)
def test_impossible_options_are_refused(option: dict[str, Any]) -> None:
    """Out of range is a ConfigError that names the option."""
    with pytest.raises(ConfigError, match=next(iter(option))):
        size_of(TrainConfig(**option))


def test_only_an_old_home_is_replaced(recon: Path, tmp_path: Path) -> None:
    """Neither what is learned from nor a folder of something else is lost; nothing is read or trained before."""
    (tmp_path / "else").mkdir()
    (tmp_path / "else" / "photo.jpg").write_bytes(b"x")
    for output, why in ((recon, "learned from"), (recon / "home", "learned from"), (tmp_path / "else", "no home")):
        with pytest.raises(ConfigError, match=why):
            training.train(recon, output)
    assert (recon / "motion.npz").is_file() and (tmp_path / "else" / "photo.jpg").is_file()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_said_at_once(recon: Path, tmp_path: Path) -> None:
    """One clear error before anything is read."""
    with pytest.raises(ConfigError, match="device cuda: this torch finds no usable GPU"):
        training.train(recon, tmp_path / "home", TrainConfig(device="cuda"))


def test_log_survives_a_cut_line(tmp_path: Path) -> None:
    """A last line that a kill cut off is dropped."""
    (tmp_path / "log.jsonl").write_text(json.dumps({"step": 10}) + '\n{"step": 2')
    assert training._read_log(tmp_path / "log.jsonl") == [{"step": 10}]
