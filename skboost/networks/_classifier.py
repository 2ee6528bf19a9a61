"""Boosted networks for classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin

from skboost._validation import check_class_target
from skboost.boosting._callbacks import with_callbacks
from skboost.losses import Loss
from skboost.networks._base import BaseBoostedNetwork, Floats


class BoostedNetworkClassifier(ClassifierMixin, BaseBoostedNetwork):
    """A neural network with one hidden layer that is trained by gradient boosting, for two or more classes.

    The network grows stage by stage. Stage t fits J hidden units to the negative gradient of the loss at the scores so
    far [1]_, [2]_, takes a step along them, and is never touched again:

        F_0 = log-odds or log-shares of the classes
        F_t(x) = F_{t-1}(x) + learning_rate * rho_t * [ b_t + V_t' act(W_t' x + c_t) ]

    All stages together are one ordinary network (:meth:`to_network`), and its last stages can be switched off again
    (:meth:`truncate`, ``n_stages=`` in the predict methods).

    Read more in the :ref:`User Guide <boosted_networks>`.

    Parameters
    ----------
    n_stages : int, default=200
        Stages of hidden units at most; fewer where early stopping ends the fit. 0 leaves the start alone.
    units_per_stage : int, default=10
        Hidden units J that a stage adds to the network.
    learning_rate : float, default=0.2
        Shrinkage of every stage, in (0, inf); at most 1 guarantees that the training loss never rises.
    loss : str or Loss, default="log_loss"
        Loss of classification; "log_loss" handles two and more classes.
    penalty : str, Penalty or list of these, default=None
        Whole-sample penalties that are added to the loss, for example on dependence between predictions and
        ``sensitive_features``.
    learner : str or Learner, default=None
        Weak learner of the stages. None makes a ``NetworkLearner`` from the parameters here. Any other, by name
        or as an instance, has parameters of its own and leaves ``units_per_stage``, ``activation``, ``alpha``,
        ``lbfgs_iter`` and ``adam_steps`` unused.
    activation : {"tanh", "logistic", "relu", "identity"}, default="relu"
        Activation of the hidden units.
    alpha : float, default=1.0
        L2 penalty on hidden and output weights of a stage, in the unit of one row whose residual is one standard
        deviation. Larger values make stages smoother.
    linear_start : bool, default=True
        Make the first stage a penalised linear model (logistic regression),
        so that the network only has to learn what is not linear. It counts as a stage of its own.
    linear_alpha : float, default=1.0
        L2 penalty of the linear stage, the inverse of ``C`` in scikit-learn's LogisticRegression.
    max_features : float, default=0.5
        Share of the encoded columns that a stage sees, in (0, 1], drawn anew for each; never fewer than 6 columns.
    subsample : float, default=1.0
        Share of the rows that a stage is fitted to, in (0, 1], drawn without replacement, in the classes' shares.
    step : {"auto", "newton", "line_search", "fixed", "diagonal_newton"} or Step, default="auto"
        Step length along a fitted stage: one Newton step with exact curvature, halved until the loss does not rise;
        exact line search; 1; or the GBNN paper's. "auto" is "newton" for losses whose curvature is known exactly, and
        "line_search" for absolute, quantile and Huber loss.
    residuals : {"gradient", "newton"}, default="gradient"
        What a stage is fitted to: the negative gradient, or the negative gradient over the curvature with the curvature
        as weight.
    lbfgs_iter : int, default=50
        Iterations of L-BFGS in a stage; used with at most 4096 training rows.
    adam_steps : int, default=1000
        Minibatch steps of Adam in a stage; used with more rows. The time of a stage hardly depends on the rows.
    early_stopping : "auto" or bool, default="auto"
        Stop when the loss on held-out rows stops falling, and keep the best stage. "auto" does so with at least 30
        different rows.
    n_folds : "auto" or int, default="auto"
        Number K of folds, in the classes' shares. K networks grow side by side, each without the rows of one fold; all
        held-out rows together decide when to stop, and the networks are averaged into one of K times the units. 1 grows
        a single network. "auto" is 5 with early stopping on at most 10,000 rows, and 1 otherwise.
    validation_fraction : float, default=0.1
        Share of the rows that is held out for early stopping with one fold, in the classes' shares; not used
        with ``X_val``.
    n_iter_no_change : int, default=20
        Stages without improvement after which early stopping ends the fit.
    tol : float, default=1e-5
        Smallest improvement that counts, relative to the loss of the constant start.
    categorical_features : "from_dtype", array-like or None, default="from_dtype"
        Columns that hold categories: those with a categorical dtype in a dataframe, or a mask, indices or names.
    handle_unknown : {"ignore", "error"}, default="ignore"
        What to do with a category that was not seen in ``fit``: encode it as none of the known ones, or raise.
    numeric_scaling : {"robust", "standard"}, default="robust"
        How numeric columns are scaled: by quantiles, with far-out values compressed, or linearly by mean and standard
        deviation. With "standard" the merged network can be written in terms of raw columns (``Network.to_layers``).
    dtype : {"auto", "float32", "float64"}, default="auto"
        Precision in which stages are fitted. "auto" is float64 for at most 4096 training rows, where weights then act
        exactly like copies of rows, and float32 above. Predictions are always in float64.
    warm_start : bool, default=False
        Let ``fit`` go on from the stages that are there; raise ``n_stages`` first. After Ctrl-C the finished stages
        are kept.
    n_threads : int, default=None
        Threads of the kernels: None means all, -1 all, -2 all but one. Results do not depend on it.
    random_state : int, RandomState instance or None, default=None
        Seed of starting weights and of drawn rows and columns.
    verbose : int, default=0
        0 is silent, 1 shows a line of progress, 2 prints a line for each stage.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels, sorted.
    model_ : StagedModel
        Constant start, units and steps.
    encoder_ : TableEncoder
        From raw tables to the columns that units see.
    loss_ : Loss
        The loss that was minimised.
    n_stages_ : int
        Stages of the fitted model, the linear one included.
    n_units_ : int
        Hidden units of the merged network.
    train_loss_ : ndarray of shape (n_rounds + 1,)
        Training loss after 0, 1, ... stages, also of those that early stopping has removed again.
    validation_loss_ : ndarray or None
        The same on held-out rows.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if X has column names that are strings.

    See Also
    --------
    BoostedNetworkRegressor : The same for numbers.
    paper_settings : Parameters that repeat the algorithm of [1]_.

    References
    ----------
    .. [1] S. Emami and G. Martinez-Munoz, "Sequential training of neural networks with gradient boosting", IEEE Access
       11, 2023 (arXiv:1909.12098).
    .. [2] J. H. Friedman, "Greedy function approximation: a gradient boosting machine", Annals of Statistics 29(5),
       2001, algorithm 1.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skboost.networks import BoostedNetworkClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = BoostedNetworkClassifier(n_stages=10, early_stopping=False, random_state=0)
    >>> model = model.fit(X, y)
    >>> model.predict(X[:2])
    array([0, 0])
    >>> model.to_network().n_units
    103
    """

    _loss_kind: ClassVar[str] = "classification"
    classes_: npt.NDArray

    def __init__(
        self,
        *,
        n_stages: int = 200,
        units_per_stage: int = 10,
        learning_rate: float = 0.2,
        loss: str | Loss = "log_loss",
        penalty: Any = None,
        learner: Any = None,
        activation: str = "relu",
        alpha: float = 1.0,
        linear_start: bool = True,
        linear_alpha: float = 1.0,
        max_features: float = 0.5,
        subsample: float = 1.0,
        step: Any = "auto",
        residuals: str = "gradient",
        lbfgs_iter: int = 50,
        adam_steps: int = 1000,
        early_stopping: bool | str = "auto",
        n_folds: int | str = "auto",
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 20,
        tol: float = 1e-5,
        categorical_features: Any = "from_dtype",
        handle_unknown: str = "ignore",
        numeric_scaling: str = "robust",
        dtype: str = "auto",
        warm_start: bool = False,
        n_threads: int | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        super().__init__(
            n_stages=n_stages,
            units_per_stage=units_per_stage,
            learning_rate=learning_rate,
            loss=loss,
            penalty=penalty,
            learner=learner,
            activation=activation,
            alpha=alpha,
            linear_start=linear_start,
            linear_alpha=linear_alpha,
            max_features=max_features,
            subsample=subsample,
            step=step,
            residuals=residuals,
            lbfgs_iter=lbfgs_iter,
            adam_steps=adam_steps,
            early_stopping=early_stopping,
            n_folds=n_folds,
            validation_fraction=validation_fraction,
            n_iter_no_change=n_iter_no_change,
            tol=tol,
            categorical_features=categorical_features,
            handle_unknown=handle_unknown,
            numeric_scaling=numeric_scaling,
            dtype=dtype,
            warm_start=warm_start,
            n_threads=n_threads,
            random_state=random_state,
            verbose=verbose,
        )

    @with_callbacks
    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        sensitive_features: Any = None,
    ) -> Self:
        """Fit the network stage by stage.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
            Numbers, missing values and categorical columns; scaling and encoding happen inside.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), optional
            Weight k counts as k copies of a row, weight 0 as none.
        X_val, y_val, sample_weight_val : optional
            Rows for early stopping, instead of held-out rows of X. In a pipeline use
            ``Pipeline(..., transform_input=["X_val"])``.
        sensitive_features : array-like of shape (n_samples,) or (n_samples, n_attributes), optional
            Handed to the penalty.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If a parameter or the data are not what they must be; the message says which and how to mend it.
        """
        return self._fit(X, y, sample_weight, X_val, y_val, sample_weight_val, sensitive_features)

    def _check_target(self, y: Any, n_rows: int, weight: Floats) -> npt.NDArray:
        classes, codes = check_class_target(y, n_rows, weight)
        present = np.unique(codes[weight > 0])
        if len(present) < len(classes):  # rows of weight zero do not make a class
            codes = np.searchsorted(present, codes).clip(max=len(present) - 1)
            classes = classes[present]
        if (
            self.warm_start
            and hasattr(self, "model_")
            and not np.array_equal(classes, self.classes_)
        ):
            raise ValueError(
                f"warm_start=True continues a fit of the classes {self.classes_.tolist()}, but y has "
                f"{classes.tolist()}; use warm_start=False."
            )
        self.classes_ = classes
        return codes

    def _encode_validation_target(self, y: Any, n_rows: int) -> npt.NDArray:
        labels = np.asarray(y).reshape(-1)
        if len(labels) != n_rows:
            raise ValueError(f"y_val has {len(labels)} rows, but X_val has {n_rows}.")
        unknown = np.setdiff1d(labels, self.classes_)
        if len(unknown):
            raise ValueError(f"y_val has labels that y has not: {unknown[:5].tolist()}.")
        return np.searchsorted(self.classes_, labels).astype(np.int64)

    def _class_codes(self, y: npt.NDArray) -> npt.NDArray | None:
        return y

    @property
    def _n_target_classes(self) -> int | None:
        return len(self.classes_)

    def decision_function(self, X: Any, *, n_stages: int | None = None) -> Floats:
        """Raw scores: log-odds of the second class, shape (n_samples,), or one score per class.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
        n_stages : int, optional
            Use the first ``n_stages`` stages only.
        """
        return self._raw_predict(X, n_stages)

    def predict_proba(self, X: Any, *, n_stages: int | None = None) -> Floats:
        """Probabilities of the classes, shape (n_samples, n_classes).

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
        n_stages : int, optional
            Use the first ``n_stages`` stages only.
        """
        raw = self._raw_predict(X, n_stages)
        return self.loss_.predict(raw)

    def predict_log_proba(self, X: Any, *, n_stages: int | None = None) -> Floats:
        """Logarithms of :meth:`predict_proba`."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X, n_stages=n_stages))

    def predict(self, X: Any, *, n_stages: int | None = None) -> npt.NDArray:
        """Most probable class of each row, shape (n_samples,).

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
        n_stages : int, optional
            Use the first ``n_stages`` stages only.
        """
        return self._labels(self._raw_predict(X, n_stages))

    def _labels(self, raw: Floats) -> npt.NDArray:
        codes = (raw > 0).astype(np.intp) if raw.ndim == 1 else np.argmax(raw, axis=1)
        return np.asarray(self.classes_[codes])

    def staged_decision_function(self, X: Any) -> Iterator[Floats]:
        """Raw scores after 0, 1, ..., ``n_stages_`` stages."""
        yield from self._staged_raw_predict(X)

    def staged_predict_proba(self, X: Any) -> Iterator[Floats]:
        """Probabilities after 0, 1, ..., ``n_stages_`` stages."""
        for raw in self._staged_raw_predict(X):
            yield self.loss_.predict(raw)

    def staged_predict(self, X: Any) -> Iterator[npt.NDArray]:
        """Classes after 0, 1, ..., ``n_stages_`` stages."""
        for raw in self._staged_raw_predict(X):
            yield self._labels(raw)
