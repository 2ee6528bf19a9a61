"""What is usually searched, for an estimator that is known by its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from skboost.tuning._dimensions import Dimension, dimension_of
from skboost.tuning._ranges import RANGES

SPACES: dict[str, Mapping[str, Any] | Callable[[Any], Mapping[str, Any]]] = dict(RANGES)

# what is inside these is not fitted any more, or is tuned by themselves
CLOSED = {"sklearn.FrozenEstimator", "sklearn.BaseSearchCV"}


def default_space(estimator: Any) -> dict[str, Any]:
    """The space that is usually searched for an estimator and for those inside it.

    Known are the estimators of skboost, XGBoost, LightGBM, and scikit-learn's boosted trees, forests, linear models,
    support vector machines, neighbours and perceptrons. They are recognised by names, without importing their
    packages, and subclasses like the classes that they come from. Pipelines and whatever else holds estimators
    contribute the parameters of these under their usual names, such as ``"model__alpha"``. Of frozen estimators, and of
    searches, nothing is taken.

    Ranges depend on the settings of the estimator: a number of rounds is not searched where early stopping chooses it,
    and a parameter that a setting makes idle is left out. They hold the defaults; those of 0 are below logarithmic
    ranges, whose lower end changes next to nothing.

    Parameters
    ----------
    estimator : estimator

    Returns
    -------
    space : dict of str to optuna distribution
        For ``OptunaSearchCV(estimator, space)``; the values that :func:`register_space` was given are passed on.

    Raises
    ------
    ValueError
        If nothing in the estimator is known.

    See Also
    --------
    register_space : Makes a class known.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skboost.tuning import default_space
    >>> default_space(make_pipeline(StandardScaler(), Ridge()))
    {'ridge__alpha': FloatDistribution(high=10000.0, log=True, low=0.0001, step=None)}
    """
    space = _space_of(estimator)
    if not space:
        known = ", ".join(sorted({name.rpartition(".")[2] for name in SPACES}))
        raise ValueError(
            f"{type(estimator).__name__} has no default space, nor has an estimator inside it; give one, such as "
            "space={'alpha': (1e-3, 1e3, 'log')}, or make the class known with register_space. "
            f"Known are {known}."
        )
    return space


def register_space(
    estimator: type | str, space: Mapping[str, Any] | Callable[[Any], Mapping[str, Any]]
) -> None:
    """Make the usual search space of a class known, or replace it.

    Parameters
    ----------
    estimator : class or str
        A class; or its name after that of its package, such as "catboost.CatBoostClassifier", so that nothing needs to
        be imported. Subclasses inherit the space.
    space : dict, or callable
        What ``OptunaSearchCV`` takes for ``space``: lists, tuples ``(low, high)`` or ``(low, high, "log")``, or
        distributions. A callable gets the estimator, whose settings may decide, and returns such a dict.

    Raises
    ------
    ValueError
        If the name has no package, or the space is none.

    See Also
    --------
    default_space : Looks the space up.

    Examples
    --------
    >>> from skboost.tuning import default_space, register_space
    >>> from sklearn.linear_model import HuberRegressor
    >>> register_space("sklearn.HuberRegressor", {"epsilon": (1.0, 3.0), "alpha": (1e-6, 10, "log")})
    >>> list(default_space(HuberRegressor()))
    ['epsilon', 'alpha']
    """
    path = (
        f"{estimator.__module__}.{estimator.__qualname__}"
        if isinstance(estimator, type)
        else estimator
    )
    if not isinstance(path, str) or "." not in path:
        raise ValueError(
            f"estimator={estimator!r} must be a class, or its name after that of its package, such as "
            "'catboost.CatBoostClassifier'."
        )
    if callable(space):
        SPACES[path] = space
    elif isinstance(space, Mapping) and space:
        SPACES[path] = {name: _plain(name, given) for name, given in space.items()}
    else:
        raise ValueError(
            f"space={space!r} is no space for {path}; give a dict of parameter names and values, or a function of the "
            "estimator that returns one."
        )


def _space_of(estimator: Any) -> dict[str, Any]:
    """Own parameters, and those of the estimators inside; nothing if all are unknown."""
    names = [name for cls in type(estimator).__mro__ for name in _names(cls)]
    if CLOSED.intersection(names):
        return {}
    own = next((SPACES[name] for name in names if name in SPACES), {})
    space = dict(own(estimator) if callable(own) else own)
    for name, inside in _inside(estimator).items():
        space |= {f"{name}__{parameter}": given for parameter, given in _space_of(inside).items()}
    return space


def _names(cls: type) -> tuple[str, str]:
    """The full name of a class, and its name after that of its package."""
    package = cls.__module__.partition(".")[0]
    return f"{cls.__module__}.{cls.__qualname__}", f"{package}.{cls.__qualname__}"


def _inside(estimator: Any) -> dict[str, Any]:
    """Estimators that are parameters, steps of a pipeline, members of an ensemble."""
    if not hasattr(estimator, "get_params"):
        return {}
    return {
        name: value
        for name, value in estimator.get_params(deep=True).items()
        if "__" not in name and hasattr(value, "get_params") and not isinstance(value, type)
    }


def _plain(name: str, given: Any) -> Any:
    """A distribution where it says all; otherwise what was given, once it has been checked."""
    dimension = dimension_of(name, given)
    return dimension.distribution if type(dimension) is Dimension else given
