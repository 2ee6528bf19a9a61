"""Aliases of components."""

import numpy as np
import pytest
from sklearn.base import clone

from skboost._registry import Registry
from skboost.losses import LOSSES, Huber, Loss
from skboost.penalties import PENALTIES, Penalty

REGISTRIES = [(LOSSES, Loss), (PENALTIES, Penalty)]


def test_an_alias_gives_a_fresh_default():
    first, second = LOSSES.resolve("huber", Loss), LOSSES.resolve("huber", Loss)
    assert isinstance(first, Huber)
    assert first.delta == 1.0
    assert first is not second


def test_an_instance_is_copied_deeply():
    mine = Huber(delta=np.array(2.0))
    resolved = LOSSES.resolve(mine, Loss)
    assert resolved is not mine
    assert resolved.delta is not mine.delta
    assert resolved.delta == 2.0


@pytest.mark.parametrize("value", ["hubre", None, 3, Huber, object()])
def test_an_unknown_value_gives_a_sentence(value):
    with pytest.raises(ValueError, match=r"^loss=.* is unknown; choose from \['abs.* of Loss\.$"):
        LOSSES.resolve(value, Loss)


def test_the_parameter_can_be_named():
    with pytest.raises(ValueError, match="^final_loss='x' is unknown"):
        LOSSES.resolve("x", Loss, "final_loss")


def test_an_alias_stands_for_one_class_and_its_settings():
    registry = Registry("loss")
    registry.register("wide", delta=9.0)(Huber)
    assert registry.resolve("wide", Loss).delta == 9.0
    with pytest.raises(ValueError, match="'wide' is registered twice"):
        registry.register("wide")(Huber)


@pytest.mark.parametrize(("registry", "kind"), REGISTRIES, ids=["losses", "penalties"])
def test_every_entry_is_a_component_with_cloneable_defaults(registry, kind):
    aliases = registry.aliases()
    assert aliases == sorted(aliases)
    assert [alias for alias, _ in registry.items()] == aliases
    for _, component in registry.items():
        assert isinstance(component, kind)
        assert clone(component).get_params() == component.get_params()
        assert not hasattr(component, "fit")


def test_the_documented_losses_are_there():
    assert LOSSES.aliases() == [
        "absolute_error",
        "gamma",
        "half_log_loss",
        "huber",
        "log_loss",
        "poisson",
        "quantile",
        "squared_error",
        "tweedie",
    ]
