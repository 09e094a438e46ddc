"""What landmarks look like: one robust descriptor per landmark and recording, and the reference made of them.

A video is compared with what OTHER recordings saw: its own pictures would only confirm where it already stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ats_sim.arrays import Array

TYPICAL = 0.35
ROUNDS = 3


@dataclass(frozen=True, eq=False)
class Appearance:
    """One recording's view of P landmarks, on one level."""

    mean: Array
    """(P, C) float16: robust mean."""
    count: Array
    """(P,) how many frames saw it."""


def robust_mean(index: Array, values: Array, weight: Array, count: int, typical: float = TYPICAL) -> Array:
    """Means (count,C) of values (n,C) grouped by index (n,), each reweighted by its distance to the mean (Cauchy);
    0 where a group is empty."""
    total = np.zeros((count, values.shape[1]))
    weight = weight.astype(np.float64)
    robust = weight
    for _ in range(ROUNDS):
        sums = np.bincount(index, robust, minlength=count)
        for channel in range(values.shape[1]):
            total[:, channel] = np.bincount(index, robust * values[:, channel], minlength=count)
        total /= np.maximum(sums, 1e-12)[:, None]
        off = ((values - total[index]) ** 2).sum(1)
        robust = weight / (1.0 + off / typical**2)
    return total


def summarize(index: Array, values: Array, landmarks: int, *, unit: bool) -> Appearance:
    """What a recording saw: landmark (n,) and descriptor (n,C) of every sighting; `unit` descriptors stay unit."""
    mean = robust_mean(index, values, np.ones(len(index)), landmarks)
    return Appearance(_unit(mean) if unit else mean.astype(np.float16), np.bincount(index, minlength=landmarks))


def reference(
    seen: Mapping[str, Appearance], weights: Mapping[str, float], leave_out: str, *, unit: bool
) -> tuple[Array, Array]:
    """Reference descriptors (P,C) float32 from all recordings but one, and how many frames are behind each (P,)."""
    others = {name: appearance for name, appearance in seen.items() if name != leave_out and weights[name] > 0}
    some = next(iter(seen.values()))
    landmarks = len(some.count)
    if not others:
        return np.zeros(some.mean.shape, np.float32), np.zeros(landmarks)
    index, values, weight = [], [], []
    for name, appearance in others.items():
        known = np.flatnonzero(appearance.count)
        index.append(known)
        values.append(appearance.mean[known].astype(np.float64))
        weight.append(weights[name] * np.minimum(appearance.count[known], 8))
    flat = np.concatenate(index)
    mean = robust_mean(flat, np.concatenate(values), np.concatenate(weight), landmarks)
    count = sum(appearance.count for appearance in others.values())
    return (_unit(mean) if unit else mean).astype(np.float32), np.asarray(count)


def _unit(values: Array) -> Array:
    length = np.linalg.norm(values, axis=1, keepdims=True)
    return np.asarray(values / np.maximum(length, 1e-6), np.float16)
