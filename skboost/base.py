"""Bases of components and estimators."""

from __future__ import annotations

from sklearn.base import BaseEstimator


class Component(BaseEstimator):
    """A part of an estimator: a loss, a penalty, a learner.

    A component is set up by constructor arguments alone and has no ``fit`` of its own in scikit-learn's sense. From
    scikit-learn's base class it gets ``get_params``, ``set_params``, ``clone``, a readable repr and nested names such
    as ``loss__delta`` in a grid.
    """
