"""What to try next: random, grid and Bayesian search over a space of hyperparameters. Lower is better here."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rehearsal.sagemaker.jobs.tuning_space import Space

_FIRST_RANDOM = 3  # trials before a model of the objective means anything
_CANDIDATES = 400
_LENGTHS = (0.1, 0.2, 0.4, 0.8)
_NOISE = 1e-4
_REPEATS = 50  # tries for a combination that was not tried yet


@dataclass(frozen=True)
class Trial:
    """One choice of hyperparameters; `loss` is None while it is under way or when it gave no objective."""

    values: dict[str, str]
    loss: float | None


def propose(strategy: str, space: Space, trials: Sequence[Trial], seed: int) -> dict[str, str] | None:
    """Hyperparameters of the next trial; None when the grid is exhausted. The same history gives the same answer."""
    if strategy == "Grid":
        tried = [trial.values for trial in trials]
        return next((one for one in space.grid() if one not in tried), None)
    generator = random.Random(f"{seed}/{len(trials)}")
    known = [trial for trial in trials if trial.loss is not None]
    if strategy == "Bayesian" and len(known) >= _FIRST_RANDOM and space.ranges:
        return space.at(_expected_improvement(space, trials, generator))
    chosen = space.at(space.random(generator))
    for _ in range(_REPEATS):
        if all(chosen != trial.values for trial in trials):
            break
        chosen = space.at(space.random(generator))
    return chosen


def _expected_improvement(space: Space, trials: Sequence[Trial], generator: random.Random) -> list[float]:
    """The most promising of random points and of points near the best, under a Gaussian process.

    Trials under way count with the mean of the finished ones, so that parallel trials differ.
    """
    import numpy as np  # here: it is a large library, and only this needs it

    losses = [trial.loss for trial in trials if trial.loss is not None]
    mean = sum(losses) / len(losses)
    rows = [(space.point(trial.values), mean if trial.loss is None else trial.loss) for trial in trials]
    known = [(point, loss) for point, loss in rows if point is not None]
    if len(known) < _FIRST_RANDOM:
        return space.random(generator)
    x = np.array([point for point, _ in known])
    y = np.array([loss for _, loss in known])
    spread = float(y.std()) or 1.0
    y = (y - y.mean()) / spread
    length = max(_LENGTHS, key=lambda one: _evidence(np, x, y, one))
    best = x[int(y.argmin())].tolist()
    candidates = [space.random(generator) for _ in range(_CANDIDATES)]
    candidates += [
        [min(max(value + generator.gauss(0, 0.05), 0.0), 1.0) for value in best] for _ in range(_CANDIDATES // 4)
    ]
    # A candidate stands for the value it gives: a whole number or a category has one place only.
    grid = np.array([space.point(space.at(one)) for one in candidates])
    inverse = np.linalg.inv(_kernel(np, x, x, length) + _NOISE * np.eye(len(x)))
    cross = _kernel(np, grid, x, length)
    expected = cross @ inverse @ y
    deviation = np.sqrt(np.maximum(1.0 - np.einsum("ij,jk,ik->i", cross, inverse, cross), 1e-12))
    z = (y.min() - expected) / deviation
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    below = np.array([0.5 * (1 + math.erf(one / math.sqrt(2))) for one in z])
    gain = deviation * (z * below + density)
    return [float(value) for value in grid[int(gain.argmax())]]


def _kernel(np: Any, a: Any, b: Any, length: float) -> Any:
    """Matérn 5/2."""
    distance = np.sqrt(np.maximum(((a[:, None, :] - b[None, :, :]) ** 2).sum(axis=2), 0.0)) / length
    root = math.sqrt(5) * distance
    return (1 + root + root**2 / 3) * np.exp(-root)


def _evidence(np: Any, x: Any, y: Any, length: float) -> float:
    """Log marginal likelihood of the observations, up to a constant."""
    covariance = _kernel(np, x, x, length) + _NOISE * np.eye(len(x))
    sign, determinant = np.linalg.slogdet(covariance)
    return float(-0.5 * y @ np.linalg.solve(covariance, y) - 0.5 * determinant) if sign > 0 else -math.inf
