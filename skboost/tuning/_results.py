"""``cv_results_`` as scikit-learn has it, from the records of trials, and the choice of the best."""

from __future__ import annotations

import math
import numbers
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from skboost.exceptions import UncertaintyWarning
from skboost.tuning._domination import pareto_mask
from skboost.tuning._records import COMPLETE, FAILED, PRUNED, TrialRecord
from skboost.tuning._rules import Rules

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Finding:
    """A finished trial as results need it."""

    record: TrialRecord
    params: dict[str, Any]


def cv_results(findings: Sequence[Finding], rules: Rules, with_train: bool) -> dict[str, Any]:
    """Results of all trials, one entry each, in order of their numbers.

    Returns
    -------
    results : dict
        The keys of scikit-learn's searches, and ``trial_number``, ``state`` ("complete", "pruned" or "failed"),
        ``n_splits_done``, ``resource`` (masked where there is none), ``duration`` in seconds, ``is_pareto``, and (with
        constraints) ``is_feasible``.
    """
    results: dict[str, Any] = {}
    records = [finding.record for finding in findings]
    _put_times(results, records, rules.n_splits)
    params = [finding.params for finding in findings]
    results.update(_param_columns(params))
    results["params"] = params
    metrics = list(dict.fromkeys([*rules.metrics, *(m for r in records for m in r.test)]))
    for metric in metrics:
        test = [_scores(r, r.test, metric, rules) for r in records]
        _put_scores(results, f"test_{metric}", test, records, rules)
        results[f"rank_test_{metric}"] = _ranks(results[f"mean_test_{metric}"])
        if with_train:
            train = [_scores(r, r.train, metric, rules) for r in records]
            _put_scores(results, f"train_{metric}", train, records, rules)
    _put_extras(results, records, rules)
    return results


def _put_times(results: dict[str, Any], records: Sequence[TrialRecord], n_splits: int) -> None:
    """Mean and deviation of the seconds, over the folds that were fitted."""
    for name in ("fit_time", "score_time"):
        table = _table([getattr(record, name) for record in records], n_splits)
        done = ~np.isnan(table)
        count = np.maximum(done.sum(axis=1), 1)
        mean = np.where(done, table, 0.0).sum(axis=1) / count
        square = np.where(done, (table - mean[:, None]) ** 2, 0.0).sum(axis=1) / count
        results[f"mean_{name}"], results[f"std_{name}"] = mean, np.sqrt(square)


def _scores(
    record: TrialRecord, found: dict[str, Any], metric: str, rules: Rules
) -> list[float | None] | None:
    """Scores of the folds by one metric.

    Names of metrics that only a callable knows are not known where the fit fails; there they have the error score.
    """
    row = found.get(metric)
    if metric in rules.metrics or record.error is None or isinstance(rules.error_score, str):
        return row
    row = row or [None] * rules.n_splits
    return [
        rules.error_score if score is None and seconds is not None else score
        for score, seconds in zip(row, record.fit_time, strict=True)
    ]


def _put_scores(
    results: dict[str, Any],
    key: str,
    scores: Sequence[Any],
    records: Sequence[TrialRecord],
    rules: Rules,
) -> None:
    """Scores of each split, their mean and deviation; both are NaN for a trial that did not end."""
    table = _table(scores, rules.n_splits)
    for split in range(rules.n_splits):
        results[f"split{split}_{key}"] = table[:, split]
    ended = np.array([record.state == COMPLETE for record in records])[:, None]
    table = np.where(ended, table, np.nan)
    mean = table.mean(axis=1)
    results[f"mean_{key}"] = mean
    results[f"std_{key}"] = np.sqrt(((table - mean[:, None]) ** 2).mean(axis=1))


def _table(rows: Sequence[Any], n_splits: int) -> Floats:
    """Lists with None in places as an array with NaN."""
    table = np.full((len(rows), n_splits), np.nan)
    for place, row in enumerate(rows):
        if row:
            table[place] = [np.nan if value is None else value for value in row]
    return table


def _ranks(means: Floats) -> npt.NDArray[np.int32]:
    """1 for the highest mean; ties share the smallest rank, NaN comes last."""
    known = ~np.isnan(means)
    ranks = np.full(len(means), known.sum() + 1, dtype=np.int32)
    ranks[known] = rankdata(-means[known], method="min")
    return ranks


def _param_columns(params: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A masked array for each parameter, of the type of its values; masked where a trial did not set it."""
    columns = {}
    for name in dict.fromkeys(name for one in params for name in one):
        places = [place for place, one in enumerate(params) if name in one]
        values = [params[place][name] for place in places]
        column = np.ma.MaskedArray(np.empty(len(params), dtype=_natural_type(values)), mask=True)
        for place, value in zip(places, values, strict=True):
            column[place] = value
        columns[f"param_{name}"] = column
    return columns


def _natural_type(values: Sequence[Any]) -> npt.DTypeLike:
    """The type of an array of the values; object for texts and for values that are sequences."""
    try:
        array = np.array(values)
    except ValueError:  # sequences of several lengths
        return np.dtype(object)
    return array.dtype if array.ndim == 1 and array.dtype.kind != "U" else np.dtype(object)


def _put_extras(results: dict[str, Any], records: Sequence[TrialRecord], rules: Rules) -> None:
    """What scikit-learn's searches do not have."""
    results["trial_number"] = np.array([record.number for record in records], dtype=np.int64)
    results["state"] = np.array([record.state for record in records], dtype=object)
    results["n_splits_done"] = np.array([r.n_splits_done for r in records], dtype=np.int64)
    results["duration"] = np.array([record.duration for record in records])
    mask = [record.resource is None for record in records]
    amounts = [record.resource or 0 for record in records]
    results["resource"] = np.ma.MaskedArray(np.array(amounts, dtype=np.int64), mask=mask)
    allowed = np.ones(len(records), dtype=bool)
    if rules.constraints:
        allowed = total_violation(results, rules) <= 0
        results["is_feasible"] = allowed
    values = np.column_stack([results[f"mean_test_{name}"] for name in rules.objectives])
    results["is_pareto"] = pareto_mask(np.where(allowed[:, None], values, np.nan))


def total_violation(results: dict[str, Any], rules: Rules) -> Floats:
    """By how much each trial misses the constraints in sum; infinite for those that did not end."""
    total = np.zeros(len(results["params"]))
    for metric, (low, high) in rules.constraints.items():
        mean = results[f"mean_test_{metric}"]
        total += np.where(
            np.isnan(mean), math.inf, np.maximum(0, np.maximum(low - mean, mean - high))
        )
    return total


def best_index(
    results: dict[str, Any], rules: Rules, refit: bool | str | Callable[[Any], Any], metric: str
) -> int:
    """Which trial is the best one: what a callable ``refit`` says, or the first of the highest mean that is allowed.

    Raises
    ------
    ValueError
        If no trial has a mean.
    TypeError
        If the callable returns no integer.
    IndexError
        If it returns the number of no trial.
    """
    if callable(refit):
        index = refit(results)
        if not isinstance(index, numbers.Integral):
            raise TypeError(
                f"refit must return an integer, the place of the best trial in cv_results_, but returned {index!r}."
            )
        if not 0 <= int(index) < len(results["params"]):
            raise IndexError(
                f"refit returned {index}, but cv_results_ has {len(results['params'])} trials."
            )
        return int(index)
    means = results[f"mean_test_{metric}"]
    if rules.constraints:
        violation = total_violation(results, rules)
        least = violation.min()
        if least > 0:
            warnings.warn(
                f"No trial meets the constraints {dict(rules.constraints)}: the one that misses them least is taken "
                "for the best. Widen the space or the constraints.",
                UncertaintyWarning,
                stacklevel=4,
            )
        means = np.where(violation == least, means, np.nan)
    if np.isnan(means).all():
        n_pruned, n_failed = (int(np.sum(results["state"] == s)) for s in (PRUNED, FAILED))
        raise ValueError(
            f"None of the {len(means)} trials has a mean {metric!r} to choose by ({n_pruned} were pruned, {n_failed} "
            "failed); take a pruner and a space that leave some, or let a metric decide that is a number."
        )
    return int(np.nanargmax(means))
