"""Values as places in [0, 1], and the points of discrete spaces."""

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from scipy.stats import ks_2samp

from skboost.tuning._unit import (
    all_points,
    cell_of,
    from_unit,
    n_cells,
    n_points,
    to_unit,
    value_of_cell,
)
from skboost.tuning._unvisited import NumberedPoints

CONTINUOUS = [
    FloatDistribution(-1.0, 1.0),
    FloatDistribution(1e-7, 1.0, log=True),
]
DISCRETE = [
    FloatDistribution(-10.2, 10.2, step=0.1),
    FloatDistribution(0.5, 0.5),
    IntDistribution(-10, 10),
    IntDistribution(0, 8, step=2),
    IntDistribution(1, 100, log=True),
    IntDistribution(3, 3, log=True),
    CategoricalDistribution((None, 1.5, "a", True)),
]


@pytest.mark.parametrize("distribution", CONTINUOUS + DISCRETE, ids=str)
def test_places_and_values_are_inverses(distribution):
    for u in np.linspace(0, 1, 201):
        value = from_unit(distribution, u)
        assert not isinstance(value, np.generic)
        again = from_unit(distribution, to_unit(distribution, value))
        assert again == value or again == pytest.approx(value, rel=1e-12, abs=1e-12)
        if distribution in CONTINUOUS:
            assert to_unit(distribution, value) == pytest.approx(u, abs=1e-12)


@pytest.mark.parametrize("distribution", DISCRETE, ids=str)
def test_every_cell_has_a_value_and_every_value_a_cell(distribution):
    cells = range(n_cells(distribution))
    values = [value_of_cell(distribution, cell) for cell in cells]
    assert [cell_of(distribution, value) for value in values] == list(cells)
    assert values == list(dict.fromkeys(values))
    assert [from_unit(distribution, to_unit(distribution, value)) for value in values] == values


@pytest.mark.parametrize("distribution", CONTINUOUS + DISCRETE, ids=str)
def test_uniform_places_give_the_distribution_of_random_search(distribution):
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    theirs = [study.ask({"x": distribution}).params["x"] for _ in range(1000)]
    places = np.random.default_rng(0).random(1000)
    ours = [from_unit(distribution, u) for u in places]
    samples = [[distribution.to_internal_repr(value) for value in some] for some in (ours, theirs)]
    assert ks_2samp(*samples).pvalue > 1e-4


def test_points_of_a_space_are_counted_listed_and_numbered_in_one_order():
    space = {
        "a": IntDistribution(1, 3),
        "b": CategoricalDistribution("xy"),
        "c": IntDistribution(0, 8, step=2),
    }
    points, numbered = list(all_points(space)), NumberedPoints(space)
    assert len(points) == n_points(space) == numbered.total == 30
    assert [numbered.number(point) for point in points] == list(range(30))
    assert [numbered.point(number) for number in range(30)] == points


def test_other_points_have_no_number():
    numbered = NumberedPoints({"a": IntDistribution(1, 3), "b": CategoricalDistribution("xy")})
    assert numbered.number({"a": 1}) is None
    assert numbered.number({"a": 4, "b": "x"}) is None
    assert numbered.number({"a": 1, "b": "z"}) is None


def test_free_numbers_are_equally_likely():
    numbered = NumberedPoints({"a": IntDistribution(0, 9)})
    random = np.random.default_rng(0)
    drawn = [numbered.unvisited({0, 3, 4, 9}, random) for _ in range(3000)]
    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == [1, 2, 5, 6, 7, 8]
    assert np.abs(counts - 500).max() < 110  # more than five standard deviations
    assert numbered.unvisited(set(range(10)), random) is None


def test_a_continuous_space_has_no_list_of_points():
    space = {"x": FloatDistribution(0, 1)}
    assert n_points(space) is None
    with pytest.raises(ValueError, match="'x' is continuous"):
        list(all_points(space))
