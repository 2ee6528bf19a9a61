"""What a search says while it runs."""

from __future__ import annotations

from typing import Any

from optuna.study import Study
from optuna.trial import FrozenTrial
from tqdm.auto import tqdm

from skboost.tuning._description import short
from skboost.tuning._plan import SearchPlan
from skboost.tuning._records import COMPLETE, TrialRecord
from skboost.tuning._rules import Rules
from skboost.tuning._space import SearchSpace


class Progress:
    """A bar, lines, or both; as a listener it is called after each trial."""

    def __init__(
        self, plan: SearchPlan, rules: Rules, space: SearchSpace, bar: bool, verbose: int
    ) -> None:
        self.plan, self.rules, self.space = plan, rules, space
        self.verbose = verbose
        self.best: float | None = None
        self.n_pruned = self.n_failed = 0
        self.bar = tqdm(total=plan.n_trials, unit="trial", desc="search") if bar else None

    def start(self, n_done: int) -> None:
        """Say what is to be done, and how much of it a storage already holds."""
        if self.bar is not None:
            self.bar.update(n_done)
        if self.verbose:
            known = f", {n_done} of the trials are on record" if n_done else ""
            self._say(f"Search: {self.plan}{known}.")

    def __call__(self, study: Study, trial: FrozenTrial) -> None:
        record = TrialRecord.of(trial)
        if record is None:
            return
        means = [record.mean(name) for name in self.rules.objectives]
        if record.state == COMPLETE:
            self.best = means[0] if self.best is None else max(self.best, means[0])
        self.n_pruned += record.state == "pruned"
        self.n_failed += record.state == "failed"
        if self.bar is not None:
            self.bar.update(1)
            self.bar.set_postfix(self._facts(), refresh=False)
        if self.verbose:
            self._say(self._line(record, means, self.space.decode(trial)))

    def _facts(self) -> dict[str, Any]:
        """What stands behind the bar."""
        single = len(self.rules.objectives) == 1
        facts = {"best": None if self.best is None or not single else f"{self.best:.5g}"}
        counts = {"pruned": self.n_pruned, "failed": self.n_failed}
        shown = {**facts, **{name: count for name, count in counts.items() if count}}
        return {name: value for name, value in shown.items() if value is not None}

    def _line(self, record: TrialRecord, means: list[float], params: dict[str, Any]) -> str:
        """One trial in a line; from verbose=2 on with the scores of its folds."""
        scores = ", ".join(
            f"{name}={mean:.5g}" for name, mean in zip(self.rules.objectives, means, strict=True)
        )
        said = (
            scores
            if record.state == COMPLETE
            else f"{record.state} after {record.n_splits_done} folds"
        )
        chosen = ", ".join(f"{name}={short(value)}" for name, value in params.items())
        line = (
            f"[{record.number + 1}/{self.plan.n_trials}] {said} ({record.duration:.2g} s): {chosen}"
        )
        if self.verbose > 1:
            line += f"; folds {record.test}"
        return line

    def _say(self, text: str) -> None:
        """Print, without tearing the bar."""
        tqdm.write(text) if self.bar is not None else print(text)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()
