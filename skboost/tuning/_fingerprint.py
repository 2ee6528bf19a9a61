"""The fingerprint of a search: what must be the same for a study to go on."""

from __future__ import annotations

from typing import Any

import numpy as np

from skboost.tuning._digest import digest

MEANING = {
    "X": "X (the rows or values of the data)",
    "y": "y (the target)",
    "metadata": "metadata (sample_weight, groups or other arguments of fit)",
    "folds": "folds (cv draws other folds; give cv a random_state)",
    "estimator": "estimator (its class or parameters)",
    "space": "space",
    "scoring": "scoring (the metrics, or objectives, constraints, resource or train scores)",
}


def fingerprint(
    *,
    X: Any,
    y: Any,
    fit_params: dict[str, Any],
    folds: list[tuple[np.ndarray, np.ndarray]],
    estimator: Any,
    space: dict[str, str],
    scoring: Any,
) -> dict[str, str]:
    """Short digests of everything that the scores of a search depend on.

    Parameters
    ----------
    X, y : array-like, frame or sparse matrix
        Values, shape, dtype and names of columns count; the layout in memory does not.
    fit_params : dict
        Arguments of ``fit`` beside X and y; those that are None count as not given.
    folds : list of (ndarray, ndarray)
        Training and validation rows of each fold.
    estimator : estimator
        Class names and parameters count, nested ones too, except ``n_jobs``, ``verbose`` and the
        like. Functions count by name.
    space : dict of str to str
        Description of each dimension.
    scoring : object
        Names, callables, lists or dicts of them.

    Returns
    -------
    fingerprint : dict of str to str
        Sixteen hexadecimal digits for each of "X", "y", "folds", "estimator", "space" and
        "scoring", and for "metadata" if there is any. The same in every process.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from skboost.tuning._fingerprint import fingerprint
    >>> X, y = np.eye(4), np.arange(4.0)
    >>> search = dict(X=X, y=y, fit_params={}, folds=[(np.array([0, 1]), np.array([2, 3]))],
    ...               estimator=Ridge(), space={"alpha": "log-uniform"}, scoring="r2")
    >>> first = fingerprint(**search)
    >>> second = fingerprint(**search | {"X": 2 * X})
    >>> [name for name in first if first[name] != second[name]]
    ['X']
    """
    metadata = {name: value for name, value in fit_params.items() if value is not None}
    parts = {"X": X, "y": y} | ({"metadata": metadata} if metadata else {})
    parts["folds"] = [tuple(map(_as_indices, fold)) for fold in folds]
    parts |= {"estimator": estimator, "space": dict(space), "scoring": scoring}
    return {name: digest(value)[:8].hex() for name, value in parts.items()}


def _as_indices(rows: Any) -> np.ndarray:
    indices: np.ndarray = np.asarray(rows)
    # int32 or int64 is a matter of the platform
    return indices.astype(np.int64) if indices.dtype.kind in "iu" else indices


def study_name_of(prefix: str, fingerprint: dict[str, str]) -> str:
    """Name of the study of one search on one set of data and folds.

    Each outer fold of a nested cross-validation has other rows, hence a study of its own: studies
    that outer folds share would leak validation rows of one into the training of another.

    Parameters
    ----------
    prefix : str
        Such as "OptunaSearchCV-XGBClassifier".
    fingerprint : dict of str to str

    Returns
    -------
    name : str
        The prefix, a dash and eight hexadecimal digits.

    Examples
    --------
    >>> from skboost.tuning._fingerprint import study_name_of
    >>> study_name_of("OptunaSearchCV-Ridge", {"X": "00ff", "y": "ff00"})
    'OptunaSearchCV-Ridge-342288da'
    """
    return f"{prefix}-{digest(fingerprint)[:4].hex()}"


def refuse_changes(stored: dict[str, str], now: dict[str, str], study_name: str) -> None:
    """Refuse to go on with a study that was made for something else.

    Raises
    ------
    ValueError
        With everything that differs and the ways out.

    Examples
    --------
    >>> from skboost.tuning._fingerprint import refuse_changes
    >>> refuse_changes({"X": "00ff", "y": "11ee"}, {"X": "00ff", "y": "22dd"}, "trees")
    Traceback (most recent call last):
        ...
    ValueError: study_name='trees' is on record for another search, which differs in y (the target): \
its scores cannot be compared with new ones; give back what it was made for, or choose another study_name.
    """
    names = [name for name in (*now, *stored) if stored.get(name) != now.get(name)]
    if names:
        words = ", ".join(MEANING.get(name, name) for name in dict.fromkeys(names))
        raise ValueError(
            f"study_name={study_name!r} is on record for another search, which differs in {words}: "
            "its scores cannot be compared with new ones; give back what it was made for, "
            "or choose another study_name."
        )
