"""What boosted heads share: extractor and head, fitted one after the other, and merged."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn import get_config
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.utils import Bunch, Tags, check_random_state, get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import check_is_fitted, validate_data

from skboost._validation import Integer, check_parameters
from skboost.networks._extractor import (
    features_of,
    fitted_extractor,
    hidden_layers,
    is_function,
    perceptron_in,
    thawed,
    weight_parameters,
)
from skboost.networks._layers import LayeredNetwork
from skboost.networks._merged import Network


class BoostedHead(MetaEstimatorMixin, BaseEstimator):
    """What the boosted heads for classes and for numbers share; see these."""

    _head_kind: ClassVar[Any]  # class of the head
    head_: Any

    def __init__(
        self, extractor: Any, head: Any = None, *, layer: int = -1, random_state: Any = None
    ) -> None:
        self.extractor = extractor
        self.head = head
        self.layer = layer
        self.random_state = random_state

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        X_val: Any = None,
        y_val: Any = None,
        sample_weight_val: Any = None,
        **fit_params: Any,
    ) -> Self:
        """Fit the extractor, unless it is frozen or a function, and the head to its features.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
            Whatever the extractor takes.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Targets of the head, and of the extractor if it learns from any.
        sample_weight : array-like of shape (n_samples,), optional
            For the head, and for the extractor if its ``fit`` takes weights. With metadata routing enabled it goes
            where it is requested.
        X_val, y_val, sample_weight_val : optional
            Rows for the early stopping of the head; best such that the extractor has never seen, because on its own
            rows it is more certain than it should be.
        **fit_params : dict
            Other metadata for the extractor and the head; needs metadata routing.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If a parameter or the data are not what they must be.
        """
        check_parameters(self, {"layer": Integer()})
        validate_data(self, X, skip_check_array=True)
        wanted = self._route(sample_weight, fit_params)
        random = None if self.random_state is None else check_random_state(self.random_state)
        extractor = fitted_extractor(seeded(self.extractor, random), X, y, **wanted.extractor.fit)
        head = seeded(self._make_head(extractor), random)
        if X_val is not None:
            self._check_columns(X_val)
            X_val = features_of(extractor, X_val, self.layer)
            wanted.head.fit["sample_weight_val"] = sample_weight_val
        features = features_of(extractor, X, self.layer)
        head.fit(features, y, X_val=X_val, y_val=y_val, **wanted.head.fit)
        self.extractor_, self.head_ = extractor, head
        return self

    def _make_head(self, extractor: Any) -> Any:
        """A fresh copy of the head; by default one that can be folded into the layers of a perceptron."""
        kind = self._head_kind
        if self.head is None:
            linear = perceptron_in(extractor)[0] is not None
            return kind(numeric_scaling="standard" if linear else "robust")
        if not isinstance(self.head, kind):
            raise ValueError(
                f"head={self.head!r} is not valid for {type(self).__name__}: it must be a {kind.__name__} or None."
            )
        return clone(self.head)

    def _route(self, sample_weight: Any, fit_params: dict[str, Any]) -> Bunch:
        """Metadata of the ``fit`` of extractor and head."""
        if get_config()["enable_metadata_routing"]:
            routed = process_routing(self, "fit", sample_weight=sample_weight, **fit_params)
            return Bunch(extractor=routed.get("extractor", Bunch(fit={})), head=routed.head)
        if fit_params:
            raise ValueError(
                f"fit got {sorted(fit_params)}, which it passes on only with metadata routing: call "
                "sklearn.set_config(enable_metadata_routing=True) and request them with set_fit_request."
            )
        weights: dict[str, Any] = {}
        if sample_weight is not None and not is_function(self.extractor):
            weights = weight_parameters(self.extractor, sample_weight)
            if not weights and thawed(self.extractor) is self.extractor:
                warnings.warn(
                    f"{type(self.extractor).__name__} takes no sample_weight: the features are learned without "
                    "weights, only the head uses them.",
                    stacklevel=3,
                )
        return Bunch(extractor=Bunch(fit=weights), head=Bunch(fit={"sample_weight": sample_weight}))

    def get_metadata_routing(self) -> MetadataRouter:
        """Where metadata of ``fit`` go: to the extractor and to the head, as far as they request it."""
        head = self._head_kind() if self.head is None else self.head
        if self.head is None and get_config()["enable_metadata_routing"]:
            head.set_fit_request(sample_weight=True)  # nobody else can ask for it
        mapping = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=self).add_self_request(self)
        router.add(head=head, method_mapping=mapping)
        if not is_function(self.extractor):
            router.add(extractor=self.extractor, method_mapping=mapping)
        return router

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        if is_function(self.extractor):
            tags.input_tags.allow_nan = True  # the function decides
        elif hasattr(self.extractor, "__sklearn_tags__"):
            tags.input_tags = get_tags(self.extractor).input_tags
        return tags

    # -- prediction -------------------------------------------------------------------------------------------------

    def features(self, X: Any) -> Any:
        """What the head sees of ``X``.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)

        Returns
        -------
        features : array-like of shape (n_samples, n_units)
        """
        check_is_fitted(self)
        self._check_columns(X)
        return features_of(self.extractor_, X, self.layer)

    def _check_columns(self, X: Any) -> None:
        """Compare number and names of columns with those at fit, for whatever has columns."""
        if getattr(X, "ndim", None) == 1 and hasattr(self, "n_features_in_"):
            raise ValueError(
                f"Expected 2D array, got 1D array instead. Reshape your data: X.reshape(1, -1) if it is one row of "
                f"{self.n_features_in_} features."
            )
        validate_data(self, X, skip_check_array=True, reset=False)

    def predict(self, X: Any, *, n_stages: int | None = None) -> npt.NDArray:
        """Predictions of the head.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
        n_stages : int, optional
            Use the first ``n_stages`` stages of the head only.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        features = self.features(X)
        return np.asarray(self.head_.predict(features, n_stages=n_stages))

    def staged_predict(self, X: Any) -> Iterator[npt.NDArray]:
        """Predictions after 0, 1, ... stages of the head."""
        features = self.features(X)
        yield from self.head_.staged_predict(features)

    # -- one network ------------------------------------------------------------------------------------------------

    def to_network(self, n_stages: int | None = None) -> Network:
        """The head as one network on the features; see :meth:`BoostedNetworkClassifier.to_network`."""
        check_is_fitted(self)
        network: Network = self.head_.to_network(n_stages)
        return network

    def to_layers(self, n_stages: int | None = None) -> LayeredNetwork:
        """Extractor and head as one deep network.

        Its layers are the hidden layers of the perceptron up to ``layer``, the boosted hidden layer and the output.
        With a pipeline they act on what the perceptron sees: the columns after the steps before it.

        Parameters
        ----------
        n_stages : int, optional
            Use the first ``n_stages`` stages of the head only.

        Returns
        -------
        network : LayeredNetwork
            Lists ``coefs_`` and ``intercepts_``, and the same predictions up to rounding.

        Raises
        ------
        ValueError
            If the extractor is not a multi-layer perceptron, or the head scales its inputs otherwise than by
            ``numeric_scaling="standard"``, which is not linear.
        """
        check_is_fitted(self)
        perceptron, _ = perceptron_in(self.extractor_)
        if perceptron is None:
            raise ValueError(
                f"extractor={self.extractor!r} has no layers of weights; only a multi-layer perceptron and its head "
                "make one deep network. The head by itself is to_network()."
            )
        return self.to_network(n_stages).to_layers().behind(*hidden_layers(perceptron, self.layer))


def seeded(part: Any, random: np.random.RandomState | None) -> Any:
    """A part with seeds for all of its parameters ``random_state`` that are None; an unfitted copy where it has any."""
    if random is None or not hasattr(part, "get_params"):
        return part
    open_seeds = [
        name
        for name, value in sorted(part.get_params().items())
        if value is None and name.rpartition("__")[2] == "random_state"
    ]
    if not open_seeds:
        return part
    return clone(part).set_params(**{name: random.randint(2**31 - 1) for name in open_seeds})
