"""Bins of probabilities: of equal width or of equal mass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skboost.metrics._events import Event

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Bins:
    """What happened in each bin that is not empty, in the order of the probabilities.

    Attributes
    ----------
    place : ndarray of shape (n_bins,), int64
        Number of the bin among all, the empty ones included.
    weight : ndarray of shape (n_bins,)
        Summed weight of the rows.
    prob_pred, prob_true : ndarray of shape (n_bins,)
        Mean probability, and share of rows in which the event happened.
    """

    place: Places
    weight: Floats
    prob_pred: Floats
    prob_true: Floats


def bins_of(event: Event, n_bins: int, strategy: str) -> Bins:
    """Sums over the bins of one event."""
    return summed(event, bin_places(event.probability, event.weight, n_bins, strategy))


def summed(event: Event, places: Places) -> Bins:
    """Sums of the rows over the bins that they lie in."""
    weight = sums(places, event.weight)
    kept = np.flatnonzero(weight)
    predicted = sums(places, event.weight * event.probability)
    observed = sums(places, event.weight * event.outcome)
    weight = weight[kept]
    return Bins(kept, weight, predicted[kept] / weight, observed[kept] / weight)


def bin_places(probability: Floats, weight: Floats, n_bins: int, strategy: str) -> Places:
    """Bin of each row, from 0 to n_bins - 1; a larger probability never lies in a lower bin."""
    if strategy == "uniform":
        return equal_width(probability, n_bins)
    return equal_mass(probability, weight, n_bins)


def equal_width(probability: Floats, n_bins: int) -> Places:
    """Bins [j / n_bins, (j + 1) / n_bins); the last one holds 1 too."""
    edges = bin_edges(n_bins)
    # a product may round to the wrong side of an edge: .29 * 100 = 28.999999999999996
    places = np.minimum((probability * n_bins).astype(np.int64), n_bins - 1)
    places += probability >= edges[places + 1]
    places -= probability < edges[places]
    return np.minimum(places, n_bins - 1)


def bin_edges(n_bins: int) -> Floats:
    """Edges of bins of equal width, each the float nearest to j / n_bins."""
    return np.arange(n_bins + 1) / n_bins


def equal_mass(probability: Floats, weight: Floats, n_bins: int) -> Places:
    """Bins of equal summed weight, as nearly as ties allow.

        bin = floor(n_bins r),   r = (weight below + half the weight of equals) / weight of all

    Equal probabilities share a bin, that of their middle rank, so the order of rows plays no role. A bin may stay
    empty, and a probability that many rows share makes a large one.
    """
    distinct, inverse, mass = tied(probability, weight)
    below = np.cumsum(mass) - mass
    # doubled, so that whole weights give exact numbers up to the division
    rank = n_bins * (2 * below + mass) / (2 * mass.sum())
    places = np.minimum(rank.astype(np.int64), n_bins - 1)
    return np.asarray(places[inverse])


def tied(probability: Floats, weight: Floats) -> tuple[Floats, Places, Floats]:
    """Sorted distinct probabilities, the place of each row among them, and their summed weights."""
    distinct, inverse = np.unique(probability, return_inverse=True)
    places = np.asarray(inverse, dtype=np.int64).reshape(-1)
    return distinct, places, sums(places, weight)


def sums(places: Places, values: Floats, n_places: int = 0) -> Floats:
    """Sum of the values that lie in each place, for at least ``n_places`` places."""
    return np.bincount(places, values, n_places).astype(np.float64, copy=False)
