"""A loss written outside of the package, by the recipe of the developer guide."""

from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skboost.losses import LOSSES, ElementwiseLoss, Loss
from skboost.testing import LossCases


class LogCosh(ElementwiseLoss):
    """Logarithm of the hyperbolic cosine: nearly squared inside, nearly absolute outside.

    L(y, f) = sum_k ln cosh(f_k - y_k)
    """

    def pointwise(self, y, raw):
        size = np.abs(raw - y)
        return size + np.log1p(np.exp(-2 * size)) - np.log(2.0)

    def gradient(self, y, raw):
        return np.tanh(raw - y)

    def hessian(self, y, raw):
        return 1.0 - np.tanh(raw - y) ** 2


class TestLogCosh(LossCases):
    @pytest.fixture
    def loss(self):
        return LogCosh()


def test_an_instance_needs_no_registration():
    own = LogCosh()
    resolved = LOSSES.resolve(own, Loss)
    assert isinstance(resolved, LogCosh)
    assert resolved is not own


def test_the_best_constant_is_found_without_a_formula():
    y = np.array([1e4, 1e4 + 1.0, 1e4 + 5.0])
    start = LogCosh().initial_raw(y)
    assert_allclose(LogCosh().gradient(y, np.full(3, start)).mean(), 0.0, atol=1e-10)


def test_a_loss_without_a_best_constant_says_so():
    class Falling(LogCosh):
        def gradient(self, y, raw):
            return -np.ones_like(raw)

    with pytest.raises(ValueError, match="Falling found no constant of least loss"):
        Falling().initial_raw(np.arange(3.0))


def test_an_incomplete_loss_cannot_be_made():
    class Nameless(Loss):
        pass

    with pytest.raises(TypeError, match="abstract"):
        Nameless()


def test_the_guide_names_every_method_of_a_loss():
    guide = Path(__file__).parents[2] / "doc" / "developers" / "add_a_loss.rst"
    text = guide.read_text()
    methods = [name for name, kind in vars(Loss).items() if callable(kind) and name[0] != "_"]
    assert len(methods) >= 12
    assert [name for name in methods if f"``{name}(" not in text] == []
