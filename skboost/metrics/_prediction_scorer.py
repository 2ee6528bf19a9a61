"""Intervals and sets of a model as scores for model selection."""

from __future__ import annotations

from typing import Any

import numpy as np

from skboost.metrics._intervals import coverage_score, interval_score
from skboost.metrics._model_scorer import ModelScorer
from skboost.metrics._options import LEVEL
from skboost.metrics._sets import mean_set_size, set_coverage_score


class PredictionScorer(ModelScorer):
    """Base of scorers of what a model says at one level of confidence.

    Parameters
    ----------
    confidence_level : float or None
        None for the level of the estimator.
    """

    def __init__(self, confidence_level: float | None) -> None:
        self.confidence_level = confidence_level

    def level_of(self, estimator: Any) -> float:
        """The level that is asked for."""
        level = self.confidence_level
        if level is None:
            level = getattr(estimator, "confidence_level", None)
            if not LEVEL.accepts(level):
                raise ValueError(
                    f"confidence_level=None takes the level of the estimator, but that of {type(estimator).__name__} "
                    f"is {level!r}; give the scorer one number between 0 and 1."
                )
        return float(level)  # type: ignore[arg-type]


class IntervalScorer(PredictionScorer):
    """A scorer for model selection: minus the interval score. Made by :func:`interval_score_scorer`."""

    def __call__(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Minus the interval score of a fitted regressor on the rows of X."""
        level = self.level_of(estimator)
        interval = ask(estimator, "predict_interval", X, level)
        score = interval_score(y, interval, confidence_level=level, sample_weight=sample_weight)
        return -float(score)

    def __repr__(self) -> str:
        return f"interval_score_scorer({self.confidence_level!r})"


class CoverageScorer(PredictionScorer):
    """A scorer for reports: the coverage. Made by :func:`coverage_scorer`."""

    def __call__(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Coverage of the sets or intervals of a fitted model on the rows of X."""
        level = self.level_of(estimator)
        if not hasattr(estimator, "predict_set"):
            interval = ask(
                estimator, "predict_interval", X, level, "predict_interval or predict_set"
            )
            return float(coverage_score(y, interval, sample_weight=sample_weight))
        sets = ask(estimator, "predict_set", X, level)
        coverage = set_coverage_score(
            y, sets, labels=estimator.classes_, sample_weight=sample_weight
        )
        return float(coverage)

    def __repr__(self) -> str:
        return f"coverage_scorer({self.confidence_level!r})"


class SetSizeScorer(PredictionScorer):
    """A scorer for model selection: minus the mean size of sets. Made by :func:`set_size_scorer`."""

    def __call__(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Minus the mean size of the sets of a fitted classifier for the rows of X."""
        sets = ask(estimator, "predict_set", X, self.level_of(estimator))
        return -float(mean_set_size(sets, sample_weight=sample_weight))

    def __repr__(self) -> str:
        return f"set_size_scorer({self.confidence_level!r})"


def ask(estimator: Any, method: str, X: Any, level: float, needed: str = "") -> Any:
    """Intervals or sets of one level.

    Raises
    ------
    ValueError
        If the estimator has no such method.
    """
    if not hasattr(estimator, method):
        raise ValueError(
            f"{type(estimator).__name__} has no {needed or method}; wrap it in a conformal estimator first."
        )
    return np.asarray(getattr(estimator, method)(X, confidence_level=level))


def check_level(function: str, confidence_level: Any) -> float | None:
    """A level, or None."""
    if confidence_level is None:
        return None
    if not LEVEL.accepts(confidence_level):
        raise ValueError(
            f"confidence_level={confidence_level!r} is not valid for {function}: it must be {LEVEL}, or None for the "
            "level of the estimator."
        )
    return float(confidence_level)


def interval_score_scorer(confidence_level: float | None = 0.9) -> IntervalScorer:
    """A scorer for ``scoring=`` of GridSearchCV and cross_validate: minus :func:`interval_score`.

    It is proper: candidates are told apart by how narrow their intervals are where they may be, and by what they miss.

    Parameters
    ----------
    confidence_level : float or None, default=0.9
        Level that the intervals are asked for; None for that of the estimator, which then must be the same for all
        candidates, because scores of different levels cannot be compared.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y, sample_weight=None)`` for a fitted regressor with ``predict_interval``. It can be
        pickled. A candidate with infinite intervals, because it has too few calibration rows, scores -infinity.

    Raises
    ------
    ValueError
        If the level is none, at once, not when the scorer is called.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.model_selection import GridSearchCV
    >>> from skboost.conformal import ConformalRegressor
    >>> from skboost.metrics import interval_score_scorer
    >>> X, y = load_diabetes(return_X_y=True)
    >>> grid = {"estimator__alpha": [0.1, 10.0]}
    >>> search = GridSearchCV(ConformalRegressor(Ridge()), grid, scoring=interval_score_scorer(0.8))
    >>> search.fit(X, y).best_params_
    {'estimator__alpha': 0.1}
    """
    return IntervalScorer(check_level("interval_score_scorer", confidence_level))


def coverage_scorer(confidence_level: float | None = 0.9) -> CoverageScorer:
    """A scorer for reports of cross_validate and GridSearchCV: the share of rows that intervals or sets cover.

    Report it beside a score by which you choose (:func:`interval_score_scorer`, :func:`set_size_scorer`), and do not
    choose by it: the largest coverage belongs to the intervals that say least.

    Parameters
    ----------
    confidence_level : float or None, default=0.9
        Level that intervals or sets are asked for; None for that of the estimator.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y, sample_weight=None)`` for a fitted estimator with ``predict_set`` or
        ``predict_interval``. It can be pickled.

    Raises
    ------
    ValueError
        If the level is none, at once, not when the scorer is called.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import cross_validate
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skboost.conformal import ConformalClassifier
    >>> from skboost.metrics import coverage_scorer, set_size_scorer
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ConformalClassifier(GaussianNB(), random_state=0)
    >>> scoring = {"coverage": coverage_scorer(0.8), "size": set_size_scorer(0.8)}
    >>> found = cross_validate(model, X, y, scoring=scoring)
    >>> round(float(found["test_coverage"].mean()), 2), round(float(found["test_size"].mean()), 2)
    (0.82, -0.83)
    """
    return CoverageScorer(check_level("coverage_scorer", confidence_level))


def set_size_scorer(confidence_level: float | None = 0.9) -> SetSizeScorer:
    """A scorer for ``scoring=`` of GridSearchCV and cross_validate: minus :func:`mean_set_size`.

    Conformal sets of one level cover about equally often, so that smaller ones say more. Where candidates cover
    differently, as without a guarantee, small sets may be wrong ones: report :func:`coverage_scorer` beside.

    Parameters
    ----------
    confidence_level : float or None, default=0.9
        Level that the sets are asked for; None for that of the estimator, which then must be the same for all
        candidates.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y, sample_weight=None)`` for a fitted classifier with ``predict_set``. It can be
        pickled.

    Raises
    ------
    ValueError
        If the level is none, at once, not when the scorer is called.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skboost.conformal import ConformalClassifier
    >>> from skboost.metrics import set_size_scorer
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ConformalClassifier(GaussianNB(), random_state=0).fit(X[::2], y[::2])
    >>> set_size_scorer(0.95)(model, X[1::2], y[1::2])
    -0.92
    """
    return SetSizeScorer(check_level("set_size_scorer", confidence_level))
