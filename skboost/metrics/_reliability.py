"""Reliability curves, and how far they may stray by chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.isotonic import isotonic_regression

from skboost._validation import check_weights
from skboost.metrics._bins import bin_edges, bin_places, summed
from skboost.metrics._cells import Cells, gather, generator
from skboost.metrics._corp import isotonic_blocks
from skboost.metrics._events import Event, read_event, read_probabilities
from skboost.metrics._options import COUNT, CURVES, LEVEL, check_options

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)  # arrays have no plain equality
class ReliabilityCurve:
    """Observed frequencies beside probabilities, one entry for each bin that is not empty, in their order.

    Parameters
    ----------
    prob_true : ndarray of shape (n_bins,)
        Share of the rows in which the event happened.
    prob_pred : ndarray of shape (n_bins,)
        Mean probability.
    weight : ndarray of shape (n_bins,)
        Summed weight of the rows.
    left, right : ndarray of shape (n_bins,)
        The bin: its edges with ``strategy="uniform"``, else the smallest and the largest probability in it.
    """

    prob_true: Floats
    prob_pred: Floats
    weight: Floats
    left: Floats
    right: Floats


def reliability_curve(
    y_true: Any,
    y_prob: Any,
    *,
    n_bins: int = 15,
    strategy: str = "uniform",
    sample_weight: Any = None,
    pos_label: Any = None,
) -> ReliabilityCurve:
    """How often an event happened, for what was said of its probability.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    y_prob : array-like of shape (n_samples,) or (n_samples, 2)
        Probability of the event. For the top label of many classes pass whether it was right as ``y_true`` and the
        largest probability of each row here.
    n_bins : int, default=15
        Number of bins; isotonic regression finds its own.
    strategy : {"uniform", "quantile", "isotonic"}, default="uniform"
        * "uniform": bins [j / n_bins, (j + 1) / n_bins), of which the last holds 1 too.
        * "quantile": bins of equal mass, with equal probabilities in the same bin.
        * "isotonic": the blocks of isotonic regression of outcomes on probabilities (CORP [1]_), of which there are
          as many as the rows support. The curve never falls, and no number of bins has to be chosen.
    sample_weight : array-like of shape (n_samples,), optional
        Weight k counts as k copies of the row, 0 as none.
    pos_label : label, optional
        Label of the event; None for the second of two labels.

    Returns
    -------
    curve : ReliabilityCurve
        Arrays prob_true, prob_pred, weight, left and right.

    Raises
    ------
    ValueError
        If probabilities hold NaN or lie outside [0, 1], or labels are missing or not of two classes.

    See Also
    --------
    consistency_band : Where the curve of a calibrated model lies.

    References
    ----------
    .. [1] T. Dimitriadis, T. Gneiting and A. I. Jordan, "Stable reliability diagrams for probabilistic classifiers",
       PNAS 118, 2021.

    Examples
    --------
    >>> from skboost.metrics import reliability_curve
    >>> curve = reliability_curve([0, 1, 0, 1, 1], [0.1, 0.3, 0.4, 0.8, 0.9], strategy="isotonic")
    >>> curve.prob_true, curve.prob_pred.round(2)
    (array([0. , 0.5, 1. ]), array([0.1 , 0.35, 0.85]))
    """
    check_options("reliability_curve", n_bins=(n_bins, COUNT), strategy=(strategy, CURVES))
    event = read_event(y_true, y_prob, sample_weight, pos_label)
    if strategy == "isotonic":
        places, blocks, _ = isotonic_blocks(event)
        places = blocks[places]
    else:
        places = bin_places(event.probability, event.weight, n_bins, strategy)
    bins = summed(event, places)
    if strategy == "uniform":
        edges = bin_edges(n_bins)
        left, right = edges[bins.place], edges[bins.place + 1]
    else:
        left, right = extremes(event, places)
    return ReliabilityCurve(bins.prob_true, bins.prob_pred, bins.weight, left, right)


def extremes(event: Event, places: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Smallest and largest probability of each bin that is not empty."""
    low, high = np.full(places.max() + 1, np.inf), np.full(places.max() + 1, -np.inf)
    np.minimum.at(low, places, event.probability)
    np.maximum.at(high, places, event.probability)
    filled = high >= low
    return low[filled], high[filled]


def consistency_band(
    y_prob: Any,
    *,
    n_bins: int = 15,
    strategy: str = "uniform",
    confidence_level: float = 0.9,
    n_resamples: int = 1000,
    sample_weight: Any = None,
    random_state: Any = None,
) -> tuple[Floats, Floats]:
    """Where the reliability curve of a perfectly calibrated model lies, bin by bin [1]_.

    Outcomes are drawn ``n_resamples`` times with the probabilities that were said; the band reaches from the
    (1 - level) / 2 to the (1 + level) / 2 quantile of the share of events. A point outside speaks against calibration;
    but each bin has its own band, so of 15 points one or two may lie outside of a band of level 0.9 by chance.

    Parameters
    ----------
    y_prob : array-like of shape (n_samples,) or (n_samples, 2)
        Probability of the event; of two columns the second.
    n_bins : int, default=15
        Number of bins; isotonic regression finds its own.
    strategy : {"uniform", "quantile", "isotonic"}, default="uniform"
        As for :func:`reliability_curve`. With "isotonic" each draw has its own isotonic regression, and the band has
        an entry for each distinct probability, because the blocks depend on the outcomes.
    confidence_level : float, default=0.9
        Probability that a point lies inside of the band if the model is calibrated.
    n_resamples : int, default=1000
        Number of draws.
    sample_weight : array-like of shape (n_samples,), optional
        Weight k counts as k independent copies of the row, 0 as none: the larger the weights, the narrower the band.
        Weights that are not numbers of rows should sum to the number of independent rows that they are worth.
    random_state : int, RandomState, Generator or None, default=None
        Seed of the draws.

    Returns
    -------
    low, high : ndarray of shape (n_bins,)
        In the order of the bins of :func:`reliability_curve`, empty ones left out; with ``strategy="isotonic"`` in the
        order of ``np.unique(y_prob)``.

    Raises
    ------
    ValueError
        If probabilities hold NaN or lie outside [0, 1], or an option is unknown.

    Notes
    -----
    Rows of a bin whose probabilities differ by less than about 1e-3 are drawn together, as one binomial number.

    References
    ----------
    .. [1] J. Broecker and L. A. Smith, "Increasing the reliability of reliability diagrams", Weather and Forecasting
       22, 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost.metrics import consistency_band
    >>> low, high = consistency_band(np.repeat([0.2, 0.7], 50), n_bins=2, random_state=0)
    >>> low, high
    (array([0.12, 0.6 ]), array([0.3 , 0.82]))
    """
    check_options(
        "consistency_band",
        n_bins=(n_bins, COUNT),
        strategy=(strategy, CURVES),
        confidence_level=(confidence_level, LEVEL),
        n_resamples=(n_resamples, COUNT),
    )
    probability, weight = read_forecast(y_prob, sample_weight)
    rng = generator(random_state)
    if strategy == "isotonic":
        cells = gather(probability, weight, None)
        shares = isotonic_shares(cells, n_resamples, rng)
    else:
        cells = gather(probability, weight, bin_places(probability, weight, n_bins, strategy))
        total = np.add.reduceat(cells.weight, cells.starts)[:, None]
        drawn = [np.add.reduceat(d, cells.starts, axis=0) for d in cells.draws(n_resamples, rng)]
        shares = np.concatenate(drawn, axis=1) / total
        np.clip(shares, 0.0, 1.0, out=shares)  # a part of a row may go beyond
    tails = [(1 - confidence_level) / 2, (1 + confidence_level) / 2]
    low, high = np.quantile(shares, tails, axis=1)
    if strategy == "isotonic":
        return low[cells.place], high[cells.place]
    return low, high


def read_forecast(y_prob: Any, sample_weight: Any) -> tuple[Floats, Floats]:
    """Probability of the event and weights, on the rows of positive weight."""
    probability = read_probabilities(y_prob)
    weight = check_weights(sample_weight, len(probability))
    if probability.ndim == 2:
        if probability.shape[1] != 2:
            raise ValueError(
                f"y_prob has {probability.shape[1]} columns, but the probability of one event is needed; pass its "
                "column alone."
            )
        probability = probability[:, 1]
    return probability[weight > 0], weight[weight > 0]


def isotonic_shares(cells: Cells, n_resamples: int, rng: np.random.Generator) -> Floats:
    """Isotonic regression of each draw of outcomes; shape (n_cells, n_resamples)."""
    shares = [
        isotonic_regression(draw, sample_weight=cells.weight)
        for block in cells.draws(n_resamples, rng)
        for draw in np.clip(block / cells.weight[:, None], 0.0, 1.0).T
    ]
    return np.column_stack(shares)
