"""What raw scores of a network become: numbers, class labels, probabilities."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt

from skboost.losses import Link

Floats = npt.NDArray[np.float64]


class Readout(ABC):
    """Base of networks that stand alone, without the estimator that trained them.

    Attributes
    ----------
    link : Link
        From raw scores to predictions.
    classes : ndarray or None
        Class labels, in the order of the columns of :meth:`predict_proba`; None for networks that predict numbers.
    """

    link: Link
    classes: npt.NDArray | None

    @abstractmethod
    def raw(self, X: Any) -> Floats:
        """Raw scores, shape (n_samples,) or (n_samples, n_raw)."""

    def predict(self, X: Any) -> npt.NDArray:
        """Labels of a classifier's network, numbers of a regressor's.

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        raw = self.raw(X)
        if self.classes is None:
            return self.link.predict(raw)
        # from the scores: probabilities round away the difference between two scores close to each other
        codes = (raw > 0).astype(np.intp) if raw.ndim == 1 else np.argmax(raw, axis=1)
        return np.asarray(self.classes[codes])

    def predict_proba(self, X: Any) -> Floats:
        """Probabilities of the classes, shape (n_samples, n_classes).

        Raises
        ------
        AttributeError
            For networks that predict numbers.
        """
        if self.classes is None:
            raise AttributeError("This network predicts numbers, it has no classes.")
        return self.link.predict(self.raw(X))
