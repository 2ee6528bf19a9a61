"""From the parameters of a search and the data to what its loop works with."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from joblib import effective_n_jobs
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring, get_scorer
from sklearn.model_selection import check_cv
from sklearn.utils import Bunch

from skboost._crossfit.rows import indexable_rows, row_numbers
from skboost.tuning._default_spaces import default_space
from skboost.tuning._evaluation import SINGLE, Rows, Task
from skboost.tuning._fidelity import EPOCHS, SAMPLES, Ladder, ladder_of, nested_rows
from skboost.tuning._plan import SearchPlan
from skboost.tuning._pruners import resolve_pruner
from skboost.tuning._rules import (
    Rules,
    constraints_of,
    objectives_of,
    stages_of,
    wants_folds,
)
from skboost.tuning._space import SearchSpace, search_space
from skboost.tuning._workers import refuse_dask_collections


@dataclass(frozen=True)
class Preparation:
    """All that is known before the first trial.

    ``folds`` are as ``cv`` drew them; those of ``task`` may be in another order within (see ``Task``). ``scorers`` is a
    scorer, or (of several metrics) a dict of them.
    """

    task: Task
    folds: list[tuple[Rows, Rows]]
    space: SearchSpace
    rules: Rules
    plan: SearchPlan
    ladder: Ladder | None
    pruner: Any
    scorers: Any
    refit_metric: str


def prepare(search: Any, X: Any, y: Any, routed: Bunch) -> Preparation:
    """Check what was given and make the parts of the search.

    Raises
    ------
    ValueError
        If parameters do not fit one another, the estimator or the data.
    """
    refuse_dask_collections(X, y, search.n_jobs, search.fit_timeout)
    X, y = indexable_rows(X), None if y is None else indexable_rows(y)
    folds = draw_folds(search.cv, search.estimator, X, y, routed.splitter.split)
    space = _space_of(search)
    ladder = _ladder(search, folds, space)
    pruner = resolve_pruner(search.pruner, ladder, search.factor)
    scorers, metrics = _scorers(search)
    objectives = objectives_of(search.objectives, metrics, search.refit)
    refit_metric = _refit_metric(search, metrics, objectives)
    _refuse_pruning_of_several(pruner, objectives)
    rules = Rules(
        objectives=objectives,
        metrics=tuple(metrics or objectives),
        n_splits=len(folds),
        stages=stages_of(len(folds), ladder, pruner),
        reports_folds=wants_folds(pruner),
        constraints=constraints_of(search.constraints, metrics),
        error_score=search.error_score,
        with_train=bool(search.return_train_score),
    )
    task = Task(
        estimator=search.estimator,
        X=X,
        y=y,
        folds=folds,
        scorer=check_scoring(
            search.estimator, search.scoring, raise_exc=search.error_score == "raise"
        ),
        fit_params=_indexable_values(routed.estimator.fit),
        score_params=_indexable_values(routed.scorer.score),
        error_score=search.error_score,
        return_train_score=bool(search.return_train_score),
        resource=ladder.resource if ladder else None,
        all_rows=ladder.rungs[-1] if ladder and search.max_resources == "auto" else None,
    )
    plan = _plan(search, space, rules, ladder)
    return Preparation(task, folds, space, rules, plan, ladder, pruner, scorers, refit_metric)


def _indexable_values(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata of which rows can be taken where they have rows."""
    return {name: indexable_rows(value) for name, value in metadata.items()}


def draw_folds(
    cv: Any, estimator: Any, X: Any, y: Any, params: Mapping[str, Any]
) -> list[tuple[Rows, Rows]]:
    """The folds of a search, drawn once: a splitter that shuffles would give each trial others."""
    with np.errstate(invalid="ignore"):  # of an infinite y, which gets an error of its own
        splitter = check_cv(cv, y, classifier=is_classifier(estimator))
        folds = [
            (row_numbers(train), row_numbers(test))
            for train, test in splitter.split(X, y, **params)
        ]
    if not folds:
        raise ValueError("cv gives no folds; a search needs at least one to compare trials on.")
    return folds


def _space_of(search: Any) -> SearchSpace:
    """The space that was given, or the usual one of the estimator."""
    given = search.space
    if given is None:  # what is the resource is not searched for
        usual = default_space(search.estimator)
        given = {name: values for name, values in usual.items() if name != search.resource}
    space = search_space(given)
    space.check(search.estimator)
    return space


def _ladder(search: Any, folds: list[tuple[Rows, Rows]], space: SearchSpace) -> Ladder | None:
    """Rungs of the resource, if there is one."""
    if search.resource is None:
        for name in ("min_resources", "max_resources"):
            if getattr(search, name) != "auto":
                raise ValueError(
                    f"{name}={getattr(search, name)!r} cannot act without a resource; give resource=, or "
                    f"leave {name} at 'auto'."
                )
        return None
    space.reserve(search.resource)
    return ladder_of(
        search.resource,
        search.min_resources,
        search.max_resources,
        search.factor,
        n_train=min(len(train) for train, _ in folds),
        estimator=search.estimator,
    )


def order_rows(task: Task, ladder: Ladder | None, seed: int) -> Task:
    """The task with training rows in the order in which rungs of rows take them."""
    if ladder is None or ladder.resource != SAMPLES:
        return task
    classifier = is_classifier(task.estimator)
    folds = [
        (nested_rows(task.y, train, ladder.rungs, seed + fold, classifier), test)
        for fold, (train, test) in enumerate(task.folds)
    ]
    return replace(task, folds=folds)


def resource_params(ladder: Ladder | None) -> dict[str, int]:
    """What all trials set besides what is searched: the full number of rounds, where rounds are the resource."""
    if ladder is None or ladder.resource in (SAMPLES, EPOCHS):
        return {}
    return {ladder.resource: ladder.rungs[-1]}


def _scorers(search: Any) -> tuple[Any, list[str] | None]:
    """Scorers as ``scorer_`` has them, and the names of the metrics (None where a callable will tell)."""
    scoring = search.scoring
    if callable(scoring):
        is_scorer = hasattr(
            scoring, "get_metadata_routing"
        )  # one of scikit-learn's, which gives one number
        return scoring, [SINGLE] if is_scorer else None
    if scoring is None or isinstance(scoring, str):
        return check_scoring(search.estimator, scoring), [SINGLE]
    named = scoring if isinstance(scoring, Mapping) else {name: name for name in scoring}
    if not named or not all(isinstance(name, str) for name in named):
        raise ValueError(
            f"scoring={scoring!r} names no metrics; give a string, a scorer, a list of strings or a dict of them."
        )
    return {name: get_scorer(scorer) for name, scorer in named.items()}, list(named)


def has_names(scoring: Any) -> bool:
    """Whether ``scoring`` lists metrics by name, be it only one."""
    return scoring is not None and not isinstance(scoring, str) and not callable(scoring)


def _refit_metric(search: Any, metrics: list[str] | None, objectives: tuple[str, ...]) -> str:
    """The metric whose highest mean is the best trial."""
    refit = search.refit
    several = has_names(search.scoring) or (metrics is None and objectives != (SINGLE,))
    if isinstance(refit, str):
        known = metrics if several else [SINGLE, search.scoring]
        if known is not None and refit not in known:
            raise ValueError(
                f"refit={refit!r} is no metric of scoring={search.scoring!r}; give the name of one, or True if there "
                "is only one."
            )
        return refit if several else SINGLE
    if several and refit is True:
        raise ValueError(
            "refit=True does not say which of several metrics decides; give the name of a metric, a callable that "
            "chooses from cv_results_, or False."
        )
    return objectives[0]


def _refuse_pruning_of_several(pruner: Any, objectives: tuple[str, ...]) -> None:
    if pruner is not None and len(objectives) > 1:
        raise ValueError(
            f"pruner and resource stop trials by one metric, but objectives={list(objectives)} are several; leave them "
            "at None, or give one objective."
        )


def _plan(search: Any, space: SearchSpace, rules: Rules, ladder: Ladder | None) -> SearchPlan:
    """How much there is to do; a space of few points is tried once through."""
    most = math.inf if space.n_points is None else space.n_points
    folds = len(rules.stages[0].folds)
    return SearchPlan(
        n_trials=int(min(search.n_trials, most)),
        n_splits=rules.n_splits,
        batch_size=search.batch_size,
        rungs=ladder.rungs if ladder else (),
        n_jobs_side_by_side=min(folds * search.batch_size, effective_n_jobs(search.n_jobs)),
    )


def seed_of(random_state: Any) -> int | None:
    """A seed for all that is drawn; None if nothing was asked for."""
    if random_state is None:
        return None
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(2**31 - 1))
    if not isinstance(random_state, numbers.Integral) or random_state < 0:
        raise ValueError(
            f"random_state={random_state!r} must be an integer of at least 0, a RandomState, a Generator or None."
        )
    return int(random_state)
