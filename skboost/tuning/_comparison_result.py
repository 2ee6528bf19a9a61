"""What samplers found on tables of scores, with all measures of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from skboost._optional import import_optional
from skboost._validation import Integer
from skboost.tuning._comparison_display import draw_profile, draw_regret
from skboost.tuning._comparison_report import report
from skboost.tuning._duel import Duel, bootstrap, duel
from skboost.tuning._score_table import ScoreTable
from skboost.tuning._sign_test import holm, sign_test
from skboost.tuning._simulated_time import finish_times, horizon, regret_over_time

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SamplerComparison:
    """What samplers found on tables of scores, and how to judge it.

    Made by :func:`compare_samplers`. The unit is the normalised regret (best - found) / (best - median) of a table
    after some trials: 0 is its best configuration, 1 the median of all. Everything but times is the same for one
    ``random_state``.

    Parameters
    ----------
    tables : dict of str to ScoreTable
    samplers : tuple of str
        Names.
    rows : ndarray of shape (n_samplers, n_tables, n_seeds, n_trials)
        Rows of the tables that were evaluated.
    seconds : ndarray of shape (n_samplers, n_tables, n_seeds, n_batches)
        CPU seconds of the samplers for each batch.
    batch_size : int
    n_startup : int
        The first trials, which all samplers have in common.
    random_state : int

    See Also
    --------
    compare_samplers : Makes it.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skboost.tuning import compare_samplers, tabulate
    >>> grid = {"max_depth": [1, 2, 3, 4, 5], "min_samples_leaf": [1, 3, 10, 30, 60], "splitter": ["best", "random"]}
    >>> X, y = load_iris(return_X_y=True)
    >>> table = tabulate(DecisionTreeClassifier(random_state=0), grid, X, y, cv=3)
    >>> found = compare_samplers(table, ["random", "genetic"], n_trials=20, n_seeds=10)
    >>> found.mean_regret(at=20).shape
    (2,)
    >>> bool(found.regrets[0, 0, 0, 4] == found.regrets[1, 0, 0, 4])  # the same start
    True
    """

    tables: dict[str, ScoreTable]
    samplers: tuple[str, ...]
    rows: npt.NDArray[np.int32]
    seconds: Floats
    batch_size: int = 1
    n_startup: int = 5
    random_state: int = 0

    @property
    def n_seeds(self) -> int:
        """Searches of each sampler on each table."""
        return int(self.rows.shape[2])

    @property
    def n_trials(self) -> int:
        """Trials of each search."""
        return int(self.rows.shape[3])

    def __str__(self) -> str:
        return self.summary()

    # -- regret --------------------------------------------------------------------------------------------------------

    @cached_property
    def regrets(self) -> Floats:
        """Normalised regret of the best configuration so far.

        Array of shape (n_samplers, n_tables, n_seeds, n_trials).
        """
        return np.minimum.accumulate(self._trial_regrets, axis=-1)

    @cached_property
    def _trial_regrets(self) -> Floats:
        """Regret of each trial by itself."""
        regrets = np.empty(self.rows.shape)
        for place, table in enumerate(self.tables.values()):
            regrets[:, place] = table.regret(table.values)[self.rows[:, place]]
        return regrets

    @cached_property
    def default_regrets(self) -> Floats:
        """Regret of the estimators as they are, without a trial; of shape (n_tables,), NaN where not measured."""
        return np.array(
            [
                np.nan if table.default is None else table.regret(table.values[table.default])
                for table in self.tables.values()
            ]
        )

    def mean_regret(self, at: int | None = None) -> Floats:
        """Mean over tables and seeds, of shape (n_samplers,), after ``at`` trials (all without it)."""
        mean: Floats = self.regrets[..., self._place(at)].mean(axis=(1, 2))
        return mean

    def band(self, level: float = 0.9) -> Floats:
        """Bootstrap band of the mean regret over tables and seeds.

        Tables are drawn with repetition, and seeds for each of them; only seeds if there is one table.

        Parameters
        ----------
        level : float, default=0.9

        Returns
        -------
        band : ndarray of shape (n_samplers, 2, n_trials)
            Lower and upper ends.
        """
        return np.array([bootstrap(found, level, self.random_state) for found in self.regrets])

    def ranks(self, at: int | None = None) -> Floats:
        """Mean rank of each sampler over tables and seeds, 1 for the lowest regret; of shape (n_samplers,)."""
        ranks: Floats = rankdata(self.regrets[..., self._place(at)], axis=0).mean(axis=(1, 2))
        return ranks

    def duels(self, reference: str, at: int | None = None) -> list[Duel]:
        """Every other sampler beside one of them.

        Parameters
        ----------
        reference : str
            Name of a sampler.
        at : int, optional
            Trials; all without it.

        Returns
        -------
        duels : list of Duel
            In the order of the samplers.

        Raises
        ------
        ValueError
            If there is no sampler of this name.
        """
        (base,) = self._places([reference], self.samplers, "reference")
        regrets = self.regrets[..., self._place(at)]
        others = [place for place in range(len(self.samplers)) if place != base]
        differences = [regrets[place] - regrets[base] for place in others]  # (n_tables, n_seeds)
        p_values = holm([sign_test(difference.mean(axis=1)) for difference in differences])
        return [
            duel(self.samplers[place], reference, difference, float(p_value), self.random_state)
            for place, difference, p_value in zip(others, differences, p_values, strict=True)
        ]

    # -- when the best are found ---------------------------------------------------------------------------------------

    def first_hits(self, share: float = 0.01) -> Floats:
        """The trial (1 for the first) in which one of the best ``share`` of a table is met first.

        Returns
        -------
        hits : ndarray of shape (n_samplers, n_tables, n_seeds)
            NaN for a search that met none.
        """
        hits = np.full(self.rows.shape[:3], np.nan)
        for place, table in enumerate(self.tables.values()):
            met = table.top(share)[self.rows[:, place]]  # (n_samplers, n_seeds, n_trials)
            hits[:, place] = np.where(met.any(axis=-1), met.argmax(axis=-1) + 1.0, np.nan)
        return hits

    def repeats(self) -> Floats:
        """Share of trials that evaluate a point again, of shape (n_samplers,)."""
        ordered = np.sort(self.rows, axis=-1)
        again: Floats = (ordered[..., 1:] == ordered[..., :-1]).sum(axis=-1).mean(axis=(1, 2))
        return again / self.n_trials

    def profile(self, share: float = 0.01) -> tuple[Floats, Floats]:
        """Performance profile [1]_: the share of tables solved within a factor of the trials of the best sampler.

        A table is solved after the median, over the seeds, of the trials up to the first hit; it is not solved by a
        sampler that misses in half of its searches.

        Returns
        -------
        factors : ndarray of shape (n_factors,)
            In rising order, beginning with 1.
        shares : ndarray of shape (n_samplers, n_factors)
            Share of all tables that are solved within that factor.

        References
        ----------
        .. [1] E. D. Dolan and J. J. Moré, "Benchmarking optimization software with performance profiles", Mathematical
           Programming 91, 2002.
        """
        hits = median_hits(self.first_hits(share))  # (n_samplers, n_tables)
        least = hits.min(axis=0)
        ratios = np.divide(
            hits, least, out=np.full_like(hits, np.inf), where=np.isfinite(hits) & (least > 0)
        )
        factors = np.unique(np.r_[1.0, ratios[np.isfinite(ratios)]])
        return factors, (ratios[:, :, None] <= factors).mean(axis=1)

    # -- time ----------------------------------------------------------------------------------------------------------

    def regret_over_time(self, n_workers: int = 1) -> Floats:
        """Mean regret over simulated wall time: the area under its curve, divided by the length.

        Fit times come from the tables, those of samplers were measured. Fits of a batch, a job for each fold, go to the
        worker that is free first; the next batch is proposed after the last of them. The time ends when as many fits
        of average length would have ended, so a sampler also gains by cheap configurations.

        Parameters
        ----------
        n_workers : int, default=1

        Returns
        -------
        regret : ndarray of shape (n_samplers, n_tables, n_seeds)
        """
        mean = np.empty(self.rows.shape[:3])
        for place, table in enumerate(self.tables.values()):
            until = horizon(table, self.n_trials, self.batch_size, n_workers)
            for sampler, seed in np.ndindex(len(self.samplers), self.n_seeds):
                finished = finish_times(
                    table.fit_times[self.rows[sampler, place, seed]],
                    self.seconds[sampler, place, seed],
                    self.batch_size,
                    n_workers,
                )
                regrets = self._trial_regrets[sampler, place, seed]
                mean[sampler, place, seed] = regret_over_time(regrets, finished, until)
        return mean

    # -- parts, tables and pictures ------------------------------------------------------------------------------------

    def select(
        self, *, tables: Iterable[str] | None = None, samplers: Iterable[str] | None = None
    ) -> SamplerComparison:
        """The comparison of some samplers on some tables.

        Raises
        ------
        ValueError
            If a name is unknown.
        """
        kept = list(self.tables if tables is None else tables)
        names = list(self.samplers if samplers is None else samplers)
        places = self._places(kept, tuple(self.tables), "tables")
        picked = np.ix_(self._places(names, self.samplers, "samplers"), places)
        return replace(
            self,
            tables={name: self.tables[name] for name in kept},
            samplers=tuple(names),
            rows=self.rows[picked],
            seconds=self.seconds[picked],
        )

    def join(self, other: SamplerComparison) -> SamplerComparison:
        """This comparison and the samplers of another one that was made in the same way.

        Raises
        ------
        ValueError
            If tables, numbers of trials and seeds, batches or random states differ, or a sampler is in both.
        """
        mine, others = (
            (list(c.tables), c.rows.shape[1:], c.batch_size, c.n_startup, c.random_state)
            for c in (self, other)
        )
        both = set(self.samplers) & set(other.samplers)
        pairs = zip(self.tables.values(), other.tables.values(), strict=False)
        if mine != others or both or not all(_same_table(*pair) for pair in pairs):
            raise ValueError(
                f"the comparisons cannot be joined: they have the samplers {sorted(both)} in common, or differ in "
                f"tables, trials, seeds, batches or random_state ({mine} and {others})."
            )
        return replace(
            self,
            samplers=self.samplers + other.samplers,
            rows=np.concatenate([self.rows, other.rows]),
            seconds=np.concatenate([self.seconds, other.seconds]),
        )

    def to_frame(self, at: Sequence[int] | None = None) -> Any:
        """One line for each search, as a pandas DataFrame.

        Parameters
        ----------
        at : sequence of int, optional
            Trials after which to tell the regret; a quarter, a half and all without it.

        Returns
        -------
        frame : pandas.DataFrame
            Columns sampler, table, seed, regret_<trials>, first_hit and sampler_seconds.
        """
        pandas = import_optional("pandas", extra="frame", purpose="SamplerComparison.to_frame")
        index = pandas.MultiIndex.from_product(
            [self.samplers, self.tables, range(self.n_seeds)], names=["sampler", "table", "seed"]
        )
        columns = {
            f"regret_{n}": self.regrets[..., self._place(n)].ravel() for n in self.budgets(at)
        }
        columns["first_hit"] = self.first_hits().ravel()
        columns["sampler_seconds"] = self.seconds.sum(axis=-1).ravel()
        return pandas.DataFrame(columns, index=index).reset_index()

    def summary(
        self,
        *,
        at: Sequence[int] | None = None,
        references: Iterable[str] | None = None,
        workers: Sequence[int] = (1, 4, 16),
        by_table: bool = False,
    ) -> str:
        """Markdown tables of all measures.

        Parameters
        ----------
        at : sequence of int, optional
            Trials after which to tell the regret; a quarter, a half and all without it. Duels are about the last one.
        references : iterable of str, optional
            Samplers beside which the others are put; the first one without it.
        workers : sequence of int, default=(1, 4, 16)
            Numbers of workers for simulated wall time.
        by_table : bool, default=False
            Whether to list the mean regret of each table.

        Returns
        -------
        text : str
        """
        asked = self.samplers[:1] if references is None else tuple(references)
        return report(self, self.budgets(at), asked, tuple(workers), by_table)

    def plot_regret(self, ax: Any = None, **line_kwargs: Any) -> Any:
        """Draw the mean regret after each trial, its 90 % band, and the regret of the defaults.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            A new figure is made without it.
        **line_kwargs : dict
            Passed to ``Axes.plot``.

        Returns
        -------
        ax : matplotlib Axes
        """
        return draw_regret(self, ax, line_kwargs)

    def plot_profile(self, ax: Any = None, share: float = 0.01, **line_kwargs: Any) -> Any:
        """Draw the performance profiles.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            A new figure is made without it.
        share : float, default=0.01
            The best rows of a table, one of which is to be found.
        **line_kwargs : dict
            Passed to ``Axes.step``.

        Returns
        -------
        ax : matplotlib Axes
        """
        return draw_profile(self, ax, share, line_kwargs)

    def budgets(self, at: Sequence[int] | None = None) -> tuple[int, ...]:
        """Numbers of trials that are told about: the given ones, or a quarter, a half and all."""
        n = self.n_trials
        given = sorted({max(1, n // 4), max(1, n // 2), n}) if at is None else at
        for count in given:
            self._place(count)
        return tuple(given)

    def _place(self, at: int | None) -> int:
        if at is not None and not Integer(1, self.n_trials).accepts(at):
            raise ValueError(f"at={at!r} is not valid: it must be {Integer(1, self.n_trials)}.")
        return (self.n_trials if at is None else at) - 1

    @staticmethod
    def _places(names: Iterable[str], known: tuple[str, ...], parameter: str) -> list[int]:
        for name in names:
            if name not in known:
                raise ValueError(f"{parameter} names {name!r}, but there are only {list(known)}.")
        return [known.index(name) for name in names]


def _same_table(one: ScoreTable, other: ScoreTable) -> bool:
    """Whether two tables have the same points and scores."""
    return (
        one.names == other.names
        and np.array_equal(one.codes, other.codes)
        and np.array_equal(one.scores, other.scores, equal_nan=True)
    )


def median_hits(hits: Floats) -> Floats:
    """Medians over the last axis, where a search without a hit counts as one that never ends.

    Of an even number the upper of the two in the middle, so that half of the searches have ended.
    """
    ordered = np.sort(np.where(np.isnan(hits), np.inf, hits), axis=-1)
    middle: Floats = ordered[..., hits.shape[-1] // 2]
    return middle
