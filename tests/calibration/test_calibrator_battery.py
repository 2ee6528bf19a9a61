"""Every registered calibrator through the shipped cases."""

import pytest

from skboost.calibration import CALIBRATORS, Calibrator
from skboost.testing import CalibratorCases


class TestEveryCalibrator(CalibratorCases):
    @pytest.fixture(params=["probability", "logit"])
    def input(self, request):
        return request.param

    @pytest.fixture(params=CALIBRATORS.aliases())
    def calibrator(self, request, input):
        return CALIBRATORS.resolve(request.param, Calibrator).set_params(input=input)
