"""A classifier whose probabilities are calibrated."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skboost._validation import Constraint, Instance, OneOf, check_class_target
from skboost.calibration._base import CALIBRATORS, Calibrator
from skboost.calibration._calibrated import CalibratedEstimator
from skboost.calibration._response import Response, response_of

Floats = npt.NDArray[np.float64]


def gives_intervals(model: Any) -> bool:
    """Whether the calibrator of a classifier, fitted or not, knows the uncertainty of its probabilities."""
    if hasattr(model, "calibrators_"):
        return hasattr(model.calibrators_[0], "transform_interval")
    if isinstance(model.method, str):
        return hasattr(dict(CALIBRATORS.items()).get(model.method), "transform_interval")
    return hasattr(model.method, "transform_interval")


class CalibratedClassifier(ClassifierMixin, CalibratedEstimator):
    """Any classifier, with probabilities that mean what they say.

    The scores of the classifier on rows that it was not trained on teach a calibrator, a map from scores to
    probabilities. Such rows come from cross-validation, or are all rows if the classifier is frozen. With folds in an
    ensemble each model has a calibrator of its own and their answers are averaged; otherwise one calibrator learns
    from the out-of-fold scores of all rows, and one model is fitted on all rows.

    Read more in the :ref:`User Guide <calibration>`.

    Parameters
    ----------
    estimator : classifier
        Anything with ``decision_function`` or ``predict_proba``, a pipeline too. It is cloned; to calibrate a fitted
        model, wrap it in ``sklearn.frozen.FrozenEstimator``, and all rows calibrate.
    method : str or Calibrator, default="structured"
        "structured", "temperature", "sigmoid" (Platt), "beta", "isotonic", "centered_isotonic" or "venn_abers"; or a
        calibrator with parameters of its own, such as ``VennAbersScaler(loss="brier")``. Its ``input`` and ``classes``
        are set here. The default had the best log loss on real tables, see the user guide; "venn_abers" is the one that
        tells how sure it is.
    cv : int, splitter, iterable of (train, test) or None, default=None
        Folds; None is 5. Whole numbers are stratified folds without shuffling. ``LeaveOneOut()`` works. Cannot be given
        for a frozen estimator.
    ensemble : bool or "auto", default="auto"
        Whether each fold keeps its model and calibrator. "auto" is True when every fold has at least 100 calibration
        rows for each class, or when folds share calibration rows, which must not be put together.
    response_method : {"auto", "decision_function", "predict_proba"}, default="auto"
        Which scores of the estimator are calibrated; "auto" prefers ``decision_function``, which does not saturate.
    n_jobs : int or None, default=None
        Number of folds that are fitted at the same time, as in joblib. Results do not depend on it.
    verbose : int, default=0
        How much joblib tells of its progress over the folds.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted.
    estimators_ : list of classifiers
        The fitted models: one a fold in an ensemble, otherwise a single one.
    calibrators_ : list of Calibrator
        For each model its calibrator.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if X has column names that are strings.

    See Also
    --------
    VennAbersRegressor : The same idea for the conditional mean of a number.
    ReliabilityDisplay : Draws how well probabilities are calibrated.
    skboost.metrics.expected_calibration_error : Measures it.

    Notes
    -----
    A class that is absent from a fold keeps its column: where a model has not seen it, its score is that of the Laplace
    probability 1 / (n + K). Rows of weight 0 are neither trained nor calibrated on.

    The guarantee of Venn-ABERS is about one model and rows that it was not trained on: a frozen estimator, or a ``cv``
    with a single split. With several folds there is none, see :class:`VennAbersScaler`.

    References
    ----------
    .. [1] J. Platt, "Probabilistic outputs for support vector machines and comparisons to regularized likelihood
       methods", Advances in Large Margin Classifiers, 1999.
    .. [2] V. Vovk, I. Petej and V. Fedorova, "Large-scale probabilistic predictors with and without guarantees of
       validity", NIPS 2015.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skboost.calibration import CalibratedClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = CalibratedClassifier(GaussianNB(), method="venn_abers").fit(X[:400], y[:400])
    >>> GaussianNB().fit(X[:400], y[:400]).predict_proba(X[[405, 541]])[:, 1].round(2)
    array([1.  , 0.07])
    >>> model.predict_proba(X[[405, 541]])[:, 1].round(2)
    array([0.99, 0.37])
    >>> model.predict_proba_interval(X[[405, 541]]).round(2)
    array([[0.99, 1.  ],
           [0.33, 0.39]])
    """

    constraints: ClassVar[dict[str, Constraint | tuple[Constraint, ...]]] = (
        CalibratedEstimator.constraints
        | {
            "method": (Instance(str), Instance(Calibrator)),
            "response_method": OneOf("auto", "decision_function", "predict_proba"),
        }
    )

    def __init__(
        self,
        estimator: Any,
        method: Any = "structured",
        *,
        cv: Any = None,
        ensemble: Any = "auto",
        response_method: str = "auto",
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.cv = cv
        self.ensemble = ensemble
        self.response_method = response_method
        self.n_jobs = n_jobs
        self.verbose = verbose

    # -- fit: what CalibratedEstimator asks for ---------------------------------------------------------------------

    def _check_target(self, y: Any, weight: Floats) -> npt.NDArray:
        classes, codes = check_class_target(y, len(weight), weight)
        labels = classes[codes]
        if isinstance(self.estimator, FrozenEstimator):
            check_is_fitted(self.estimator)
            self.classes_ = np.asarray(self.estimator.classes_)
        else:
            self.classes_ = np.unique(labels[weight > 0])
        return np.asarray(labels)

    def _n_classes(self) -> int:
        return len(self.classes_)

    def _respond(self, estimator: Any, X: Any, n_train: float) -> Response:
        return response_of(estimator, X, self.classes_, self.response_method, n_train)

    def _fit_calibrator(
        self, responses: list[Response], y: Any, weight: Floats
    ) -> tuple[Calibrator, list[str]]:
        inputs = {response.input for response in responses}
        if len(inputs) > 1:
            raise ValueError(
                "some folds give decision_function and others only predict_proba; "
                "choose one with response_method."
            )
        scores = np.concatenate([response.scores for response in responses])
        calibrator: Calibrator = clone(CALIBRATORS.resolve(self.method, Calibrator))
        calibrator.set_params(input=inputs.pop(), classes=self.classes_)
        return calibrator, calibrator._learn(scores, y, weight)

    # -- predict ----------------------------------------------------------------------------------------------------

    def predict_proba(self, X: Any) -> Floats:
        """Calibrated probabilities of the classes.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        probability : ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``; rows sum to 1.
        """
        check_is_fitted(self, "calibrators_")
        X = self._check_columns(X)
        scores = [response.scores for response in self._responses(X)]
        probability = self.calibrators_[0].pool(self.calibrators_, scores)
        if probability.ndim == 1:
            return np.column_stack([1.0 - probability, probability])
        return np.asarray(probability)

    def predict(self, X: Any) -> npt.NDArray:
        """The most probable class.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        probability = self.predict_proba(X)
        return np.asarray(self.classes_[probability.argmax(axis=1)])

    @available_if(gives_intervals)
    def predict_proba_interval(self, X: Any) -> Floats:
        """Probabilities and their own uncertainty: the two answers of Venn-ABERS.

        Only with a calibrator that has such intervals. p0 is the probability if the row had the label 0, p1 if it had
        the label 1; with two classes the probability of :meth:`predict_proba` lies between. Their distance shrinks as
        calibration rows with similar scores become more.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        interval : ndarray of shape (n_samples, 2) or (n_samples, n_classes, 2)
            p0 and p1 of the second of two classes; of each class against the rest if there are more, before rows are
            made to sum to 1.
        """
        check_is_fitted(self, "calibrators_")
        X = self._check_columns(X)
        scores = [response.scores for response in self._responses(X)]
        return np.asarray(self.calibrators_[0].pool_interval(self.calibrators_, scores))
