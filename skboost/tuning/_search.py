"""A search of hyper-parameters with scikit-learn's face and Optuna's samplers."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from copy import deepcopy
from typing import Any, ClassVar

import numpy as np
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage
from optuna.study import Study
from optuna.trial import TrialState
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import RandomizedSearchCV
from sklearn.utils import Tags, get_tags, indexable

from skboost._validation import (
    Constraint,
    Flag,
    Integer,
    Nothing,
    Number,
    OneOf,
    check_parameters,
)
from skboost.tuning._arguments import (
    refuse_arguments,
    refuse_missing_target,
    warn_of_unseeded_folds,
)
from skboost.tuning._evaluation import fit_in_full
from skboost.tuning._ledger import Ledger, PrivateLedger
from skboost.tuning._loop import TrialLoop
from skboost.tuning._preparation import (
    Preparation,
    has_names,
    order_rows,
    prepare,
    resource_params,
    seed_of,
)
from skboost.tuning._progress import Progress
from skboost.tuning._quasirandom import fresh_seed
from skboost.tuning._records import FAILED, TrialRecord
from skboost.tuning._results import Finding, best_index, cv_results
from skboost.tuning._samplers import resolve_sampler
from skboost.tuning._shared import SharedLedger
from skboost.tuning._space import SearchSpace
from skboost.tuning._storage import close_connections, open_storage
from skboost.tuning._study import join_study, new_study, open_mirror
from skboost.tuning._workers import Workers

# fitted attributes that not every search has; those of an earlier fit would speak of another best trial
OF_THE_BEST = (
    *("best_index_", "best_params_", "best_score_"),
    *("best_estimator_", "feature_names_in_", "refit_time_"),
)


class OptunaSearchCV(RandomizedSearchCV):
    """Search of hyper-parameters: scikit-learn's contract, Optuna's samplers, the same answer on any number of cores.

    Configurations are proposed by a sampler in batches, fitted on the folds of a cross-validation by joblib's
    workers, and judged in the order of their numbers. What a batch proposes depends on the seed, on the numbers of
    its trials and on the trials of earlier batches, never on how many workers there are, which backend runs them or
    which of them is first. So ``batch_size`` decides the search, and ``n_jobs`` only its speed. Folds are drawn once
    and are the same for all trials.

    Parameters
    ----------
    estimator : estimator
        Cloned for each fit.
    space : dict, list of dict, callable or None, default=None
        Names of parameters, as ``set_params`` knows them, and what they may be: a list of choices of any kind, a
        tuple ``(low, high)`` or ``(low, high, "log")``, a frozen distribution of :mod:`scipy.stats`, or a
        distribution of Optuna. A list of dicts is a choice between them. A callable gets an Optuna trial, suggests
        what it likes and returns the parameters to set; if it raises ``optuna.TrialPruned``, nothing is fitted. None
        takes :func:`default_space` of the estimator.
    n_trials : int, default=50
        Configurations to try, those of the run that is resumed included; fewer if a space has fewer points.
    scoring : str, callable, list, dict or None, default=None
        As in scikit-learn's searches: one metric or several, greater is better. None is the estimator's ``score``.
    objectives : str, list of str or None, default=None
        Of several metrics those that are maximised. With more than one, the search looks for the Pareto set
        (``best_trials_``). None takes the metric that ``refit`` names.
    constraints : dict or None, default=None
        Metrics and the interval ``(lowest, highest)`` that their mean must lie in, with None for an open end.
        Samplers that know constraints (TPE, NSGA-II, NSGA-III) aim at trials that meet them, and the best trial is
        one that does, if there is any.
    cv : int, splitter, iterable or None, default=None
        As in scikit-learn; None is five folds.
    refit : bool, str or callable, default=True
        Whether the best configuration is fitted on all rows; of several metrics the name of the one that decides. A
        callable gets ``cv_results_`` and returns the place of the best trial.
    sampler : str, callable or optuna sampler, default="tpe"
        "tpe", "random", "qmc" (quasi-random), "tabu", "cost_model", "gp", "cma", "nsga2", "nsga3", or a function that
        makes a sampler of Optuna from a seed. A sampler itself is copied and used as it is: then neither its seed nor
        what it remembers is under the search's control, and a resumed search may go on differently.
    pruner : str, optuna pruner or None, default=None
        Stops a trial before all of its folds are fitted. Without a resource, folds are fitted one after the other, and
        "median", "wilcoxon" or "paired" (:class:`FoldRacingPruner`) compares them with those of other trials. With a
        resource: "halving" (the default then), "hyperband", "median" or "extrapolation" (:class:`ExtrapolationPruner`).
    resource : str or None, default=None
        What a cheap fit has less of: "n_samples" (rows; smaller samples are inside larger ones, and validation rows
        stay all of them), the name of a parameter that counts rounds such as "n_estimators", or "partial_fit" (passes
        over the data). Trials begin with little of it, on all folds, and those that a pruner leaves go on with
        ``factor`` times as much. A fit with more starts anew.
    min_resources, max_resources : int or "auto", default="auto"
        The least and the full amount. "auto" is all training rows (counted in the smallest fold, but all of each) or
        the estimator's own number of rounds, and up to three rungs below.
    factor : int, default=3
        Ratio of one rung to the next.
    batch_size : int, default=4
        Configurations that are proposed before the first of them is judged. Larger batches keep more workers busy (up
        to ``batch_size`` times the number of folds; with a pruner of folds up to ``batch_size``) and learn less from
        each other.
    n_jobs : int or None, default=None
        Workers of joblib. Any backend will do: loky, threading, multiprocessing, dask, ray.
    timeout : float or None, default=None
        Seconds after which no new fit begins; trials that are not finished then are given up.
    fit_timeout : float or None, default=None
        Seconds that one fit of a fold may take, scoring included. It runs in a process of its own and is stopped by
        force; the trial counts as failed, as one does whose process crashes or runs out of memory. ``timeout`` then
        holds to the second as well.
    storage : None, path, URL or optuna storage, default=None
        Where finished trials are kept. A path is an Optuna journal, to which each trial is written as one record when
        it ends; the same search goes on from there after a crash.
    study_name : str or None, default=None
        Name of the study in the storage. None makes it from the data, the folds, the estimator, the space and the
        scoring, so that each outer fold of a nested cross-validation has its own, and other data begin another one. A
        name of one's own refuses data, folds, space, estimator or scoring other than those that it was begun with.
    shared : bool, default=False
        Whether several searches, on several machines, work on one study in the storage at the same time. ``n_trials``
        is then the number of all of them together. Which search gets which trial depends on time, so results are the
        same only in distribution.
    resume : bool, default=True
        Whether to go on with a study that the storage already has; otherwise it is an error that there is one.
    lease : float, default=60
        In a shared study, seconds without a sign of life after which a search is taken for dead and its trials are
        free.
    initial_params : list of dict or None, default=None
        Configurations to try first, such as what is known to work.
    callbacks : list of callable or None, default=None
        Called as ``callback(study, trial)`` after each trial, in order. One that returns True, or calls
        ``study.stop()`` as those of Optuna do, ends the search with the batch.
    progress : bool, default=False
        Whether to show a bar.
    verbose : int, default=0
        1 prints a line a trial, 2 the scores of its folds too.
    error_score : "raise" or float, default=nan
        Score of a fit that fails. With NaN the trial ranks last, and the sampler is told the lowest score so far.
        "raise" ends the search with the error itself.
    return_train_score : bool, default=False
        Whether ``cv_results_`` has scores of the training rows too.
    random_state : int, RandomState, Generator or None, default=None
        Seed of the sampler and of samples of rows. None draws one, or takes the one on record.

    Attributes
    ----------
    best_estimator_ : estimator
        Fitted on all rows, if ``refit`` is not False.
    best_params_, best_score_, best_index_ : dict, float, int
        Of the best trial; its mean score over the folds, and its place in ``cv_results_``. After a callable ``refit``
        there is no ``best_score_``.
    cv_results_ : dict
        As in scikit-learn, and ``trial_number``, ``state`` ("complete", "pruned", "failed"), ``n_splits_done``,
        ``resource``, ``duration`` (seconds of all its fits and scorings), ``is_pareto``, and with constraints
        ``is_feasible``. Mean scores of trials that were pruned or failed are NaN.
    best_trials_ : list of optuna.trial.FrozenTrial
        The Pareto set of the objectives; of one objective the trials with the highest score. With constraints, of
        trials that meet them, so that it may be empty.
    study_ : optuna.Study
        For Optuna's plots and importances. Trials that failed have the lowest score of others there; their record
        says so.
    plan_ : SearchPlan
        How much work was foreseen.
    n_fits_, n_fits_saved_ : int
        Fits of folds that were made, and those that pruning spared.
    n_splits_, multimetric_, scorer_, refit_time_ : int, bool, object, float
        As in scikit-learn.
    seed_ : int
        The seed of the search.
    classes_, n_features_in_, feature_names_in_
        Of the best estimator.

    See Also
    --------
    nested_cv : What a search is worth on rows that it has not seen.
    sklearn.model_selection.RandomizedSearchCV : Independent random draws.

    Notes
    -----
    The best score is the highest of many noisy means, hence too good (the winner's curse);
    :func:`nested_cv` estimates what to expect.

    Random numbers are keyed by trial: trial i of a search with seed s draws from ``SeedSequence([s, i])``. That, and
    the rule that a batch is asked before any of its trials is told, makes a search that was killed and resumed equal
    to one that was not. The class inherits from :class:`~sklearn.model_selection.RandomizedSearchCV` for its tags,
    routing, ``score`` and delegation to the best estimator, and has nothing of its search.

    References
    ----------
    T. Akiba, S. Sano, T. Yanase, T. Ohta and M. Koyama (2019). Optuna: A Next-generation Hyperparameter Optimization
    Framework. KDD, 2623-2631.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.svm import SVC
    >>> from skboost.tuning import OptunaSearchCV
    >>> X, y = load_iris(return_X_y=True)
    >>> space = {"C": (0.01, 100.0, "log"), "kernel": ["linear", "rbf"]}
    >>> search = OptunaSearchCV(SVC(), space, n_trials=12, random_state=0).fit(X, y)
    >>> bool(search.best_score_ > 0.97)
    True
    >>> print(search.plan_)
    12 trials x 5 folds = at most 60 fits, 1 side by side
    """

    constraints_: ClassVar[dict[str, Constraint | tuple[Constraint, ...]]] = {
        "n_trials": Integer(1),
        "min_resources": (Integer(1), OneOf("auto")),
        "max_resources": (Integer(1), OneOf("auto")),
        "factor": Integer(2),
        "batch_size": Integer(1),
        "n_jobs": (Integer(), Nothing()),
        "timeout": (Number(0), Nothing()),
        "fit_timeout": (Number(0), Nothing()),
        "shared": Flag(),
        "resume": Flag(),
        "lease": Number(0),
        "progress": Flag(),
        "verbose": (Integer(0), Flag()),
        "return_train_score": Flag(),
    }

    def __init__(
        self,
        estimator: Any,
        space: Any = None,
        *,
        n_trials: int = 50,
        scoring: Any = None,
        objectives: Any = None,
        constraints: Any = None,
        cv: Any = None,
        refit: Any = True,
        sampler: Any = "tpe",
        pruner: Any = None,
        resource: str | None = None,
        min_resources: int | str = "auto",
        max_resources: int | str = "auto",
        factor: int = 3,
        batch_size: int = 4,
        n_jobs: int | None = None,
        timeout: float | None = None,
        fit_timeout: float | None = None,
        storage: Any = None,
        study_name: str | None = None,
        shared: bool = False,
        resume: bool = True,
        lease: float = 60.0,
        initial_params: Any = None,
        callbacks: Any = None,
        progress: bool = False,
        verbose: int = 0,
        error_score: float | str = np.nan,
        return_train_score: bool = False,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.space = space
        self.n_trials = n_trials
        self.scoring = scoring
        self.objectives = objectives
        self.constraints = constraints
        self.cv = cv
        self.refit = refit
        self.sampler = sampler
        self.pruner = pruner
        self.resource = resource
        self.min_resources = min_resources
        self.max_resources = max_resources
        self.factor = factor
        self.batch_size = batch_size
        self.n_jobs = n_jobs
        self.timeout = timeout
        self.fit_timeout = fit_timeout
        self.storage = storage
        self.study_name = study_name
        self.shared = shared
        self.resume = resume
        self.lease = lease
        self.initial_params = initial_params
        self.callbacks = callbacks
        self.progress = progress
        self.verbose = verbose
        self.error_score = error_score
        self.return_train_score = return_train_score
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None, **params: Any) -> OptunaSearchCV:
        """Search, and fit the best configuration on all rows.

        Parameters
        ----------
        X : array-like, sparse matrix or frame of shape (n_samples, n_features)
            Passed to the estimator as it is, row by row; of an estimator that works on kernels or distances
            (n_samples, n_samples). For estimators of ``xgboost.dask`` X and y are Dask arrays with known chunks, and
            ``n_jobs`` is 1: each of their fits uses the whole cluster.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs), optional
        **params : dict
            Metadata of the estimator's ``fit``, of the scorers and of the splitter, as in scikit-learn's searches:
            ``groups`` go to the splitter, the rest is cut to the rows of each fold. With metadata routing enabled they
            go where they are requested.

        Returns
        -------
        self : OptunaSearchCV

        Raises
        ------
        ValueError
            If parameters do not fit one another or the estimator, if a study on record was made with other data, folds
            or another space, or if all trials failed (those in a storage stay there).
        """
        check_parameters(self, self.constraints_)
        refuse_arguments(self)
        warn_of_unseeded_folds(self)
        start = time.time()
        X, y = indexable(X, y)
        refuse_missing_target(self.estimator, y)
        routed = self._get_routed_params_for_fit(params)
        prepared = prepare(self, X, y, routed)
        storage = None if self.storage is None else open_storage(self.storage)
        ledger = self._open(prepared, storage)
        try:
            self._run(prepared, ledger, start)
            self._collect(prepared)
        finally:
            ledger.leave()
            if storage is not None and storage is not self.storage:
                close_connections(storage)
        self._refit(prepared, X, y, routed.estimator.fit)
        return self

    @property
    def n_features_in_(self) -> int:
        """Number of columns of X that the best estimator has seen."""
        return int(super().n_features_in_)

    def __sklearn_tags__(self) -> Tags:
        """What the search accepts is what its estimator accepts."""
        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        tags.target_tags = deepcopy(inner.target_tags)
        tags.input_tags = deepcopy(inner.input_tags)
        return tags

    @property
    def set_callbacks(self) -> Any:
        """Not for this search, whose callbacks are a parameter; set scikit-learn's on the estimator inside.

        Raises
        ------
        AttributeError
            Always, so that searches and pipelines around this one keep their callbacks to themselves.
        """
        raise AttributeError(
            "OptunaSearchCV takes its callbacks as the parameter callbacks=[...], which are called after each trial; "
            "callbacks of scikit-learn can be set on the estimator inside."
        )

    # -- the study --------------------------------------------------------------------------------------------------

    def _open(self, prepared: Preparation, storage: BaseStorage | None) -> Ledger:
        """Where the trials of the search come from and go to."""
        self.plan_ = prepared.plan
        seed = seed_of(self.random_state)
        if self.shared and storage is not None:
            return self._open_shared(prepared, storage, seed)
        return self._open_private(prepared, storage, seed)

    def _open_private(
        self, prepared: Preparation, storage: BaseStorage | None, seed: int | None
    ) -> Ledger:
        """A study in memory, of which a storage may hold a copy."""
        mirror = None if storage is None else open_mirror(self, prepared, storage, seed)
        if seed is None:
            seed = fresh_seed() if mirror is None else mirror.seed
        elif mirror is not None and mirror.seed != seed:
            self._tell_of_seeds(len(mirror.trials), mirror.seed, seed)
        self._use(new_study(prepared), seed, prepared)
        first = self._first(prepared)
        return PrivateLedger(
            self.study_,
            prepared.space,
            self.plan_.n_trials,
            self.batch_size,
            mirror,
            first,
            self._all_others(prepared.space, first),
            repeats=not isinstance(self.sampler, BaseSampler),
        )

    def _tell_of_seeds(self, n_known: int, recorded: int, seed: int) -> None:
        """Warn if trials of one seed are to follow those of another."""
        if 0 < n_known < self.plan_.n_trials:
            warnings.warn(
                f"random_state={self.random_state!r} gives the seed {seed}, but the study on record began with the "
                f"seed {recorded}: from trial {n_known} on it is the search of neither. Set random_state={recorded} "
                "or None to go on as it began, or another study_name.",
                UserWarning,
                stacklevel=5,
            )

    def _open_shared(self, prepared: Preparation, storage: BaseStorage, seed: int | None) -> Ledger:
        """A study in a storage, on which other searches work too."""
        self._use(*join_study(self, prepared, storage, seed), prepared)
        size, first = self.batch_size, self._first(prepared)
        return SharedLedger(
            self.study_, prepared.space, self.plan_.n_trials, size, self.lease, first
        )

    def _use(self, study: Study, seed: int, prepared: Preparation) -> None:
        """Note the study, and give it the sampler."""
        self.study_, self.seed_ = study, seed
        study.sampler = resolve_sampler(
            self.sampler,
            seed,
            prepared.space.distributions,
            conditional=prepared.space.is_dynamic,
            n_objectives=len(prepared.rules.objectives),
        )

    def _first(self, prepared: Preparation) -> list[dict[str, Any]]:
        """Values of Optuna for the configurations to try first."""
        return [prepared.space.encode(params) for params in self.initial_params or ()]

    def _all_others(
        self, space: SearchSpace, first: Sequence[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """All points but the first ones, where all are to be tried and the sampler might repeat some of them."""
        repeats = space.is_dynamic or isinstance(self.sampler, BaseSampler)
        if not repeats or space.n_points is None or space.n_points > self.n_trials:
            return []
        points = space.points()
        order = np.random.default_rng([self.seed_, space.n_points]).permutation(len(points))
        return [points[place] for place in order if points[place] not in first]

    # -- the search -------------------------------------------------------------------------------------------------

    def _run(self, prepared: Preparation, ledger: Ledger, start: float) -> None:
        """Evaluate trials until there are enough of them, or time or the user ends it."""
        task = order_rows(prepared.task, prepared.ladder, self.seed_)
        progress = Progress(
            prepared.plan, prepared.rules, prepared.space, bool(self.progress), self.verbose
        )
        progress.start(ledger.n_known)
        deadline = None if self.timeout is None else start + self.timeout
        listeners = [progress, *(self.callbacks or ())]
        try:
            with Workers(task, self.n_jobs, self.fit_timeout) as workers:
                TrialLoop(self.study_, ledger, workers, prepared.rules, deadline, listeners).run()
        except KeyboardInterrupt:
            if not self.study_.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
                raise
            warnings.warn(
                "The search was interrupted; it goes on with the trials that have ended.",
                UserWarning,
                stacklevel=3,
            )
        finally:
            progress.close()

    def _collect(self, prepared: Preparation) -> None:
        """Fitted attributes, from the trials of the study."""
        extra = resource_params(prepared.ladder)
        trials, findings = [], []
        for trial in self.study_.get_trials(deepcopy=False):
            record = TrialRecord.of(trial)
            if record is not None and trial.state.is_finished():
                trials.append(trial)
                findings.append(Finding(record, {**prepared.space.decode(trial), **extra}))
        self._judge_failures(findings, prepared)
        for name in OF_THE_BEST:
            self.__dict__.pop(name, None)
        rules = prepared.rules
        self.n_splits_ = rules.n_splits
        self.scorer_ = prepared.scorers
        self.cv_results_ = cv_results(findings, rules, bool(self.return_train_score))
        self.multimetric_ = rules.is_multimetric or has_names(self.scoring)
        self.best_trials_ = [
            trial for trial, best in zip(trials, self.cv_results_["is_pareto"], strict=True) if best
        ]
        self.n_fits_ = sum(finding.record.n_fits for finding in findings)
        pruned = [finding.record for finding in findings if finding.record.state == "pruned"]
        self.n_fits_saved_ = sum(rules.n_fits - record.n_fits for record in pruned)
        if self.refit or not self.multimetric_:
            self.best_index_ = best_index(
                self.cv_results_, rules, self.refit, prepared.refit_metric
            )
            self.best_params_ = self.cv_results_["params"][self.best_index_]
            if not callable(self.refit):
                means = self.cv_results_[f"mean_test_{prepared.refit_metric}"]
                self.best_score_ = means[self.best_index_]

    def _judge_failures(self, findings: list[Finding], prepared: Preparation) -> None:
        """Warn of fits that failed; refuse to go on without a single trial that did not."""
        failed = [f.record for f in findings if f.record.state == FAILED]
        errors = [f.record.error for f in findings if f.record.error]
        first = errors[0] if errors else "a score that is not finite"
        if findings and len(failed) < len(findings):
            n_bad = sum(bool(f.record.error) or f.record.state == FAILED for f in findings)
            if n_bad:
                warnings.warn(
                    f"{n_bad} of {len(findings)} trials had fits that failed or could not be scored; they have "
                    f"error_score={self.error_score} for these. The first failure was:\n{first}",
                    FitFailedWarning,
                    stacklevel=4,
                )
            return
        kept = " They are kept in the storage." if self.storage is not None else ""
        if findings:
            raise ValueError(
                f"All {len(findings)} trials failed, so there is no best one.{kept} Set error_score='raise' to see "
                f"where. The first failure was:\n{first}"
            )
        raise ValueError(
            f"No trial has ended within timeout={self.timeout}; give the search more time, or fewer rows or folds."
        )

    def _refit(self, prepared: Preparation, X: Any, y: Any, fit_params: dict[str, Any]) -> None:
        """The best configuration on all rows."""
        if not self.refit:
            return
        best = clone(self.estimator).set_params(**clone(self.best_params_, safe=False))
        start = time.time()
        self.best_estimator_: BaseEstimator = fit_in_full(best, X, y, fit_params, prepared.ladder)
        self.refit_time_ = time.time() - start
        if hasattr(self.best_estimator_, "feature_names_in_"):
            self.feature_names_in_ = self.best_estimator_.feature_names_in_
