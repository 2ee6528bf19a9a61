"""Pruning by where a learning curve leads."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import optuna
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial

from skboost._validation import Integer, Many, Nothing, Number, check_parameters
from skboost.tuning._learning_curve import chance_of_exceeding
from skboost.tuning._reports import (
    Floats,
    complete_trials,
    direction_sign,
    incumbent_place,
    mean_leads,
    own_reports,
    reports_of,
)

# Trials that make a median, where no curve can be fitted.
FEWEST_FOR_MEDIAN = 5
# A curve with more values is averaged in groups: it costs time and tells nothing more.
MOST_VALUES = 256


class ExtrapolationPruner(BasePruner):
    """Stops a trial whose learning curve will probably not reach the best value [1]_, [2]_.

    To the values y_1, ..., y_t that a trial reported at steps s_1 < ... < s_t (epochs, boosting rounds, numbers of
    rows) two families of curves are fitted by weighted least squares,

        y(s) = a - b s^-c    and    y(s) = a - b exp(-c s),    b >= 0, c > 0, a within bounds.

    Each curve predicts the value y_T at the last step, uncertain by the noise of the reports, by what is not yet
    known of a and b, and by how far curves through the first half of the values miss the newest. Predictions are
    averaged over the families and over c, weighted by likelihood. The trial is stopped if

        P(y_T > y_best + tolerance) < threshold

    where y_best is the value of the best complete trial. Minimised values are negated first.

    A trial whose last report is at least y_best, or at least what the best trial had reported by that step, is never
    stopped. Where no curve can be fitted, since values are infinite, the trial is stopped if its mean is below the
    median of the means of complete trials (five at least) over the same steps.

    Parameters
    ----------
    threshold : float, default=0.05
        Probability in (0, 1) below which a trial is stopped. It is only as good as the curves: take a smaller one
        where training ends in jumps, such as steps of the learning rate.
    n_warmup_values : int, default=4
        Values that are needed for a judgement; at least 4, since a curve has three parameters.
    warmup_share : float, default=0.2
        No trial is stopped before this share of the last step.
    max_step : int, default=None
        The last step T. None takes the largest that a complete trial has reported.
    bounds : (float, float), default=None
        What the metric can be, such as (0, 1) for accuracies, in the metric's own direction and unit. The limit a
        stays within. None knows no bounds.
    tolerance : float, default=0.0
        What an improvement must be worth; not negative.

    See Also
    --------
    FoldRacingPruner : For the folds of a cross-validation.

    Notes
    -----
    What a trial reports and what its objective returns must be the same quantity. The weight of the t-th value is t.
    If a step is 0, all are counted from 1. Values that are NaN are left out. Curves with more than 256 values are
    averaged in groups of neighbours. One judgement takes about a millisecond. The pruner has no state, and no random
    numbers.

    References
    ----------
    .. [1] T. Domhan, J. T. Springenberg and F. Hutter, "Speeding up automatic hyperparameter optimization of deep
       neural networks by extrapolation of learning curves", IJCAI 2015.
    .. [2] G. H. Golub and V. Pereyra, "The differentiation of pseudo-inverses and nonlinear least squares problems
       whose variables separate", SIAM Journal on Numerical Analysis 10 (2), 1973.

    Examples
    --------
    >>> import numpy as np
    >>> import optuna
    >>> from skboost.tuning import ExtrapolationPruner
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> def objective(trial):
    ...     limit = trial.suggest_float("limit", 0.5, 0.9)
    ...     noise = np.random.default_rng(trial.number).normal(scale=0.005, size=50)
    ...     for epoch in range(1, 51):
    ...         value = limit - 0.3 / epoch + noise[epoch - 1]
    ...         trial.report(value, step=epoch)
    ...         if trial.should_prune():
    ...             raise optuna.TrialPruned
    ...     return value
    >>> study = optuna.create_study(
    ...     direction="maximize",
    ...     sampler=optuna.samplers.RandomSampler(seed=0),
    ...     pruner=ExtrapolationPruner(bounds=(0, 1)),
    ... )
    >>> study.optimize(objective, n_trials=20)
    >>> sum(len(trial.intermediate_values) for trial in study.trials) < 500
    True
    """

    def __init__(
        self,
        *,
        threshold: float = 0.05,
        n_warmup_values: int = 4,
        warmup_share: float = 0.2,
        max_step: int | None = None,
        bounds: tuple[float, float] | None = None,
        tolerance: float = 0.0,
    ) -> None:
        self.threshold = threshold
        self.n_warmup_values = n_warmup_values
        self.warmup_share = warmup_share
        self.max_step = max_step
        self.bounds = bounds
        self.tolerance = tolerance
        check_parameters(
            self,
            {
                "threshold": Number(0, 1),
                "n_warmup_values": Integer(4),
                "warmup_share": Number(0, 1, closed="left"),
                "max_step": (Integer(1), Nothing()),
                "bounds": (Many(Number(closed="both")), Nothing()),
                "tolerance": Number(0, closed="left"),
            },
        )
        if bounds is not None and not (len(bounds) == 2 and bounds[0] < bounds[1]):
            raise ValueError(
                f"bounds={bounds!r} must be two numbers, the smaller first, such as (0, 1)."
            )

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Whether the trial should stop.

        Parameters
        ----------
        study : optuna.Study
            With one objective.
        trial : optuna.trial.FrozenTrial
            Its intermediate values are its learning curve.

        Returns
        -------
        stop : bool
        """
        sign = direction_sign(study)
        steps, own = own_reports(trial, sign)
        rivals = complete_trials(study, trial)
        if len(own) < self.n_warmup_values or not rivals:
            return False
        last = self.max_step or max(max(t.intermediate_values, default=0) for t in rivals)
        if steps[-1] >= last or steps[-1] < self.warmup_share * last:
            return False
        best = rivals[incumbent_place(rivals, sign)]
        value = sign * (best.value if best.value is not None else np.nan)
        if own[-1] >= value or own[-1] >= value_by(best, int(steps[-1]), sign):
            return False
        chance = self._chance(steps, own, last, value + self.tolerance, sign)
        if np.isnan(chance):
            leads = mean_leads(own, reports_of(rivals, steps, sign))
            leads = leads[~np.isnan(leads)]
            return len(leads) >= FEWEST_FOR_MEDIAN and bool(np.median(leads) < 0)
        return chance < self.threshold

    def _chance(
        self, steps: npt.NDArray[np.int64], own: Floats, last: int, level: float, sign: float
    ) -> float:
        """Probability that the curve exceeds the level at the last step; NaN if no curve can be fitted."""
        if not (np.isfinite(own).all() and np.isfinite(level)):
            return float("nan")
        ends = (-np.inf, np.inf) if self.bounds is None else tuple(sign * b for b in self.bounds)
        first = 1.0 if steps[0] == 0 else 0.0
        places, own = in_groups(steps.astype(np.float64) + first, own)
        with np.errstate(over="ignore"):
            # in a unit of their own, since squares of very large or small values would not be numbers any more
            centre, unit = own.mean(), np.ptp(own)
            if not np.isfinite([centre, unit]).all():
                return float("nan")
            if unit == 0:
                unit = max(abs(centre), 1.0)
            low, high = sorted((end - centre) / unit for end in ends)
            level = (level - centre) / unit
        return chance_of_exceeding(places, (own - centre) / unit, last + first, level, (low, high))


def value_by(trial: FrozenTrial, step: int, sign: float) -> float:
    """What a trial last reported up to a step; infinity if it had reported nothing."""
    known = [s for s, v in trial.intermediate_values.items() if s <= step and not np.isnan(v)]
    return sign * trial.intermediate_values[max(known)] if known else np.inf


def in_groups(steps: Floats, values: Floats) -> tuple[Floats, Floats]:
    """A curve of at most ``MOST_VALUES`` points, each the mean of as many neighbours; the newest are never dropped."""
    size = -(-len(values) // MOST_VALUES)
    if size == 1:
        return steps, values
    kept = len(values) - len(values) % size
    return (
        steps[len(steps) - kept :].reshape(-1, size).mean(axis=1),
        values[len(values) - kept :].reshape(-1, size).mean(axis=1),
    )
