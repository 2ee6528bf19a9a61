"""Boosted networks as the last layers of a deep network."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils import Tags

from skboost.networks._classifier import BoostedNetworkClassifier
from skboost.networks._head_base import BoostedHead
from skboost.networks._regressor import BoostedNetworkRegressor

Floats = npt.NDArray[np.float64]


class BoostedHeadClassifier(ClassifierMixin, BoostedHead):
    """A feature extractor whose last layer is a boosted network, for two or more classes.

    The features of a deep network, or of anything else that turns a row into numbers, are the columns of a boosted
    network: the paper's "final layers of a deep network" [1]_. With the hidden layers of scikit-learn's
    ``MLPClassifier`` the result is again one deep network (:meth:`to_layers`), whose output layer was replaced by a
    boosted hidden layer and its output.

    Read more in the :ref:`User Guide <boosted_networks>`.

    Parameters
    ----------
    extractor : estimator or callable
        Where the features come from: an ``MLPClassifier`` or ``MLPRegressor``, alone or at the end of a pipeline; a
        transformer; or a function of X. Estimators are cloned and fitted to the training data; to keep one as it is,
        wrap it in ``sklearn.frozen.FrozenEstimator``.
    head : BoostedNetworkClassifier, default=None
        Unfitted boosted network. None means its defaults; behind a perceptron with ``numeric_scaling="standard"``, so
        that :meth:`to_layers` works.
    layer : int, default=-1
        Hidden layer of the perceptron whose activations are the features: 0 is the first, -1 the last. Layers behind it
        are left away.
    random_state : int, RandomState instance or None, default=None
        Seeds the parts of extractor and head that have no ``random_state`` of their own.

    Attributes
    ----------
    extractor_ : estimator or callable
        The fitted extractor.
    head_ : BoostedNetworkClassifier
        The fitted head, whose columns are the features.
    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if X has column names that are strings.

    See Also
    --------
    BoostedHeadRegressor : The same for numbers.
    BoostedNetworkClassifier : The boosted network alone.

    References
    ----------
    .. [1] S. Emami and G. Martinez-Munoz, "Sequential training of neural networks with gradient boosting", IEEE Access
       11, 2023 (arXiv:1909.12098).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neural_network import MLPClassifier
    >>> from skboost.networks import BoostedHeadClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> extractor = MLPClassifier((8,), solver="lbfgs", tol=0.01)
    >>> model = BoostedHeadClassifier(extractor, random_state=0).fit(X, y)
    >>> model.features(X).shape
    (150, 8)
    >>> [weights.shape[0] for weights in model.to_layers(n_stages=1).coefs_]
    [4, 8, 3]
    """

    _head_kind: ClassVar[Any] = BoostedNetworkClassifier

    @property
    def classes_(self) -> npt.NDArray:
        return np.asarray(self.head_.classes_)

    def decision_function(self, X: Any, *, n_stages: int | None = None) -> Floats:
        """Raw scores of the head; see :meth:`BoostedNetworkClassifier.decision_function`."""
        features = self.features(X)
        return np.asarray(self.head_.decision_function(features, n_stages=n_stages))

    def predict_proba(self, X: Any, *, n_stages: int | None = None) -> Floats:
        """Probabilities of the classes, shape (n_samples, n_classes).

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
        n_stages : int, optional
            Use the first ``n_stages`` stages of the head only.
        """
        features = self.features(X)
        return np.asarray(self.head_.predict_proba(features, n_stages=n_stages))


class BoostedHeadRegressor(RegressorMixin, BoostedHead):
    """A feature extractor whose last layer is a boosted network, for numbers.

    The features of a deep network, or of anything else that turns a row into numbers, are the columns of a boosted
    network: the paper's "final layers of a deep network" [1]_. With the hidden layers of scikit-learn's
    ``MLPRegressor`` the result is again one deep network (:meth:`to_layers`), whose output layer was replaced by a
    boosted hidden layer and its output.

    Read more in the :ref:`User Guide <boosted_networks>`.

    Parameters
    ----------
    extractor : estimator or callable
        Where the features come from: an ``MLPRegressor`` or ``MLPClassifier``, alone or at the end of a pipeline; a
        transformer; or a function of X. Estimators are cloned and fitted to the training data; to keep one as it is,
        wrap it in ``sklearn.frozen.FrozenEstimator``.
    head : BoostedNetworkRegressor, default=None
        Unfitted boosted network. None means its defaults; behind a perceptron with ``numeric_scaling="standard"``, so
        that :meth:`to_layers` works.
    layer : int, default=-1
        Hidden layer of the perceptron whose activations are the features: 0 is the first, -1 the last. Layers behind it
        are left away.
    random_state : int, RandomState instance or None, default=None
        Seeds the parts of extractor and head that have no ``random_state`` of their own.

    Attributes
    ----------
    extractor_ : estimator or callable
        The fitted extractor.
    head_ : BoostedNetworkRegressor
        The fitted head, whose columns are the features.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if X has column names that are strings.

    See Also
    --------
    BoostedHeadClassifier : The same for classes.
    BoostedNetworkRegressor : The boosted network alone.

    References
    ----------
    .. [1] S. Emami and G. Martinez-Munoz, "Sequential training of neural networks with gradient boosting", IEEE Access
       11, 2023 (arXiv:1909.12098).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_diabetes
    >>> from skboost.networks import BoostedHeadRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = BoostedHeadRegressor(lambda X: X @ np.ones((10, 2)), random_state=0).fit(X, y)
    >>> model.features(X).shape
    (442, 2)
    """

    _head_kind: ClassVar[Any] = BoostedNetworkRegressor

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Coefficient of determination R2; see :meth:`BoostedNetworkRegressor.score`."""
        features = self.features(X)
        return float(self.head_.score(features, y, sample_weight))
