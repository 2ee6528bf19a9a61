"""Calibration errors of probabilities gathered in bins."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from skboost.metrics._bins import Bins, bins_of
from skboost.metrics._events import Event, read_events
from skboost.metrics._options import (
    BINNINGS,
    COUNT,
    NORMS,
    THRESHOLD,
    YES_NO,
    check_options,
)

Floats = npt.NDArray[np.float64]


def expected_calibration_error(
    y_true: Any,
    y_prob: Any,
    *,
    kind: str | None = None,
    n_bins: int = 15,
    strategy: str = "uniform",
    norm: str = "l1",
    debiased: bool = False,
    sample_weight: Any = None,
    labels: Any = None,
) -> float:
    """Expected calibration error (ECE): how far mean probabilities lie from observed frequencies, over bins.

        l1     sum_b W_b / W |acc_b - conf_b|
        l2     sqrt(sum_b W_b / W (acc_b - conf_b)^2)
        max    max_b |acc_b - conf_b|

    with the summed weight W_b of the rows of bin b, the share acc_b of them in which the event happened, and their
    mean probability conf_b. Empty bins play no role.

    A perfectly calibrated model does not reach 0, because frequencies of finitely many rows scatter: compare with
    :func:`calibration_floor`, or ask :func:`calibration_test`. And a model that always says the base rate comes close
    to 0: judge models by log loss or Brier score, of which :func:`corp_decomposition` tells the part that is
    miscalibration.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    y_prob : array-like of shape (n_samples,) or (n_samples, n_classes)
        Probability of the second class, or of each class.
    kind : {"binary", "top_label", "classwise"}
        What is to be calibrated; it must be given.

        * "binary": the probability of the second class.
        * "top_label": the largest probability of each row, as the probability that this class is right. Among equals
          the first class counts.
        * "classwise": the probability of each class against all others; the mean over the classes of the errors, for
          "l2" the root of the mean square, for "max" the largest. One number a row speaks of two classes here.
    n_bins : int, default=15
        Number of bins.
    strategy : {"uniform", "quantile"}, default="uniform"
        * "uniform": [j / n_bins, (j + 1) / n_bins), of which the last holds 1 too.
        * "quantile": bins of equal mass. Equal probabilities share a bin, that of their middle rank, so that the
          order of rows plays no role; many ties make bins unequal, or leave some empty.
    norm : {"l1", "l2", "max"}, default="l1"
        See above. "max" is the maximum calibration error.
    debiased : bool, default=False
        Subtract from each square what chance adds to it, acc_b (1 - acc_b) / (W_b - 1) [2]_, and leave out bins with
        W_b <= 1, of which nothing can be said. Only with ``norm="l2"``. A negative sum becomes 0 in the end.
    sample_weight : array-like of shape (n_samples,), optional
        Weight k counts as k copies of the row, 0 as none. Only ``debiased`` depends on the size of the weights: W_b is
        a number of rows.
    labels : sequence of n_classes labels, optional
        Labels in the order of the columns. None for the sorted labels of ``y_true``, which then must all occur; of 0
        and 1, or -1 and 1, one may be absent.

    Returns
    -------
    error : float
        Between 0 and 1; 0 is best.

    Raises
    ------
    ValueError
        If ``kind`` is missing; if probabilities hold NaN, lie outside [0, 1] or do not sum to 1 in a row; if labels
        are missing or unknown; if an option is unknown or cannot act.

    See Also
    --------
    adaptive_calibration_error : Bins of equal mass for each class.
    calibration_test : The error, its floor, and a p-value.
    smooth_calibration_error : An error without bins.

    References
    ----------
    .. [1] M. P. Naeini, G. F. Cooper and M. Hauskrecht, "Obtaining well calibrated probabilities using Bayesian
       binning", AAAI 2015.
    .. [2] A. Kumar, P. Liang and T. Ma, "Verified uncertainty calibration", NeurIPS 2019.

    Examples
    --------
    >>> from skboost.metrics import expected_calibration_error
    >>> expected_calibration_error([0, 0, 1, 1], [0.1, 0.4, 0.6, 0.9], kind="binary")
    0.25
    >>> y_prob = [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.6, 0.2, 0.2]]
    >>> round(expected_calibration_error(["a", "b", "c"], y_prob, kind="top_label"), 3)
    0.367
    """
    check_error_options("expected_calibration_error", n_bins, strategy, norm, debiased)
    events = read_events(y_true, y_prob, kind, labels, sample_weight)
    bins = [bins_of(event, n_bins, strategy) for event in events]
    return combined(map(debiased_square if debiased else ERRORS[norm], bins), norm)


def maximum_calibration_error(
    y_true: Any,
    y_prob: Any,
    *,
    kind: str | None = None,
    n_bins: int = 15,
    strategy: str = "uniform",
    sample_weight: Any = None,
    labels: Any = None,
) -> float:
    """Maximum calibration error (MCE): the largest gap between mean probability and frequency of any bin.

        max_b |acc_b - conf_b|

    which is :func:`expected_calibration_error` with ``norm="max"``. The bin that decides is often one with few rows,
    whose frequency is little more than chance; ``strategy="quantile"`` avoids such bins.

    Parameters
    ----------
    y_true, y_prob, kind, n_bins, strategy, sample_weight, labels
        As for :func:`expected_calibration_error`.

    Returns
    -------
    error : float
        Between 0 and 1; 0 is best.

    Raises
    ------
    ValueError
        As :func:`expected_calibration_error`.

    Examples
    --------
    >>> from skboost.metrics import maximum_calibration_error
    >>> round(maximum_calibration_error([0, 0, 1, 0], [0.1, 0.1, 0.9, 0.7], kind="binary"), 3)
    0.7
    """
    return expected_calibration_error(
        y_true,
        y_prob,
        kind=kind,
        n_bins=n_bins,
        strategy=strategy,
        norm="max",
        sample_weight=sample_weight,
        labels=labels,
    )


def adaptive_calibration_error(
    y_true: Any,
    y_prob: Any,
    *,
    kind: str | None = None,
    n_bins: int = 15,
    threshold: float = 0.0,
    sample_weight: Any = None,
    labels: Any = None,
) -> float:
    """Adaptive calibration error (ACE): a calibration error over bins of equal mass [1]_.

        1 / K sum_k sum_r W_kr / W_k |acc_kr - conf_kr|

    over the K events that ``kind`` names and R = ``n_bins`` ranges of probability of equal mass. The paper has
    ``kind="classwise"`` in mind and writes 1 / R for W_kr / W_k, which is the same if the ranges are equal. Ties can
    make them unequal; each then counts by its mass.

    Three unrelated errors are called ACE. This is Nixon's *adaptive* error. The *average* calibration error (netcal's
    class ``ACE``) is the plain mean of |acc_b - conf_b| over the bins of equal width that are not empty. And for
    prediction intervals (puncc) it is the *coverage* error, how far the observed coverage is from the nominal one.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    y_prob : array-like of shape (n_samples,) or (n_samples, n_classes)
        Probability of the second class, or of each class.
    kind : {"binary", "top_label", "classwise"}
        What is to be calibrated; it must be given. See :func:`expected_calibration_error`.
    n_bins : int, default=15
        Number R of ranges. Equal probabilities share a range, that of their middle rank.
    threshold : float, default=0.0
        Only probabilities above it count: the thresholded error (TACE), with which the many classes that nobody
        expects do not drown the others. Events without such a probability are left out of the mean.
    sample_weight : array-like of shape (n_samples,), optional
        Weight k counts as k copies of the row, 0 as none.
    labels : sequence of n_classes labels, optional
        Labels in the order of the columns. See :func:`expected_calibration_error`.

    Returns
    -------
    error : float
        Between 0 and 1; 0 is best.

    Raises
    ------
    ValueError
        As :func:`expected_calibration_error`, and if no probability lies above ``threshold``.

    References
    ----------
    .. [1] J. Nixon, M. W. Dusenberry, L. Zhang, G. Jerfel and D. Tran, "Measuring calibration in deep learning", CVPR
       Workshops 2019.

    Examples
    --------
    >>> from skboost.metrics import adaptive_calibration_error
    >>> y_prob = [[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.6, 0.2, 0.2], [0.2, 0.3, 0.5]]
    >>> y_true = ["a", "b", "c", "c"]
    >>> round(adaptive_calibration_error(y_true, y_prob, kind="classwise", n_bins=2), 3)
    0.217
    >>> round(adaptive_calibration_error(y_true, y_prob, kind="classwise", n_bins=2, threshold=0.15), 3)
    0.314
    """
    check_options(
        "adaptive_calibration_error", n_bins=(n_bins, COUNT), threshold=(threshold, THRESHOLD)
    )
    events = read_events(y_true, y_prob, kind, labels, sample_weight)
    if threshold > 0:
        events = [event for event in map(above(threshold), events) if len(event.weight)]
        if not events:
            raise ValueError(
                f"threshold={threshold} is not exceeded by any probability; choose a smaller one."
            )
    return combined((l1_error(bins_of(event, n_bins, "quantile")) for event in events), "l1")


def check_error_options(
    function: str, n_bins: Any, strategy: Any, norm: Any, debiased: Any
) -> None:
    """Refuse options of :func:`expected_calibration_error` that are unknown or cannot act."""
    check_options(
        function,
        n_bins=(n_bins, COUNT),
        strategy=(strategy, BINNINGS),
        norm=(norm, NORMS),
        debiased=(debiased, YES_NO),
    )
    if debiased and norm != "l2":
        raise ValueError(
            f"debiased=True acts on squares, but norm={norm!r}; use norm='l2', or calibration_floor for the size of "
            "what chance adds."
        )


def above(threshold: float) -> Callable[[Event], Event]:
    """What leaves the rows of an event whose probability lies above the threshold."""

    def part(event: Event) -> Event:
        kept = event.probability > threshold
        return replace(
            event,
            outcome=event.outcome[kept],
            probability=event.probability[kept],
            weight=event.weight[kept],
        )

    return part


def l1_error(bins: Bins) -> float:
    """Mean gap, weighted by the mass of the bins."""
    return float(bins.weight @ np.abs(bins.prob_true - bins.prob_pred) / bins.weight.sum())


def mean_square(bins: Bins) -> float:
    """Mean squared gap, weighted by the mass of the bins."""
    return float(bins.weight @ (bins.prob_true - bins.prob_pred) ** 2 / bins.weight.sum())


def debiased_square(bins: Bins) -> float:
    """Mean squared gap less what chance adds to it; may be negative."""
    told = bins.weight > 1
    noise = bins.prob_true * (1 - bins.prob_true) / np.where(told, bins.weight - 1, 1.0)
    square = np.where(told, (bins.prob_true - bins.prob_pred) ** 2 - noise, 0.0)
    return float(bins.weight @ square / bins.weight.sum())


def largest_gap(bins: Bins) -> float:
    """Gap of the worst bin."""
    return float(np.abs(bins.prob_true - bins.prob_pred).max())


ERRORS: dict[str, Callable[[Bins], float]] = {
    "l1": l1_error,
    "l2": mean_square,
    "max": largest_gap,
}


def combined(errors: Iterable[float], norm: str) -> float:
    """One error of those of several events; "l2" takes their squares."""
    values = list(errors)
    if norm == "max":
        return max(values)
    mean = sum(values) / len(values)
    return float(np.sqrt(max(mean, 0.0))) if norm == "l2" else mean
