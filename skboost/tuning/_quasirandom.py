"""Points that fill a space evenly, each known by its number."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import optuna
from optuna.distributions import BaseDistribution
from optuna.search_space import intersection_search_space
from optuna.trial import FrozenTrial

from skboost._validation import Integer, Nothing, check_parameters
from skboost.tuning._unit import Distributions, Point, from_unit

BLOCK = 256
RANDOM_VALUES = 3  # purpose of random numbers


def quasi_random_point(distributions: Distributions, index: int, seed: int) -> Point:
    """Point number ``index`` of a scrambled Sobol sequence [1]_, [2]_ in a space.

    Any 2^k points in a row that start at a multiple of 2^k fill the space evenly: in each parameter, 2^k intervals of
    equal width (on the declared scale) get one point each.

    Parameters
    ----------
    distributions : mapping of str to BaseDistribution
        The parameters; their order does not matter.
    index : int
        Not negative.
    seed : int
        Of the scrambling; not negative.

    Returns
    -------
    point : dict of str to value
        As Optuna hands values out.

    References
    ----------
    .. [1] I. M. Sobol, "The distribution of points in a cube and the accurate evaluation of integrals", USSR
       Computational Mathematics and Mathematical Physics 7, 1967.
    .. [2] A. B. Owen, "Scrambling Sobol and Niederreiter-Xing points", Journal of Complexity 14, 1998.

    Examples
    --------
    >>> from optuna.distributions import CategoricalDistribution, FloatDistribution
    >>> from skboost.tuning._quasirandom import quasi_random_point
    >>> space = {"x": FloatDistribution(0, 1), "kind": CategoricalDistribution(("a", "b"))}
    >>> points = [quasi_random_point(space, index, seed=0) for index in range(8)]
    >>> sorted(int(8 * point["x"]) for point in points)
    [0, 1, 2, 3, 4, 5, 6, 7]
    >>> sorted(point["kind"] for point in points)
    ['a', 'a', 'a', 'a', 'b', 'b', 'b', 'b']
    """
    if not distributions:
        return {}
    cube = _sobol_block(len(distributions), index // BLOCK, seed)[index % BLOCK]
    values = {
        name: from_unit(distributions[name], u)
        for name, u in zip(sorted(distributions), cube.tolist(), strict=True)
    }
    return {name: values[name] for name in distributions}


def random_value(distribution: BaseDistribution, name: str, number: int, seed: int) -> Any:
    """A random value of one parameter, a function of its name, the trial's number and the seed."""
    key = zlib.crc32(name.encode())  # not hash(), which another process salts anew
    return from_unit(
        distribution, np.random.default_rng([seed, number, RANDOM_VALUES, key]).random()
    )


def space_of(study: optuna.Study) -> dict[str, BaseDistribution]:
    """Parameters that all finished trials of a study share, without those of a single value."""
    shared = intersection_search_space(study.get_trials(deepcopy=False), include_pruned=True)
    return without_constants(shared)


def without_constants(distributions: Distributions) -> dict[str, BaseDistribution]:
    """Parameters that have more than one value, sorted by name."""
    return {
        name: distributions[name]
        for name in sorted(distributions)
        if not distributions[name].single()
    }


def fresh_seed() -> int:
    """A seed from the entropy of the system."""
    return int(np.random.SeedSequence().generate_state(1)[0])


@functools.lru_cache(maxsize=64)
def _sobol_block(n_dimensions: int, block: int, seed: int) -> npt.NDArray[np.float64]:
    from scipy.stats import qmc  # half a second to import

    engine = qmc.Sobol(n_dimensions, scramble=True, seed=np.random.default_rng(seed))
    if block:
        engine.fast_forward(block * BLOCK)
    cube: npt.NDArray[np.float64] = engine.random(BLOCK)
    return cube


class QuasiRandomSampler(optuna.samplers.BaseSampler):
    """Trial number i gets point number i of a scrambled Sobol sequence.

    A point depends on the space, the seed and the number of its trial alone. So a study that is resumed, or that
    several processes share, goes on with the points that have not been used, where a sequence that is counted anew
    would repeat its first ones. Parameters of all kinds take part; the values of categorical and stepped ones own
    intervals of equal width.

    Parameters that not every finished trial has, and all parameters before there is a finished trial, get independent
    random values, unless ``distributions`` names them.

    Parameters
    ----------
    seed : int, optional
        Of the scrambling. Without it, it is drawn once, when the sampler is made.
    distributions : mapping of str to BaseDistribution, optional
        The space, if it is known and the same for all trials: then the first trials belong to the sequence too.

    Raises
    ------
    ValueError
        If a parameter is not what it may be.

    Examples
    --------
    >>> import optuna
    >>> from skboost.tuning import QuasiRandomSampler
    >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
    >>> space = {"x": optuna.distributions.FloatDistribution(0, 1)}
    >>> study = optuna.create_study(sampler=QuasiRandomSampler(seed=0, distributions=space))
    >>> sorted(int(4 * study.ask(space).params["x"]) for _ in range(4))
    [0, 1, 2, 3]
    """

    is_keyed = True  # proposals follow from seed, study and number

    def __init__(
        self,
        seed: int | None = None,
        *,
        distributions: Mapping[str, BaseDistribution] | None = None,
    ) -> None:
        self.seed = seed
        self.distributions = distributions
        check_parameters(self, {"seed": (Integer(0), Nothing())})
        self._entropy = fresh_seed() if seed is None else int(seed)

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """The declared space, or the parameters that all finished trials share."""
        if self.distributions is not None:
            return without_constants(self.distributions)
        return space_of(study)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> Point:
        """The point with the number of the trial."""
        return quasi_random_point(search_space, trial.number, self._entropy)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """A random value, a function of the seed, the number of the trial and the name."""
        return random_value(param_distribution, param_name, trial.number, self._entropy)
