"""Every registered loss, and further settings of some, through the shipped cases."""

import pytest

from skboost.losses import LOSSES, AbsoluteError, Huber, Loss, Quantile, Tweedie
from skboost.testing import LossCases

SETTINGS = [
    *LOSSES.aliases(),
    AbsoluteError(smoothing=0.3),
    Huber(delta=0.2),
    Quantile(0.9),
    Quantile(0.2, smoothing=0.5),
    Quantile([0.9, 0.05, 0.5]),
    Quantile((0.1, 0.8), smoothing=0.2),
    Tweedie(power=1.1),
    Tweedie(power=1.9),
]


class TestEveryLoss(LossCases):
    @pytest.fixture(params=SETTINGS, ids=str)
    def loss(self, request):
        return LOSSES.resolve(request.param, Loss)
