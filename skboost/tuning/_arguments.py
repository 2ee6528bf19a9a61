"""What the parameters of a search may be, beyond numbers and flags."""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils import get_tags


def refuse_arguments(search: Any) -> None:
    """Refuse parameters that mean nothing, or could not act.

    Raises
    ------
    ValueError
        For the first of them, with what it may be.
    """
    if not hasattr(search.estimator, "fit"):
        raise ValueError(f"estimator={search.estimator!r} has no fit; give an estimator.")
    if search.error_score != "raise" and not _is_number(search.error_score):
        raise ValueError(f"error_score={search.error_score!r} must be 'raise' or a number.")
    if not isinstance(search.refit, bool | np.bool_ | str) and not callable(search.refit):
        raise ValueError(
            f"refit={search.refit!r} must be True, False, the name of a metric, or a function of cv_results_."
        )
    _refuse_collections(search)
    if search.storage is None and (search.shared or search.study_name is not None):
        name = "shared=True" if search.shared else f"study_name={search.study_name!r}"
        raise ValueError(
            f"{name} needs a storage that keeps the study; give storage= a path or a URL."
        )


def _refuse_collections(search: Any) -> None:
    """Lists that are something else, or hold something else."""
    callbacks, initial, constraints = search.callbacks, search.initial_params, search.constraints
    if callbacks is not None and not _is_list_of(callbacks, callable):
        raise ValueError(
            f"callbacks={callbacks!r} must be a list of functions of a study and a trial."
        )
    if initial is not None and not _is_list_of(initial, lambda one: isinstance(one, Mapping)):
        raise ValueError(
            f"initial_params={initial!r} must be a list of dicts of parameters and their values."
        )
    if constraints is not None and not isinstance(constraints, Mapping):
        raise ValueError(
            f"constraints={constraints!r} must be a dict of metrics and their (lowest, highest)."
        )


def warn_of_unseeded_folds(search: Any) -> None:
    """Warn if a search that is to be resumed or shared draws other folds, and so another study, in each run.

    Splitters of scikit-learn that draw have the attribute ``random_state``, which acts unless ``shuffle`` is False.
    """
    cv = search.cv
    draws = hasattr(cv, "random_state") and getattr(cv, "shuffle", True)
    if (
        search.storage is not None
        and search.study_name is None
        and draws
        and cv.random_state is None
    ):
        warnings.warn(
            f"cv={cv!r} draws other folds in each run, and trials on other folds are another study: what storage= "
            "keeps will not be found again. Give cv a random_state.",
            UserWarning,
            stacklevel=4,
        )


def refuse_missing_target(estimator: Any, y: Any) -> None:
    """Say once what every single fit would say.

    Raises
    ------
    ValueError
        If there is no y, and the estimator cannot do without.
    """
    if y is None and get_tags(estimator).target_tags.required:
        raise ValueError(
            f"OptunaSearchCV around {type(estimator).__name__} requires y to be passed, but the target y is None."
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_)


def _is_list_of(value: Any, accepts: Any) -> bool:
    return isinstance(value, list | tuple) and all(map(accepts, value))
