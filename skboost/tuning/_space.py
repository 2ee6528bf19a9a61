"""The space of a search: what the user wrote, and how trials ask it for parameters."""

from __future__ import annotations

import contextlib
import difflib
import itertools
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.exceptions import TrialPruned
from optuna.study import Study
from optuna.trial import FixedTrial, FrozenTrial, Trial

from skboost.tuning._description import describe
from skboost.tuning._dimensions import dimension_of

BRANCH = "__space__"  # the parameter that chooses among several spaces
RETURNED = "skboost_params"  # the attribute of a trial that holds what a function returned


class SearchSpace:
    """Parameters of an estimator that a search may set.

    Attributes
    ----------
    distributions : dict of str to BaseDistribution
        What Optuna sees; of a conditional space all parameters that may occur, of a function nothing.
    is_dynamic : bool
        Whether the parameters of a trial depend on one another, so that Optuna is asked for one after the other.
    n_points : int or None
        Number of different configurations, where they can be counted.
    """

    distributions: dict[str, BaseDistribution]
    is_dynamic = True
    n_points: int | None = None

    def ask(self, study: Study) -> tuple[Trial, dict[str, Any]]:
        """A new trial, and the parameters that it is to try: none if the space itself gives it up."""
        trial = study.ask()
        return trial, self.decode(trial)

    def decode(self, trial: Trial | FrozenTrial | FixedTrial) -> dict[str, Any]:
        """Parameters of a trial as the estimator gets them."""
        raise NotImplementedError

    def points(self) -> list[dict[str, Any]]:
        """All configurations, as Optuna stores them, of a space whose points can be counted."""
        raise NotImplementedError

    def encode(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters of the estimator as Optuna stores them."""
        raise NotImplementedError

    def describe(self) -> dict[str, str]:
        """A text for each parameter that changes whenever its meaning does."""
        raise NotImplementedError

    def check(self, estimator: Any) -> None:
        """Refuse parameters that the estimator does not have."""

    def reserve(self, name: str) -> None:
        """Refuse to search for the resource of the search."""
        if any(known.rpartition(":")[2] == name for known in self.distributions):
            raise _taken(name)


class StaticSpace(SearchSpace):
    """Every trial has the same parameters."""

    is_dynamic = False

    def __init__(self, space: Mapping[str, Any], what: str = "space") -> None:
        if not space:
            raise ValueError(
                f"{what}={space!r} is empty; name at least one parameter and its values."
            )
        self.dimensions = {name: dimension_of(name, given) for name, given in space.items()}
        self.distributions = {name: d.distribution for name, d in self.dimensions.items()}
        self.n_points = _n_points(self.distributions.values())

    def ask(self, study: Study) -> tuple[Trial, dict[str, Any]]:
        trial = study.ask(self.distributions)
        return trial, self.decode(trial)

    def decode(self, trial: Trial | FrozenTrial | FixedTrial) -> dict[str, Any]:
        values = trial.params
        return {name: d.decode(values[name]) for name, d in self.dimensions.items()}

    def points(self) -> list[dict[str, Any]]:
        columns = map(_values, self.distributions.values())
        return [
            dict(zip(self.distributions, row, strict=True)) for row in itertools.product(*columns)
        ]

    def encode(self, params: Mapping[str, Any]) -> dict[str, Any]:
        _refuse_unknown(params, self.dimensions, "initial_params", "space")
        values = {}
        for name, natural in params.items():
            try:
                values[name] = self.dimensions[name].encode(natural)
            except ValueError as error:
                raise ValueError(
                    f"initial_params: {name}={error}; widen the space or leave it out."
                ) from error
        return values

    def describe(self) -> dict[str, str]:
        return {name: dimension.describe() for name, dimension in self.dimensions.items()}

    def check(self, estimator: Any) -> None:
        known = estimator.get_params(deep=True)
        # "clf__C" is fine where "clf" itself is searched: each choice brings parameters of its own
        inner = [name for name in self.dimensions if name.rpartition("__")[0] in self.dimensions]
        _refuse_unknown(
            [name for name in self.dimensions if name not in inner],
            known,
            "space",
            type(estimator).__name__,
        )


class BranchedSpace(SearchSpace):
    """One of several static spaces, chosen by a parameter of its own."""

    def __init__(self, spaces: Iterable[Mapping[str, Any]]) -> None:
        self.branches = [
            StaticSpace(space, f"space[{place}]") for place, space in enumerate(spaces)
        ]
        if not self.branches:
            raise ValueError("space=[] is empty; give at least one dict of parameters.")
        self.choice = CategoricalDistribution(range(len(self.branches)))
        self.distributions = {BRANCH: self.choice}
        for place, branch in enumerate(self.branches):
            named = {_prefixed(place, name): d for name, d in branch.distributions.items()}
            self.distributions.update(named)
        counts = [branch.n_points for branch in self.branches]
        self.n_points = None if None in counts else sum(count or 0 for count in counts)

    def decode(self, trial: Trial | FrozenTrial | FixedTrial) -> dict[str, Any]:
        place = suggest(trial, BRANCH, self.choice)
        return {
            name: d.decode(suggest(trial, _prefixed(place, name), d.distribution))
            for name, d in self.branches[place].dimensions.items()
        }

    def points(self) -> list[dict[str, Any]]:
        return [
            _in_branch(place, point)
            for place, branch in enumerate(self.branches)
            for point in branch.points()
        ]

    def encode(self, params: Mapping[str, Any]) -> dict[str, Any]:
        for place, branch in enumerate(self.branches):
            if set(params) <= set(branch.dimensions):
                try:
                    return _in_branch(place, branch.encode(params))
                except ValueError:
                    continue
        raise ValueError(
            f"initial_params: {dict(params)!r} belongs to none of the {len(self.branches)} dicts of space; each entry "
            "must lie inside one of them."
        )

    def describe(self) -> dict[str, str]:
        return {
            _prefixed(place, name): text
            for place, branch in enumerate(self.branches)
            for name, text in branch.describe().items()
        }

    def check(self, estimator: Any) -> None:
        for branch in self.branches:
            branch.check(estimator)


class CallableSpace(SearchSpace):
    """A function of the trial that suggests parameters and returns them.

    What it returned is remembered, and put on record if JSON can hold it: asked again, a function that draws by itself
    or looks at the study would say something else than what was fitted.
    """

    def __init__(self, function: Callable[[Any], Mapping[str, Any]]) -> None:
        self.function = function
        self.distributions = {}
        self._returned: dict[int, dict[str, Any]] = {}
        self._is_given = False  # whether some trials have values that were given
        self._reserved: str | None = None

    def ask(self, study: Study) -> tuple[Trial, dict[str, Any]]:
        trial = study.ask()
        try:
            params = self._call(trial)
        except TrialPruned:  # as Optuna's users say that a point is not worth a fit
            self._keep(trial, {})
            return trial, {}
        if self._is_given:
            self._refuse_unused(study, trial)
        if self._reserved in params:
            raise _taken(self._reserved)
        self._keep(trial, params)
        return trial, params

    def _keep(self, trial: Trial, params: dict[str, Any]) -> None:
        self._returned[trial.number] = params
        if _survives_json(params):
            trial.set_user_attr(RETURNED, params)

    def decode(self, trial: Trial | FrozenTrial | FixedTrial) -> dict[str, Any]:
        if not isinstance(trial, FrozenTrial):
            return self._call(trial)
        known = self._returned.get(trial.number, trial.user_attrs.get(RETURNED))
        if known is not None:
            return dict(known)
        try:
            return self._call(FixedTrial(trial.params, trial.number))
        except TrialPruned:
            return {}

    def _call(self, trial: Trial | FixedTrial) -> dict[str, Any]:
        """What the function returns."""
        params = self.function(trial)
        if not isinstance(params, Mapping) or not params:
            raise ValueError(
                f"space={describe(self.function)} returned {params!r}; it must return a dict of the parameters to set."
            )
        return dict(params)

    def _refuse_unused(self, study: Study, trial: Trial) -> None:
        """Refuse values that were given for names that the function does not suggest."""
        attributes = study.get_trials(deepcopy=False)[trial.number].system_attrs
        for name in attributes.get("fixed_params", {}):
            if name not in trial.params:
                raise ValueError(
                    f"initial_params: {name!r} was never suggested by space={describe(self.function)}, where "
                    f"trial {trial.number} has {list(trial.params)}; give values of the names that it suggests."
                )

    def reserve(self, name: str) -> None:
        self._reserved = name

    def encode(self, params: Mapping[str, Any]) -> dict[str, Any]:
        self._is_given = True
        return dict(params)

    def describe(self) -> dict[str, str]:
        code = getattr(self.function, "__code__", None)
        constants = [c for c in code.co_consts if not hasattr(c, "co_code")] if code else []
        enclosed = list(filter(_is_constant, _enclosed(self.function)))
        return {"function": f"{describe(self.function)} {constants + enclosed!r}"}


def search_space(space: Any) -> SearchSpace:
    """What the parameter ``space`` of a search means.

    Parameters
    ----------
    space : dict, list of dict, callable, or SearchSpace
        A dict of names to values: lists, tuples ``(low, high)`` and ``(low, high, "log")``, frozen distributions of
        :mod:`scipy.stats`, distributions of Optuna. A list of such dicts is a choice between them. A callable gets an
        Optuna trial, suggests what it likes and returns the parameters to set, or raises ``optuna.TrialPruned``.

    Raises
    ------
    ValueError
        If the space is empty or is none of these.
    """
    if isinstance(space, SearchSpace):
        return space
    if isinstance(space, Mapping):
        return StaticSpace(space)
    if isinstance(space, list | tuple) and all(isinstance(branch, Mapping) for branch in space):
        return BranchedSpace(space)
    if callable(space):
        return CallableSpace(space)
    raise ValueError(
        f"space={space!r} is no search space; give a dict of parameter names and values, a list of such dicts, or a "
        "function of the trial that returns a dict."
    )


def _enclosed(function: Any) -> list[Any]:
    """What a function has from where it was defined: values of names around it, and defaults."""
    found = list(getattr(function, "__defaults__", None) or ())
    for cell in getattr(function, "__closure__", None) or ():
        with contextlib.suppress(ValueError):  # a name without a value yet
            found.append(cell.cell_contents)
    return found


def _is_constant(value: Any) -> bool:
    """Whether a value is the same in every run; a generator or a counter is not."""
    if isinstance(value, tuple):
        return all(map(_is_constant, value))
    return value is None or isinstance(value, bool | int | float | str)


def _survives_json(params: dict[str, Any]) -> bool:
    """Whether a storage gives parameters back as they are."""
    try:
        return bool(json.loads(json.dumps(params, allow_nan=False)) == params)
    except (TypeError, ValueError):
        return False


def suggest(trial: Any, name: str, distribution: BaseDistribution) -> Any:
    """Ask a trial for a value of a distribution through its public methods."""
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)
    if isinstance(distribution, IntDistribution):
        return trial.suggest_int(
            name,
            distribution.low,
            distribution.high,
            step=distribution.step,
            log=distribution.log,
        )
    assert isinstance(distribution, FloatDistribution)
    return trial.suggest_float(
        name, distribution.low, distribution.high, step=distribution.step, log=distribution.log
    )


def _prefixed(place: int, name: str) -> str:
    return f"{place}:{name}"


def _in_branch(place: int, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of Optuna of one of several spaces, with the choice of that space."""
    return {BRANCH: place, **{_prefixed(place, name): value for name, value in values.items()}}


def _values(distribution: Any) -> Sequence[Any]:
    """All values of a distribution that has few."""
    if isinstance(distribution, CategoricalDistribution):
        return distribution.choices
    low, step = distribution.low, distribution.step
    if step is None:
        return (low,)
    if isinstance(distribution, IntDistribution):
        return range(low, distribution.high + 1, step)
    return [low + step * place for place in range(_n_points([distribution]) or 0)]


def _n_points(distributions: Iterable[BaseDistribution]) -> int | None:
    """Number of combinations of values; None if one of them is continuous."""
    total = 1
    for distribution in distributions:
        if isinstance(distribution, CategoricalDistribution):
            total *= len(distribution.choices)
        elif getattr(distribution, "step", None) is None:
            total *= 1 if distribution.single() else 0
            if not total:
                return None
        else:
            total *= 1 + round((distribution.high - distribution.low) / distribution.step)  # type: ignore[attr-defined]
    return total


def _taken(name: str | None) -> ValueError:
    return ValueError(
        f"resource={name!r} is also a parameter of the space; take it out of one of them."
    )


def _refuse_unknown(names: Iterable[str], known: Iterable[str], what: str, owner: str) -> None:
    """Say which name is unknown, and what is spelled like it."""
    known = list(known)
    for name in names:
        if name not in known:
            inner = [one for one in known if one.endswith(f"__{name}")]  # of a step of a pipeline
            close = inner or difflib.get_close_matches(name, known, n=3)
            hint = f"did you mean {' or '.join(map(repr, close))}?" if close else f"known: {known}"
            raise ValueError(f"{what}: {name!r} is no parameter of {owner}; {hint}")
