"""Structured matrix scaling: a small linear model on top of the logits."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from skboost._ext.blas import single_threaded_blas
from skboost._ext.softmax import cross_entropy, softmax
from skboost._validation import Number, OneOf
from skboost.calibration._base import CALIBRATORS, Calibrator, Codes, Floats
from skboost.calibration._scores import class_clip, class_logits
from skboost.calibration._temperature import best_temperature, mixed, scaled_softmax

MAX_STEPS = 2000
# Derivatives of the mean loss of a row.
TOLERANCE = 1e-10
ACCEPTED = 1e-6


@CALIBRATORS.register("structured")
class MatrixScaler(Calibrator):
    """Structured matrix scaling [1]_: a linear model of all logits, held near the identity.

        P = softmax((I + diag(v) + M) z + b),   z = log q,   q = (n softmax(s / T) + 1 / K) / (n + 1)
        minimise   log loss of the n rows + penalty * (K |b|^2 + K |v|^2 + K (K - 1) |M|^2)

    for K classes with logits s, where M has no diagonal. The temperature T comes first, by log loss alone. Then biases
    b correct how often a class is predicted, factors v how boldly, and M what the model confuses. The fewer rows there
    are, the nearer this is to temperature scaling; M, which has most numbers to learn, is held back most. With two
    classes this is the curve of :class:`BetaScaler` without its signs.

    Parameters
    ----------
    input : {"probability", "logit"}, default="probability"
        What scores are: probabilities, whose logarithms are s, or logits s. Two classes: s is 0 and the log-odds.
    classes : sequence of labels, default=None
        Labels in the order of the columns of scores; None for the sorted labels of y, which then must all occur.
    structure : {"full", "diagonal", "bias"}, default="full"
        What is learned beside the temperature: b, v and M, b and v, or b only.
    penalty : float, default=1.0
        Factor of the penalty, above 0.

    Attributes
    ----------
    coef_ : ndarray of shape (n_classes, n_classes)
        I + diag(v) + M.
    intercept_ : ndarray of shape (n_classes,)
        b.
    temperature_ : float
        T.
    clip_ : float or None
        How far probabilities are kept from 0, as in :class:`TemperatureScaler`; None for logits.
    classes_ : ndarray of shape (n_classes,)
        Labels in the order of columns.
    n_calibration_ : float
        Sum of the weights of the calibration rows, n above.

    Warns
    -----
    ConvergenceWarning
        If the penalty is so small that the optimum was not reached.

    See Also
    --------
    TemperatureScaler : One number, which never changes the predicted class; this calibrator may.

    Notes
    -----
    The problem is strictly convex; L-BFGS solves it. The uniform row in q keeps z finite where the rows ask for a
    temperature of 0.

    References
    ----------
    .. [1] E. Berta, D. Holzmüller, M. I. Jordan and F. Bach, "Structured matrix scaling for multi-class calibration",
       AISTATS 2026.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost.calibration import MatrixScaler
    >>> rng = np.random.default_rng(0)
    >>> logits = rng.normal(size=(300, 3))
    >>> y = (logits + [1, 0, 0] + rng.gumbel(size=(300, 3))).argmax(axis=1)  # class 0 is underrated
    >>> scaler = MatrixScaler(input="logit").fit(logits, y)
    >>> scaler.transform([[0.0, 0.0, 0.0]]).round(2)
    array([[0.56, 0.22, 0.23]])
    """

    constraints = Calibrator.constraints | {
        "structure": OneOf("full", "diagonal", "bias"),
        "penalty": Number(0),
    }

    def __init__(
        self,
        *,
        input: str = "probability",
        classes: Any = None,
        structure: str = "full",
        penalty: float = 1.0,
    ) -> None:
        self.input = input
        self.classes = classes
        self.structure = structure
        self.penalty = penalty

    def _fit(self, scores: Floats, codes: Codes, weight: Floats, n_classes: int) -> None:
        self.clip_ = class_clip(scores) if self.input == "probability" else None
        s = class_logits(scores, self.clip_)
        self.temperature_, _ = best_temperature(s, codes, weight)
        z = tempered(s, self.temperature_, float(weight.sum()))
        penalty = float(self.penalty) * penalties(n_classes, self.structure)
        with single_threaded_blas():
            change = best_change(z, codes, weight, penalty)
        self.coef_ = np.eye(n_classes) + change[:, :-1]
        self.intercept_ = change[:, -1]

    def _transform(self, scores: Floats) -> Floats:
        s = class_logits(scores, self.clip_)
        z = tempered(s, self.temperature_, self.n_calibration_)
        probability = softmax(z @ self.coef_.T + self.intercept_)
        return probability[:, 1] if scores.ndim == 1 else probability


def tempered(s: Floats, temperature: float, n: float) -> Floats:
    """log q."""
    return np.asarray(np.log(mixed(scaled_softmax(s, temperature), n)))


def penalties(n_classes: int, structure: str) -> Floats:
    """Factors of the squares of (diag(v) + M, b); infinite for what is not learned."""
    factors = np.full((n_classes, n_classes + 1), np.inf)
    factors[:, -1] = n_classes
    if structure != "bias":
        np.fill_diagonal(factors[:, :-1], n_classes)
    if structure == "full":
        factors[np.isinf(factors)] = n_classes * (n_classes - 1)
    return factors


def best_change(z: Floats, codes: Codes, weight: Floats, penalty: Floats) -> Floats:
    """(diag(v) + M, b), shape (n_classes, n_classes + 1)."""
    learned = np.isfinite(penalty)
    factors = penalty[learned]
    columns = np.column_stack([z, np.ones(len(z))])
    n = weight.sum()
    change = np.zeros(penalty.shape)
    loss, slope = np.empty(len(z)), np.empty(z.shape)

    def objective(values: Floats) -> tuple[float, Floats]:
        change[learned] = values
        raw = z + columns @ change.T
        cross_entropy(codes, raw, weight, loss=loss, gradient=slope)
        total = loss.sum() + factors @ values**2
        gradient = (slope.T @ columns)[learned] + 2 * factors * values
        return total / n, gradient / n

    result = minimize(
        objective,
        np.zeros(len(factors)),
        jac=True,
        method="L-BFGS-B",
        # the value is flat to rounding long before the derivatives are zero
        options={
            "maxiter": MAX_STEPS,
            "maxfun": 2 * MAX_STEPS,
            "maxcor": 20,
            "ftol": 0.0,
            "gtol": TOLERANCE,
        },
    )
    steepest = float(np.abs(result.jac).max())
    if steepest > ACCEPTED:
        warnings.warn(
            f"the optimum was not reached in {result.nit} steps, a derivative is still {steepest:.1g}; "
            "use a larger penalty.",
            ConvergenceWarning,
            stacklevel=4,
        )
    change[learned] = result.x
    return change
