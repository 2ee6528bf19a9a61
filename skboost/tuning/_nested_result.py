"""What a nested cross-validation has found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from skboost._axes import axes_for, legend_above, plain
from skboost._optional import import_optional
from skboost._validation import Number

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

LEVEL = Number(0, 1)


@dataclass(frozen=True)
class ParameterAgreement:
    """How far the searches of the outer folds have chosen the same value of a parameter.

    Parameters
    ----------
    mode : object
        The value that was chosen most often; the first of several.
    share : float
        Share of the folds that chose it. Of a continuous range it says little.
    low, median, high : float
        Smallest, middle and largest choice of numbers; NaN otherwise.
    n_chosen : int
        Folds that chose a value at all: parameters of a conditional space may be absent.
    """

    mode: Any
    share: float
    low: float
    median: float
    high: float
    n_chosen: int


@dataclass(frozen=True, eq=False, repr=False)
class NestedResult:
    """Scores of a search on rows that it has not seen, and what it chose.

    Made by :func:`nested_cv`. ``print`` shows it as a table. Arrays have the shape (n_folds,), in the order of the
    outer folds; NaN stands for what a fold that failed does not have.

    Parameters
    ----------
    scores : dict of str to ndarray
        For each metric the score on the outer test rows.
    inner_scores : dict of str to ndarray
        The mean score over the inner folds with which the chosen configuration won; NaN for metrics that the search
        does not have.
    params : tuple of dict
        What each search chose; empty for one that failed.
    n_train, n_test : ndarray of int
        Rows of the outer folds.
    fit_times, score_times : ndarray
        Seconds of each search with its refit, and of its scoring.
    errors : tuple of str
        For each fold the traceback of what went wrong, or "".
    searches : tuple or None
        The fitted searches, if they were asked for, and those that could not be scored; None in other places.
    metric : str
        The metric that decides in the search, if it is among the scores; otherwise the first.

    See Also
    --------
    nested_cv : Makes it.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost.tuning import NestedResult
    >>> result = NestedResult(
    ...     scores={"score": np.array([0.8, 0.9, 0.7])},
    ...     inner_scores={"score": np.array([0.85, 0.85, 0.9])},
    ...     params=({"depth": 2}, {"depth": 3}, {"depth": 2}),
    ...     n_train=np.array([20, 20, 20]), n_test=np.array([10, 10, 10]),
    ...     fit_times=np.ones(3), score_times=np.ones(3),
    ...     errors=("", "", ""), searches=None, metric="score")
    >>> print(result)
    Nested cross-validation with 3 outer folds
    metric      outer mean (std)     0.95 interval    inner best   optimism
    score       0.8 (0.1)            0.407 to 1.19    0.867        0.0667
    parameter   chosen most often    share    lowest to highest
    depth       2                    2 of 3   2 to 3
    """

    scores: dict[str, Floats]
    inner_scores: dict[str, Floats]
    params: tuple[dict[str, Any], ...]
    n_train: Counts
    n_test: Counts
    fit_times: Floats
    score_times: Floats
    errors: tuple[str, ...]
    searches: tuple[Any, ...] | None
    metric: str

    @property
    def optimism(self) -> dict[str, Floats]:
        """For each metric the inner best score minus the outer score: how much too good a search looks.

        Two things are in it: the winner's curse, which raises the inner best score, and that models of the inner folds
        are trained on fewer rows, which lowers it. So it may be negative where little was chosen from.
        """
        return {name: self.inner_scores[name] - outer for name, outer in self.scores.items()}

    def interval(
        self, metric: str | None = None, confidence_level: float = 0.95
    ) -> tuple[float, float]:
        """Confidence interval of the mean outer score, by the corrected resampled t-test.

        With J folds, scores s_j of mean m, and training and test parts of n1 and n2 rows,

            m -+ t(J - 1) sqrt((1/J + n2/n1) sum_j (s_j - m)^2 / (J - 1)),                                   [1]_

        where 1/J alone would ignore that training parts share rows, and be too short.

        **It is approximate.** The correction is a rule of thumb for random splits, n2/n1 a guess at the correlation of
        scores; with the folds of a cross-validation it is customary. No unbiased estimate of this variance exists
        [2]_. It speaks of the whole procedure, search included, on tables of n1 rows.

        Parameters
        ----------
        metric : str, optional
            The one that decides without it.
        confidence_level : float, default=0.95

        Returns
        -------
        low, high : float
            NaN with fewer than two folds that have a score.

        References
        ----------
        .. [1] C. Nadeau and Y. Bengio, "Inference for the generalization error", Machine Learning 52, 2003.
        .. [2] Y. Bengio and Y. Grandvalet, "No unbiased estimator of the variance of K-fold cross-validation", JMLR 5,
           2004.
        """
        if not LEVEL.accepts(confidence_level):
            raise ValueError(f"confidence_level={confidence_level!r} must be {LEVEL}.")
        scores = self.scores[self._known(metric)]
        there = np.isfinite(scores)
        n_scores = int(there.sum())
        if n_scores < 2:
            return np.nan, np.nan
        ratio = float(np.mean(self.n_test[there] / self.n_train[there]))
        error = np.sqrt((1 / n_scores + ratio) * np.var(scores[there], ddof=1))
        reach = stats.t.ppf((1 + confidence_level) / 2, n_scores - 1) * error
        mean = float(np.mean(scores[there]))
        return mean - float(reach), mean + float(reach)

    def agreement(self) -> dict[str, ParameterAgreement]:
        """How far the searches agree, for each parameter.

        Returns
        -------
        agreement : dict of str to ParameterAgreement
            With ``mode``, ``share``, ``low``, ``median``, ``high`` and ``n_chosen``. Choices that differ from fold to
            fold say that the score hardly depends on them, or that there are too few rows to tell.
        """
        names = dict.fromkeys(name for chosen in self.params for name in chosen)
        return {
            name: _agreement([c[name] for c in self.params if name in c], self._n_searched)
            for name in names
        }

    def to_frame(self) -> Any:
        """A row for each outer fold, as a pandas DataFrame.

        Returns
        -------
        frame : pandas.DataFrame
            Columns "fold", "n_train", "n_test", for each metric "test_<metric>", "inner_<metric>" and
            "optimism_<metric>", for each parameter "param_<name>", and "fit_time", "score_time", "error".
        """
        pandas = import_optional("pandas", extra="frame", purpose="NestedResult.to_frame")
        columns: dict[str, Any] = {
            "fold": np.arange(len(self.errors)),
            "n_train": self.n_train,
            "n_test": self.n_test,
        }
        optimism = self.optimism
        for name in self.scores:
            columns[f"test_{name}"] = self.scores[name]
            columns[f"inner_{name}"] = self.inner_scores[name]
            columns[f"optimism_{name}"] = optimism[name]
        for name in self.agreement():
            columns[f"param_{name}"] = [chosen.get(name) for chosen in self.params]
        times = {"fit_time": self.fit_times, "score_time": self.score_times}
        return pandas.DataFrame(columns | times | {"error": list(self.errors)})

    def summary(self) -> str:
        """Scores, their interval and optimism, and how far the searches agree, as a text."""
        n_failed = sum(map(bool, self.errors))
        head = f"Nested cross-validation with {len(self.errors)} outer folds"
        if n_failed:
            head += f", {n_failed} of which failed"
        rows = [("metric", "outer mean (std)", "0.95 interval", "inner best", "optimism")]
        for name, outer in self.scores.items():
            low, high = self.interval(name)
            rows.append(
                (
                    name,
                    f"{_mean(outer):.3g} ({_std(outer):.2g})",
                    f"{low:.3g} to {high:.3g}",
                    f"{_mean(self.inner_scores[name]):.3g}",
                    f"{_mean(self.optimism[name]):.3g}",
                )
            )
        first = 2 + max(9, *map(len, self.scores), *map(len, self.agreement()))
        lines = [head, *_aligned(rows, (first, 21, 17, 13, 0))]
        choices = [("parameter", "chosen most often", "share", "lowest to highest")]
        for name, found in self.agreement().items():
            n_modal = round(found.share * self._n_searched)
            span = "" if np.isnan(found.low) else f"{found.low:.3g} to {found.high:.3g}"
            share = f"{n_modal} of {self._n_searched}"
            choices.append((name, _short(found.mode), share, span))
        if len(choices) > 1:
            lines += _aligned(choices, (first, 21, 9, 0))
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.summary()

    def plot(self, ax: Any = None, *, metric: str | None = None) -> Any:
        """Draw outer and inner scores of each fold, and the interval of the mean outer score.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            A new figure is made without it.
        metric : str, optional
            The one that decides without it.

        Returns
        -------
        ax : matplotlib Axes
        """
        name = self._known(metric)
        ax = axes_for(ax, purpose="NestedResult.plot", figsize=(5.2, 3.6))
        fold = np.arange(1, len(self.errors) + 1)
        low, high = self.interval(name)
        if np.isfinite(low):
            ax.axhspan(low, high, color="C0", alpha=0.15, linewidth=0)
        ax.axhline(_mean(self.scores[name]), color="C0", linewidth=1)
        ax.vlines(fold, self.scores[name], self.inner_scores[name], color="0.7", linewidth=1)
        ax.plot(fold, self.inner_scores[name], "o", color="C1", mfc="none", label="inner best")
        ax.plot(fold, self.scores[name], "o", color="C0", label="outer test rows")
        ax.set(xticks=fold, xlabel="outer fold", ylabel=name)
        plain(ax)
        legend_above(ax)
        return ax

    @property
    def _n_searched(self) -> int:
        """Searches that have chosen something."""
        return sum(map(bool, self.params))

    def _known(self, metric: str | None) -> str:
        name = self.metric if metric is None else metric
        if name not in self.scores:
            raise ValueError(f"metric={metric!r} is none of {list(self.scores)}.")
        return name


def _agreement(values: list[Any], n_folds: int) -> ParameterAgreement:
    """Agreement of the values that some of the folds have chosen."""
    plain_values = [v.item() if isinstance(v, np.generic) else v for v in values]
    texts = [repr(value) for value in plain_values]  # anything can be chosen, also what has no ==
    counts: Mapping[str, int] = {text: texts.count(text) for text in texts}
    mode = max(counts, key=counts.__getitem__)  # the first of several
    numbers = [v for v in plain_values if isinstance(v, int | float) and not isinstance(v, bool)]
    of_numbers = np.asarray(numbers, float) if len(numbers) == len(values) else np.full(1, np.nan)
    return ParameterAgreement(
        mode=plain_values[texts.index(mode)],
        share=counts[mode] / n_folds,
        low=float(of_numbers.min()),
        median=float(np.median(of_numbers)),
        high=float(of_numbers.max()),
        n_chosen=len(values),
    )


def _mean(values: Floats) -> float:
    """Mean of what is there."""
    there = values[np.isfinite(values)]
    return float(there.mean()) if len(there) else np.nan


def _std(values: Floats) -> float:
    there = values[np.isfinite(values)]
    return float(there.std(ddof=1)) if len(there) > 1 else np.nan


def _short(value: Any) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else " ".join(str(value).split())
    return text if len(text) <= 18 else text[:15] + "..."


def _aligned(rows: Sequence[tuple[str, ...]], widths: tuple[int, ...]) -> list[str]:
    """Lines with columns at least so wide."""
    wide = [max(w, *(len(row[i]) + 2 for row in rows)) for i, w in enumerate(widths)]
    return [
        "".join(cell.ljust(w) for cell, w in zip(row, wide, strict=True)).rstrip() for row in rows
    ]
