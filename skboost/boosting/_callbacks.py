"""Watching a fit: scikit-learn's callbacks where they exist, and a line of progress on the terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from skboost.boosting._engine import BoostingState

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks
except ImportError:  # scikit-learn before 1.9 has no callbacks

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Stands in for scikit-learn's class of the same name."""

    def with_callbacks(method: Callable) -> Callable:
        return method


class Watcher:
    """Tells callbacks and the terminal about every stage of a fit.

    Parameters
    ----------
    estimator : estimator
        Its callbacks are called, if it has any.
    n_stages : int
        Stages at most.
    verbose : int
        0 is silent, 1 keeps one line of progress up to date, 2 or more prints a line for each stage.
    data : tuple
        X and y of the fit, handed to callbacks that ask for them.
    reconstruct : callable
        From a state to the fitted attributes of the estimator as of that stage.
    """

    def __init__(
        self,
        estimator: Any,
        n_stages: int,
        verbose: int,
        data: tuple[Any, Any],
        reconstruct: Callable[[BoostingState], dict[str, Any]],
    ) -> None:
        self._estimator = estimator
        self._n_stages = n_stages
        self._verbose = verbose
        self._X, self._y = data
        self._reconstruct = reconstruct
        self._began = time.perf_counter()
        self._root = None
        if hasattr(estimator, "_init_callback_context"):
            self._root = estimator._init_callback_context(max_subtasks=n_stages)
            self._root.call_on_fit_task_begin(estimator=estimator, X=self._X, y=self._y)

    def stage(self, state: BoostingState) -> bool:
        """Report a finished stage; True when a callback asks to stop."""
        self._print(state)
        if self._root is None:
            return False
        task = self._root.subcontext(task_name="stage")
        task.call_on_fit_task_begin(estimator=self._estimator, X=self._X, y=self._y)
        return bool(
            task.call_on_fit_task_end(
                estimator=self._estimator,
                X=self._X,
                y=self._y,
                reconstruction_attributes=lambda: self._reconstruct(state),
            )
        )

    def end(self, state: BoostingState) -> None:
        """Report the end of the fit."""
        if self._verbose == 1:
            sys.stdout.write("\n")
        if self._root is not None:
            self._root.call_on_fit_task_end(
                estimator=self._estimator,
                X=self._X,
                y=self._y,
                reconstruction_attributes=lambda: self._reconstruct(state),
            )

    def _print(self, state: BoostingState) -> None:
        if self._verbose < 1:
            return
        done, seconds = state.n_stages, time.perf_counter() - self._began
        text = f"stage {done:>4}/{self._n_stages}  training loss {state.train_loss[-1]:.5f}"
        if state.validation_loss:
            text += f"  validation loss {state.validation_loss[-1]:.5f}"
        text += f"  {seconds:.1f} s"
        if self._verbose == 1:
            width = 24
            filled = round(width * done / max(1, self._n_stages))
            sys.stdout.write("\r[" + "#" * filled + "." * (width - filled) + "] " + text)
        else:
            sys.stdout.write(text + "\n")
        sys.stdout.flush()
