"""Sets of classes for any classifier."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import check_cv
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skboost._crossfit.folds import check_each_row_once, fit_on
from skboost._crossfit.rows import n_rows_of, take
from skboost._validation import (
    Constraint,
    Flag,
    Instance,
    Integer,
    Number,
    OneOf,
    check_class_target,
    check_parameters,
    check_weights,
)
from skboost.conformal._base import ConformalEstimator
from skboost.conformal._class_labels import can_stratify, places_of
from skboost.conformal._class_probability import class_probability
from skboost.conformal._holdout import hold_out, hold_out_splitter
from skboost.conformal._set_rule import Answered, SetRule, description
from skboost.conformal._set_scores import SET_SCORES, SetScore
from skboost.conformal._taxonomy import learn_taxonomy

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.integer]


class Seeds(NamedTuple):
    """A seed for each purpose."""

    hold_out: int
    calibration: int
    sets: int


def gives_probabilities(model: Any) -> bool:
    """Whether the classifier inside, fitted or not, has ``predict_proba``."""
    inside = model.estimators_[0] if hasattr(model, "estimators_") else model.estimator
    return hasattr(inside, "predict_proba")


class ConformalClassifier(ClassifierMixin, ConformalEstimator):
    """Any classifier, with sets of classes that hold the true one with a given probability.

    Each calibration row (x_i, y_i), on which the model was not trained, has a score s_i that is large where y_i is
    strange beside what the model says. A class y is in the set of a new row x if its score is not stranger than most:

        p(y) = (1 + #{i : s_i >= s(x, y)}) / (n + 1)                  the p-value of class y
        set  = {y : p(y) > 1 - confidence_level} = {y : s(x, y) <= q},   q the ceil((n + 1) level)-th smallest s_i

    With ``randomized=True`` scores that tie are told apart by chance, and sets are as small as the guarantee allows:

        p(y) = max(1, #{i : s_i > s(x, y)} + v (1 + #{i : s_i = s(x, y)})) / (n + 1),   v uniform in (0, 1)

    **What is guaranteed.** If calibration rows and a new row are exchangeable, the set holds the true class with
    probability at least the confidence level [1]_, whatever the model, the score and n; if randomised, with exactly
    this probability as long as n is large enough for sets that are not full, n >= 1 / (1 - level) - 1. With
    ``class_conditional=True`` this is so among the rows of every class, with a ``taxonomy`` in every group of rows, and
    with both in every class of every group. The probability is over calibration rows, the new row and chance.

    ``method="cross"`` uses every row for both training and calibration (CV+, jackknife+ with ``LeaveOneOut()``): with K
    folds of equal size the probability is at least 1 - 2 alpha - min(2 (1 - 1/K) / (n/K + 1), (1 - K/n) / (K + 1)) for
    alpha = 1 - level, and at least 1 - 2 alpha for leave-one-out [2]_, if the classifier does not depend on the order
    of rows; it is usually close to 1 - alpha. Its p-values compare the score of a class with that of each row under
    the model that did not see the row, are not randomised beyond the scores, and are valid up to the same factor.

    **What is not guaranteed.** Coverage for this very row, or in groups that are not groups of the taxonomy; small
    sets; anything after a shift. A p-value is not a probability of the class.

    Read more in the :ref:`User Guide <conformal>`.

    Parameters
    ----------
    estimator : classifier
        Anything with ``predict_proba``, a pipeline too. It is cloned; to calibrate a fitted model, wrap it in
        ``sklearn.frozen.FrozenEstimator``, and all rows calibrate.
    method : {"split", "cross"}, default="split"
        One part of the rows trains and the other calibrates, or each fold calibrates a model that the others train.
    cv : float, int, splitter, iterable of (train, test) or None, default=None
        For "split" the share of rows that calibrate (None is 0.25), or a splitter, of which the first split is taken.
        A share is drawn from each class alike where every class has two rows and more: exact within classes, and for
        all classes together up to a term of order 1/n; ``ShuffleSplit`` ignores classes. For "cross" folds; None is 5.
        Cannot be given for a frozen estimator.
    nonconformity : str or SetScore, default="lac"
        "lac", "aps", "raps", "saps", "margin" or "topk"; or a score with parameters of its own such as
        ``RAPS(lam=0.1)``.
    class_conditional : bool, default=False
        Whether each class is compared with calibration rows of that class alone. A class with too few of them is in
        every set.
    taxonomy : str, int, callable, transformer, Bins, QuantileBins or None, default=None
        Groups of rows, compared with calibration rows of the same group alone: a column of X by name or number, a
        function from rows to labels, a transformer, or bins of the prediction, which here is the largest probability
        of a row. Only for "split".
    randomized : bool, default=True
        Whether scores that can be are randomised, and ties are broken by chance. The same rule holds for calibration
        rows and new rows.
    allow_empty : bool, default=True
        Whether a set may be empty: no class is plausible. False adds the class with the largest p-value, the more
        probable one if several have it; coverage only rises.
    confidence_level : float or list of float, default=0.9
        Probability with which a set shall hold the true class.
    n_jobs : int or None, default=None
        Number of folds that are fitted at the same time, as in joblib. Results do not depend on it.
    verbose : int, default=0
        How much joblib tells of its progress over the folds.
    random_state : int, RandomState or None, default=None
        For the rows that are held out and the random numbers of rows.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted.
    estimators_ : list of classifiers
        The fitted models: a single one, or one a fold.
    nonconformity_ : SetScore
        The score in use.
    calibration_scores_ : ndarray of shape (n_calibration,)
        Scores of the calibration rows, fold by fold.
    n_calibration_ : float
        Sum of the weights of the calibration rows.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if X has column names that are strings.

    See Also
    --------
    ConformalRegressor : Intervals for numbers.
    skboost.calibration.CalibratedClassifier : Probabilities that mean what they say.

    Notes
    -----
    A row has one random number u for its score and one, v, for ties, shared by all classes and all levels: sets are
    nested in the level. They come from a hash of the row's probabilities and a seed fixed at fit, so that asking twice
    gives the same sets and X may be cut into batches; rows with the same probabilities are numbered within a call, so
    that all numbers of a call are independent. Only such rows may get other numbers in another batch.

    Scores of new rows are computed exactly like those of calibration rows, and compared with them without a tolerance.
    A class that the model has not seen has probability 0 and keeps its column. Weight k of a calibration row counts as
    k copies with the same random number; the guarantee then needs rows that are exchangeable when weighted.

    References
    ----------
    .. [1] V. Vovk, A. Gammerman and G. Shafer, "Algorithmic Learning in a Random World", Springer 2005, chapter 4 for
       groups and classes (Mondrian predictors).
    .. [2] Y. Romano, M. Sesia and E. J. Candes, "Classification with valid and adaptive coverage", NeurIPS 2020.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skboost.conformal import ConformalClassifier
    >>> X, y = load_wine(return_X_y=True)
    >>> X = X[:, [0, 2, 3]]  # of 13 columns only three, so that there is doubt
    >>> model = ConformalClassifier(GaussianNB(), cv=0.5, random_state=0).fit(X[::2], y[::2])
    >>> model.predict(X[[59, 73, 161]]), y[[59, 73, 161]]
    (array([1, 2, 0]), array([1, 1, 2]))
    >>> model.predict_set(X[[59, 73, 161]])
    array([[False,  True, False],
           [False,  True,  True],
           [ True, False,  True]])
    >>> model.predict_pvalues(X[[59, 73, 161]]).round(2)
    array([[0.02, 0.98, 0.02],
           [0.02, 0.14, 0.38],
           [0.33, 0.02, 0.24]])
    """

    constraints: ClassVar[dict[str, Constraint | tuple[Constraint, ...]]] = (
        ConformalEstimator.constraints
        | {
            "method": OneOf("split", "cross"),
            "nonconformity": (Instance(str), Instance(SetScore)),
            "class_conditional": Flag(),
            "randomized": Flag(),
            "allow_empty": Flag(),
        }
    )

    def __init__(
        self,
        estimator: Any,
        *,
        method: str = "split",
        cv: Any = None,
        nonconformity: Any = "lac",
        class_conditional: bool = False,
        taxonomy: Any = None,
        randomized: bool = True,
        allow_empty: bool = True,
        confidence_level: Any = 0.9,
        n_jobs: int | None = None,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.cv = cv
        self.nonconformity = nonconformity
        self.class_conditional = class_conditional
        self.taxonomy = taxonomy
        self.randomized = randomized
        self.allow_empty = allow_empty
        self.confidence_level = confidence_level
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    # -- fit --------------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **fit_params: Any) -> Self:
        """Fit the estimator, and learn how strange true classes are beside what it says.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)
            Passed on untouched: whatever the estimator takes.
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional
            For the calibration, and for the estimator if its ``fit`` takes weights. Weight k counts as k copies of the
            row, 0 as none. With metadata routing enabled the estimator gets them if it requests them.
        **fit_params : dict
            ``groups`` go to the splitter, anything else to the estimator's ``fit``, cut to the rows of each fold; with
            metadata routing enabled everything goes where it is requested.

        Returns
        -------
        self : ConformalClassifier

        Raises
        ------
        ValueError
            If a parameter or the data are not what they must be, or a parameter cannot act.
        """
        check_parameters(self, self.constraints)
        self._levels()
        X, y = self._check_rows(X, y)
        weight = check_weights(sample_weight, n_rows_of(X))
        y = self._check_target(y, weight)
        self._is_cross = self.method == "cross"
        self._seeds = Seeds(*check_random_state(self.random_state).randint(2**31 - 1, size=3))
        if self._is_frozen:
            return self._fit_frozen(X, y, weight, fit_params)
        params = self._route(sample_weight, fit_params)
        if self._is_cross:
            return self._fit_cross(X, y, weight, params.splitter.split, params.estimator.fit)
        return self._fit_split(X, y, weight, params.splitter.split, params.estimator.fit)

    def fit_calibration(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Calibrate anew on other rows; the fitted model stays as it is. Only with ``method="split"``.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)
            Rows that the model was not trained on.
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self : ConformalClassifier
        """
        check_is_fitted(self, "estimators_")
        if self._is_cross:
            raise ValueError(
                "method='cross' learns from the rows of its own folds and cannot be calibrated on others; use "
                "method='split'."
            )
        X, y = self._check_pairs(X, y)
        X = self._check_columns(X)
        weight = check_weights(sample_weight, n_rows_of(X))
        return self._calibrate(X, column_or_1d(y, warn=True), weight, np.flatnonzero(weight))

    def _fit_frozen(self, X: Any, y: Any, weight: Floats, fit_params: dict[str, Any]) -> Self:
        """All rows calibrate a model that stays as it is."""
        self._refuse_without_folds(cv=None, method="split")
        self._refuse_fit_params(fit_params)
        self.estimators_ = [self.estimator]
        self._rule = self._make_rule(self._learn_taxonomy(None, None))
        return self._calibrate(X, y, weight, np.flatnonzero(weight))

    def _fit_split(
        self, X: Any, y: Any, weight: Floats, split: dict[str, Any], params: dict[str, Any]
    ) -> Self:
        """Some rows train, others calibrate."""
        splitter = self._splitter(y[weight > 0], self._seeds.hold_out)
        fold = hold_out(splitter, X, y, weight, split)
        self.estimators_ = [fit_on(self.estimator, X, y, fold.train, params)]
        taxonomy = self._learn_taxonomy(take(X, fold.train), weight[fold.train])
        self._rule = self._make_rule(taxonomy)
        return self._calibrate(X, y, weight, fold.calibrate)

    def _fit_cross(
        self, X: Any, y: Any, weight: Floats, split: dict[str, Any], params: dict[str, Any]
    ) -> Self:
        """Each fold calibrates the model that the others train."""
        if self.taxonomy is not None:
            raise ValueError(
                f"taxonomy={self.taxonomy!r} cannot act with method='cross'; use method='split'."
            )
        folds = self._folds(X, y, weight, split)
        rows = np.flatnonzero(weight)
        check_each_row_once(folds, len(rows), self.method)
        fitted = self._fit_folds(X, y, weight, folds, params, keep=True)
        self.estimators_ = [fold.estimator for fold in fitted]
        self._rule = self._make_rule(None)
        models = []
        for fold in fitted:
            labels = places_of(y[fold.rows], self.classes_)
            numbers = np.searchsorted(rows, fold.rows)
            models.append(Answered(None, fold.response, labels, weight[fold.rows], numbers))
        return self._learn_ranks(models)

    def _calibrate(self, X: Any, y: Any, weight: Floats, rows: Codes) -> Self:
        """Some rows, all of positive weight, calibrate the only model."""
        X, labels = take(X, rows), places_of(y[rows], self.classes_)
        probability = self._respond(self.estimators_[0], X, 0.0)
        return self._learn_ranks(
            [Answered(X, probability, labels, weight[rows], np.arange(len(rows)))]
        )

    def _learn_ranks(self, models: list[Answered]) -> Self:
        rule = copy.copy(self._rule)  # the old one stays whole if the new rows are refused
        rule.calibrate(models)
        self._rule = rule
        self.calibration_scores_ = rule.scores
        self.n_calibration_ = float(rule.ranks.totals.sum())
        return self

    def _make_rule(self, taxonomy: Any) -> SetRule:
        """A rule that has not seen calibration rows yet."""
        score = SET_SCORES.resolve(self.nonconformity, SetScore)
        check_parameters(score, score.constraints)
        self.nonconformity_ = score
        return SetRule(
            score,
            self.classes_,
            randomized=bool(self.randomized),
            breaks_ties=self.method == "split",
            class_conditional=bool(self.class_conditional),
            taxonomy=taxonomy,
            seeds=(self._seeds.calibration, self._seeds.sets),
        )

    def _learn_taxonomy(self, X: Any, weight: Floats | None) -> Any:
        """Groups of rows, from training rows where they are known."""
        if self.taxonomy is None:
            return None
        rows = None
        if X is not None:
            rows = description(X, self._respond(self.estimators_[0], X, 0.0))
        return learn_taxonomy(self.taxonomy, rows, weight)

    def _splitter(self, y: Any = None, seed: int = 0) -> Any:
        """What ``cv`` means with the method."""
        if self.method != "cross":
            return hold_out_splitter(self.cv, seed, stratified=can_stratify(y, self.cv))
        if Number().accepts(self.cv) and not Integer().accepts(self.cv):
            raise ValueError(
                f"cv={self.cv!r} holds out one part of the rows, but method='cross' needs folds: give their number."
            )
        return check_cv(self.cv, y, classifier=True)

    def _check_target(self, y: Any, weight: Floats) -> npt.NDArray:
        if isinstance(self.estimator, FrozenEstimator):
            check_is_fitted(self.estimator)
            self.classes_ = np.asarray(self.estimator.classes_)
            return np.asarray(column_or_1d(y, warn=True))
        classes, codes = check_class_target(y, len(weight), weight)
        labels = np.asarray(classes[codes])
        self.classes_ = np.unique(labels[weight > 0])
        return labels

    def _respond(self, estimator: Any, X: Any, n_train: float) -> npt.NDArray:
        return class_probability(estimator, X, self.classes_)

    # -- predict ----------------------------------------------------------------------------------------------------

    def predict(self, X: Any) -> npt.NDArray:
        """The class that the model predicts; with ``method="cross"`` the most probable one by the mean of the models.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        check_is_fitted(self, "estimators_")
        X = self._check_columns(X)
        if not self._is_cross:
            return np.asarray(self.estimators_[0].predict(X))
        return np.asarray(self.classes_[self._mean_probability(X).argmax(axis=1)])

    @available_if(gives_probabilities)
    def predict_proba(self, X: Any) -> Floats:
        """Probabilities of the model, not calibrated; with ``method="cross"`` the mean of the models.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        probability : ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        check_is_fitted(self, "estimators_")
        return self._mean_probability(self._check_columns(X))

    def predict_set(self, X: Any, confidence_level: Any = None) -> npt.NDArray[np.bool_]:
        """Sets of classes that hold the true one with a probability of at least the confidence level.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)
        confidence_level : float or list of float, optional
            By default that of the constructor.

        Returns
        -------
        sets : ndarray of bool of shape (n_samples, n_classes), or (n_samples, n_classes, n_levels) for a list of levels
            Whether each of ``classes_`` is in the set. Sets at a higher level hold those at a lower one.

        Warns
        -----
        UncertaintyWarning
            Where there are too few calibration rows for a level: sets are full, or hold the class always.
        """
        check_is_fitted(self, "estimators_")
        levels = self._levels(confidence_level)
        X = self._check_columns(X)
        asked = levels.exact if self.allow_empty else []  # the largest p-value is one of all
        standing, probability = self._rule.stand(X, self._probabilities(X), asked)
        sets = [standing.exceeds(level) for level in levels.exact]
        if not self.allow_empty:
            p = standing.p_values()
            best = np.where(p == p.max(axis=1, keepdims=True), probability, -1.0).argmax(axis=1)
            for found in sets:
                empty = ~found.any(axis=1)
                found[empty, best[empty]] = True
        self._rule.shortage(levels.exact, standing.groups).warn(stacklevel=2)
        return np.asarray(levels.shaped(sets))

    def predict_pvalues(self, X: Any) -> Floats:
        """How plausible each class is: in a set exactly if its p-value exceeds 1 - confidence_level.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        p : ndarray of shape (n_samples, n_classes)
            From 1 / (n + 1) to 1, in the order of ``classes_``; they do not sum to 1. The p-value of the true class is
            at most a with probability at most a; if randomised with exactly this probability, for a >= 1 / (n + 1).
        """
        check_is_fitted(self, "estimators_")
        X = self._check_columns(X)
        return self._rule.stand(X, self._probabilities(X))[0].p_values()

    def _probabilities(self, X: Any) -> Iterator[npt.NDArray]:
        return (self._respond(estimator, X, 0.0) for estimator in self.estimators_)

    def _mean_probability(self, X: Any) -> Floats:
        total: Any = sum(self._probabilities(X))
        return np.asarray(total / len(self.estimators_) if self._is_cross else total)
