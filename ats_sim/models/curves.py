"""Paths as sums of smooth curves, as the networks of paths see and shape them: in metres, and as velocities."""

import numpy as np
from scipy.interpolate import BSpline
from torch import Tensor, nn

from ats_sim.arrays import Array
from ats_sim.denoising import Normalisation
from ats_sim.models.conditions import tensor_of
from ats_sim.perception import FUTURE, HZ

CURVES = 18
"""Curves per axis: what they cannot follow of a recorded path is 4 mm on average."""
DEGREE = 3


def velocity_curves() -> Array:
    """(56, 18) places of somebody whose velocity is a cubic B-spline of one control point, in m per m/s.

    Each curve is what a third of a second adds: that an animal rests for now is said by a few coefficients that are
    zero. Of sines over the whole time all would have to add up to it.
    """
    ends = np.linspace(0.0, FUTURE, CURVES - DEGREE + 1)
    knots = np.concatenate([[0.0] * DEGREE, ends, [float(FUTURE)] * DEGREE])
    middles = np.arange(FUTURE) + 0.5
    return np.cumsum(BSpline.design_matrix(middles, knots, DEGREE).toarray(), axis=0) / HZ


class Curves(nn.Module):
    """Between unit-sized coefficients (B, K, 3) and what lies along a path (B, 56, 3)."""

    basis: Tensor
    rates: Tensor
    fit: Tensor

    def __init__(self, normalisation: Normalisation) -> None:
        super().__init__()
        basis = normalisation.path_basis
        rates = np.diff(basis, axis=0, prepend=np.zeros((1, basis.shape[1]))) * HZ
        # Curves whose coefficients are usually small shall not drown in the noise of unit-sized ones.
        rates = rates * np.sqrt((normalisation.path_std**2).mean(-1))
        rates = rates / np.sqrt((rates**2).sum(1).mean())
        self.register_buffer("basis", tensor_of(basis))
        self.register_buffer("rates", tensor_of(rates))
        self.register_buffer("fit", tensor_of(np.linalg.pinv(rates)))
        self.size: int = basis.shape[1]

    def places(self, coefficients: Tensor, centre: Tensor, spread: Tensor) -> Tensor:
        """Metres, ego frame, from unit-sized coefficients and their centre and spread (B, K, 3)."""
        return self.basis @ (coefficients * spread + centre)

    def velocities(self, coefficients: Tensor) -> Tensor:
        """Unit-sized velocities of unit-sized coefficients."""
        return self.rates @ coefficients

    def coefficients(self, velocities: Tensor) -> Tensor:
        """Unit-sized coefficients that fit unit-sized velocities best."""
        return self.fit @ velocities
