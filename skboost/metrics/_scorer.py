"""Calibration error as a score for model selection."""

from __future__ import annotations

from typing import Any

from skboost.metrics._calibration_error import check_error_options, expected_calibration_error
from skboost.metrics._model_scorer import ModelScorer
from skboost.metrics._options import check_kind


class CalibrationErrorScorer(ModelScorer):
    """A scorer for model selection: minus the expected calibration error, so that more is better.

    Made by :func:`calibration_error_scorer`.

    Parameters
    ----------
    kind : {"binary", "top_label", "classwise"}
    options : dict
        Other options of :func:`expected_calibration_error`.
    """

    def __init__(self, kind: str, options: dict[str, Any]) -> None:
        self.kind = kind
        self.options = options

    def __call__(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Minus the error of the probabilities that a fitted classifier gives to the rows of X."""
        if not hasattr(estimator, "predict_proba"):
            raise ValueError(
                f"{type(estimator).__name__} has no predict_proba, but calibration is about probabilities; wrap it in "
                "a calibrated classifier first."
            )
        probability = estimator.predict_proba(X)
        return -expected_calibration_error(
            y,
            probability,
            kind=self.kind,
            labels=estimator.classes_,
            sample_weight=sample_weight,
            **self.options,
        )

    def __repr__(self) -> str:
        options = "".join(f", {name}={value!r}" for name, value in self.options.items())
        return f"calibration_error_scorer({self.kind!r}{options})"


def calibration_error_scorer(
    kind: str | None = None,
    *,
    n_bins: int = 15,
    strategy: str = "uniform",
    norm: str = "l1",
    debiased: bool = False,
) -> CalibrationErrorScorer:
    """A scorer for ``scoring=`` of GridSearchCV and cross_validate: minus :func:`expected_calibration_error`.

    The labels are those of the classifier, so a fold may lack a class. Beside this score keep a proper one, such as
    "neg_log_loss", and choose by that: a model that knows nothing but the base rate is calibrated too.

    Parameters
    ----------
    kind : {"binary", "top_label", "classwise"}
        What is to be calibrated; it must be given. See :func:`expected_calibration_error`.
    n_bins : int, default=15
        Number of bins.
    strategy : {"uniform", "quantile"}, default="uniform"
        Bins of equal width or of equal mass.
    norm : {"l1", "l2", "max"}, default="l1"
        Norm over the bins.
    debiased : bool, default=False
        Subtract from the squares of ``norm="l2"`` what chance adds to them.

    Returns
    -------
    scorer : callable
        ``scorer(estimator, X, y, sample_weight=None)`` for a fitted classifier with ``predict_proba``. It can be
        pickled.

    Raises
    ------
    ValueError
        If an option is unknown, at once, not when the scorer is called.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import cross_validate
    >>> from skboost.metrics import calibration_error_scorer
    >>> scoring = {"log": "neg_log_loss", "calibration": calibration_error_scorer("top_label")}
    >>> X, y = load_iris(return_X_y=True)
    >>> found = cross_validate(LogisticRegression(max_iter=1000), X, y, scoring=scoring)
    >>> round(float(found["test_calibration"].mean()), 2)
    -0.1
    """
    check_error_options("calibration_error_scorer", n_bins, strategy, norm, debiased)
    check_kind(kind)
    return CalibrationErrorScorer(
        str(kind), {"n_bins": n_bins, "strategy": strategy, "norm": norm, "debiased": debiased}
    )
