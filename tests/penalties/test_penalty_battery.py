"""Every registered penalty through the shipped cases."""

import pytest

from skboost.penalties import PENALTIES, Penalty
from skboost.testing import PenaltyCases


class TestEveryPenalty(PenaltyCases):
    @pytest.fixture(params=PENALTIES.aliases())
    def penalty(self, request):
        return PENALTIES.resolve(request.param, Penalty)
