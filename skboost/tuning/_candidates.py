"""Points among which a model of the study chooses the next one."""

from __future__ import annotations

import numpy as np

from skboost.tuning._activity import Gate, closed
from skboost.tuning._encoding import Encoding, Floats

LARGEST_LIST = 20_000  # a discrete space with more points is sampled
N_RANDOM = 1000
N_BEST = 10
N_JITTERED = 16  # copies of each good point, for each width
JITTER = (0.2, 0.05)


def candidate_units(
    encoding: Encoding,
    gates: list[Gate],
    units: Floats,
    target: Floats,
    random: np.random.Generator,
) -> Floats:
    """Candidates, each once.

    All points of a discrete space of at most 20,000 points. Otherwise random points, and around the ten best trials
    their neighbours (every other value of a categorical parameter, one and two steps of an ordered one) and copies
    whose continuous parameters are moved by Gaussian noise of width 0.2 and 0.05 in the unit cube.

    Parameters
    ----------
    encoding : Encoding
    gates : list of Gate
        Conditions of parameters.
    units, target : ndarray of shape (n_trials, n_parameters) and (n_trials,)
        The trials.
    random : Generator

    Returns
    -------
    candidates : ndarray of shape (n_candidates, n_parameters)
        NaN where a parameter is not active.
    """
    if is_listed(encoding):
        rows = encoding.all_units()
        return distinct(encoding, closed(rows, gates)) if gates else rows
    best = units[np.argsort(-target, kind="stable")[:N_BEST]]
    best = np.where(
        np.isnan(best), random.random(best.shape), best
    )  # children that a move may open
    rows = np.concatenate(
        [
            random.random((N_RANDOM, len(encoding.names))),
            *[_steps(encoding, row) for row in best],
            *[_jittered(encoding, best, width, random) for width in JITTER],
        ]
    )
    return distinct(encoding, closed(encoding.snapped(rows), gates))


def is_listed(encoding: Encoding) -> bool:
    """Whether all points of the space are candidates."""
    return encoding.n_points is not None and encoding.n_points <= LARGEST_LIST


def farthest(encoding: Encoding, candidates: Floats, units: Floats) -> Floats:
    """Of the candidates, the one whose nearest trial is farthest.

    Distance is a sum over parameters: 1 for another choice, or where only one of two points has the parameter, else the
    difference of places.
    """
    distance = np.zeros((len(candidates), len(units)))
    for j, is_categorical in enumerate(encoding.is_categorical):
        ours, theirs = candidates[:, [j]], units[None, :, j]
        gap = np.abs(ours - theirs)
        gap = np.where(np.isnan(ours) != np.isnan(theirs), 1.0, np.nan_to_num(gap, nan=0.0))
        distance += gap > 0 if is_categorical else gap
    row: Floats = candidates[np.argmax(distance.min(axis=1))]
    return row


def distinct(encoding: Encoding, units: Floats) -> Floats:
    """Rows without those that have occurred before."""
    _, first = np.unique(encoding.keys(units), return_index=True)
    return units[np.sort(first)]


def _steps(encoding: Encoding, row: Floats) -> Floats:
    """Copies of a point with one discrete parameter changed."""
    moved = []
    for j, size in enumerate(encoding.sizes):
        if size is None:
            continue
        if encoding.is_categorical[j]:
            values = (np.arange(size) + 0.5) / size
        elif getattr(encoding.distributions[encoding.names[j]], "log", False):
            values = row[j] + np.array([-0.1, -0.02, 0.02, 0.1])
        else:
            values = row[j] + np.array([-2, -1, 1, 2]) / size
        copies = np.tile(row, (len(values), 1))
        copies[:, j] = values
        moved.append(copies)
    return np.concatenate(moved) if moved else np.empty((0, len(row)))


def _jittered(
    encoding: Encoding, best: Floats, width: float, random: np.random.Generator
) -> Floats:
    """Copies of points with noise on a random half of the ordered parameters."""
    copies = np.repeat(best, N_JITTERED, axis=0)
    moved = random.random(copies.shape) < 0.5
    noise = width * random.standard_normal(copies.shape)
    return copies + np.where(moved & ~encoding.is_categorical, noise, 0.0)
