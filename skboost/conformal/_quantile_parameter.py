"""Which parameter of a regressor is the level of the quantile that it predicts."""

from __future__ import annotations

from typing import Any

import numpy as np

from skboost._validation import Many, Number

# In the order in which they are looked for, where several belong to one estimator.
NAMES = ("quantile", "quantile_alpha", "alpha")
# Parameters that say whether a model predicts quantiles at all.
SWITCHES = ("loss", "objective", "strategy")

LEVEL = Number(0, 1)


def find_quantile_parameter(estimator: Any) -> str | None:
    """Name of the parameter that is the level of the quantile, nested ones included.

    That is ``quantile``, ``quantile_alpha`` or ``alpha``, of the estimator itself or of a part of it. Where the same
    part has a ``loss``, an ``objective`` or a ``strategy``, this must name the quantile for the level to act. ``alpha``
    is a penalty in many models: it counts only beside such a loss, and if it is a level as it stands.

    Parameters
    ----------
    estimator : regressor

    Returns
    -------
    name : str or None
        As for ``set_params``; None if there is none.

    Raises
    ------
    ValueError
        If several parts have such a parameter, or the only one cannot act.

    Examples
    --------
    >>> from sklearn.linear_model import QuantileRegressor
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skboost.conformal._quantile_parameter import find_quantile_parameter
    >>> find_quantile_parameter(make_pipeline(StandardScaler(), QuantileRegressor()))
    'quantileregressor__quantile'
    """
    parameters = estimator.get_params(deep=True) if hasattr(estimator, "get_params") else {}
    found: dict[str, list[str]] = {}
    idle: dict[str, dict[str, Any]] = {}
    for path, value in parameters.items():
        part, _, name = path.rpartition("__")
        if name not in NAMES:
            continue
        switches = {
            key: parameters[joined(part, key)]
            for key in SWITCHES
            if joined(part, key) in parameters
        }
        if acts(name, value, switches):
            found.setdefault(part, []).append(name)
        elif name != "alpha":
            idle[path] = switches
    if len(found) > 1:
        names = [joined(part, min(some, key=NAMES.index)) for part, some in found.items()]
        raise ValueError(
            f"several parameters of the estimator look like the level of a quantile ({', '.join(sorted(names))}); say "
            "which with quantile_parameter=."
        )
    if not found and idle:
        path, switches = next(iter(idle.items()))
        now = ", ".join(f"{key}={value!r}" for key, value in switches.items())
        raise ValueError(
            f"the parameter {path!r} of the estimator cannot act with {now}; set that to its quantile loss, or name "
            "another parameter with quantile_parameter=."
        )
    return next((joined(part, min(some, key=NAMES.index)) for part, some in found.items()), None)


def acts(name: str, value: Any, switches: dict[str, Any]) -> bool:
    """Whether a parameter of such a name is the level of a quantile, beside these switches."""
    if any(
        isinstance(switch, str) and "quantile" in switch.lower() for switch in switches.values()
    ):
        return name != "alpha" or LEVEL.accepts(value) or Many(LEVEL).accepts(value)
    return name != "alpha" and not switches


def joined(part: str, name: str) -> str:
    """The path of a parameter of a part."""
    return f"{part}__{name}" if part else name


def is_sequence(value: Any) -> bool:
    """Whether a parameter holds several levels at once."""
    return isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim == 1)
