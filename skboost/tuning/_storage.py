"""Where studies are kept: in memory, in a journal file, in a database."""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
from optuna.storages import BaseStorage, InMemoryStorage, RDBStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial

from skboost.tuning._database import hidden, open_database
from skboost.tuning._fingerprint import refuse_changes
from skboost.tuning._journal import JournalFile
from skboost.tuning._storage_errors import described, explained

FACTS = "skboost"  # the user attribute of a study that says what it was made for
FORMAT = 1


def open_storage(value: Any) -> BaseStorage:
    """The storage that a parameter ``storage`` means.

    Parameters
    ----------
    value : None, str, os.PathLike or optuna storage
        None keeps studies in memory. A path is a journal file, made with its folder if missing,
        which several processes and NFS bear. A string with "://" is a database of SQLAlchemy, such
        as ``"postgresql+psycopg://user@host/name"``. A storage of Optuna is taken as it is.

    Returns
    -------
    storage : optuna.storages.BaseStorage

    Raises
    ------
    ValueError
        If there is no such storage or it cannot be reached, read or written. Passwords are not
        shown.

    Examples
    --------
    >>> import os, tempfile
    >>> from skboost.tuning._storage import open_storage
    >>> type(open_storage(None)).__name__
    'InMemoryStorage'
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     type(open_storage(os.path.join(folder, "new", "study.log"))).__name__
    'JournalFile'
    """
    if value is None:
        return InMemoryStorage()
    if isinstance(value, BaseStorage):
        return value
    if isinstance(value, str) and "://" in value:
        with explained(value):
            return open_database(value)
    if isinstance(value, str | os.PathLike) and os.fspath(value):
        with explained(value):
            return JournalFile(value)
    raise ValueError(
        f"storage={value!r} is not valid: it must be None, the path of a journal file, "
        "the URL of a database or a storage of Optuna."
    )


def close_connections(storage: BaseStorage) -> None:
    """End the connections to a database that wait for the next use, which makes new ones.

    Examples
    --------
    >>> from skboost.tuning._storage import close_connections, open_storage
    >>> storage = open_storage("sqlite:///:memory:")
    >>> close_connections(storage)
    """
    if isinstance(storage, RDBStorage):
        storage.engine.dispose()


def record_facts(
    study: optuna.Study,
    fingerprint: dict[str, str],
    seed: int | None,
    *,
    resume: bool = True,
    shared: bool = True,
) -> int:
    """Write down what a new study is for, or compare it with what is on record.

    All is one user attribute of the study, so that no crash leaves half of it.

    Parameters
    ----------
    study : optuna.Study
    fingerprint : dict of str to str
    seed : int or None
        For a new study; None draws one.
    resume : bool, default=True
        Whether a study on record may be continued.
    shared : bool, default=True
        Whether several processes ask and tell in this study.

    Returns
    -------
    seed : int
        The one on record.

    Raises
    ------
    ValueError
        If the study was made for something else or by something else, or may not be continued.

    Examples
    --------
    >>> import optuna
    >>> from skboost.tuning._storage import record_facts
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> study = optuna.create_study()
    >>> record_facts(study, {"X": "00ff"}, seed=3), record_facts(study, {"X": "00ff"}, seed=None)
    (3, 3)
    """
    name = f"study_name={study.study_name!r}"
    facts = study.user_attrs.get(FACTS)
    n_trials = len(study.get_trials(deepcopy=False))
    if facts is None and n_trials == 0:
        seed = int(np.random.default_rng().integers(2**31)) if seed is None else int(seed)
        now = {"format": FORMAT, "fingerprint": fingerprint, "shared": shared, "seed": seed}
        study.set_user_attr(FACTS, now)
        facts = study.user_attrs[FACTS]  # of two that begin at once, the last one counts
    elif not resume:
        raise ValueError(
            f"{name} is on record already, with {n_trials} trials; choose another study_name, "
            "or continue it with resume=True."
        )
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise ValueError(
            f"{name} is on record, but was not written by this version of skboost; "
            "choose another study_name."
        )
    refuse_changes(facts["fingerprint"], fingerprint, study.study_name)
    if facts["shared"] != shared:
        raise ValueError(
            f"{name} was made with shared={facts['shared']}; keep this, or choose another study_name."
        )
    return int(facts["seed"])


class Mirror:
    """The record of a study that lives in memory: one write for each finished trial.

    A storage that fails does not end the search: the trials wait and are written, in order, with
    the next one.

    Parameters
    ----------
    study : optuna.Study
        The study on record.
    seed : int
        The seed that the search on record began with.
    where : str
        Name of the storage in warnings.

    Attributes
    ----------
    seed : int
    trials : list of optuna.trial.FrozenTrial
        Those on record, in the order in which they were written.

    Examples
    --------
    >>> import optuna
    >>> from skboost.tuning._storage import Mirror, open_storage
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> storage = open_storage(None)
    >>> mirror = Mirror.open(storage, "mine", ["maximize"], {"X": "00ff"}, seed=3, resume=True)
    >>> study = optuna.create_study(direction="maximize")
    >>> mirror.write(study.tell(study.ask(), 0.5))
    >>> again = Mirror.open(storage, "mine", ["maximize"], {"X": "00ff"}, seed=None, resume=True)
    >>> again.seed, [trial.value for trial in again.trials]
    (3, [0.5])
    """

    def __init__(self, study: optuna.Study, seed: int, where: str = "") -> None:
        self.seed = seed
        self.trials: list[FrozenTrial] = list(study.get_trials(deepcopy=False))
        self._study = study
        self._where = f"storage={where}"
        self._waiting: deque[FrozenTrial] = deque()
        self._is_down = False
        self._is_taken = False

    @classmethod
    def open(
        cls,
        storage: Any,
        study_name: str,
        directions: Sequence[str],
        fingerprint: dict[str, str],
        seed: int | None,
        resume: bool,
    ) -> Mirror:
        """Make the study, or find it on record.

        Parameters
        ----------
        storage : None, str, os.PathLike or optuna storage
            As in `open_storage`.
        study_name : str
        directions : list of str
            "maximize" or "minimize" for each objective.
        fingerprint : dict of str to str
        seed : int or None
            For a new study; None draws one.
        resume : bool
            Whether a study on record may be continued.

        Raises
        ------
        ValueError
            As `record_facts`, or if the storage fails.
        """
        kept = open_storage(storage)
        with explained(kept):
            study = optuna.create_study(
                storage=kept,
                study_name=study_name,
                directions=[StudyDirection[name.upper()] for name in directions],
                load_if_exists=True,
            )
            found = [direction.name.lower() for direction in study.directions]
        if found != list(directions):
            raise ValueError(
                f"study_name={study_name!r} is on record with the directions {found}, but now they "
                f"are {list(directions)}; choose another study_name."
            )
        seed = record_facts(study, fingerprint, seed, resume=resume, shared=False)
        with explained(kept):
            return cls(study, seed, described(kept))

    @property
    def n_unwritten(self) -> int:
        """Trials that the storage has not taken yet."""
        return len(self._waiting)

    def write(self, trial: FrozenTrial) -> None:
        """Put a finished trial on record, after all that were given before.

        Parameters
        ----------
        trial : optuna.trial.FrozenTrial

        Warns
        -----
        UserWarning
            When the storage fails, or another process writes to the same study.
        """
        self._waiting.append(trial)
        self.flush()

    def flush(self) -> None:
        """Write the trials that wait."""
        if self._is_taken or not self._waiting:
            return
        try:
            self._look_for_others()
            while self._waiting and not self._is_taken:
                self._study.add_trial(self._waiting[0])
                self.trials.append(self._waiting.popleft())
        except Exception as error:
            if not self._is_down:
                reason = hidden(" ".join(f"{type(error).__name__}: {error}".split()))
                warnings.warn(
                    f"Trial {self._waiting[0].number} could not be written to {self._where} "
                    f"({reason}). The search goes on in memory; what waits is written with the next "
                    "trial, and is lost if this process ends before.",
                    UserWarning,
                    stacklevel=2,
                )
            self._is_down = True
        except BaseException:  # an interrupt: whether the trial was written is seen the next time
            self._is_down = True
            raise
        else:
            self._is_down = False

    def _look_for_others(self) -> None:
        """Compare the number of trials on record with what this object has written."""
        for found in self._study.get_trials(deepcopy=False)[len(self.trials) :]:
            if self._is_down and self._waiting and _same(found, self._waiting[0]):
                # it was written, and only the answer of the storage was lost
                self.trials.append(self._waiting.popleft())
                continue
            self._is_taken = True
            warnings.warn(
                f"Another process writes to study_name={self._study.study_name!r} in {self._where}. "
                "This search goes on in memory only; use shared=True for searches that work together, "
                "or another study_name.",
                UserWarning,
                stacklevel=2,
            )
            return


def _same(first: FrozenTrial, second: FrozenTrial) -> bool:
    return (first.state, first.values, first.params) == (second.state, second.values, second.params)
