"""The policy's pose diffusion on a real dog: given the way of the pelvis, does the body move as the dog's did?

    python -m benchmarks.dogs --data shared/data/dog_mocap [--steps 2000] [--json dogs.json]

The networks are the policy's own (`PoseGuide`, `PoseDenoiser`, the encoder of the past), as are loss, noise and loop;
the body is 26 joints about the pelvis instead of joint angles, at 30 frames a second instead of ten. Clips that are
tested were not trained on. Beside each figure stands the same of real motion: what the dog itself scores, and how far
its clips are from each other.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from ats_sim.arrays import Array
from ats_sim.denoising import GUIDE_NAMES, Normalisation, denoise, falling_levels, path_basis
from ats_sim.models.diffusion import corrupt, draw_levels, seen_loss
from ats_sim.models.encoders import HistoryEncoder
from ats_sim.models.hierarchy import OBSERVER, PoseDenoiser, PoseGuide
from ats_sim.models.learner import learning_rate
from ats_sim.models.statistics import POSE_FLOOR
from ats_sim.perception import FUTURE, PAST
from benchmarks.dog_scores import features, frechet, skate
from benchmarks.dog_tracks import Moves, placed, read_moves

CALLS, CROWDING = 2, 2.0
BATCH, RATE, AVERAGE = 48, 1e-3, 0.995
FLOOR = POSE_FLOOR / 2.0
"""Smallest spread of a joint's place, metres."""
DRAWN = 4
"""Motions per window, for the figures of all drawn motion."""


class Body(nn.Module):
    """The policy's networks that move a body along a path."""

    def __init__(self, moves: Moves, width: int) -> None:
        super().__init__()
        packed = np.concatenate([moves.path, moves.pose], -1)[:, :PAST].reshape(-1, 3 + moves.pose.shape[-1])
        mean, std = packed.mean(0), np.maximum(packed.std(0), FLOOR)
        self.normalisation = _fitted(moves)
        self.history = HistoryEncoder(_tensor(mean), _tensor(std), dropout=0.1)
        self.guide, self.denoiser = PoseGuide(width), PoseDenoiser(self.normalisation, width)

    def given(self, moves: Moves) -> dict[str, Tensor]:
        """What the denoiser takes beside the noisy pose and its level."""
        past = _tensor(np.concatenate([moves.path, moves.pose], -1)[:, :PAST])
        keep = torch.ones(len(moves), 4)
        keep[:, OBSERVER] = 0.0
        observer, code = self.history(torch.zeros(len(moves), PAST, 3), past)
        guides = self.guide(observer, code, _tensor(moves.path[:, PAST:]), keep)
        known = {"observer_code": observer, "past_code": code, "current": past[:, -1, 3:], "keep": keep}
        return known | dict(zip(GUIDE_NAMES, guides, strict=True))

    def draw(self, moves: Moves, rng: np.random.Generator, calls: int) -> Array:
        """Joints to come (N, 56, 27, 3), once each."""
        noise = rng.standard_normal(moves.pose[:, PAST:].shape, np.float32)
        with torch.inference_mode():
            given = self.given(moves)

            def denoiser(noisy: Array, level: float) -> Array:
                signal = torch.from_numpy(noisy.astype(np.float32))
                return np.asarray(self.denoiser(signal, torch.full((len(signal), 1), level), **given))

            signal = denoise(denoiser, noise, falling_levels(calls, CROWDING))
        pose = self.normalisation.decode("pose", signal, moves.pose[:, PAST - 1])
        return placed(pose, moves.path[:, PAST:])


def main() -> None:
    """Train, draw, print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--width", type=int, default=48)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    folder = options.data / "raw_dog_joint_pos"
    known = read_moves(folder, held_out=False, stride=2)
    held_out = read_moves(folder, held_out=True, stride=4)
    net = trained(known, options.steps, options.width, options.seed)
    size = sum(value.numel() for value in net.parameters()) / 1e6
    print(f"{len(known)} windows trained on, {len(held_out)} held out, {size:.2f} M parameters")
    table = measured(net, known, held_out, options.seed)
    names = list(next(iter(table.values())))
    print("| | " + " | ".join(names) + " |\n" + "|---" * (len(names) + 1) + "|")
    for row, figures in table.items():
        print(f"| {row} | " + " | ".join(f"{figures[name]:.3f}" if name in figures else "" for name in names) + " |")
    if options.json is not None:
        options.json.write_text(json.dumps(table, indent=1))


def trained(moves: Moves, steps: int, width: int, seed: int) -> Body:
    """As the policy trains its poses, the true path given."""
    rng = np.random.default_rng([seed, 1])
    torch.manual_seed(seed)
    net = Body(moves, width)
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=1e-2)
    average = [value.detach().clone() for value in net.parameters()]
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, steps, RATE)
        rows = rng.integers(len(moves), size=BATCH)
        some = Moves(moves.path[rows], moves.pose[rows])
        clean = _tensor(net.normalisation.encode("pose", some.pose[:, PAST:], some.pose[:, PAST - 1]))
        level = torch.from_numpy(draw_levels(rng, BATCH))
        noisy = corrupt(clean, torch.from_numpy(rng.standard_normal(clean.shape, np.float32)), level)
        predicted = net.denoiser(noisy, level[:, None], **net.given(some))
        optimiser.zero_grad(set_to_none=True)
        seen_loss(predicted, clean, torch.ones(clean.shape[:2])).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        with torch.no_grad():
            torch._foreach_lerp_(average, list(net.parameters()), 1.0 - min(AVERAGE, (1 + step) / (10 + step)))
    with torch.no_grad():
        for value, mean in zip(net.parameters(), average, strict=True):
            value.copy_(mean)
    return net.eval()


def measured(net: Body, known: Moves, held_out: Moves, seed: int) -> dict[str, dict[str, float]]:
    """Figures by row."""
    truth, elsewhere = held_out.joints(), known.joints()
    still = np.repeat(held_out.pose[:, PAST - 1 : PAST], FUTURE, axis=1)
    rows = {"the dog": truth[None], "the dog, other clips": elsewhere[None]}
    rows["held pose"] = placed(still, held_out.path[:, PAST:])[None]
    rngs = np.random.default_rng([seed, 2]).spawn(4)
    for calls, rng in zip((1, CALLS, 4), rngs, strict=False):
        rows[f"pose diffusion, {calls} call{'s' * (calls > 1)}"] = np.stack(
            [net.draw(held_out, rng, calls) for _ in range(DRAWN)]
        )
    rows["– on clips it knows, 2 calls"] = net.draw(Moves(known.path[::3], known.pose[::3]), rngs[3], CALLS)[None]
    centre, spread = features(elsewhere).mean(0), features(elsewhere).std(0)
    table = {}
    for name, drawn in rows.items():
        flat = drawn.reshape(-1, *drawn.shape[2:])
        seen = (features(flat) - centre) / spread
        speed, share = skate(flat)
        table[name] = {
            "skate m/s": speed,
            "sliding": share,
            "Frechet to held out": frechet(seen, (features(truth) - centre) / spread),
            "Frechet to other clips": frechet(seen, (features(elsewhere) - centre) / spread),
        }
        if flat.shape[0] % len(truth) == 0 and drawn.shape[1] == len(truth):
            error = np.linalg.norm(drawn - truth, axis=-1).mean((-2, -1))
            table[name] |= {"joint error m": float(error.mean()), f"best of {DRAWN}": float(error.min(0).mean())}
    return table


def _fitted(moves: Moves) -> Normalisation:
    """Spread of what changes from now on, frame by frame; goals and paths are not drawn here."""
    change = moves.pose[:, PAST:] - moves.pose[:, PAST - 1 : PAST]
    basis = path_basis()
    none = np.zeros((basis.shape[1], 3))
    return Normalisation(
        goal_mean=np.zeros(3),
        goal_std=np.ones(3),
        path_basis=basis,
        path_mean=none,
        path_std=none + 1.0,
        pose_mean=change.mean(0),
        pose_std=np.maximum(change.std(0), FLOOR),
    )


def _tensor(array: Array) -> Tensor:
    return torch.tensor(array, dtype=torch.float32)


if __name__ == "__main__":
    main()
