"""Does a body move as a dog's does? Feet that stand still, and a distance between what moved and what was drawn."""

import numpy as np
from scipy.linalg import sqrtm

from ats_sim.arrays import Array
from benchmarks.dog_tracks import PELVIS, RATE, TOES

LOW, SLIDING = 0.03, 0.3
"""A toe that is lower than so many metres stands; standing, it slides if faster than so many metres a second."""


def skate(joints: Array) -> tuple[float, float]:
    """Mean speed of standing toes, m/s, and the share of standing moments in which they slide, of joints
    (N, T, 27, 3)."""
    toes = joints[:, :, list(TOES)]
    speed = RATE * np.linalg.norm(np.diff(toes[..., :2], axis=1), axis=-1)
    stands = (toes[:, 1:, :, 2] < LOW) & (toes[:, :-1, :, 2] < LOW)
    return float(speed[stands].mean()), float((speed[stands] > SLIDING).mean())


def features(joints: Array) -> Array:
    """What a stretch of motion looks like in 27 numbers (N, 27): of each toe its height, lift, reach, speed and for how
    long it stands; how the neck is carried; how fast and how roughly all joints move about the pelvis."""
    toes, rest = joints[:, :, list(TOES)], joints[:, :, 1:] - joints[:, :, PELVIS : PELVIS + 1]
    neck = rest[:, :, 2]
    speed = RATE * np.linalg.norm(np.diff(toes[..., :2], axis=1), axis=-1)
    reach = np.linalg.norm((toes - joints[:, :, PELVIS : PELVIS + 1])[..., :2], axis=-1)
    about, rough = (RATE**n * np.linalg.norm(np.diff(rest, n, axis=1), axis=-1).mean((1, 2)) for n in (1, 2))
    each = [toes[..., 2].mean(1), toes[..., 2].std(1), reach.std(1), speed.mean(1), (toes[..., 2] < LOW).mean(1)]
    whole = [neck[..., 2].mean(1), neck.std(1).mean(1), about, rough, np.abs(np.diff(neck[..., 2], axis=1)).mean(1)]
    return np.concatenate([*each, np.stack([*whole, rest.mean((1, 2))[:, 2], rest.std(1).mean((1, 2))], -1)], axis=1)


def frechet(first: Array, second: Array) -> float:
    """Between Gaussians fitted to features (N, D) and (M, D): |m1 - m2|^2 + Tr(C1 + C2 - 2 (C1 C2)^1/2)."""
    one, two = np.cov(first.T), np.cov(second.T)
    root = np.real(sqrtm(one @ two))
    return max(0.0, float(np.sum((first.mean(0) - second.mean(0)) ** 2) + np.trace(one + two - 2.0 * root)))
