"""What importing an estimator costs beyond scikit-learn's ensembles."""

import os
import subprocess
import sys

import pytest

CODE = """
import time
import sklearn.ensemble
start = time.process_time()
from skboost.networks import BoostedNetworkClassifier
print(time.process_time() - start)
"""


@pytest.mark.long
def test_an_estimator_is_imported_in_a_twentieth_of_a_second(tmp_path):
    environment = {
        **os.environ,
        "PYTHONPYCACHEPREFIX": str(tmp_path),
    }  # bytecode is kept, as in an installation
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    seconds = [
        float(
            subprocess.run(
                [sys.executable, "-c", CODE],
                env=environment,
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for _ in range(6)
    ]
    assert min(seconds) <= 0.05
