"""Scores that ask a fitted model, in the shape that searches and cross-validation expect."""

from __future__ import annotations

from typing import Any, Self

from sklearn import get_config
from sklearn.utils.metadata_routing import MetadataRequest


class ModelScorer:
    """Base of callables ``scorer(estimator, X, y, sample_weight=None)``, of which more is better.

    Weights come through GridSearchCV and its kin. With metadata routing they must be asked for by
    :meth:`set_score_request`, as of scorers of scikit-learn.
    """

    _weight_request: Any = None

    def __call__(self, estimator: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        raise NotImplementedError

    def set_score_request(self, *, sample_weight: bool | str | None) -> Self:
        """Ask for weights, where metadata routing is enabled.

        Parameters
        ----------
        sample_weight : bool, str or None
            True for weights of that name, a string for weights of another, False to do without, None to refuse them.

        Returns
        -------
        self : scorer

        Raises
        ------
        RuntimeError
            If metadata routing is not enabled, so that the request cannot act.
        """
        if not get_config()["enable_metadata_routing"]:
            raise RuntimeError(
                "set_score_request acts only if metadata routing is enabled: "
                "sklearn.set_config(enable_metadata_routing=True)."
            )
        self._weight_request = sample_weight
        self.get_metadata_routing()  # refuses what is no request
        return self

    def get_metadata_routing(self) -> MetadataRequest:
        """What the scorer asks for."""
        request = MetadataRequest(owner=self)
        request.score.add_request(param="sample_weight", alias=self._weight_request)
        return request

    def _accept_sample_weight(self) -> bool:
        """Asked by searches over several scores when metadata routing is disabled."""
        return True
