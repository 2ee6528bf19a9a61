"""Scores of all points of a grid, measured once, on which searches are replayed by look-up."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution

from skboost.tuning._grid_axis import GridAxis

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """Cross-validated scores of the configurations of a grid, fold by fold.

    With a table, a search costs a look-up for each trial instead of fits, and all searches see the same scores:
    samplers are compared without the noise of folds and without waiting. Made by :func:`tabulate`; handed to
    :func:`compare_samplers`.

    Parameters
    ----------
    levels : dict of str to tuple
        The values of each parameter of the grid, the way they go to ``set_params``.
    codes : ndarray of shape (n_points, n_params), int
        The configurations: the place of the value of each parameter among its levels.
    scores : ndarray of shape (n_points, n_folds)
        Greater is better; NaN for a fit that failed.
    fit_times : ndarray of shape (n_points, n_folds)
        Seconds.
    default : int or None
        The row of the estimator's own parameters, without any tuning; None if the grid lacks them.
    resource : str or None
        The parameter along which learning curves were measured.
    resources : tuple
        Its values, in rising order; ``scores`` belong to the last one.
    curves : ndarray of shape (n_points, n_resources, n_folds) or None
        Scores at each resource.

    See Also
    --------
    tabulate : Measure a table.
    compare_samplers : Searches on tables.

    Examples
    --------
    >>> import optuna
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skboost.tuning import tabulate
    >>> grid = {"max_depth": [1, 2, 3, 4], "criterion": ["gini", "entropy"]}
    >>> X, y = load_iris(return_X_y=True)
    >>> table = tabulate(DecisionTreeClassifier(random_state=0), grid, X, y, cv=3)
    >>> table.scores.shape
    (8, 3)
    >>> table.params[table.best_row]
    {'max_depth': 4, 'criterion': 'gini'}
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> study = optuna.create_study(direction="maximize")
    >>> study.optimize(table.objective, n_trials=30)
    >>> table.regret(study.best_value)
    0.0
    """

    levels: dict[str, tuple[Any, ...]]
    codes: npt.NDArray[np.int64]
    scores: Floats
    fit_times: Floats
    default: int | None = None
    resource: str | None = None
    resources: tuple[Any, ...] = ()
    curves: Floats | None = None

    def __len__(self) -> int:
        return len(self.codes)

    def __repr__(self) -> str:
        shape = " x ".join(f"{len(levels)} {name}" for name, levels in self.levels.items())
        return f"ScoreTable({len(self)} points of {shape}; {self.scores.shape[1]} folds)"

    # -- what samplers are told ---------------------------------------------------------------------------------------

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters."""
        return tuple(self.levels)

    @cached_property
    def distributions(self) -> dict[str, BaseDistribution]:
        """Declarations for Optuna, the same for every sampler.

        Three or more numbers are ordered: whole numbers in equal steps stand as they are, others as their place 0, 1,
        2, ... Everything else is categorical; what Optuna cannot store stands as its ``repr``.
        """
        return {axis.name: axis.distribution for axis in self._axes}

    def objective(self, trial: optuna.Trial | Mapping[str, Any]) -> float:
        """Mean score of the configuration of a trial: a function for ``study.optimize``.

        Parameters
        ----------
        trial : optuna.Trial or dict
            A trial, which is asked for all parameters, or their values as in ``trial.params``.

        Returns
        -------
        value : float

        Raises
        ------
        ValueError
            If a parameter is missing or has a value outside of its distribution.
        """
        if isinstance(trial, Mapping):
            return float(self.values[self.row(trial)])
        values = {name: _suggest(trial, name, d) for name, d in self.distributions.items()}
        return float(self.values[self.row(values)])

    def row(self, values: Mapping[str, Any]) -> int:
        """The row of a configuration.

        In a table that was drawn from a larger grid, the nearest point that was measured stands for one that was not:
        the sum over parameters of the distance, as a share of the range where ordered, else 0 or 1, is least. The first
        of several is taken.

        Parameters
        ----------
        values : dict
            As in ``trial.params``.

        Returns
        -------
        row : int

        Raises
        ------
        ValueError
            If a parameter is missing or has a value outside of its distribution.
        """
        missing = [name for name in self.names if name not in values]
        if missing:
            raise ValueError(f"values lacks {missing[0]!r}; it must name all of {self.names}.")
        point = tuple(axis.code(values[axis.name]) for axis in self._axes)
        found = self._rows.get(point)
        if found is None:
            columns = zip(self._axes, point, self.codes.T, strict=True)
            found = int(
                np.argmin(sum(axis.distance(code, column) for axis, code, column in columns))
            )
        return found

    def trial_params(self, row: int) -> dict[str, Any]:
        """A row as the values that Optuna knows, for ``study.enqueue_trial``."""
        codes = self.codes[row].tolist()
        return {a.name: a.value(code) for a, code in zip(self._axes, codes, strict=True)}

    # -- what was measured --------------------------------------------------------------------------------------------

    @cached_property
    def params(self) -> list[dict[str, Any]]:
        """The configurations as parameters of the estimator."""
        levels = list(self.levels.items())
        return [
            {name: values[code] for (name, values), code in zip(levels, codes, strict=True)}
            for codes in self.codes.tolist()
        ]

    @cached_property
    def values(self) -> Floats:
        """Mean scores over the folds, of shape (n_points,); where a fit failed, the worst mean of the others."""
        mean: Floats = self.scores.mean(axis=1)
        finite = np.isfinite(mean)
        return np.where(finite, mean, mean[finite].min())

    @property
    def best(self) -> float:
        """The highest mean score."""
        return float(self.values.max())

    @property
    def best_row(self) -> int:
        """The first row with the highest mean score."""
        return int(self.values.argmax())

    @property
    def median(self) -> float:
        """The median of the mean scores: what half of all configurations reach."""
        return float(np.median(self.values))

    def regret(self, found: Any) -> Any:
        """How much is missing to the best of the table.

            regret = (best - found) / (best - median)

        0 is the best configuration and 1 the median of all, so that tables of different scores can be averaged.

        Parameters
        ----------
        found : float or array-like
            Mean scores.

        Returns
        -------
        regret : float or ndarray
            Above 1 below the median.

        Raises
        ------
        ValueError
            If half of the configurations are as good as the best.
        """
        spread = self.best - self.median
        if spread <= 0:
            raise ValueError(
                f"at least half of the {len(self)} configurations reach the best score {self.best:g}, so there is "
                "nothing to search for; use another score or a wider grid."
            )
        regret = (self.best - np.asarray(found, dtype=np.float64)) / spread
        return float(regret) if regret.ndim == 0 else regret

    def top(self, share: float = 0.01) -> npt.NDArray[np.bool_]:
        """Which rows are among the best ``share`` of all (at least one row, ties included)."""
        count = max(1, int(np.floor(share * len(self))))
        is_top: npt.NDArray[np.bool_] = self.values >= np.sort(self.values)[-count]
        return is_top

    # -- kept in files ------------------------------------------------------------------------------------------------

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the table to a compressed ``.npz`` file that holds no Python objects.

        Levels that are neither None, booleans, numbers, strings nor tuples of these are kept as their ``repr``.
        """
        header = {
            "levels": {name: [_packed(v) for v in levels] for name, levels in self.levels.items()},
            "default": self.default,
            "resource": self.resource,
            "resources": [_packed(value) for value in self.resources],
        }
        arrays: dict[str, Any] = {"codes": self.codes.astype(np.int32), "scores": self.scores}
        arrays["fit_times"] = self.fit_times.astype(np.float32)
        if self.curves is not None:
            arrays["curves"] = self.curves
        with open(path, "wb") as file:
            np.savez_compressed(file, header=np.array(json.dumps(header)), **arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ScoreTable:
        """Read a table that :meth:`save` has written.

        Raises
        ------
        ValueError
            If the file is something else.
        """
        with np.load(Path(path), allow_pickle=False) as file:
            if "header" not in file:
                raise ValueError(f"{os.fspath(path)} holds no table; it was not written by save.")
            header = json.loads(str(file["header"]))
            curves = file.get("curves")
            return cls(
                {name: tuple(map(_unpacked, kept)) for name, kept in header["levels"].items()},
                file["codes"].astype(np.int64),
                file["scores"],
                file["fit_times"].astype(np.float64),
                header["default"],
                header["resource"],
                tuple(map(_unpacked, header["resources"])),
                curves,
            )

    @cached_property
    def _axes(self) -> list[GridAxis]:
        return list(itertools.starmap(GridAxis, self.levels.items()))

    @cached_property
    def _rows(self) -> dict[tuple[int, ...], int]:
        return {tuple(codes): row for row, codes in enumerate(self.codes.tolist())}


def _suggest(trial: optuna.Trial, name: str, distribution: Any) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)
    return trial.suggest_int(name, distribution.low, distribution.high, step=distribution.step)


def _packed(value: Any) -> Any:
    """A value as JSON keeps it."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple):
        return {"tuple": [_packed(item) for item in value]}
    return repr(value)


def _unpacked(value: Any) -> Any:
    return tuple(map(_unpacked, value["tuple"])) if isinstance(value, dict) else value
