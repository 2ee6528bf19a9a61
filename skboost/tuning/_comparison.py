"""Samplers of hyper-parameters compared on tables of scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from joblib import Parallel, delayed

from skboost._validation import Constraint, Integer
from skboost.tuning._baseline_samplers import BASELINES
from skboost.tuning._comparison_result import SamplerComparison
from skboost.tuning._replay import replay
from skboost.tuning._samplers import SAMPLERS, resolve_sampler
from skboost.tuning._score_table import ScoreTable

Factory = Callable[[int], Any]


def compare_samplers(
    tables: ScoreTable | Mapping[str, ScoreTable],
    samplers: Iterable[str] | Mapping[str, Any],
    *,
    n_trials: int = 60,
    n_seeds: int = 30,
    batch_size: int = 1,
    n_startup: int = 5,
    random_state: int = 0,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> SamplerComparison:
    """Let samplers search tables of scores, all from the same starts.

    Each sampler searches each table ``n_seeds`` times. The first ``n_startup`` trials of a search are drawn at random
    without repetition and given to all samplers alike, because otherwise the number of random trials that a sampler
    begins with would decide about small budgets. A point that is proposed again costs a trial.

    Parameters
    ----------
    tables : ScoreTable or dict of str to ScoreTable
    samplers : dict of str to factory, or iterable of str
        A factory is a function of a seed that returns a sampler of Optuna, ``lambda seed: TPESampler(seed=seed)``. In
        its place may stand a dict with a factory for each table, or a name: one that ``OptunaSearchCV`` knows, such as
        "random" or "tabu", for what it makes of it; "grid order", a grid search that is stopped early; or "genetic", a
        population of 10 of which the 2 best stay, with one-point crossover, mutation of each parameter with chance 0.1,
        and no repeated points.
    n_trials : int, default=60
        Trials of a search. Samplers are not told, so smaller budgets can be read off.
    n_seeds : int, default=30
    batch_size : int, default=1
        Trials that are proposed before the first of them is told.
    n_startup : int, default=5
    random_state : int, default=0
        From which all random numbers are derived, for each seed.
    n_jobs : int, optional
        Searches at the same time. The result does not depend on it, apart from the measured times of samplers.
    verbose : int, default=0
        Messages of joblib about the progress.

    Returns
    -------
    comparison : SamplerComparison

    Raises
    ------
    ValueError
        If there are no tables or samplers, a table has nothing to search for, a name is unknown, a factory makes no
        sampler, or a number is out of range.

    Examples
    --------
    >>> from optuna.samplers import TPESampler
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skboost.tuning import compare_samplers, tabulate
    >>> grid = {"max_depth": [1, 2, 3, 4, 5], "min_samples_leaf": [1, 3, 10, 30, 60], "splitter": ["best", "random"]}
    >>> X, y = load_iris(return_X_y=True)
    >>> table = tabulate(DecisionTreeClassifier(random_state=0), grid, X, y, cv=3)
    >>> samplers = {"random": "random", "tpe": lambda seed: TPESampler(seed=seed, n_startup_trials=5)}
    >>> compare_samplers({"iris": table}, samplers, n_trials=20, n_seeds=10).regrets.shape
    (2, 1, 10, 20)
    """
    named = _read_tables(tables)
    smallest = min(map(len, named.values()))
    limits: dict[str, tuple[Any, Constraint]] = {
        "n_trials": (n_trials, Integer(1)),
        "n_seeds": (n_seeds, Integer(1)),
        "batch_size": (batch_size, Integer(1)),
        "n_startup": (n_startup, Integer(0, min(smallest, n_trials))),
        "random_state": (random_state, Integer(0)),
    }
    for name, (value, limit) in limits.items():
        if not limit.accepts(value):
            raise ValueError(
                f"{name}={value!r} is not valid for compare_samplers: it must be {limit}."
            )
    factories = _read_samplers(samplers, named)
    options = {"n_trials": n_trials, "batch_size": batch_size, "n_startup": n_startup}
    runs = Parallel(n_jobs=n_jobs, verbose=verbose)(
        delayed(_run)(named[name], factory, [random_state, seed], options)
        for by_table in factories.values()
        for name, factory in by_table.items()
        for seed in range(n_seeds)
    )
    shape = (len(factories), len(named), n_seeds, -1)
    return SamplerComparison(
        named,
        tuple(factories),
        np.array([rows for rows, _ in runs]).reshape(shape),
        np.array([seconds for _, seconds in runs]).reshape(shape),
        int(batch_size),
        int(n_startup),
        int(random_state),
    )


def _run(table: ScoreTable, factory: str | Factory, key: list[int], options: dict[str, int]) -> Any:
    def make(seed: int) -> Any:
        if not isinstance(factory, str):
            return factory(seed)
        if factory in BASELINES:
            return BASELINES[factory](table, seed)
        space = table.distributions
        return resolve_sampler(factory, seed, space, conditional=False, n_objectives=1)

    return replay(table, make, key=key, **options)


def _read_tables(tables: Any) -> dict[str, ScoreTable]:
    named = {"table": tables} if isinstance(tables, ScoreTable) else tables
    if not isinstance(named, Mapping) or not named:
        raise ValueError("tables must be a ScoreTable, or a dict of names to at least one of them.")
    for name, table in named.items():
        if not isinstance(table, ScoreTable):
            raise ValueError(f"tables[{name!r}] is no ScoreTable; measure one by tabulate.")
        table.regret(table.best)  # raises if there is nothing to search for
    return dict(named)


def _read_samplers(
    samplers: Any, tables: Mapping[str, ScoreTable]
) -> dict[str, dict[str, str | Factory]]:
    """A factory for each sampler and table, in the order of the tables."""
    given = samplers if isinstance(samplers, Mapping) else {name: name for name in samplers}
    if not given:
        raise ValueError("samplers is empty; name at least one.")
    factories = {}
    for name, factory in given.items():
        if isinstance(factory, Mapping):
            missing = [table for table in tables if table not in factory]
            if missing:
                raise ValueError(f"samplers[{name!r}] has no factory for the table {missing[0]!r}.")
            factories[name] = {table: factory[table] for table in tables}
        else:
            factories[name] = dict.fromkeys(tables, factory)
        for one in factories[name].values():
            if not callable(one) and one not in (*BASELINES, *SAMPLERS):
                raise ValueError(
                    f"samplers[{name!r}]={one!r} is neither a function of a seed nor one of "
                    f"{[*BASELINES, *sorted(SAMPLERS)]}."
                )
    return factories
