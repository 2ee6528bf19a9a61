"""The sum of units, alone and averaged, and rows with their copies merged."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skboost._ext.packed import PackedRows
from skboost.boosting import StagedModel, Term
from skboost.boosting._sample import Sample
from skboost.learners import NetworkUnit


def unit(rng, d=3, n_units=2, n_raw=2):
    return NetworkUnit(
        rng.normal(size=(d, n_units)),
        rng.normal(size=n_units),
        rng.normal(size=(n_units, n_raw)),
        rng.normal(size=n_raw),
    )


@pytest.fixture
def model():
    rng = np.random.default_rng(0)
    stages = [[Term(unit(rng), rng.normal(size=2)) for _ in range(3)] for _ in range(4)]
    return StagedModel(rng.normal(size=(3, 2)), stages)


@pytest.fixture
def rows():
    return PackedRows.from_dense(np.random.default_rng(1).normal(size=(70, 3)), dtype=np.float64)


def test_it_is_the_mean_of_its_members(model, rows):
    members = [model.member(k).raw(rows) for k in range(3)]
    assert_allclose(model.raw(rows), np.mean(members, axis=0), rtol=1e-12)
    assert model.n_members == 3
    assert model.member(1).n_members == 1
    assert len(model) == len(model.member(1)) == 4


def test_a_member_is_a_start_and_its_steps(model, rows):
    member = model.member(2)
    expected = np.tile(model.starts[2], (70, 1))
    for stage in model.stages:
        expected = expected + stage[2].step * stage[2].unit.predict(rows)
    assert_allclose(member.raw(rows), expected, rtol=1e-13)


def test_stages_come_one_by_one(model, rows):
    staged = list(model.staged_raw(rows))
    assert len(staged) == 5
    assert_allclose(staged[0], np.tile(model.start, (70, 1)))
    for t, raw in enumerate(staged):
        assert_allclose(model.truncated(t).raw(rows), raw, rtol=1e-11, atol=1e-12)
        assert len(model.truncated(t)) == t


def test_truncation_leaves_the_model_alone(model):
    shorter = model.truncated(2)
    shorter.stages.append(model.stages[3])
    assert len(model) == 4
    assert model.member(0).stages is not model.stages


# -- copies of rows


def sample(n=50, n_outputs=None, seed=0):
    rng = np.random.default_rng(seed)
    table = rng.integers(0, 2, (n, 3)).astype(float)
    y = rng.integers(0, 2, n if n_outputs is None else (n, n_outputs)).astype(float)
    rows = PackedRows.from_dense(table, dtype=np.float32)
    return Sample(rows, y, rng.integers(1, 4, n).astype(float), rng.integers(0, 2, (n, 1)))


@pytest.mark.parametrize("n_outputs", [None, 1, 3])
def test_copies_are_merged_and_weights_added(n_outputs):
    before = sample(n_outputs=n_outputs)
    after = before.without_copies()

    def rows_of(made):
        y = made.y.reshape(len(made.rows), -1)
        return np.hstack([made.rows.to_dense(), y, made.protected])

    found = rows_of(after)
    assert len(np.unique(found, axis=0)) == len(found) < 50
    assert after.weight.sum() == before.weight.sum()
    for row, weight in zip(found, after.weight, strict=True):
        same = (rows_of(before) == row).all(axis=1)
        assert weight == before.weight[same].sum()


def test_the_order_is_agreed():
    before = sample()
    order = np.random.default_rng(3).permutation(50)
    shuffled = Sample(
        before.rows.take(order), before.y[order], before.weight[order], before.protected[order]
    )
    one, other = before.without_copies(), shuffled.without_copies()
    assert_array_equal(one.rows.to_dense(), other.rows.to_dense())
    for name in ("y", "weight", "protected"):
        assert_array_equal(getattr(one, name), getattr(other, name))


def test_zeros_of_both_signs_are_one_value():
    table = np.array([[0.0, 1.0], [-0.0, 1.0]])
    made = Sample(PackedRows.from_dense(table), np.array([1.0, 1.0]), np.ones(2))
    assert len(made.without_copies().rows) == 1


def test_rows_that_differ_in_what_only_penalties_see_stay_apart():
    made = Sample(
        PackedRows.from_dense(np.ones((4, 1))),
        np.ones(4),
        np.ones(4),
        np.array(["a", "b", "a", "b"], dtype=object),
    )
    after = made.without_copies()
    assert_array_equal(after.weight, [2.0, 2.0])
    assert sorted(after.protected) == ["a", "b"]
