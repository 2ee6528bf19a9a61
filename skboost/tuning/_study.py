"""The Optuna study of a search: in memory, copied to a storage, or shared by several searches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import optuna
from optuna.storages import BaseStorage
from optuna.study import Study

from skboost.tuning._fingerprint import fingerprint, study_name_of
from skboost.tuning._preparation import Preparation
from skboost.tuning._storage import Mirror, record_facts
from skboost.tuning._storage_errors import explained

Direction = Literal["minimize", "maximize"]


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna without its notes of what it does for a search."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(max(before, optuna.logging.WARNING))
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def new_study(prepared: Preparation) -> Study:
    """A study in memory.

    Its name is the same in every run, since Optuna's Hyperband draws brackets from the name and the trial's number.
    """
    with quiet():
        return optuna.create_study(
            study_name="OptunaSearchCV",
            pruner=_pruner(prepared),
            directions=_directions(prepared),
        )


def open_mirror(
    search: Any, prepared: Preparation, storage: BaseStorage, seed: int | None
) -> Mirror:
    """The copy of the search's study in a storage."""
    facts, name = _identity(search, prepared)
    with quiet():
        return Mirror.open(
            storage,
            name,
            directions=_directions(prepared),
            fingerprint=facts,
            seed=seed,
            resume=search.resume,
        )


def join_study(
    search: Any, prepared: Preparation, storage: BaseStorage, seed: int | None
) -> tuple[Study, int]:
    """A study that lives in the storage, and the seed of this search.

    Several searches that share a study work with the seed of the one that made it, unless they are given their own:
    random numbers are keyed by the numbers of trials, which no two of them have in common.
    """
    facts, name = _identity(search, prepared)
    with quiet(), explained(search.storage):
        study = optuna.create_study(
            storage=storage,
            study_name=name,
            pruner=_pruner(prepared),
            directions=_directions(prepared),
            load_if_exists=True,
        )
    recorded = record_facts(study, facts, seed, resume=search.resume)
    return study, recorded if seed is None else seed


def _identity(search: Any, prepared: Preparation) -> tuple[dict[str, str], str]:
    """What must be the same for the study to go on, and its name."""
    task = prepared.task
    facts = fingerprint(
        X=task.X,
        y=task.y,
        fit_params={**task.score_params, **task.fit_params},
        folds=prepared.folds,
        estimator=search.estimator,
        space=prepared.space.describe(),
        scoring=[
            *(search.scoring, search.objectives, search.constraints, prepared.ladder),
            *(bool(search.return_train_score), task.all_rows),
        ],
    )
    if search.study_name is not None:
        return facts, search.study_name
    return facts, study_name_of(f"OptunaSearchCV-{type(search.estimator).__name__}", facts)


def _pruner(prepared: Preparation) -> optuna.pruners.BasePruner:
    return prepared.pruner or optuna.pruners.NopPruner()


def _directions(prepared: Preparation) -> list[Direction]:
    """Scorers are the better, the greater."""
    return ["maximize"] * len(prepared.rules.objectives)
