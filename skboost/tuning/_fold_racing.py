"""Pruning between the folds of a cross-validation."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import optuna
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial
from scipy.stats import rankdata

from skboost._validation import Integer, Nothing, Number, OneOf, check_parameters
from skboost.tuning._reports import (
    Floats,
    complete_trials,
    direction_sign,
    incumbent_place,
    mean_leads,
    own_reports,
    reports_of,
)


class FoldRacingPruner(BasePruner):
    """Stops a cross-validation whose first folds say that it will not win.

    It is given the score of each fold, not their running mean::

        trial.report(score_of_fold, step=fold)

    and compares scores of the same folds only, d_i = score in fold i minus that of another trial, larger being better:

    * ``"median"``: stop if the mean score is below the median of the means of complete trials over the same folds,
      median_j mean_i d_ij < 0. The rule of Vizier [1]_, for folds.
    * ``"wilcoxon"``: stop if Wilcoxon's signed-rank test of d against the best complete trial has a one-sided p-value
      below ``p_value``. Since n folds give no p-value below 2^-n, 4 folds are needed for p < 0.1, and 3 for p < 0.2.
    * ``"paired"``: stop if mean(d) + ``n_standard_errors`` s / sqrt(n) < 0 against the best complete trial, s the
      standard deviation of d.

    No rule stops a trial whose mean is at least that of the best complete trial over the same folds, or one that has
    all folds of it already. So what would become the best is lost only if it is behind over its first folds.

    Parameters
    ----------
    rule : {"median", "wilcoxon", "paired"}, default="median"
        "median" saves most; the others stop only what is behind the best by more than chance, and so keep more trials
        that are nearly as good.
    n_startup_trials : int, default=5
        No trial is stopped before so many are complete.
    n_warmup_folds : int, default=2
        Folds that each trial gets; "paired" needs two.
    p_value : float, default=None
        Bound on the p-value of "wilcoxon"; None takes 0.2. Folds share training rows, so that it is no error rate.
    n_standard_errors : float, default=None
        For "paired"; None takes 2.

    Attributes
    ----------
    reports_folds : bool
        True: tells a search to report scores of folds instead of running means.

    See Also
    --------
    ExtrapolationPruner : For learning curves.

    Notes
    -----
    A fold whose score was not reported or is NaN is left out of the comparison. Minimised scores are negated. The
    pruner has no state: what it says is a function of the trials of the study.

    The p-value is exact given the sizes of the differences: all 2^n signs of the n differences that are not zero are
    equally likely. Zero differences take part in the ranking and are then left out (Pratt's rule), equal ones share
    their rank.

    References
    ----------
    .. [1] D. Golovin et al., "Google Vizier: a service for black-box optimization", KDD 2017, section 3.2.1.
    .. [2] J. W. Pratt, "Remarks on zeros and ties in the Wilcoxon signed rank procedures", Journal of the American
       Statistical Association 54, 1959.

    Examples
    --------
    With Optuna alone:

    >>> import optuna
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.model_selection import StratifiedKFold
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from skboost.tuning import FoldRacingPruner
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> X, y = load_wine(return_X_y=True)
    >>> folds = list(StratifiedKFold(10, shuffle=True, random_state=0).split(X, y))
    >>> def objective(trial):
    ...     depth = trial.suggest_int("max_depth", 1, 8)
    ...     tree = DecisionTreeClassifier(max_depth=depth, random_state=0)
    ...     scores = []
    ...     for fold, (train, test) in enumerate(folds):
    ...         scores.append(tree.fit(X[train], y[train]).score(X[test], y[test]))
    ...         trial.report(scores[-1], step=fold)
    ...         if trial.should_prune():
    ...             raise optuna.TrialPruned
    ...     return sum(scores) / len(scores)
    >>> study = optuna.create_study(
    ...     direction="maximize",
    ...     sampler=optuna.samplers.RandomSampler(seed=0),
    ...     pruner=FoldRacingPruner(n_startup_trials=2),
    ... )
    >>> study.optimize(objective, n_trials=12)
    >>> fits = sum(len(trial.intermediate_values) for trial in study.trials)
    >>> fits < 120
    True
    """

    reports_folds: ClassVar[bool] = True

    def __init__(
        self,
        rule: str = "median",
        *,
        n_startup_trials: int = 5,
        n_warmup_folds: int = 2,
        p_value: float | None = None,
        n_standard_errors: float | None = None,
    ) -> None:
        self.rule = rule
        self.n_startup_trials = n_startup_trials
        self.n_warmup_folds = n_warmup_folds
        self.p_value = p_value
        self.n_standard_errors = n_standard_errors
        check_parameters(
            self,
            {
                "rule": OneOf(*RULES),
                "n_startup_trials": Integer(1),
                "n_warmup_folds": Integer(2 if rule == "paired" else 1),
                "p_value": (Number(0, 1), Nothing()),
                "n_standard_errors": (Number(0, closed="left"), Nothing()),
            },
        )
        for name, where in (("p_value", "wilcoxon"), ("n_standard_errors", "paired")):
            if getattr(self, name) is not None and rule != where:
                raise ValueError(
                    f"{name}={getattr(self, name)!r} cannot act with rule={rule!r}; use rule={where!r}."
                )

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether the trial should stop.

        Parameters
        ----------
        study : optuna.Study
            With one objective.
        trial : optuna.trial.FrozenTrial
            Its intermediate values are scores of folds, its steps the folds.

        Returns
        -------
        stop : bool
        """
        sign = direction_sign(study)
        folds, own = own_reports(trial, sign)
        if len(own) < self.n_warmup_folds:
            return False
        rivals = complete_trials(study, trial)
        others = reports_of(rivals, folds, sign)
        leads = mean_leads(own, others)
        known = np.flatnonzero(~np.isnan(leads))
        if len(known) < self.n_startup_trials:
            return False
        best = known[incumbent_place([rivals[place] for place in known], sign)]
        if leads[best] >= 0 or rivals[best].intermediate_values.keys() <= set(folds.tolist()):
            return False
        with np.errstate(invalid="ignore"):
            gaps = own - others[best]
        return RULES[self.rule](leads[known], gaps[~np.isnan(gaps)], self)


def behind_the_median(leads: Floats, gaps: Floats, pruner: FoldRacingPruner) -> bool:
    """The median lead over complete trials is negative."""
    return bool(np.median(leads) < 0)


def behind_by_ranks(leads: Floats, gaps: Floats, pruner: FoldRacingPruner) -> bool:
    """The signed-rank test against the best complete trial says so."""
    bound = 0.2 if pruner.p_value is None else pruner.p_value
    return signed_rank_p_value(gaps) < bound


def behind_by_errors(leads: Floats, gaps: Floats, pruner: FoldRacingPruner) -> bool:
    """The mean lead over the best complete trial is negative by some standard errors."""
    if len(gaps) < 2:
        return False
    if not np.isfinite(gaps).all():
        return bool(gaps.mean() < 0)
    width = 2.0 if pruner.n_standard_errors is None else pruner.n_standard_errors
    return bool(gaps.mean() + width * gaps.std(ddof=1) / np.sqrt(len(gaps)) < 0)


RULES: dict[str, Callable[[Floats, Floats, FoldRacingPruner], bool]] = {
    "median": behind_the_median,
    "wilcoxon": behind_by_ranks,
    "paired": behind_by_errors,
}


def signed_rank_p_value(gaps: Floats) -> float:
    """One-sided p-value of Wilcoxon's signed-rank test against gaps that tend to be positive.

        p = P(sum of ranks of positive gaps <= that observed), all signs equally likely

    Parameters
    ----------
    gaps : ndarray of shape (n,)
        Differences; what differs in the tenth digit is equal.

    Returns
    -------
    p : float
        1 if all gaps are zero.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost.tuning._fold_racing import signed_rank_p_value
    >>> signed_rank_p_value(np.array([-0.1, -0.3, -0.2]))
    0.125
    """
    sizes = np.abs(gaps)
    unit = sizes.max(initial=0.0, where=np.isfinite(sizes))
    sizes = np.round(sizes / unit, 9) if unit > 0 else sizes
    # ranks of ties are halves: doubled, they are whole numbers that index the distribution of their sum
    doubled = np.rint(2 * rankdata(sizes)).astype(np.int64)
    counted = doubled[sizes > 0]
    probability = np.zeros(counted.sum() + 1)
    probability[0] = 1.0
    for rank in counted:
        probability[rank:] = 0.5 * (probability[rank:] + probability[: len(probability) - rank])
        probability[:rank] *= 0.5
    observed = doubled[(sizes > 0) & (gaps > 0)].sum()
    return float(min(1.0, probability[: observed + 1].sum()))
