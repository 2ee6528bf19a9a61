"""A proper score taken apart: miscalibration, discrimination, uncertainty."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import xlogy
from sklearn.isotonic import isotonic_regression

from skboost.metrics._bins import sums, tied
from skboost.metrics._events import Event, read_event
from skboost.metrics._options import LOSSES, check_options

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


class CorpDecomposition(NamedTuple):
    """Parts of a mean score, ``score = miscalibration - discrimination + uncertainty``.

    Parameters
    ----------
    score : float
        Mean score of the probabilities.
    miscalibration : float
        What isotonic recalibration of the same rows would save; at least 0.
    discrimination : float
        What the recalibrated probabilities save against the base rate for every row; at least 0.
    uncertainty : float
        Mean score of the base rate.
    """

    score: float
    miscalibration: float
    discrimination: float
    uncertainty: float


def corp_decomposition(
    y_true: Any,
    y_prob: Any,
    *,
    loss: str = "brier",
    sample_weight: Any = None,
    pos_label: Any = None,
) -> CorpDecomposition:
    """Mean score as miscalibration - discrimination + uncertainty, by isotonic regression (CORP) [1]_.

        c = isotonic regression of y on p            (pool adjacent violators)
        miscalibration   MCB = S(p) - S(c)
        discrimination   DSC = S(ybar) - S(c)
        uncertainty      UNC = S(ybar)
        S(p) = MCB - DSC + UNC

    with S the mean Brier score (p - y)^2 or log loss -log(p if y else 1 - p), in nats. The parts add up exactly and
    neither MCB nor DSC is negative, which bins, as in Murphy's decomposition, do not achieve. A strictly increasing map
    of the probabilities changes MCB alone. For finite samples MCB and DSC are both somewhat too large, because c is
    learned from the rows that it is judged by.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    y_prob : array-like of shape (n_samples,) or (n_samples, 2)
        Probability of the event.
    loss : {"brier", "log"}, default="brier"
        The score S.
    sample_weight : array-like of shape (n_samples,), optional
        Weight k counts as k copies of the row, 0 as none.
    pos_label : label, optional
        Label of the event; None for the second of two labels.

    Returns
    -------
    parts : CorpDecomposition
        Named tuple of score, miscalibration, discrimination and uncertainty. With ``loss="log"`` score and
        miscalibration are infinite if an outcome of probability 0 happened.

    Raises
    ------
    ValueError
        If probabilities hold NaN or lie outside [0, 1], or labels are missing or not of two classes.

    References
    ----------
    .. [1] T. Dimitriadis, T. Gneiting and A. I. Jordan, "Stable reliability diagrams for probabilistic classifiers",
       PNAS 118, 2021.

    Examples
    --------
    >>> from skboost.metrics import corp_decomposition
    >>> parts = corp_decomposition([0, 1, 0, 1, 1], [0.1, 0.3, 0.4, 0.8, 0.9])
    >>> tuple(round(part, 3) for part in parts)
    (0.142, 0.042, 0.14, 0.24)
    """
    check_options("corp_decomposition", loss=(loss, LOSSES))
    event = read_event(y_true, y_prob, sample_weight, pos_label)
    share = float(event.weight @ event.outcome / event.weight.sum())
    score = mean_score(event, event.probability, loss)
    recalibrated = mean_score(event, recalibrated_probability(event), loss)
    uncertainty = mean_score(event, np.full_like(event.probability, share), loss)
    # rounding alone can make a difference negative
    return CorpDecomposition(
        score, max(score - recalibrated, 0.0), max(uncertainty - recalibrated, 0.0), uncertainty
    )


def mean_score(event: Event, probability: Floats, loss: str) -> float:
    """Weighted mean of the Brier score or log loss of some probabilities."""
    if loss == "brier":
        each = (probability - event.outcome) ** 2
    else:
        each = -xlogy(event.outcome, probability) - xlogy(1 - event.outcome, 1 - probability)
    return float(event.weight @ each / event.weight.sum())


def recalibrated_probability(event: Event) -> Floats:
    """Isotonic regression of the outcomes on the probabilities, for each row."""
    places, _, shares = isotonic_blocks(event)
    return np.asarray(shares[places])


def isotonic_blocks(event: Event) -> tuple[Places, Places, Floats]:
    """Blocks of the isotonic regression of outcomes on probabilities.

    Returns
    -------
    places : ndarray of shape (n,), int64
        Distinct probability that each row has, from the smallest.
    blocks : ndarray of shape (n_distinct,), int64
        Block of each distinct probability.
    shares : ndarray of shape (n_distinct,)
        Value of the regression at each distinct probability.
    """
    _, places, mass = tied(event.probability, event.weight)
    shares = sums(places, event.weight * event.outcome) / mass
    fitted = np.asarray(isotonic_regression(shares, sample_weight=mass), dtype=np.float64)
    blocks = np.concatenate([[0], np.cumsum(np.diff(fitted) > 0)])
    return places, blocks, np.clip(fitted, 0.0, 1.0)
